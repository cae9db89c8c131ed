import Foundation

/// A file that appears at its place whole or not at all: written beside it, synced, renamed, the folder synced. One that
/// is let go before leaves nothing.
///
/// Everything happens in the folder that was there when it began, whatever its path names later. The file beside has a name
/// that nobody knows beforehand, is made by nobody else, and no link is followed; one that was exchanged meanwhile does not
/// appear. So files in folders that others may write, too, are only ever those that were written here.
public final class DraftFile {
  /// Where it is to appear.
  public let path: String
  /// Open for reading and writing.
  public let descriptor: Int32
  private let folder: Int32
  private let name: String
  private let temporary: String
  /// Whether others may write the folder.
  private let isShared: Bool
  private var isInPlace = false

  #if os(Linux)
    /// Linux's O_PATH, which its header keeps from Swift: a folder that may be written need not be one that may be read.
    private static let withoutReading: Int32 = 0o10000000
  #endif

  /// Begins a file, for its owner alone unless another mode is given; the process's mask only takes rights away.
  ///
  /// - Throws: `FileError`, as where its folder is not there.
  public init(for path: String, mode: mode_t = 0o600) throws(FileError) {
    let name = (path as NSString).lastPathComponent
    #if os(Linux)
      let folder = open(DurableFile.folder(of: path), Self.withoutReading | O_DIRECTORY | O_CLOEXEC)
    #else
      let folder = open(DurableFile.folder(of: path), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    #endif
    guard folder >= 0 else { throw FileError("write", path) }
    var opened: (name: String, descriptor: Int32) = ("", -1)
    for _ in 0..<8 where opened.descriptor < 0 {
      opened.name = name + ".tmp-" + String(UInt64.random(in: 0 ... .max), radix: 36)
      opened.descriptor = openat(folder, opened.name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
      if opened.descriptor < 0, errno != EEXIST { break }
    }
    guard opened.descriptor >= 0 else {
      let error = FileError("write", path)
      close(folder)
      throw error
    }
    var status = stat()
    isShared = fstat(folder, &status) != 0 || status.st_mode & 0o022 != 0
    self.path = path
    self.name = name
    self.folder = folder
    (temporary, descriptor) = opened
  }

  deinit {
    if !isInPlace, isOwn(temporary) { unlinkat(folder, temporary, 0) }
    close(descriptor)
    close(folder)
  }

  /// Writes at the end.
  public func append(_ data: Data) throws(FileError) {
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
  public func moveIntoPlace() throws(FileError) {
    try check(fsync(descriptor) == 0 ? 0 : errno)
    try checkClosing()
    // Others may have put another file there.
    try check(isOwn(temporary) ? 0 : ESTALE)
    try check(renameat(folder, temporary, folder, name) == 0 ? 0 : errno)
    isInPlace = true
    try check(isOwn(name) ? 0 : ESTALE)
    DurableFile.synchroniseFolder(of: path)
  }

  /// A network's file system may say only when a file is closed that its disk is full.
  private func checkClosing() throws(FileError) {
    let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
    guard copy >= 0 else { return }
    try check(close(copy) == 0 ? 0 : errno)
  }

  /// Whether a name of the folder is this file, as it is where nobody else may write.
  private func isOwn(_ name: String) -> Bool {
    guard isShared else { return true }
    var (here, there) = (stat(), stat())
    return fstat(descriptor, &here) == 0 && fstatat(folder, name, &there, AT_SYMLINK_NOFOLLOW) == 0
      && here.st_dev == there.st_dev && here.st_ino == there.st_ino
  }

  private func check(_ error: Int32) throws(FileError) {
    guard error == 0 else { throw FileError("write", path, code: error) }
  }
}
