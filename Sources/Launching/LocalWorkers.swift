import Durable
import Foundation
import Logging
import Synchronization

/// Workers as processes of this machine, watched and started again when they die.
///
/// A worker that ends by itself with status 0 is done. One that dies is replaced, but not for ever: a machine on which
/// every worker dies at once has a fault that starting again does not mend.
public final class LocalWorkers: Sendable {
  private struct State {
    var processes: [Int: Process] = [:]
    var restarts = 0
    var isStopping = false
  }

  private let executable: String
  private let arguments: [String]
  private let logFolder: String
  private let maximumRestarts: Int
  private let onGivingUp: @Sendable (String) -> Void
  private let logger: Logger
  private let state = Mutex(State())

  /// Workers that run `executable arguments`, each with a log file of its own in `logFolder`.
  ///
  /// - Parameters:
  ///   - maximumRestarts: how many deaths are answered with a new worker.
  ///   - onGivingUp: called once, with the reason, when the last worker is dead and none is started any more.
  public init(
    executable: String, arguments: [String], logFolder: String, maximumRestarts: Int = 20, logger: Logger,
    onGivingUp: @escaping @Sendable (String) -> Void
  ) {
    self.executable = executable
    self.arguments = arguments
    self.logFolder = logFolder
    self.maximumRestarts = maximumRestarts
    self.logger = logger
    self.onGivingUp = onGivingUp
  }

  /// Starts `count` workers.
  ///
  /// - Throws: where the log folder or a process cannot be made.
  public func start(count: Int) throws {
    try DurableFile.makeFolder(logFolder)
    for index in 0..<count { try startWorker(index) }
  }

  /// The process ids of the workers that live.
  public var processIDs: [Int32] {
    state.withLock { $0.processes.values.map(\.processIdentifier) }
  }

  /// Asks every worker to end (SIGTERM), waits, and kills what is left after `grace`.
  public func stop(grace: Duration = .seconds(30)) {
    let running = state.withLock { state in
      state.isStopping = true
      return Array(state.processes.values)
    }
    for process in running where process.isRunning { process.terminate() }
    let clock = ContinuousClock()
    let end = clock.now + grace
    while running.contains(where: \.isRunning), clock.now < end { usleep(10_000) }
    for process in running where process.isRunning { kill(process.processIdentifier, SIGKILL) }
    for process in running { process.waitUntilExit() }
  }

  private func startWorker(_ index: Int) throws {
    let path = "\(logFolder)/worker-\(index).log"
    let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw LaunchError.cannotLog(path, reason: FileError("write", path).reason)
    }
    let log = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: executable)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(WorkerEnvironment.variables) { own, _ in own }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = log
    process.standardError = log
    process.terminationHandler = { [self] in ended(index, status: $0.terminationStatus, reason: $0.terminationReason) }
    // Under the lock, so that a worker that dies at once finds its own entry.
    try state.withLock { state in
      guard !state.isStopping else { return }
      try process.run()
      state.processes[index] = process
    }
  }

  private func ended(_ index: Int, status: Int32, reason: Process.TerminationReason) {
    let verdict = state.withLock { state -> (restart: Bool, isLast: Bool) in
      state.processes[index] = nil
      guard !state.isStopping, status != 0 || reason == .uncaughtSignal else { return (false, false) }
      state.restarts += 1
      let restart = state.restarts <= maximumRestarts
      return (restart, !restart && state.processes.isEmpty)
    }
    let how = reason == .uncaughtSignal ? "was killed by signal \(status)" : "exited with status \(status)"
    if verdict.restart {
      logger.warning("a worker died; starting another", metadata: ["worker": "\(index)", "how": "\(how)"])
      do { try startWorker(index) } catch { onGivingUp(error.sentence) }
    } else if verdict.isLast {
      onGivingUp("every worker died, the last one \(how); see \(logFolder)/worker-\(index).log")
    }
  }
}

/// Workers that cannot be started.
public enum LaunchError: Error, Equatable, CustomStringConvertible {
  /// A worker's log file cannot be opened.
  case cannotLog(String, reason: String)
  /// A command cannot be started.
  case noCommand(String, reason: String)
  /// A batch system refuses what it was asked.
  case refused(command: String, reason: String)
  /// The coordinator that was launched ended at once.
  case coordinatorEnded(String)
  /// Slurm is set up without job arrays.
  case noArrays
  /// Slurm cannot write logs below the folder.
  case backslash(String)

  /// What was found and what to do.
  public var description: String {
    switch self {
    case .cannotLog(let path, let reason): "cannot open the log \(path): \(reason); check the run folder's permissions"
    case .noCommand(let command, let reason): "cannot start \(command): \(reason)"
    case .refused(let command, let reason): "\(command) failed: \(reason)"
    case .coordinatorEnded(let what): "\(what); what was launched with it has been stopped"
    case .noArrays:
      "this Slurm does not allow job arrays (MaxArraySize is 0); launch with --workers 0, and submit cluster/slurm/workers.sbatch "
        + "once for each worker"
    case .backslash(let path):
      "Slurm treats a backslash in a log's path as an escape; use a run folder without one instead of \(path)"
    }
  }
}
