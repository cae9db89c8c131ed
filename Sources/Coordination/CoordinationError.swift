/// Why a coordinator cannot begin or go on.
public enum CoordinationError: Error, Equatable, CustomStringConvertible {
  /// Another process coordinates or plans this run.
  case locked(folder: String)
  /// A process of another machine has the run, whose lock this machine does not see; or it took it meanwhile.
  case owned(folder: String, host: String, process: Int32)
  /// The lock cannot be made.
  case cannotLock(path: String, reason: String)
  /// No coordinator said where it listens.
  case noCoordinator(folder: String, seconds: Int)
  /// The last coordinator ended before its work, and no other one came.
  case coordinatorFailed(CoordinatorFailure)

  /// What was found and what to do.
  public var description: String {
    switch self {
    case .locked(let folder):
      "another gauntlet process is coordinating or planning \(folder); wait for it, or stop it, and continue with gauntlet resume"
    case .owned(let folder, let host, let process):
      "process \(process) of \(host) is coordinating \(folder), although its file system's lock is not visible on this "
        + "machine; wait for it, or stop it, and continue with gauntlet resume"
    case .cannotLock(let path, let reason):
      "cannot lock \(path): \(reason); a run folder needs a file system with locking: choose another with --run, such as "
        + "one on a local disk, or have this one mounted with locking"
    case .noCoordinator(let folder, let seconds):
      "no coordinator of \(folder) appeared within \(seconds) s; start it with gauntlet coordinate"
    case .coordinatorFailed(let failure): "\(failure); fix that and start it again, then its workers"
    }
  }
}
