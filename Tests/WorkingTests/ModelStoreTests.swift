import Foundation
import Machine
import Planning
import Records
import Synchronization
import Testing
import Working

/// Models that come and go while shards are computed.
@Suite struct ModelStoreTests {
  /// A run of some models that are one checkpoint, over ten pictures.
  private final class Run {
    static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().path
    let path = NSTemporaryDirectory() + "gauntlet-models-" + UUID().uuidString
    let plan: Plan

    init(models: Int) throws {
      let picture = URL(fileURLWithPath: Self.repository + "/Tests/ImagingTests/Fixtures/444.jpg")
      for index in 0..<10 {
        let folder = path + "/val/class\(index)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(contentsOf: picture).write(to: URL(fileURLWithPath: folder + "/picture.JPEG"))
      }
      let names = (0..<models).map {
        "  - {name: m\($0), architecture: resnet-nano, checkpoint: \(Self.repository)/models/resnet-nano.safetensors}"
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

  @Test("Threads compute networks without different blocks at once, each as if it were alone")
  func lesions() throws {
    let run = try Run(models: 1)
    let copy = run.path + "/copy.safetensors"
    try FileManager.default.copyItem(atPath: Run.repository + "/models/vit-nano.safetensors", toPath: copy)
    let text = """
      run: lesions
      models: [{name: m, architecture: vit-nano, checkpoint: copy.safetensors}]
      benchmarks: [{kind: lesion, root: val, removed: [0, 1, 2], draws: 3}]
      """
    try Data(text.utf8).write(to: URL(fileURLWithPath: run.path + "/lesions.yaml"))
    let plan = try Plan.make(manifestPath: run.path + "/lesions.yaml")
    let tasks = try plan.manifest.benchmarks[0].conditions.map { condition in
      try ShardTask(
        ShardDefinition(id: 0, model: 0, benchmark: 0, condition: condition.cell.index, firstImage: 0, imageCount: 2),
        of: plan
      ).encoded()
    }
    #expect(tasks.count == 7)
    @Sendable func logits(_ evaluator: ShardEvaluator, _ task: Data) throws -> [Float] {
      try ShardOutput(decoding: evaluator.compute(task: task)).observations[0].values
    }
    let alone = try tasks.map { try logits(ShardEvaluator(batch: 2, memory: .max, version: "test"), $0) }
    #expect(Set(alone).count == 7)
    let evaluator = ShardEvaluator(batch: 2, memory: .max, version: "test")
    let wrong = Mutex(0)
    DispatchQueue.concurrentPerform(iterations: 18) { index in
      let found = try? logits(evaluator, tasks[index * 5 % 6])
      if found != alone[index * 5 % 6] { wrong.withLock { $0 += 1 } }
    }
    #expect(wrong.withLock { $0 } == 0)

    // Written over in its place: what is read again would be another network's.
    let whole = try Data(contentsOf: URL(fileURLWithPath: copy))
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: copy))
    try handle.seek(toOffset: UInt64(whole.count / 2))
    try handle.write(contentsOf: Data(repeating: 0, count: whole.count / 2))
    try handle.close()
    #expect(throws: WorkerTrouble.self) { try logits(evaluator, tasks[6]) }
    // What was made before needs nothing of it.
    #expect(try logits(evaluator, tasks[3]) == alone[3])
    try whole.write(to: URL(fileURLWithPath: copy))
    #expect(try logits(evaluator, tasks[6]) == alone[6])
  }

  @Test("Threads attack images of one model at once, each as if it were alone, in whatever memory there is")
  func attacks() throws {
    let run = try Run(models: 1)
    let copy = run.path + "/copy.safetensors"
    try FileManager.default.copyItem(atPath: Run.repository + "/models/vit-nano.safetensors", toPath: copy)
    let text = """
      run: attacks
      models: [{name: m, architecture: vit-nano, checkpoint: copy.safetensors}]
      benchmarks: [{kind: attack, root: val, budgets: [1/255, 2/255, 8/255], steps: 3}]
      """
    try Data(text.utf8).write(to: URL(fileURLWithPath: run.path + "/attacks.yaml"))
    let plan = try Plan.make(manifestPath: run.path + "/attacks.yaml")
    let tasks = try plan.manifest.benchmarks[0].conditions.map { condition in
      try ShardTask(
        ShardDefinition(id: 0, model: 0, benchmark: 0, condition: condition.cell.index, firstImage: 0, imageCount: 2),
        of: plan
      ).encoded()
    }
    @Sendable func logits(_ evaluator: ShardEvaluator, _ task: Data) throws -> [Float] {
      try ShardOutput(decoding: evaluator.compute(task: task)).observations[0].values
    }
    let alone = try tasks.map { try logits(ShardEvaluator(batch: 2, memory: .max, version: "test"), $0) }
    #expect(Set(alone).count == 4)
    for memory in [1 << 20, Int.max] {
      let evaluator = ShardEvaluator(batch: 1, memory: memory, version: "test")
      let wrong = Mutex(0)
      DispatchQueue.concurrentPerform(iterations: 12) { index in
        let found = try? logits(evaluator, tasks[index % 4])
        if found != alone[index % 4] { wrong.withLock { $0 += 1 } }
      }
      #expect(wrong.withLock { $0 } == 0, "with \(memory) bytes")
    }
    // The way back is read from the file that was planned, or not at all.
    let evaluator = ShardEvaluator(batch: 2, memory: .max, version: "test")
    #expect(try logits(evaluator, tasks[0]) == alone[0])
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: copy))
    try handle.seek(toOffset: 100_000)
    try handle.write(contentsOf: Data(repeating: 0, count: 1000))
    try handle.close()
    #expect(throws: WorkerTrouble.self) { try logits(evaluator, tasks[1]) }
  }

  @Test("A checkpoint that is gone fails its shard alone, and is loaded once it is back")
  func missing() throws {
    let run = try Run(models: 1)
    let copy = run.path + "/copy.safetensors"
    try FileManager.default.copyItem(atPath: Run.repository + "/models/resnet-nano.safetensors", toPath: copy)
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
