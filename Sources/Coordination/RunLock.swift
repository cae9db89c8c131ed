import Durable
import Foundation
import Planning

/// Keeps a second coordinator off a run. The lock ends with the process, however that ends.
///
/// It is the file system's lock, and beside it a record of who has the run (``RunOwner``): some file systems lock for one
/// machine only.
public final class RunLock: Sendable {
  private let folder: String
  private let descriptor: Int32
  private let record: OwnerRecord

  /// Locks a run folder, which must be there, for this process.
  ///
  /// - Parameters:
  ///   - beat: how often the record is renewed.
  ///   - note: told why it takes longer, for whoever waits.
  /// - Throws: `CoordinationError.locked` or `.owned` where another process has it, `.cannotLock`, or `FileError`.
  public init(folder: String, beat: Duration = .seconds(5), note: (String) -> Void = { _ in }) throws {
    let path = folder + "/lock"
    let opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard opened >= 0 else { throw FileError("write", path) }
    // Who looks whether the run has a coordinator (`gauntlet status`) shares the lock for an instant.
    var tries = 100
    while flock(opened, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK, tries > 0, flock(opened, LOCK_SH | LOCK_NB) == 0
    {
      tries -= 1
      usleep(1_000)
    }
    guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
      let code = errno
      close(opened)
      throw code == EWOULDBLOCK
        ? CoordinationError.locked(folder: folder) : .cannotLock(path: path, reason: FileError.reason(code))
    }
    do {
      let text = Array(RunFolder.lockText.utf8)
      guard pwrite(opened, text, text.count, 0) == text.count else { throw FileError("write", path) }
      record = try OwnerRecord(folder: folder, lock: opened, beat: beat, note: note)
    } catch {
      close(opened)
      throw error
    }
    // Not before: an error that is thrown once everything is set runs `deinit`, which would close a second time
    // what by then may be another thread's file.
    descriptor = opened
    self.folder = folder
  }

  /// Whether the run is still this process's.
  ///
  /// - Throws: `CoordinationError.owned` where another process took it, which it can if it does not see this one's lock.
  public func check() throws(CoordinationError) {
    guard let other = record.usurper else { return }
    throw .owned(folder: folder, host: other.host, process: other.process)
  }

  deinit {
    // First, so that whoever gets the lock next finds no record.
    record.remove()
    close(descriptor)
  }
}
