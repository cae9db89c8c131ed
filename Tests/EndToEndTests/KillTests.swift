import Archives
import Coordination
import Foundation
import Planning
import TestSupport
import Testing

/// The promise that users come for: processes die at any instant, and the archive is the one that nothing disturbed.
@Suite(.serialized) struct KillTests {
  @Test(
    "a killed worker and a killed coordinator change no bit of the archive, and neither do shards that are split",
    .hangLimit)
  func killsChangeNothing() throws {
    let scratch = try ScratchFolder()
    let manifest = try scratch.miniature(images: 60, shardImages: 2)
    let quiet = scratch.path + "/quiet"
    let undisturbed = try CommandLineTool.run(["run", manifest, "--run", quiet, "--workers", "1", "--batch", "8"])
    try #require(undisturbed.status == 0, "\(undisturbed.errors)")

    let folder = RunFolder(scratch.path + "/stormy")
    let stormy = scratch.path + "/stormy.yaml"
    try String(contentsOfFile: manifest, encoding: .utf8)
      .replacingOccurrences(of: "images: 2,", with: "images: 20, smallest: 2, seconds: 0.1s,")
      .write(toFile: stormy, atomically: true, encoding: .utf8)
    let coordinator = try CommandLineTool.start(["coordinate", stormy, "--run", folder.path])
    try waitUntil("the coordinator listens") { FileManager.default.fileExists(atPath: folder.endpoint) }
    let workers = try (0..<3).map { _ in
      try CommandLineTool.start(["work", "--run", folder.path, "--streams", "1", "--batch", "3"])
    }
    let ledger = try Ledger.open(at: folder.ledger, readOnly: true)
    func recorded() throws -> Int { try ledger.status(now: 0).total.recorded }
    try waitUntil("shards are recorded") { try recorded() >= 20 }
    kill(workers[0].processIdentifier, SIGKILL)
    let atFirstKill = try recorded()
    try waitUntil("the others go on") { try recorded() >= atFirstKill + 20 }
    kill(coordinator.processIdentifier, SIGKILL)
    coordinator.waitUntilExit()
    let total = try ledger.status(now: 0).total
    #expect(total.recorded < total.shards, "the kill came after the end; make the run longer")
    #expect(total.shards > (try Plan.read(from: folder).shards.count), "no shard was split")
    for worker in workers { kill(worker.processIdentifier, SIGKILL) }
    workers.forEach { $0.waitUntilExit() }

    let resumed = try CommandLineTool.run(["resume", folder.path, "--workers", "2", "--batch", "5"])
    #expect(resumed.status == 0, "\(resumed.errors)")
    try expectSameLogits(quiet + "/archive.h5", folder.archive)
    let verified = try CommandLineTool.run(["verify", folder.archive])
    #expect(verified.status == 0, "\(verified.output)\(verified.errors)")
  }
}
