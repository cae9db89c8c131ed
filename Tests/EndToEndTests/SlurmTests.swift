import Coordination
import Foundation
import Launching
import Planning
import TestSupport
import Testing

/// A run on a real Slurm of two nodes, which `cluster/slurm/test-cluster` sets up on this machine.
///
/// It is skipped where Slurm's packages are not installed, or the user is not root, as slurmd asks; `make test` installs
/// them where it can.
@Suite(
  .serialized,
  .enabled(if: SlurmCluster.isPossible, "needs root, slurm-wlm and munge: apt-get install slurm-wlm munge"))
struct SlurmTests {
  @Test(
    "A cancelled worker, a requeued one and a requeued coordinator change no bit of the archive",
    .hangLimit)
  func requeues() throws {
    let scratch = try ScratchFolder()
    let cluster = try SlurmCluster(in: scratch)
    defer { cluster.stop() }
    let manifest = try scratch.miniature(images: 80, shardImages: 2, live: "all")
    let quiet = scratch.path + "/quiet"
    let undisturbed = try CommandLineTool.run(["run", manifest, "--run", quiet])
    try #require(undisturbed.status == 0, "\(undisturbed.errors)")

    let folder = RunFolder(scratch.path + "/run")
    let launch = [
      "launch", "--engine", "slurm", "--run", folder.path, "--cpus", "1", "--memory", "512M", "--time", "30",
    ]
    let launched = try cluster.gauntlet(launch + ["--workers", "3", manifest])
    try #require(launched.status == 0, "\(launched.errors)")
    let jobs = LaunchRecord(in: folder).jobs
    try #require(jobs.map(\.role) == [.coordinator, .workers])
    let (coordinator, workers) = (jobs[0].id, jobs[1].id)
    let ledger = try Ledger.open(at: folder.ledger, readOnly: true)
    func recorded() throws -> Int { try ledger.status(now: 0).total.recorded }
    try waitUntil("shards are recorded") { try recorded() >= 10 }

    try cluster.command("scancel", "\(workers)_0")
    try cluster.requeue("\(workers)_1")
    let atRequeue = try recorded()
    try waitUntil("the others go on") { try recorded() >= atRequeue + 10 }
    // As users ask, on the coordinator's node.
    let status = try cluster.command(
      "srun", "--overlap", "--jobid=\(coordinator)", CommandLineTool.path, "status", folder.path)
    #expect(status.contains("set aside"))
    let address = CoordinatorEndpoint(in: folder)?.address
    try cluster.requeue(coordinator)
    let total = try ledger.status(now: 0).total
    #expect(total.recorded < total.shards, "the requeue came after the end; make the run longer")
    try waitUntil("the coordinator listens elsewhere") {
      let current = CoordinatorEndpoint(in: folder)?.address
      return current != nil && current != address
    }
    let more = try cluster.gauntlet(launch + ["--workers", "1"])
    try #require(more.status == 0, "\(more.errors)")
    // The coordinator is there: workers alone are added.
    #expect(LaunchRecord(in: folder).jobs.map(\.role) == [.coordinator, .workers, .workers])
    try waitUntil("every shard is recorded") { try ledger.status(now: 0).isComplete }
    try waitUntil("every job has ended") { try cluster.command("squeue", "--noheader").isEmpty }

    let collected = try CommandLineTool.run(["collect", folder.path])
    #expect(collected.status == 0, "\(collected.errors)")
    try expectSameLogits(quiet + "/archive.h5", folder.archive)
    #expect(try CommandLineTool.run(["verify", folder.archive]).status == 0)
    #expect(try cluster.gauntlet(launch).output.contains("the run is done"))
  }

  @Test("Jobs that reach their walltime begin again, until the run is done", .hangLimit)
  func walltime() throws {
    let scratch = try ScratchFolder()
    let cluster = try SlurmCluster(in: scratch)
    defer { cluster.stop() }
    let manifest = try scratch.miniature(images: 80, shardImages: 2, live: "all")
    let folder = RunFolder(scratch.path + "/run")
    let launched = try cluster.gauntlet([
      "launch", manifest, "--engine", "slurm", "--run", folder.path, "--workers", "2", "--cpus", "1", "--memory",
      "512M",
    ])
    try #require(launched.status == 0, "\(launched.errors)")
    let jobs = LaunchRecord(in: folder).jobs.map(\.id)
    let ledger = try Ledger.open(at: folder.ledger, readOnly: true)
    func recorded() throws -> Int { try ledger.status(now: 0).total.recorded }
    try waitUntil("shards are recorded") { try recorded() >= 10 }
    // What Slurm sends two minutes before the walltime ends.
    for id in jobs { try cluster.command("scancel", "--batch", "--signal=USR1", id) }
    try waitUntil("all jobs wait again") {
      try cluster.command("squeue", "--noheader", "--format=%T", "--array").split(separator: "\n")
        == ["PENDING", "PENDING", "PENDING"]
    }
    let total = try ledger.status(now: 0).total
    #expect(total.recorded < total.shards, "the walltime came after the end; make the run longer")
    for id in [jobs[0], "\(jobs[1])_0", "\(jobs[1])_1"] { try cluster.startNow(id) }
    try waitUntil("every shard is recorded") { try ledger.status(now: 0).isComplete }
    try waitUntil("every job has ended") { try cluster.command("squeue", "--noheader").isEmpty }
    // A worker that begins when the run is done ends at once.
    #expect(try ledger.status(now: 0).total.setAside == 0)
  }
}

extension SlurmTests {
  @Test(
    "A run whose jobs get nothing of the environment, in a folder with a percent sign, as three arrays",
    .hangLimit)
  func strangeSites() throws {
    let scratch = try ScratchFolder()
    let cluster = try SlurmCluster(in: scratch, configuration: "MaxArraySize=2")
    defer { cluster.stop() }
    let manifest = try scratch.miniature(images: 20, shardImages: 5)
    let folder = RunFolder(scratch.path + "/acc_95%j")
    let launched = try cluster.gauntlet(
      [
        "launch", manifest, "--engine", "slurm", "--run", folder.path, "--workers", "5", "--cpus", "1", "--memory",
        "512M",
      ], environment: ["SBATCH_EXPORT": "NONE"])
    try #require(launched.status == 0, "\(launched.errors)")
    #expect(LaunchRecord(in: folder).jobs.map(\.workers) == [0, 2, 2, 1])
    let ledger = try Ledger.open(at: folder.ledger, readOnly: true)
    try waitUntil("every shard is recorded") { try ledger.status(now: 0).isComplete }
    try waitUntil("every job has ended") { try cluster.command("squeue", "--noheader").isEmpty }
    let logs = try FileManager.default.contentsOfDirectory(atPath: folder.logs)
    #expect(logs.contains { $0.hasPrefix("coordinator-") } && logs.filter { $0.hasPrefix("worker-") }.count == 5)
  }

  @Test("A coordinator's job that fails at its start is told, and no job is left", .hangLimit)
  func coordinatorFails() throws {
    let scratch = try ScratchFolder()
    let cluster = try SlurmCluster(in: scratch)
    defer { cluster.stop() }
    let manifest = try scratch.miniature(images: 20, shardImages: 5)
    let folder = RunFolder(scratch.path + "/run")
    let launched = try cluster.gauntlet([
      "launch", manifest, "--engine", "slurm", "--run", folder.path, "--workers", "2", "--cpus", "1", "--memory",
      "512M", "--listen", "tcp://no-such-interface:*",
    ])
    #expect(launched.status == 3 && launched.errors.contains("tcp://no-such-interface:*"), "\(launched.errors)")
    try waitUntil("every job has ended") { try cluster.command("squeue", "--noheader").isEmpty }
    let status = try CommandLineTool.run(["status", folder.path])
    #expect(status.output.contains("coordinator on ") && status.output.contains("tcp://no-such-interface:*"))
  }
}

/// The cluster of one test.
private struct SlurmCluster {
  static let isPossible =
    geteuid() == 0
    && ["/usr/sbin/slurmctld", "/usr/sbin/slurmd", "/usr/sbin/munged"].allSatisfy(
      FileManager.default.isExecutableFile(atPath:))

  private let folder: String
  private let environment: [String: String]
  /// Its end removes the folder, without which the daemons cannot be stopped.
  private let scratch: ScratchFolder

  /// - Parameter configuration: lines that Slurm is to read besides.
  init(in scratch: ScratchFolder, configuration: String = "") throws {
    self.scratch = scratch
    folder = scratch.path + "/slurm"
    environment = ["SLURM_CONF": folder + "/slurm.conf"]
    let outcome = try CommandRunner().run(
      [Repository.path + "/cluster/slurm/test-cluster", "start", folder],
      environment: ["GAUNTLET_TEST_SLURM_CONF": configuration])
    try #require(outcome.status == 0, "\(outcome.errors)")
  }

  func stop() {
    let outcome = try? CommandRunner().run([Repository.path + "/cluster/slurm/test-cluster", "stop", folder])
    #expect(outcome?.status == 0, "\(outcome?.errors ?? "")")
  }

  func gauntlet(
    _ arguments: [String], environment further: [String: String] = [:]
  ) throws -> CommandRunner.Outcome {
    try CommandRunner().run(
      [CommandLineTool.path] + arguments, environment: environment.merging(further) { $1 })
  }

  @discardableResult func command(_ command: String...) throws -> String {
    let outcome = try CommandRunner().run(command, environment: environment)
    try #require(outcome.status == 0, "\(command): \(outcome.errors)")
    return outcome.output
  }

  /// Puts a job back into the queue, and takes away the two minutes that Slurm then lets it wait, but for two seconds: a
  /// node refuses the credential of a job that it ended in the same second.
  func requeue(_ job: String) throws {
    try command("scontrol", "requeue", job)
    try waitUntil("\(job) waits again") {
      try self.command("squeue", "--noheader", "--format=%T", "--jobs=\(job)") == "PENDING"
    }
    try startNow(job)
  }

  func startNow(_ job: String) throws {
    try waitUntil("\(job) may start") {
      try CommandRunner().run(["scontrol", "update", "JobId=\(job)", "StartTime=now+2"], environment: environment)
        .status
        == 0
    }
  }
}
