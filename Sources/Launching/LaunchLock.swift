import Foundation
import Planning

/// Keeps launches of one run one after the other, on all machines that see its folder. Ends with the process.
public final class LaunchLock: Sendable {
  private let descriptor: Int32

  /// Waits until no other launch of the run is under way.
  ///
  /// - Throws: `RunFolderError.unwritable` where the run folder cannot be written.
  public init(of folder: RunFolder) throws {
    try folder.create()
    let path = folder.path + "/launch.lock"
    let opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard opened >= 0 else { throw RunFolderError.unwritable(path, reason: String(cString: strerror(errno))) }
    while flock(opened, LOCK_EX) != 0 {
      guard errno == EINTR else {
        let reason = String(cString: strerror(errno))
        close(opened)
        throw RunFolderError.unwritable(path, reason: reason)
      }
    }
    descriptor = opened
  }

  deinit { close(descriptor) }
}
