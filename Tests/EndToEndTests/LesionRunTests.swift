import Archives
import Coordination
import Foundation
import Planning
import Testing

/// Networks without some of their blocks, computed by several workers that come and go.
@Suite(.serialized) struct LesionRunTests {
  private static func manifest(_ scratch: Scratch) throws -> String {
    try Drawings.copy(images: 40, to: scratch.path + "/data")
    let file = scratch.path + "/manifest.yaml"
    try Data(
      """
      run: lesions
      seed: 7
      models:
        - {architecture: vit-nano, checkpoint: "\(Scratch.repository)/models/vit-nano.safetensors"}
        - {architecture: replknet-nano, checkpoint: "\(Scratch.repository)/models/replknet-nano.safetensors"}
      benchmarks:
        - {kind: imagenet-val, root: data/val}
        - {kind: lesion, root: data/val, removed: [0, 1, 2], draws: 3, blocks: all}
      sharding: {images: 4, lease: 60s}
      """.utf8
    ).write(to: URL(fileURLWithPath: file))
    return file
  }

  @Test(
    "a killed worker changes no bit of an archive of lesions, and without any the logits are those of the clean images",
    .timeLimit(.minutes(20)))
  func killedAndResumed() throws {
    let scratch = try Scratch()
    let manifest = try Self.manifest(scratch)
    let quiet = scratch.path + "/quiet"
    let undisturbed = try CommandLineTool.run(["run", manifest, "--run", quiet, "--batch", "8"])
    try #require(undisturbed.status == 0, "\(undisturbed.errors)")

    let folder = RunFolder(scratch.path + "/stormy")
    let coordinator = try CommandLineTool.start(["coordinate", manifest, "--run", folder.path])
    try waitUntil("the coordinator listens") { FileManager.default.fileExists(atPath: folder.endpoint) }
    let workers = try (0..<2).map { _ in
      try CommandLineTool.start(["work", "--run", folder.path, "--streams", "1", "--batch", "3"])
    }
    let ledger = try Ledger.open(at: folder.ledger, readOnly: true)
    func total() throws -> (recorded: Int, shards: Int) {
      let total = try ledger.status(now: 0).total
      return (total.recorded, total.shards)
    }
    try waitUntil("shards are recorded") { try total().recorded >= 10 }
    kill(workers[0].processIdentifier, SIGKILL)
    let atKill = try total().recorded
    try waitUntil("the other one goes on") { try total().recorded >= atKill + 5 }
    for process in [coordinator, workers[1]] { kill(process.processIdentifier, SIGKILL) }
    (workers + [coordinator]).forEach { $0.waitUntilExit() }
    let atEnd = try total()
    #expect(atEnd.recorded < atEnd.shards, "the kill came after the end; make the run longer")

    let resumed = try CommandLineTool.run(["resume", folder.path, "--workers", "2", "--batch", "5"])
    #expect(resumed.status == 0, "\(resumed.errors)")
    try expectSameLogits(quiet + "/archive.h5", folder.archive)
    try expectCleanWhereNothingIsLeftOut(folder.archive)
    let verified = try CommandLineTool.run(["verify", folder.archive])
    #expect(verified.status == 0, "\(verified.output)\(verified.errors)")
  }

  private func expectCleanWhereNothingIsLeftOut(_ path: String) throws {
    let archive = try ArchiveReader(path: path)
    for model in ["vit-nano", "replknet-nano"] {
      func logits(_ benchmark: String, _ condition: Int) throws -> [UInt32] {
        try archive.logits(group: "\(model)/\(benchmark)", conditionIndex: condition, images: 0..<40).map(\.bitPattern)
      }
      let clean = try logits("imagenet-val", 0)
      #expect(try logits("lesion", 0) == clean)
      // The grid's rows are of three draws, of which nothing left out has one.
      for condition in 3..<9 { #expect(try logits("lesion", condition) != clean, "condition \(condition)") }
    }
  }
}
