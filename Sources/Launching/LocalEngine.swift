import Durable
import Foundation
import Machine
import Planning

/// Places a run's coordinator and workers as processes of this machine that outlive the command that started them.
public struct LocalEngine: LaunchEngine {
  /// `local`.
  public static let name = "local"
  /// The run folder lies here.
  public static let plansHere = true
  /// Processes, ended by `kill`.
  public static let words = (job: "process", end: "kill")

  private let folder: RunFolder
  private let settings: ClusterSettings
  private let executable: String
  private let passed: PassedOptions
  private let workers: Int
  private let runner: CommandRunner

  /// An engine for one run.
  public init(_ order: LaunchOrder) {
    folder = order.runFolder
    settings = order.settings
    executable = order.executable
    passed = order.passed
    workers = order.workers
    runner = order.runner
  }

  /// The processes' commands.
  public func rehearse() -> [String] {
    ([coordinatorCommand] + (0..<workers).map { _ in workerCommand(count: workers) }).map(\.quoted)
  }

  /// Another launch's coordinator has the run's lock, which whoever launches looks at.
  public func isCoordinated() -> Bool { false }

  /// The command of the coordinator.
  var coordinatorCommand: [String] {
    [executable, "coordinate", "--run", folder.path, "--keep-workers"] + passed.ofCoordinator
      // For whoever is at this machine, as gauntlet run has it.
      + (passed.live == nil ? ["--live", "127.0.0.1:0"] : [])
  }

  /// The command of each of `count` workers; without a number of cores or a memory each has its share of what this process
  /// may use.
  func workerCommand(count: Int) -> [String] {
    let allowance = Allowance.current
    let streams = settings.cpus ?? max(1, allowance.processors / max(1, count))
    let memory = settings.memory ?? "\(max(ClusterValue.smallestMemory, allowance.memory / max(1, count)) >> 10)K"
    return [executable, "work", "--run", folder.path, "--streams", String(streams), "--memory", memory]
      + passed.ofWorkers
  }

  /// Starts workers, and a coordinator where there is none.
  ///
  /// - Returns: the processes that were started.
  /// - Throws: `LaunchError`, or an error of the run folder.
  public func launch(isCoordinated: Bool, tell: (String) -> Void) throws -> [LaunchRecord.Job] {
    try DurableFile.makeFolder(folder.logs)
    var record = LaunchRecord(in: folder)
    let known = record.jobs.count
    if !isCoordinated {
      // What an earlier coordinator left would send the workers astray, or home.
      unlink(folder.endpoint)
      unlink(folder.coordinatorFailure)
      record.jobs.append(try start(coordinatorCommand, role: .coordinator, log: "coordinator.log"))
      try record.write(to: folder)
    }
    for _ in 0..<workers {
      let number = record.jobs.count { $0.role == .workers }
      record.jobs.append(try start(workerCommand(count: workers), role: .workers, log: "worker-\(number).log"))
      try record.write(to: folder)
    }
    return Array(record.jobs[known...])
  }

  /// Ends processes that this one started.
  public func cancel(_ jobs: [LaunchRecord.Job]) {
    for process in jobs.compactMap({ Int32($0.id) }) { kill(process, SIGTERM) }
  }

  /// How a process that this one started is.
  public func state(of job: LaunchRecord.Job) -> LaunchedState {
    guard let process = Int32(job.id) else { return .unknown }
    var status: Int32 = 0
    return waitpid(process, &status, WNOHANG) == 0 ? .running : .ended
  }

  private func start(_ command: [String], role: LaunchRecord.Job.Role, log: String) throws -> LaunchRecord.Job {
    let process = try runner.detach(command, log: "\(folder.logs)/\(log)")
    return LaunchRecord.Job(
      role: role, engine: Self.name, id: String(process), host: ProcessInfo.processInfo.hostName,
      workers: role == .workers ? 1 : 0)
  }
}
