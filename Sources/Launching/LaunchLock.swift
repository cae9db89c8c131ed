import Durable
import Foundation
import Planning

/// Keeps launches of one run one after the other, on all machines that see its folder. Ends with the process.
public final class LaunchLock: Sendable {
  private let descriptor: Int32

  /// Waits until no other launch of the run is under way.
  ///
  /// - Parameter onWait: called if there is one.
  /// - Throws: `FileError` where the run folder cannot be written.
  public init(of folder: RunFolder, onWait: () -> Void) throws {
    try folder.create()
    let path = folder.path + "/launch.lock"
    let opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard opened >= 0 else { throw FileError("write", path) }
    var mode = LOCK_EX | LOCK_NB
    while flock(opened, mode) != 0 {
      if errno == EWOULDBLOCK {
        onWait()
        mode = LOCK_EX
      } else if errno != EINTR {
        let error = FileError("lock", path)
        close(opened)
        throw error
      }
    }
    descriptor = opened
  }

  deinit { close(descriptor) }
}
