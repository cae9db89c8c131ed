import Foundation

/// Why a coordinator cannot begin or go on.
public enum CoordinationError: Error, Equatable, CustomStringConvertible {
  /// Another process coordinates this run.
  case locked(folder: String)
  /// The lock cannot be made.
  case cannotLock(path: String, reason: String)
  /// No coordinator said where it listens.
  case noCoordinator(folder: String, seconds: Int)

  /// What was found and what to do.
  public var description: String {
    switch self {
    case .locked(let folder):
      "another gauntlet process coordinates \(folder); wait for it, or end it, and go on with gauntlet resume"
    case .cannotLock(let path, let reason): "cannot lock \(path): \(reason)"
    case .noCoordinator(let folder, let seconds):
      "no coordinator of \(folder) appeared within \(seconds) s; start it with gauntlet coordinate"
    }
  }
}

/// Keeps a second coordinator off a run. The lock ends with the process, however that ends.
public final class RunLock: Sendable {
  private let descriptor: Int32

  /// Locks a run folder for this process.
  public init(folder: String) throws(CoordinationError) {
    let path = folder + "/lock"
    let opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard opened >= 0 else { throw .cannotLock(path: path, reason: String(cString: strerror(errno))) }
    guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
      let isTaken = errno == EWOULDBLOCK
      let reason = String(cString: strerror(errno))
      close(opened)
      throw isTaken ? .locked(folder: folder) : .cannotLock(path: path, reason: reason)
    }
    // Not before: an error that is thrown once everything is set runs `deinit`, which would close a second time
    // what by then may be another thread's file.
    descriptor = opened
  }

  deinit { close(descriptor) }
}
