import Coordination
import Foundation
import Monitoring
import Planning
import Records
import TestSupport

/// A small run of two models that was planned, and states of it as a ledger would give them.
final class LiveScene {
  let plan: Plan
  let tally: InterimTally
  private let folder: ScratchFolder

  /// - Parameter benchmarks: beside clean images: four of apples, six of pears.
  init(
    run: String = "small", models: Int = 2,
    benchmarks: String = "- {kind: imagenet-c, from: val, corruptions: [fog, snow], severities: [1, 3, 5]}"
  ) throws {
    folder = try ScratchFolder()
    let picture = try Data(contentsOf: URL(fileURLWithPath: Repository.photograph))
    for (name, count) in [("apple", 4), ("pear", 6)] {
      for image in 0..<count { try folder.write(picture, to: "val/\(name)/\(image).JPEG") }
    }
    // A checkpoint's head, from which the number of classes is told.
    let header = #"{"head.bias":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#
    var head = Data()
    withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { head.append(contentsOf: $0) }
    try folder.write(head + Data(header.utf8) + Data(count: 8), to: "nano.safetensors")
    let named = (0..<models).map {
      "  - {name: model-\($0), architecture: replknet-nano, checkpoint: nano.safetensors}"
    }
    let manifest = """
      run: \(run)
      models:
      \(named.joined(separator: "\n"))
      benchmarks:
        - {kind: imagenet-val, root: val}
        \(benchmarks)
      sharding: {images: 5}
      """
    plan = try Plan.make(manifestPath: folder.write(manifest, to: "run.yaml"))
    tally = InterimTally(plan: plan)
    tally.begin()
  }

  /// What a new ledger says where some shards are recorded, the last one at second 1,000.
  func status(errors: [LedgerEntry] = [], recorded: (ShardDefinition) -> Bool) throws -> LedgerStatus {
    let path = ScratchFolder.freshPath()
    let ledger = try Ledger.create(at: path, run: ["id": plan.runID], shards: plan.shards)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let part = StoredPart(path: "parts/0/0.h5", sha256: "", bytes: 1, failedImages: 0)
    try ledger.commit(
      plan.shards.filter(recorded).enumerated().flatMap { place, shard -> [LedgerEntry] in
        [
          .leased(shard: shard.id, attempt: 1, worker: "w", time: 0),
          .recorded(
            shard: shard.id, attempt: 1, worker: "w", part: part, computeNanoseconds: 1, time: place == 0 ? 1_000 : 990),
        ]
      } + errors)
    return try ledger.status(now: 1_003)
  }

  /// Logits of a shard's images, of which some are right. Apples are class 0, pears class 1.
  func logits(of shard: ShardDefinition, right: Set<Int>) -> [Observation] {
    let values = (shard.firstImage..<shard.firstImage + shard.imageCount).flatMap { image -> [Float] in
      let isApple = image < 4
      return isApple == right.contains(image) ? [2, 1] : [1, 2]
    }
    return [.logits(values, classes: 2)]
  }

  func source(_ moment: @escaping @Sendable () -> LiveMoment) -> LiveSource {
    LiveSource(
      plan: plan, version: "1.2.3", tally: tally, definition: { [shards = plan.shards] in shards.definition(of: $0) },
      moment: moment)
  }

  static func worker(_ name: String, _ state: WorkerSight.State = .computing, shard: ShardDefinition? = nil)
    -> WorkerSight
  {
    WorkerSight(
      name: name, host: "node", state: state, held: shard == nil ? 0 : 2, shard: shard, progress: 0.25,
      imagesPerSecond: 3.5, silence: 4)
  }
}
