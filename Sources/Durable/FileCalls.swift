import Foundation

/// The system's calls by which files become durable, each with its error number, 0 where there is none. Tests have a disk of
/// their own, which loses what was not synced.
package protocol FileCalls: Sendable {
  /// A folder's descriptor, by which files are made in it whatever its path names later.
  func openFolder(_ path: String) -> (descriptor: Int32, code: Int32)
  /// Makes a file that is not there yet, and opens it for reading and writing.
  func create(_ name: String, in folder: Int32, mode: mode_t) -> (descriptor: Int32, code: Int32)
  /// Whether others may write the folder.
  func isShared(_ folder: Int32) -> Bool
  /// Whether a name of the folder is this file.
  func isFile(_ descriptor: Int32, _ name: String, in folder: Int32) -> Bool
  /// Writes all of the bytes at the end.
  func append(_ data: Data, to descriptor: Int32) -> Int32
  /// Has the disk keep what was written.
  func synchronise(_ descriptor: Int32) -> Int32
  /// What closing the file would give; it stays open.
  func checkClosing(_ descriptor: Int32) -> Int32
  func close(_ descriptor: Int32)
  /// Gives a file of the folder another name, in place of the file that has it.
  func rename(_ name: String, to other: String, in folder: Int32) -> Int32
  func remove(_ name: String, in folder: Int32)
  func remove(_ path: String)
  func makeFolder(_ path: String, mode: mode_t) -> Int32
  /// Has the disk keep the names in a folder.
  func synchroniseFolder(_ path: String) -> Int32
}

/// The system.
package struct SystemFiles: FileCalls {
  #if os(Linux)
    /// Linux's O_PATH, which its header keeps from Swift: a folder that may be written need not be one that may be read.
    private static let withoutReading: Int32 = 0o10000000
  #else
    private static let withoutReading = O_RDONLY
  #endif

  package init() {}

  package func openFolder(_ path: String) -> (descriptor: Int32, code: Int32) {
    let folder = open(path, Self.withoutReading | O_DIRECTORY | O_CLOEXEC)
    return (folder, folder < 0 ? errno : 0)
  }

  package func create(_ name: String, in folder: Int32, mode: mode_t) -> (descriptor: Int32, code: Int32) {
    let descriptor = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
    return (descriptor, descriptor < 0 ? errno : 0)
  }

  package func isShared(_ folder: Int32) -> Bool {
    var status = stat()
    return fstat(folder, &status) != 0 || status.st_mode & 0o022 != 0
  }

  package func isFile(_ descriptor: Int32, _ name: String, in folder: Int32) -> Bool {
    var (here, there) = (stat(), stat())
    return fstat(descriptor, &here) == 0 && fstatat(folder, name, &there, AT_SYMLINK_NOFOLLOW) == 0
      && here.st_dev == there.st_dev && here.st_ino == there.st_ino
  }

  package func append(_ data: Data, to descriptor: Int32) -> Int32 {
    guard lseek(descriptor, 0, SEEK_END) >= 0 else { return errno }
    return data.withUnsafeBytes { bytes in
      var done = 0
      while done < bytes.count, let start = bytes.baseAddress {
        let count = write(descriptor, start + done, bytes.count - done)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return count < 0 ? errno : ENOSPC }
        done += count
      }
      return 0
    }
  }

  package func synchronise(_ descriptor: Int32) -> Int32 { fsync(descriptor) == 0 ? 0 : errno }

  package func checkClosing(_ descriptor: Int32) -> Int32 {
    let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
    guard copy >= 0 else { return 0 }
    return Foundation.close(copy) == 0 ? 0 : errno
  }

  package func close(_ descriptor: Int32) { _ = Foundation.close(descriptor) }

  package func rename(_ name: String, to other: String, in folder: Int32) -> Int32 {
    renameat(folder, name, folder, other) == 0 ? 0 : errno
  }

  package func remove(_ name: String, in folder: Int32) { unlinkat(folder, name, 0) }
  package func remove(_ path: String) { unlink(path) }
  package func makeFolder(_ path: String, mode: mode_t) -> Int32 { mkdir(path, mode) == 0 ? 0 : errno }

  /// Some file systems cannot, and do it by themselves; nor can who may write into a folder and not read it.
  package func synchroniseFolder(_ path: String) -> Int32 {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return [EACCES, EPERM].contains(errno) ? 0 : errno }
    let code = synchronise(descriptor)
    close(descriptor)
    return [EINVAL, ENOTSUP, EOPNOTSUPP, EBADF, EROFS, EACCES, EPERM].contains(code) ? 0 : code
  }
}
