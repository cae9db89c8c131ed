import Foundation
import Planning

/// Whether a run has a coordinator, as far as this machine can tell.
public enum CoordinatorPresence: String, Sendable, Codable {
  /// A process of this machine has the run's lock, or one of another machine has reported lately.
  case running
  /// Nobody has the lock.
  case absent
  /// One of another machine has not reported for long.
  case silent
  /// The file system does not tell.
  case unknown

  /// What the run's lock says, which is left as it is.
  public init(of folder: RunFolder) {
    let descriptor = open(folder.path + "/lock", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      self = errno == ENOENT ? .absent : .unknown
      return
    }
    defer { close(descriptor) }
    if flock(descriptor, LOCK_SH | LOCK_NB) == 0 {
      self = .absent
    } else {
      self = errno == EWOULDBLOCK ? .running : .unknown
    }
  }
}
