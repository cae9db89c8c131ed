import Durable
import Foundation

/// A file that appears at its place whole or not at all: written beside it, synced, renamed, the folder synced. One that
/// is let go before leaves nothing.
final class DraftFile {
  /// Where it is to appear.
  let path: String
  /// Where it lies meanwhile.
  let temporary: String
  /// Open for reading and writing.
  let descriptor: Int32
  private var isInPlace = false

  init(for path: String) throws(FileError) {
    let temporary = path + ".tmp-\(ProcessInfo.processInfo.processIdentifier)-\(UInt32.random(in: 0 ... .max))"
    let opened = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard opened >= 0 else { throw FileError("write", path) }
    self.path = path
    self.temporary = temporary
    descriptor = opened
  }

  deinit {
    close(descriptor)
    if !isInPlace { unlink(temporary) }
  }

  /// Writes at the end.
  func append(_ data: Data) throws(FileError) {
    var error: Int32 = lseek(descriptor, 0, SEEK_END) < 0 ? errno : 0
    data.withUnsafeBytes { bytes in
      var done = 0
      while error == 0, done < bytes.count, let start = bytes.baseAddress {
        let count = write(descriptor, start + done, bytes.count - done)
        if count < 0, errno == EINTR { continue }
        if count <= 0 { error = count < 0 ? errno : ENOSPC }
        done += max(0, count)
      }
    }
    try check(error)
  }

  /// Makes the file appear.
  func moveIntoPlace() throws(FileError) {
    try check(fsync(descriptor) == 0 ? 0 : errno)
    try check(rename(temporary, path) == 0 ? 0 : errno)
    isInPlace = true
    DurableFile.synchroniseFolder(of: path)
  }

  private func check(_ error: Int32) throws(FileError) {
    guard error == 0 else { throw FileError("write", path, code: error) }
  }
}
