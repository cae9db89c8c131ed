import Coordination
import Foundation
import Planning
import TestSupport
import Testing

/// Ending a run from another terminal, and reading what it logged.
@Suite(.serialized) struct CancelTests {
  @Test(
    "A run that is cancelled keeps what was recorded, and goes on later; its logs can be read", .hangLimit
  )
  func cancel() throws {
    let scratch = try ScratchFolder()
    let manifest = try scratch.miniature(images: 80, shardImages: 2, live: "all")
    let folder = RunFolder(scratch.path + "/run")
    let process = try CommandLineTool.start(["run", manifest, "--run", folder.path])
    let ledger = { try Ledger.open(at: folder.ledger, readOnly: true) }
    try waitUntil("some shards are recorded") {
      try folder.hasPlan() && FileManager.default.fileExists(atPath: folder.ledger)
        && ledger().status(now: 0).total.recorded > 4
    }
    let cancelled = try CommandLineTool.run(["cancel", folder.path])
    #expect(cancelled.status == 0, "\(cancelled.errors)")
    #expect(cancelled.output.contains("process \(process.processIdentifier), the run's coordinator, was asked to stop"))
    process.waitUntilExit()
    let total = try ledger().status(now: 0).total
    #expect(total.recorded < total.shards, "the run was over before; make it longer")

    let nobody = try CommandLineTool.run(["cancel", folder.path])
    #expect(nobody.status == 0 && nobody.output.contains("nothing is computing this run"), "\(nobody.output)")

    let logs = try CommandLineTool.run(["logs", folder.path, "worker-0", "--lines", "2"])
    #expect(logs.status == 0 && logs.output.hasPrefix("==> \(folder.logs)/worker-0"), "\(logs.output)")
    #expect(logs.output.split(separator: "\n").count == 3, "\(logs.output)")
    let none = try CommandLineTool.run(["logs", folder.path, "no such log"])
    #expect(none.status == 0 && none.output.contains("no log has a name containing"))
    withExtendedLifetime(scratch) {}
  }

  @Test("An owner of another machine is named, and left alone")
  func elsewhere() throws {
    let scratch = try ScratchFolder()
    let folder = RunFolder(scratch.path + "/run")
    try #require(
      CommandLineTool.run(["run", try scratch.miniature(images: 10, shardImages: 10), "--run", folder.path]).status == 0
    )
    let owner = """
      {"host": "other\\u001b[1m", "process": 4711, "began": 1, "boot": "another", "space": "", "token": "t", "beat": 1}
      """
    try Data(owner.utf8).write(to: URL(fileURLWithPath: folder.path + "/owner.json"))
    let found = try CommandLineTool.run(["cancel", folder.path])
    #expect(found.status == 3)
    #expect(
      found.errors.contains(#"the coordinator is process 4711 of other\u{1B}[1m; stop it there: kill 4711"#),
      "\(found.errors)")
    // Jobs of a batch system that is not here.
    unlink(folder.path + "/owner.json")
    try Data(#"{"jobs": [{"role": "workers", "engine": "slurm", "id": "77", "workers": 2}]}"#.utf8)
      .write(to: URL(fileURLWithPath: folder.launched))
    let jobs = try CommandLineTool.run(["cancel", folder.path], environment: ["PATH": scratch.path])
    #expect(
      jobs.status == 3 && jobs.errors.contains("slurm does not report the state of 77"), "\(jobs.errors)\(jobs.output)")
    let nothing = try CommandLineTool.run(["cancel", scratch.path])
    #expect(nothing.status == 2 || nothing.status == 3)
    withExtendedLifetime(scratch) {}
  }
}
