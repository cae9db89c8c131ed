import Archives
import Benchmarks
import Coordination
import Foundation
import Planning
import Records
import TestSupport
import Testing

/// Right answers counted while results come, and again after a restart.
@Suite struct InterimTallyTests {
  private let folder: RunFolder
  private let plan: Plan

  /// Four images of apples and six of pears under three conditions, in shards of three.
  init() throws {
    folder = RunFolder(ScratchFolder.freshPath())
    try folder.create()
    let picture = try Data(contentsOf: URL(fileURLWithPath: Repository.photograph))
    for (name, count) in [("apple", 4), ("pear", 6)] {
      let place = folder.path + "/val/\(name)"
      try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
      for image in 0..<count { try picture.write(to: URL(fileURLWithPath: "\(place)/\(image).JPEG")) }
    }
    let header = #"{"head.bias":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#
    var head = Data()
    withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { head.append(contentsOf: $0) }
    try (head + Data(header.utf8) + Data(count: 8)).write(to: URL(fileURLWithPath: folder.path + "/nano.safetensors"))
    let text = """
      run: interim
      models: [{name: m, architecture: replknet-nano, checkpoint: nano.safetensors}]
      benchmarks:
        - {kind: imagenet-val, root: val}
        - {kind: imagenet-c, from: val, corruptions: [fog], severities: [1, 5]}
      sharding: {images: 3}
      """
    try Data(text.utf8).write(to: URL(fileURLWithPath: folder.path + "/run.yaml"))
    plan = try Plan.make(manifestPath: folder.path + "/run.yaml")
    try plan.write(to: folder)
  }

  private func removeFolder() { try? FileManager.default.removeItem(atPath: folder.path) }

  /// What a worker sends: even images are right, image 3 of the first condition could not be decoded.
  private func result(of shard: ShardDefinition) throws -> Data {
    var failures: [ImageFailure] = []
    let values = (0..<shard.imageCount).flatMap { offset -> [Float] in
      let image = shard.firstImage + offset
      if image == 3, shard.benchmark == 0 {
        failures.append(ImageFailure(offset: offset, reason: "apple/3.JPEG: no picture"))
        return [.nan, .nan]
      }
      // Of equal logits the first is the answer: apple.
      return image % 2 == 0 ? (image < 4 ? [1, 1] : [0, 1]) : (image < 4 ? [0, 1] : [1, 1])
    }
    return try ShardOutput(
      shard: shard.id, subject: ShardSubject(shard, of: plan), observations: [.logits(values, classes: 2)],
      failures: failures, provenance: ["host": "h"]
    ).encoded()
  }

  private static func cell(_ benchmark: Int, _ condition: Int) -> InterimTally.Cell {
    InterimTally.Cell(model: 0, benchmark: benchmark, condition: condition)
  }

  /// Nine images of the first condition have a result, five of them even; of the others all ten.
  private func expectAll(_ counts: InterimTally.Counts) {
    #expect(counts.shards == 12)
    #expect(counts.cells[Self.cell(0, 0)] == [AnswerJudge.Count(evaluated: 9, right: 5)])
    for condition in 0..<2 {
      #expect(counts.cells[Self.cell(1, condition)] == [AnswerJudge.Count(evaluated: 10, right: 5)])
    }
    #expect(counts.failures == [.init(cell: Self.cell(0, 0), reason: "apple/3.JPEG: no picture")])
  }

  @Test("What is stored is counted once, and from the parts by the next coordinator, what it stores itself not twice")
  func restart() throws {
    defer { removeFolder() }
    let ledger = try Ledger.create(at: folder.ledger, run: ["id": plan.runID], shards: plan.shards)
    func store(_ shards: some Sequence<ShardDefinition>, _ tally: InterimTally) throws {
      let source = RunWorkSource(plan: plan, folder: folder, tally: tally)
      for shard in shards {
        let part = try source.store(result(of: shard), for: shard, attempt: 1, worker: "w")
        try ledger.commit([
          .leased(shard: shard.id, attempt: 1, worker: "w", time: 0),
          .recorded(shard: shard.id, attempt: 1, worker: "w", part: part, computeNanoseconds: 1, time: 1),
        ])
      }
    }
    let first = InterimTally(plan: plan)
    first.begin()
    try store(plan.shards.prefix(7), first)
    #expect(first.counts.shards == 7 && first.counts.cells[Self.cell(1, 0)]?[0].evaluated == 9)

    let second = InterimTally(plan: plan)
    second.begin()
    try store(plan.shards.dropFirst(7), second)
    #expect(second.counts.shards == 5)
    var batches = 0
    let recount = InterimRecount(second, ledger: ledger, folder: folder)
    recount.count { _ in batches += 1 }
    #expect(batches == 1)
    expectAll(second.counts)
    recount.count()
    expectAll(second.counts)
    #expect(second.has(11) && !second.has(12))
  }

  @Test("Nothing is counted before somebody asks for it; a part that is gone is passed over; what is stopped ends")
  func idle() throws {
    defer { removeFolder() }
    let ledger = try Ledger.create(at: folder.ledger, run: ["id": plan.runID], shards: plan.shards)
    let tally = InterimTally(plan: plan)
    let source = RunWorkSource(plan: plan, folder: folder, tally: tally)
    for shard in plan.shards.prefix(2) {
      let part = try source.store(result(of: shard), for: shard, attempt: 1, worker: "w")
      try ledger.commit([
        .leased(shard: shard.id, attempt: 1, worker: "w", time: 0),
        .recorded(shard: shard.id, attempt: 1, worker: "w", part: part, computeNanoseconds: 1, time: 1),
      ])
    }
    #expect(tally.counts.shards == 0)
    tally.begin()
    try FileManager.default.removeItem(atPath: folder.part(shard: 0))
    let recount = InterimRecount(tally, ledger: ledger, folder: folder)
    recount.count()
    #expect(tally.counts.shards == 1 && tally.has(1))
    recount.stop()
    try FileManager.default.removeItem(atPath: folder.part(shard: 1))
    let other = InterimTally(plan: plan)
    other.begin()
    let stopped = InterimRecount(other, ledger: ledger, folder: folder)
    stopped.stop()
    stopped.count()
    #expect(other.counts.shards == 0)
  }

  @Test("Shards that are computed anew are not counted from their former parts")
  func takenUp() throws {
    defer { removeFolder() }
    let ledger = try Ledger.create(at: folder.ledger, run: ["id": plan.runID], shards: plan.shards)
    let silent = InterimTally(plan: plan)
    let source = RunWorkSource(plan: plan, folder: folder, tally: silent)
    let shard = plan.shards[0]
    let output = try ShardOutput(decoding: result(of: shard))
    let failing = ImageFailure(offset: 0, reason: "apple/0.JPEG: away", isUnreadable: true)
    let part = try source.store(
      output.replacing(0, with: output.observations[0].values, failing: [failing]).encoded(), for: shard, attempt: 1,
      worker: "w")
    try ledger.commit([
      .leased(shard: shard.id, attempt: 1, worker: "w", time: 0),
      .recorded(shard: shard.id, attempt: 1, worker: "w", part: part, computeNanoseconds: 1, time: 1),
    ])
    #expect(try ledger.takeUpSetAside() == (0, 1))
    let tally = InterimTally(plan: plan)
    tally.begin()
    InterimRecount(tally, ledger: ledger, folder: folder).count()
    #expect(tally.counts.shards == 0)
    // As long as the new result lacks as many images the former part is the shard's again.
    let anew = RunWorkSource(plan: plan, folder: folder, tally: tally)
    let kept = try anew.store(
      output.replacing(0, with: output.observations[0].values, failing: [failing]).encoded(), for: shard, attempt: 2,
      worker: "w", former: part)
    #expect(kept == part && tally.counts.cells[Self.cell(0, 0)] == [AnswerJudge.Count(evaluated: 2, right: 1)])
  }

  @Test("A benchmark that is not decided by right and wrong has no judge")
  func unjudged() throws {
    defer { removeFolder() }
    #expect(InterimTally(plan: plan).judge(model: 0, benchmark: 0)?.sets == [""])
    #expect(InterimTally(plan: plan).judge(model: 0, benchmark: 7) == nil)
    let text = try String(contentsOfFile: folder.manifest, encoding: .utf8)
      .replacing("root: val}", with: "root: val, scored: false}")
    try Data(text.utf8).write(to: URL(fileURLWithPath: folder.path + "/run.yaml"))
    let unscored = InterimTally(plan: try Plan.make(manifestPath: folder.path + "/run.yaml"))
    #expect(unscored.judge(model: 0, benchmark: 0) == nil && unscored.judge(model: 0, benchmark: 1) != nil)
  }
}
