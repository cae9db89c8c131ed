import Archives
import Coordination
import Foundation
import Launching
import Messaging
import Planning
import TestSupport
import Testing

@Suite(.serialized) struct LaunchTests {
  @Test(
    "launch --engine local starts processes that stay, adds workers, and says when the run is done",
    .hangLimit)
  func local() throws {
    let scratch = try ScratchFolder()
    let manifest = try scratch.miniature(images: 80, shardImages: 2, live: "all")
    let folder = RunFolder(scratch.path + "/run")
    let launch = ["launch", "--engine", "local", "--run", folder.path, "--cpus", "1"]
    let first = try CommandLineTool.run(launch + ["--workers", "1", manifest])
    #expect(first.status == 0, "\(first.errors)")
    defer { for job in LaunchRecord(in: folder).jobs { if let id = Int32(job.id) { kill(id, SIGKILL) } } }
    let ledger = try Ledger.open(at: folder.ledger, readOnly: true)
    try waitUntil("shards are recorded") { try ledger.status(now: 0).total.recorded >= 5 }
    let more = try CommandLineTool.run(launch + ["--workers", "2"])
    #expect(more.status == 0, "\(more.errors)")
    let jobs = LaunchRecord(in: folder).jobs
    #expect(jobs.map(\.role) == [.coordinator, .workers, .workers, .workers])
    // The coordinator dies; another launch takes over, and the workers find it.
    kill(try #require(Int32(jobs[0].id)), SIGKILL)
    try waitUntil("the coordinator is gone") { (try? RunLock(folder: folder.path)) != nil }
    let again = try CommandLineTool.run(launch + ["--workers", "0"])
    #expect(again.status == 0, "\(again.errors)")
    #expect(LaunchRecord(in: folder).jobs.count == 5)
    try waitUntil("the run is done") { try ledger.status(now: 0).isComplete }
    try waitUntil("every process has ended") {
      LaunchRecord(in: folder).jobs.allSatisfy { kill(Int32($0.id) ?? 1, 0) != 0 || isDefunct($0.id) }
    }
    #expect(try CommandLineTool.run(launch).output.contains("the run is done"))
    #expect(try CommandLineTool.run(["collect", folder.path]).status == 0)
    #expect(try CommandLineTool.run(["verify", folder.archive]).status == 0)
  }

  /// Whether a process has ended and nobody asked for its status: where tests run in a container, the first process may not.
  private func isDefunct(_ process: String) -> Bool {
    let status = (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)) ?? ""
    return status.contains(") Z ")
  }

  @Test("A coordinator that fails at once is told by launch and status, and what was launched with it has been stopped")
  func failsAtOnce() throws {
    let scratch = try ScratchFolder()
    let manifest = try scratch.miniature(images: 10, shardImages: 5)
    let folder = RunFolder(scratch.path + "/run")
    let launched = try CommandLineTool.run([
      "launch", manifest, "--engine", "local", "--run", folder.path, "--workers", "2", "--cpus", "1", "--listen",
      "tcp://no-such-interface:*",
    ])
    defer { for job in LaunchRecord(in: folder).jobs { if let id = Int32(job.id) { kill(id, SIGKILL) } } }
    #expect(launched.status == 3 && launched.errors.contains("tcp://no-such-interface:*"), "\(launched.errors)")
    #expect(launched.errors.contains("what was launched with it has been stopped"))
    let status = try CommandLineTool.run(["status", folder.path])
    #expect(status.output.contains("the run's coordinator on \(ProcessInfo.processInfo.hostName) ended: "))
    try waitUntil("every process has ended") {
      LaunchRecord(in: folder).jobs.allSatisfy { kill(Int32($0.id) ?? 1, 0) != 0 || isDefunct($0.id) }
    }
    #expect(LaunchRecord(in: folder).jobs.count == 3)
    // A worker that comes afterwards learns why there is nobody.
    let worker = try CommandLineTool.run(["work", "--run", folder.path, "--patience", "1"])
    #expect(worker.status == 3 && worker.errors.contains("tcp://no-such-interface:*"), "\(worker.errors)")
    // The next coordinator takes the word of the last one away.
    let coordinator = try CommandLineTool.start(["coordinate", "--run", folder.path])
    defer { coordinator.terminate() }
    try waitUntil("another one listens") { CoordinatorEndpoint(in: folder) != nil }
    #expect(CoordinatorFailure(in: folder) == nil)
  }

  @Test("The coordinator takes keys from another folder, as a pod's, and workers their bundle alone")
  func keysElsewhere() throws {
    let scratch = try ScratchFolder()
    let manifest = try scratch.miniature(images: 10, shardImages: 5)
    let keys = KeyStore(folder: scratch.path + "/keys")
    try keys.create()
    let folder = RunFolder(scratch.path + "/run")
    let port = UInt16.random(in: 20_000...60_000)
    let coordinator = try CommandLineTool.start([
      "coordinate", manifest, "--run", folder.path, "--keys", keys.folder, "--keep-workers", "--metrics",
      "127.0.0.1:\(port)",
    ])
    try waitUntil("the coordinator listens") { CoordinatorEndpoint(in: folder)?.address != nil }
    let address = try #require(CoordinatorEndpoint(in: folder)?.address)
    try waitUntil("metrics are served") {
      let page = try CommandRunner().run([
        "bash", "-c",
        "exec 3<>/dev/tcp/127.0.0.1/\(port); printf 'GET /metrics HTTP/1.0\\r\\n\\r\\n' >&3; timeout 5 cat <&3",
      ]).output
      let state = #"model="replknet-nano",benchmark="imagenet-c",state="waiting""#
      return page.contains("gauntlet_shards{\(state)} 40\n") && page.contains("gauntlet_images 250\n")
    }
    let worker = try CommandLineTool.run([
      "work", "--connect", address, "--keys", keys.bundlePath, "--log-format", "json",
    ])
    #expect(worker.status == 0, "\(worker.errors)")
    let events = try worker.errors.split(separator: "\n").map {
      try JSONDecoder().decode([String: String].self, from: Data($0.utf8))
    }
    #expect(events.contains { $0["logger"] == "gauntlet.worker" && $0["level"] == "info" && $0["message"] == "done" })
    coordinator.waitUntilExit()
    #expect(coordinator.terminationStatus == 0)
    #expect(!FileManager.default.fileExists(atPath: folder.keys))
    let none = try CommandLineTool.run(["coordinate", manifest, "--run", folder.path, "--keys", scratch.path + "/none"])
    #expect(none.status == 3 && none.errors.contains("none/server.key"))
  }

  @Test(
    "What cannot be launched is refused in one sentence",
    arguments: [
      (["--engine", "slrum"], "local, slurm or kubernetes"), ([], "no engine given"),
      (["--engine", "slurm", "--memory", "lots"], "--memory is lots, but must be like 8G"),
      (["--engine", "slurm", "--option", "qos"], "must be like --option=--qos=low"),
      (["--engine", "slurm", "--partition", "a b"], "--partition is"),
      (["--engine", "local", "--workers", "100000"], "--workers is 100000"),
      (["--engine", "slurm", "--listen", "ib0"], "--listen is ib0, but must be like"),
      (["--engine", "slurm", "--patience", "0"], "--patience is 0"),
      (["--engine", "kubernetes"], "absolute path"),
      (
        ["--engine", "kubernetes", "--run", "/runs/a", "--listen", "tcp://0.0.0.0:1"],
        "--listen does not apply to kubernetes"
      ),
      (["--engine", "kubernetes", "--run", "/runs/a"], "container image"),
      (["--engine", "kubernetes", "--run", "/runs/a", "--image", "g"], "is not on any of the volumes"),
    ])
  func refusals(arguments: [String], says: String) throws {
    let manifest = Repository.path + "/manifests/miniature.yaml"
    let scratch = try ScratchFolder()
    let outcome = try CommandLineTool.run(["launch", manifest] + arguments, in: scratch.path)
    #expect(outcome.status == 2 && outcome.errors.contains(says), "\(outcome.errors)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path).isEmpty)
  }
}
