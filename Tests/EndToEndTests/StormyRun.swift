import Coordination
import Foundation
import Planning
import TestSupport
import Testing

/// A run that is computed twice: undisturbed, and by workers that are killed and a coordinator that is begun again. Both
/// archives have the same logits.
struct StormyRun {
  /// The archive of the disturbed run.
  let archive: String

  /// Computes a manifest twice.
  ///
  /// - Parameter recorded: shards that are there when the first worker is killed; the run has more than five besides.
  init(_ manifest: String, in scratch: ScratchFolder, recorded: Int) throws {
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
    try waitUntil("shards are recorded") { try total().recorded >= recorded }
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
    let verified = try CommandLineTool.run(["verify", folder.archive])
    #expect(verified.status == 0, "\(verified.output)\(verified.errors)")
    archive = folder.archive
  }
}
