import Durable
import Foundation
import Planning

/// Places a run's coordinator and workers as jobs of Slurm.
///
/// The scripts are those of `cluster/slurm`, copied into the run folder, so that a requeued job finds what it began with.
/// Everything else is said to sbatch.
public struct SlurmEngine: Sendable {
  private let folder: RunFolder
  private let name: String
  private let settings: ClusterSettings
  private let executable: String
  private let runner: CommandRunner

  /// An engine for one run.
  ///
  /// - Parameters:
  ///   - name: the run's, for the jobs' names.
  ///   - executable: the program's path, which every node must see.
  public init(
    folder: RunFolder, name: String, settings: ClusterSettings, executable: String, runner: CommandRunner = .init()
  ) {
    self.folder = folder
    self.name = name
    self.settings = settings
    self.executable = executable
    self.runner = runner
  }

  /// The scripts by their names.
  static let scripts = [
    "coordinator.sbatch": PackageResources.coordinator_sbatch, "workers.sbatch": PackageResources.workers_sbatch,
  ]

  private func script(_ name: String) -> String { folder.path + "/launch/" + name }

  private func common(_ role: LaunchRecord.Job.Role, log: String) -> [String] {
    var command = [
      "sbatch", "--parsable", "--job-name=gauntlet-\(name)-\(role.rawValue)", "--output=\(folder.logs)/\(log)",
    ]
    let values = [
      ("partition", settings.partition), ("account", settings.account), ("time", settings.time),
      ("constraint", settings.constraint),
    ]
    command += values.compactMap { key, value in value.map { "--\(key)=\($0)" } }
    return command + settings.options
  }

  /// The command that submits the coordinator.
  public var coordinatorCommand: [String] {
    common(.coordinator, log: "coordinator-%j.log") + [script("coordinator.sbatch"), folder.path]
  }

  /// The command that submits an array of workers.
  public func workersCommand(count: Int) -> [String] {
    common(.workers, log: "worker-%A_%a.log") + ["--array=0-\(count - 1)"]
      + (settings.cpus.map { ["--cpus-per-task=\($0)"] } ?? []) + (settings.memory.map { ["--mem=\($0)"] } ?? [])
      + [script("workers.sbatch"), folder.path]
  }

  /// Submits workers, and a coordinator where none is queued or running.
  ///
  /// - Returns: the jobs that were submitted.
  /// - Throws: `LaunchError` for what sbatch refuses, or an error of the run folder.
  public func launch(workers: Int) throws -> [LaunchRecord.Job] {
    for (name, bytes) in Self.scripts {
      try RunFolder.writeAtomically(Data(bytes), to: script(name))
    }
    try DurableFile.makeFolder(folder.logs)
    var record = LaunchRecord(in: folder)
    let known = record.jobs.count
    if try !isCoordinated() {
      record.jobs.append(try submit(coordinatorCommand, role: .coordinator, workers: 0))
      try record.write(to: folder)
    }
    guard workers > 0 else { return Array(record.jobs[known...]) }
    record.jobs.append(try submit(workersCommand(count: workers), role: .workers, workers: workers))
    try record.write(to: folder)
    return Array(record.jobs[known...])
  }

  private func submit(_ command: [String], role: LaunchRecord.Job.Role, workers: Int) throws -> LaunchRecord.Job {
    let outcome = try runner.run(command, environment: ["GAUNTLET": executable])
    guard outcome.status == 0, let id = outcome.output.split(separator: ";").first, Int(id) != nil else {
      let reason = outcome.errors.isEmpty ? outcome.output : outcome.errors
      throw LaunchError.refused(command: "sbatch", reason: reason.replacing("\n", with: "; "))
    }
    return LaunchRecord.Job(role: role, engine: "slurm", id: String(id), host: nil, workers: workers)
  }

  /// Whether a coordinator job of the run waits or runs, on whichever node.
  public func isCoordinated() throws -> Bool {
    let ids = LaunchRecord(in: folder).jobs.filter { $0.role == .coordinator && $0.engine == "slurm" }.map(\.id)
    guard let id = ids.last else { return false }
    var states = try states(of: id)
    // A job whose processes have ended may be about to end, or to go back into the queue.
    let end = ContinuousClock.now + .seconds(60)
    while states.contains("COMPLETING"), ContinuousClock.now < end {
      usleep(500_000)
      states = try self.states(of: id)
    }
    let ended: Set<Substring> = [
      "COMPLETING", "COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "DEADLINE",
    ]
    return states.contains { !ended.contains($0) }
  }

  private func states(of job: String) throws -> [Substring] {
    let outcome = try runner.run(["squeue", "--noheader", "--format=%T", "--jobs=\(job)"])
    // Slurm forgets jobs that ended a while ago, and calls their ids invalid.
    if outcome.status != 0, outcome.errors.contains("Invalid job id") { return [] }
    guard outcome.status == 0 else { throw LaunchError.refused(command: "squeue", reason: outcome.errors) }
    return outcome.output.split(separator: "\n")
  }
}
