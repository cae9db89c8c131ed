import Coordination
import Foundation
import Planning
import TestSupport
import Testing

/// SIGTERM, as batch systems send it before they take a machine away.
@Suite(.serialized) struct DrainTests {
  @Test("SIGTERM ends worker and coordinator in order, and resume goes on", .hangLimit)
  func drains() throws {
    let scratch = try ScratchFolder()
    let manifest = try scratch.miniature(images: 80, shardImages: 2, live: "all")
    // Work enough that the run does not end before this test, on a busy machine, sees it go on.
    let folder = RunFolder(scratch.path + "/run")
    let errors = try Program.OutputFile()
    let coordinator = try CommandLineTool.start(["coordinate", manifest, "--run", folder.path], errors: errors.handle)
    try waitUntil("the coordinator listens") { FileManager.default.fileExists(atPath: folder.endpoint) }
    func worker() throws -> Process {
      try CommandLineTool.start(["work", "--run", folder.path, "--streams", "1", "--batch", "1"])
    }
    let first = try worker()
    let ledger = try Ledger.open(at: folder.ledger, readOnly: true)
    func recorded() throws -> Int { try ledger.status(now: 0).total.recorded }
    try waitUntil("shards are recorded") { try recorded() >= 5 }

    first.terminate()
    first.waitUntilExit()
    #expect(first.terminationReason == .exit && first.terminationStatus == 0)
    // What it had finished was acknowledged, and what it had not was handed back without counting.
    try waitUntil("nothing is held") { try ledger.status(now: 0).workers.isEmpty }
    #expect(try ledger.status(now: 0).recentErrors.isEmpty)

    let second = try worker()
    let before = try recorded()
    try waitUntil("another worker goes on") { try recorded() >= before + 5 }
    coordinator.terminate()
    coordinator.waitUntilExit()
    second.waitUntilExit()
    #expect(coordinator.terminationReason == .exit && coordinator.terminationStatus == 3)
    #expect(try errors.text().contains("gauntlet resume"))
    #expect(second.terminationReason == .exit && second.terminationStatus == 0)
    #expect(!FileManager.default.fileExists(atPath: folder.endpoint))

    try statusFromElsewhere(folder)

    let partial = try CommandLineTool.run(["collect", folder.path, "-o", scratch.path + "/partial.h5", "--partial"])
    #expect(partial.status == 1, "\(partial.errors)")
    #expect(try CommandLineTool.run(["verify", scratch.path + "/partial.h5"]).status == 1)
    #expect(try CommandLineTool.run(["collect", folder.path]).status == 3)
    let resumed = try CommandLineTool.run(["resume", folder.path])
    #expect(resumed.status == 0, "\(resumed.errors)")
    #expect(try CommandLineTool.run(["verify", folder.archive]).status == 0)
    #expect(try CommandLineTool.run(["resume", folder.path]).status == 0)
    // A worker that comes late does not wait for a coordinator.
    let late = try CommandLineTool.run(["work", "--run", folder.path])
    #expect(late.status == 0 && late.errors.contains("the run is done"))
  }

  /// Where the coordinator runs on another machine, its report is shown and the ledger left alone.
  private func statusFromElsewhere(_ folder: RunFolder) throws {
    let runID = try Plan.read(from: folder).runID
    let here = try CommandLineTool.run(["status", folder.path, "--json"])
    try Data(#"{"address": "tcp://elsewhere.invalid:5757", "runID": "\#(runID)"}"#.utf8).write(
      to: URL(fileURLWithPath: folder.endpoint))
    try FileManager.default.moveItem(atPath: folder.ledger, toPath: folder.ledger + ".away")
    let there = try CommandLineTool.run(["status", folder.path, "--json"])
    #expect(there.status == 0, "\(there.errors)")
    let recorded = try [here, there].map { output in
      let object = try JSONSerialization.jsonObject(with: Data(output.output.utf8)) as? [String: Any]
      let status = object?["status"] as? [String: Any]
      return (status?["total"] as? [String: Any])?["recorded"] as? Int
    }
    #expect(recorded[0] != nil && recorded[0] == recorded[1])
    try FileManager.default.moveItem(atPath: folder.ledger + ".away", toPath: folder.ledger)
    try FileManager.default.removeItem(atPath: folder.endpoint)
  }
}
