import Durable
import Foundation
import Planning

/// Places a run's coordinator and workers as jobs of Slurm.
///
/// The scripts are those of `cluster/slurm`, copied into the run folder, so that a requeued job finds what it began with.
/// Everything else is said to sbatch.
public struct SlurmEngine: LaunchEngine {
  /// `slurm`.
  public static let name = "slurm"
  /// Every node sees the run folder, and so does this machine.
  public static let plansHere = true
  /// Jobs, ended by `scancel`.
  public static let words = (job: "job", end: "scancel")

  private let folder: RunFolder
  private let name: String
  private let settings: ClusterSettings
  private let executable: String
  private let passed: PassedOptions
  private let workers: Int
  private let runner: CommandRunner

  /// An engine for one run.
  public init(_ order: LaunchOrder) {
    folder = order.runFolder
    name = order.name
    settings = order.settings
    executable = order.executable
    passed = order.passed
    workers = order.workers
    runner = order.runner
  }

  /// The commands that submit the jobs.
  ///
  /// - Throws: `LaunchError.noArrays`.
  public func rehearse() throws -> [String] {
    try ([coordinatorCommand] + workersCommands(count: workers).map(\.command)).map(\.quoted)
  }

  /// The scripts by their names.
  static let scripts = [
    "coordinator.sbatch": PackageResources.coordinator_sbatch, "workers.sbatch": PackageResources.workers_sbatch,
  ]

  private func script(_ name: String) -> String { folder.path + "/launch/" + name }

  private func common(_ role: LaunchRecord.Job.Role, log: String) -> [String] {
    // In a log's path a percent sign begins a pattern.
    let logs = folder.logs.replacing("%", with: "%%")
    var command = [
      "sbatch", "--parsable", "--job-name=gauntlet-\(name)-\(role.rawValue)", "--output=\(logs)/\(log)",
    ]
    let values = [
      ("partition", settings.partition), ("account", settings.account), ("time", settings.time),
      ("constraint", settings.constraint),
    ]
    command += values.compactMap { key, value in value.map { "--\(key)=\($0)" } }
    return command + settings.options
  }

  /// The command that submits the coordinator.
  package var coordinatorCommand: [String] {
    common(.coordinator, log: "coordinator-%j.log") + [script("coordinator.sbatch"), folder.path, executable]
      + passed.ofCoordinator
  }

  /// The commands that submit workers: one array, or more where Slurm takes no array of so many.
  ///
  /// - Throws: `LaunchError.noArrays` where it takes none at all.
  package func workersCommands(count: Int) throws -> [(command: [String], workers: Int)] {
    let largest = largestArray ?? count
    guard largest > 0 || count == 0 else { throw LaunchError.noArrays }
    return stride(from: 0, to: count, by: max(1, largest)).map { first in
      let workers = min(largest, count - first)
      return (workersCommand(count: workers), workers)
    }
  }

  private func workersCommand(count: Int) -> [String] {
    common(.workers, log: "worker-%A_%a.log") + ["--array=0-\(count - 1)"]
      + (settings.cpus.map { ["--cpus-per-task=\($0)"] } ?? []) + (settings.memory.map { ["--mem=\($0)"] } ?? [])
      + [script("workers.sbatch"), folder.path, executable] + passed.ofWorkers
  }

  /// Members that a job array may have; nil where Slurm does not say.
  private var largestArray: Int? {
    guard let outcome = try? runner.run(["scontrol", "show", "config"]), outcome.status == 0 else { return nil }
    let line = outcome.output.split(separator: "\n").first { $0.hasPrefix("MaxArraySize") }
    return line?.split(separator: "=").last.flatMap { Int($0.trimmingCharacters(in: .whitespaces)) }
  }

  /// Submits workers, and a coordinator unless there is one.
  ///
  /// - Returns: the jobs that were submitted.
  /// - Throws: `LaunchError` for what sbatch refuses, or an error of the run folder; nothing stays submitted then.
  public func launch(isCoordinated: Bool, tell: (String) -> Void) throws -> [LaunchRecord.Job] {
    guard !folder.path.contains("\\") else { throw LaunchError.backslash(folder.path) }
    let arrays = try workersCommands(count: workers)
    for (name, bytes) in Self.scripts {
      try RunFolder.writeAtomically(Data(bytes), to: script(name))
    }
    try DurableFile.makeFolder(folder.logs)
    let before = LaunchRecord(in: folder)
    var record = before
    do {
      if !isCoordinated {
        // What an earlier coordinator left would send the workers astray, or home.
        unlink(folder.endpoint)
        unlink(folder.coordinatorFailure)
        record.jobs.append(try submit(coordinatorCommand, role: .coordinator, workers: 0))
        try record.write(to: folder)
      }
      for (command, workers) in arrays {
        record.jobs.append(try submit(command, role: .workers, workers: workers))
        try record.write(to: folder)
      }
    } catch {
      cancel(Array(record.jobs[before.jobs.count...]))
      try? before.write(to: folder)
      throw error
    }
    return Array(record.jobs[before.jobs.count...])
  }

  /// Ends jobs, as far as Slurm does it.
  public func cancel(_ jobs: [LaunchRecord.Job]) {
    guard !jobs.isEmpty else { return }
    _ = try? runner.run(["scancel"] + jobs.map(\.id))
  }

  /// How a job is.
  public func state(of job: LaunchRecord.Job) -> LaunchedState {
    guard let states = try? states(of: job.id) else { return .unknown }
    if states.allSatisfy(Self.ended.contains) { return .ended }
    return states.contains("PENDING") ? .waiting : .running
  }

  private func submit(_ command: [String], role: LaunchRecord.Job.Role, workers: Int) throws -> LaunchRecord.Job {
    let outcome = try runner.run(command)
    guard outcome.status == 0, let id = outcome.output.split(separator: ";").first, Int(id) != nil else {
      let reason = outcome.errors.isEmpty ? outcome.output : outcome.errors
      throw LaunchError.refused(command: "sbatch", reason: reason.replacing("\n", with: "; "))
    }
    return LaunchRecord.Job(role: role, engine: Self.name, id: String(id), host: nil, workers: workers)
  }

  /// Whether a coordinator job of the run waits or runs, on whichever node.
  public func isCoordinated() throws -> Bool {
    let ids = LaunchRecord(in: folder).jobs.filter { $0.role == .coordinator && $0.engine == Self.name }.map(\.id)
    guard let id = ids.last else { return false }
    var states = try states(of: id)
    // A job whose processes have ended may be about to end, or to go back into the queue.
    let end = ContinuousClock.now + .seconds(60)
    while states.contains("COMPLETING"), ContinuousClock.now < end {
      usleep(500_000)
      states = try self.states(of: id)
    }
    return states.contains { !Self.ended.contains($0) }
  }

  private static let ended: Set<Substring> = [
    "COMPLETING", "COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "DEADLINE", "BOOT_FAIL",
  ]

  private func states(of job: String) throws -> [Substring] {
    let outcome = try runner.run(["squeue", "--noheader", "--format=%T", "--jobs=\(job)"])
    // Slurm forgets jobs that ended a while ago, and calls their ids invalid.
    if outcome.status != 0, outcome.errors.contains("Invalid job id") { return [] }
    guard outcome.status == 0 else { throw LaunchError.refused(command: "squeue", reason: outcome.errors) }
    return outcome.output.split(separator: "\n")
  }
}
