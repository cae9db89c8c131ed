import Archives
import Coordination
import Foundation
import Planning
import Records
import TestSupport
import Testing

@Suite struct PartialCollectionTests {
  @Test("a run is collected before every model has begun: what is missing is marked, counts of classes are the plan's")
  func beforeEveryModelBegan() throws {
    let scratch = try ScratchFolder()
    defer { withExtendedLifetime(scratch) {} }
    try Drawings.copy(images: 10, to: scratch.path + "/data")
    let checkpoint = "\(Repository.path)/models/replknet-nano.safetensors"
    let manifest = """
      run: partial
      models:
        - {name: first, architecture: replknet-nano, checkpoint: "\(checkpoint)"}
        - {name: second, architecture: replknet-nano, checkpoint: "\(checkpoint)"}
      benchmarks:
        - {kind: imagenet-val, root: data/val}
        - {kind: imagenet-9, root: data/imagenet-9}
      sharding: {images: 5}
      """
    try Data(manifest.utf8).write(to: URL(fileURLWithPath: scratch.path + "/manifest.yaml"))
    let folder = RunFolder(scratch.path + "/run")
    let run = try PlannedRun.prepare(manifest: scratch.path + "/manifest.yaml", folder: folder)
    let collector = Collector(run: run, version: "0")
    let empty = try collector.collect(to: folder.path + "/empty.h5", partial: true) { _ in }
    #expect(empty.missingImages == empty.images && empty.images == 2 * 90)

    let shard = run.plan.shards[0]
    let output = ShardOutput(
      shard: shard.id, subject: ShardSubject(shard, of: run.plan),
      observations: [.logits((0..<50).map { Float($0 % 10) }, classes: 10)], failures: [], provenance: [:])
    let stored = try RunWorkSource(plan: run.plan, folder: folder).store(
      output.encoded(), for: shard, attempt: 1, worker: "w")
    try run.ledger.commit([
      .recorded(
        shard: shard.id, attempt: 1, worker: "w", part: stored, computeNanoseconds: 0, time: 0)
    ])
    let summary = try collector.collect(to: folder.archive, partial: true) { _ in }
    #expect(summary.missingImages == 2 * 90 - 5)
    let archive = try ArchiveReader(path: folder.archive)
    #expect(
      archive.groups.map(\.path).count == 4 && archive.groups.allSatisfy { $0.variables == [.logits(classes: 10)] })
    let evaluated = try archive.groups.map { group in
      try archive.metrics(group: group.path).first { $0.name == "evaluated" }?.values
    }
    #expect(evaluated == [[5], [0], [0], [0]])
    let report = try ArchiveVerifier.verify(folder.archive)
    #expect(report.isSound && !report.isComplete)
    #expect(try CommandLineTool.run(["report", folder.archive]).status == 0)
  }
}
