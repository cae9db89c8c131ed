import Foundation
import Machine
import Planning
import Records
import Synchronization
import TestSupport
import Testing
import Working

/// Models that come and go while shards are computed.
@Suite struct ModelStoreTests {
  /// A run of some models that are one checkpoint, over ten pictures.
  private final class Run {
    let path = ScratchFolder.freshPath()
    let plan: Plan

    init(models: Int) throws {
      let picture = URL(fileURLWithPath: Repository.path + "/Tests/ImagingTests/Fixtures/444.jpg")
      for index in 0..<10 {
        let folder = path + "/val/class\(index)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(contentsOf: picture).write(to: URL(fileURLWithPath: folder + "/picture.JPEG"))
      }
      let names = (0..<models).map {
        "  - {name: m\($0), architecture: resnet-nano, checkpoint: \(Repository.path)/models/resnet-nano.safetensors}"
      }
      let text = """
        run: many
        models:
        \(names.joined(separator: "\n"))
        benchmarks: [{kind: imagenet-val, root: val}]
        sharding: {images: 10}
        """
      try Data(text.utf8).write(to: URL(fileURLWithPath: path + "/run.yaml"))
      plan = try Plan.make(manifestPath: path + "/run.yaml")
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func tasks() throws -> [Data] {
      try (0..<plan.manifest.models.count).map { model in
        try ShardTask(
          ShardDefinition(id: Int64(model), model: model, benchmark: 0, condition: 0, firstImage: 0, imageCount: 10),
          of: plan
        ).encoded()
      }
    }
  }

  @Test("A worker that computes many models keeps the last three, and the same bits")
  func one() throws {
    let run = try Run(models: 6)
    let evaluator = ShardEvaluator(batch: 4, memory: .max, version: "test")
    let logits = try run.tasks().map { try ShardOutput(decoding: evaluator.compute(task: $0)).observations[0].values }
    #expect(logits.allSatisfy { $0 == logits[0] } && logits[0].allSatisfy(\.isFinite))
    #expect(evaluator.modelsInMemory == ["m3", "m4", "m5"])
  }

  @Test("Where memory is for one model only, threads with different models take turns, and all end")
  func shortMemory() throws {
    let run = try Run(models: 5)
    let tasks = try run.tasks()
    let evaluator = ShardEvaluator(batch: 2, memory: 1 << 20, version: "test")
    let logits = Mutex<[[Float]]>([])
    // More threads than models, so that some want the same one.
    DispatchQueue.concurrentPerform(iterations: 10) { index in
      do {
        let output = try ShardOutput(decoding: evaluator.compute(task: tasks[index % tasks.count]))
        logits.withLock { $0.append(output.observations[0].values) }
      } catch {
        Issue.record(error)
      }
    }
    let found = logits.withLock { $0 }
    #expect(found.count == 10 && found.allSatisfy { $0 == found[0] })
    #expect(evaluator.modelsInMemory.count == 1)
  }

  /// The tasks of all conditions of a manifest's benchmarks, two images each, of its first model.
  private func tasks(_ data: TenPictures, _ text: String) throws -> [Data] {
    let plan = try data.plan(text)
    return try plan.manifest.benchmarks.enumerated().flatMap { benchmark, definition in
      try definition.conditions.map { condition in
        try TenPictures.task(
          of: plan, benchmark: benchmark, condition: condition.cell.index,
          images: definition.observed.isOfImages ? 2 : 1
        ).encoded()
      }
    }
  }

  private func values(_ evaluator: ShardEvaluator, _ task: Data) throws -> [[UInt32]] {
    try ShardOutput(decoding: evaluator.compute(task: task)).observations.map { $0.values.map(\.bitPattern) }
  }

  /// Computes tasks by many threads, each several times.
  private func expectSameTogether(_ tasks: [Data], as alone: [[[UInt32]]], memory: Int, batch: Int) throws {
    let evaluator = ShardEvaluator(batch: batch, memory: memory, version: "test")
    let wrong = Mutex<[Int]>([])
    DispatchQueue.concurrentPerform(iterations: 3 * tasks.count) { index in
      let place = index * 5 % tasks.count
      let found = try? values(evaluator, tasks[place])
      if found != alone[place] { wrong.withLock { $0.append(place) } }
    }
    #expect(wrong.withLock { $0 }.isEmpty, "with \(memory) bytes: \(wrong.withLock { $0 })")
  }

  private func alone(_ tasks: [Data]) throws -> [[[UInt32]]] {
    try tasks.map { try values(ShardEvaluator(batch: 2, memory: .max, version: "test"), $0) }
  }

  /// Writes zeros over a part of a file, in its place.
  private func spoil(_ path: String, at offset: UInt64, count: Int) throws {
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    try handle.seek(toOffset: offset)
    try handle.write(contentsOf: Data(repeating: 0, count: count))
    try handle.close()
  }

  /// Ten pictures beside a copy of a network of the miniature's.
  private func copied(_ model: String) throws -> (data: TenPictures, checkpoint: String) {
    let data = try TenPictures()
    let copy = data.path + "/copy.safetensors"
    try FileManager.default.copyItem(
      atPath: Repository.path + "/models/\(model).safetensors", toPath: copy)
    return (data, copy)
  }

  @Test("Threads compute networks without different blocks at once, each as if it were alone")
  func lesions() throws {
    let (data, copy) = try copied("vit-nano")
    let tasks = try tasks(
      data,
      """
      run: lesions
      models: [{name: m, architecture: vit-nano, checkpoint: copy.safetensors}]
      benchmarks: [{kind: lesion, root: val, removed: [0, 1, 2], draws: 3}]
      """)
    #expect(tasks.count == 7)
    let alone = try alone(tasks)
    #expect(Set(alone).count == 7)
    // All but the last, which needs the checkpoint below.
    let others = Array(tasks[..<6])
    try expectSameTogether(others, as: Array(alone[..<6]), memory: .max, batch: 2)
    let evaluator = ShardEvaluator(batch: 2, memory: .max, version: "test")
    for task in others { _ = try values(evaluator, task) }

    // Written over in its place: what is read again would be another network's.
    let whole = try Data(contentsOf: URL(fileURLWithPath: copy))
    try spoil(copy, at: UInt64(whole.count / 2), count: whole.count / 2)
    #expect(throws: WorkerTrouble.self) { try values(evaluator, tasks[6]) }
    // What was made before needs nothing of it.
    #expect(try values(evaluator, tasks[3]) == alone[3])
    try whole.write(to: URL(fileURLWithPath: copy))
    #expect(try values(evaluator, tasks[6]) == alone[6])
  }

  @Test("Threads attack images of one model at once, each as if it were alone, in whatever memory there is")
  func attacks() throws {
    let (data, copy) = try copied("vit-nano")
    let tasks = try tasks(
      data,
      """
      run: attacks
      models: [{name: m, architecture: vit-nano, checkpoint: copy.safetensors}]
      benchmarks: [{kind: attack, root: val, budgets: [1/255, 2/255, 8/255], steps: 3}]
      """)
    let alone = try alone(tasks)
    #expect(Set(alone).count == 4)
    for memory in [1 << 20, Int.max] { try expectSameTogether(tasks, as: alone, memory: memory, batch: 1) }
    // The way back is read from the file that was planned, or not at all.
    let evaluator = ShardEvaluator(batch: 2, memory: .max, version: "test")
    #expect(try values(evaluator, tasks[0]) == alone[0])
    try spoil(copy, at: 100_000, count: 1000)
    #expect(throws: WorkerTrouble.self) { try values(evaluator, tasks[1]) }
  }

  @Test(
    "What is large of each image makes shards small, so that results fit a message; transfers keep no more than 64 images"
  )
  func smallShards() throws {
    let data = try TenPictures()
    let checkpoint = Repository.path + "/models/resnet-nano.safetensors"
    let plan = try data.plan(
      """
      run: large
      models:
        - {name: a, architecture: resnet-nano@1024, checkpoint: \(checkpoint)}
        - {name: b, architecture: resnet-nano@1024, checkpoint: \(checkpoint)}
      benchmarks:
        - {kind: gradient-maps, root: val, models: [a]}
        - {kind: receptive-field, root: val, models: [a]}
        - {kind: attack, root: val, transfer: true, budgets: [1/255], models: [b]}
      """)
    // 25 MB an image; 4 MB; few.
    let counts = plan.shards.cells.map { [$0.model, $0.benchmark, $0.shardImages] }
    #expect(counts == [[0, 0, 2], [0, 1, 16], [1, 2, 64], [1, 2, 64]])
  }

  @Test("Threads look into networks and ask others at once, each as if it were alone, in whatever memory there is")
  func observations() throws {
    let (data, copy) = try copied("vit-nano")
    let rest = ["resnet-nano", "replknet-nano"].map {
      "  - {architecture: \($0), checkpoint: \(Repository.path)/models/\($0).safetensors}"
    }
    let tasks = try tasks(
      data,
      """
      run: inside
      models:
        - {name: m, architecture: vit-nano, checkpoint: copy.safetensors}
      \(rest.joined(separator: "\n"))
      benchmarks:
        - {kind: feature-maps, root: val}
        - {kind: attention-distance, root: val, models: [m]}
        - {kind: receptive-field, root: val}
        - {kind: gradient-maps, root: val, steps: 2}
        - {kind: kernel-distance, models: [replknet-nano]}
        - {kind: occlusion, name: seen, root: val, saliency: m, percents: [30, 60]}
        - {kind: occlusion, name: felt, root: val, saliency: gradient, grid: 8, percents: [30, 60]}
        - {kind: attack, root: val, method: fgsm, transfer: true, budgets: [2/255]}
      """
    ).filter { try ShardTask(decoding: $0).benchmark != "kernel-distance" }
    #expect(tasks.count == 10)
    let alone = try alone(tasks)
    #expect(Set(alone).count == 10)
    for memory in [1 << 20, Int.max] { try expectSameTogether(tasks, as: alone, memory: memory, batch: 1) }
    // What is looked into, and what says what is salient, is read from the file that was planned, or not at all.
    let evaluator = ShardEvaluator(batch: 2, memory: .max, version: "test")
    try spoil(copy, at: 100_000, count: 1000)
    for task in tasks { #expect(throws: WorkerTrouble.self) { try values(evaluator, task) } }
  }

  @Test("Where a network overflows within, what is seen there, and what would go by it, has no result")
  func overflow() throws {
    let (data, copy) = try copied("vit-nano")
    try spoilWithLargest(copy, tensor: "blocks.5.attn.qkv.weight")
    let tasks = try tasks(
      data,
      """
      run: overflow
      models:
        - {architecture: resnet-nano, checkpoint: \(Repository.path)/models/resnet-nano.safetensors}
        - {name: m, architecture: vit-nano, checkpoint: copy.safetensors}
      benchmarks:
        - {kind: occlusion, root: val, saliency: m, percents: [30]}
      """)
    // The view of a model that is not the first: its task, by another plan.
    let views = try self.tasks(
      data,
      """
      run: views
      models: [{name: m, architecture: vit-nano, checkpoint: copy.safetensors}]
      benchmarks: [{kind: feature-maps, root: val}, {kind: attention-distance, root: val}]
      """)
    let evaluator = ShardEvaluator(batch: 2, memory: .max, version: "test")
    for (place, task) in (tasks + views).enumerated() {
      let output = try ShardOutput(decoding: evaluator.compute(task: task))
      #expect(output.failures.count == 2, "\(place): \(output.failures)")
      #expect(output.failures.allSatisfy { $0.reason.contains("NaN") }, "\(output.failures)")
    }
  }

  /// Writes the largest number there is over all queries and keys of 96 channels in a tensor of a safetensors file.
  private func spoilWithLargest(_ path: String, tensor: String) throws {
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    let length = bytes.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    let head = try JSONSerialization.jsonObject(with: bytes[8..<(8 + Int(length))]) as? [String: Any]
    let entry = try #require(head?[tensor] as? [String: Any])
    let start = try #require((entry["data_offsets"] as? [Int])?.first)
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    try handle.seek(toOffset: 8 + length + UInt64(start))
    let row = [Float](repeating: .greatestFiniteMagnitude, count: 2 * 96 * 96)
    try handle.write(contentsOf: row.withUnsafeBytes { Data($0) })
    try handle.close()
  }

  @Test("A checkpoint that is gone fails its shard alone, and is loaded once it is back")
  func missing() throws {
    let run = try Run(models: 1)
    let copy = run.path + "/copy.safetensors"
    try FileManager.default.copyItem(atPath: Repository.path + "/models/resnet-nano.safetensors", toPath: copy)
    let text = """
      run: gone
      models: [{name: m, architecture: resnet-nano, checkpoint: copy.safetensors}]
      benchmarks: [{kind: imagenet-val, root: val}]
      """
    try Data(text.utf8).write(to: URL(fileURLWithPath: run.path + "/gone.yaml"))
    let plan = try Plan.make(manifestPath: run.path + "/gone.yaml")
    let task = try ShardTask(
      ShardDefinition(id: 0, model: 0, benchmark: 0, condition: 0, firstImage: 0, imageCount: 2), of: plan
    ).encoded()
    let evaluator = ShardEvaluator(batch: 2, memory: .max, version: "test")
    try FileManager.default.moveItem(atPath: copy, toPath: copy + ".away")
    // A matter of this machine, which costs the shard no attempt.
    #expect(throws: WorkerTrouble.self) { try evaluator.compute(task: task) }
    #expect(evaluator.modelsInMemory.isEmpty)
    try FileManager.default.moveItem(atPath: copy + ".away", toPath: copy)
    #expect(try ShardOutput(decoding: evaluator.compute(task: task)).failures.isEmpty)
  }
}
