import Durable
import Foundation

/// Small files that hold keys: read with suspicion, written whole or not at all.
enum KeyFile {
  private static let largestBytes = 4_096

  /// Why a file or a folder cannot be used.
  struct Problem: Error {
    let error: MessagingError
    /// Whether it is the system that cannot tell, for now, and nothing about the file itself.
    let isForNow: Bool

    init(_ path: String, _ reason: String) { (error, isForNow) = (.keyFile(path, reason: reason), false) }

    /// A call that failed with the last error's number.
    static func last(_ path: String) -> Problem {
      let ofTheFile = [ENOENT, ENOTDIR, EACCES, EPERM, ELOOP, ENXIO, EISDIR].contains(errno)
      return Problem(.keyFile(path, reason: "cannot be read: \(KeyFile.systemReason())"), isForNow: !ofTheFile)
    }

    init(_ error: MessagingError, isForNow: Bool) { (self.error, self.isForNow) = (error, isForNow) }
  }

  /// The text of a file that nobody but its owner may touch (or, if not `isSecret`, that nobody but its owner may
  /// change), without the line ends around it.
  static func read(_ path: String, isSecret: Bool) throws(MessagingError) -> String {
    do throws(Problem) { return try inspect(path, isSecret: isSecret) } catch { throw error.error }
  }

  /// As `read`, and tells what is wrong with the file from what is wrong with the system.
  ///
  /// - Parameter owners: the users whose file it may be; nil where its mode alone counts.
  static func inspect(_ path: String, isSecret: Bool, owners: Set<uid_t>? = nil) throws(Problem) -> String {
    // Not blocking, so that a named pipe does not hold us up.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .last(path) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .last(path) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw Problem(path, "is not a regular file") }
    try check(status, path, isSecret: isSecret, owners)
    var buffer = [UInt8](repeating: 0, count: largestBytes + 1)
    var count = 0
    while count < buffer.count {
      let more = buffer.withUnsafeMutableBytes { bytes in
        Foundation.read(descriptor, bytes.baseAddress.map { $0 + count }, bytes.count - count)
      }
      if more < 0, errno == EINTR { continue }
      guard more >= 0 else { throw .last(path) }
      if more == 0 { break }
      count += more
    }
    guard count <= largestBytes, let text = String(bytes: buffer[..<count], encoding: .utf8) else {
      throw Problem(path, "is malformed: it is not a short text file; create new keys with gauntlet keys new")
    }
    return text.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// The names in a folder that only its owner, one of `owners`, may change.
  static func names(in folder: String, owners: Set<uid_t>) throws(Problem) -> [String] {
    var status = stat()
    guard stat(folder, &status) == 0 else { throw .last(folder) }
    guard status.st_mode & S_IFMT == S_IFDIR else { throw Problem(folder, "is not a folder") }
    try check(status, folder, isSecret: false, owners)
    do { return try FileManager.default.contentsOfDirectory(atPath: folder).sorted() } catch {
      throw Problem(.keyFile(folder, reason: "cannot be read as a folder: \(error.systemReason)"), isForNow: true)
    }
  }

  private static func check(
    _ status: stat, _ path: String, isSecret: Bool, _ owners: Set<uid_t>?
  ) throws(Problem) {
    if let owners, !owners.contains(status.st_uid) {
      throw Problem(
        path, "belongs to another user (\(status.st_uid)); chown it, or replace it with a copy of your own")
    }
    let mode = status.st_mode & 0o777
    guard mode & (isSecret ? 0o077 : 0o022) == 0 else {
      throw Problem(
        path,
        "has mode \(String(format: "%04o", Int(mode))), so others may \(isSecret ? "read" : "change") it; "
          + (isSecret
            ? "chmod 0600 it, or create new keys if others may have read it"
            : status.st_mode & S_IFMT == S_IFDIR ? "chmod 0700 it" : "chmod 0644 it"))
    }
  }

  /// Writes a file beside its place, syncs it and renames it.
  static func write(_ text: String, to path: String, mode: mode_t) throws(MessagingError) {
    do { try DurableFile.write(Data((text + "\n").utf8), to: path, mode: mode) } catch {
      throw .keyFile(path, reason: "cannot be written: \(error.reason)")
    }
  }

  static func makeFolder(_ path: String) throws(MessagingError) {
    if mkdir(path, 0o700) == 0 { return }
    guard errno == EEXIST else {
      throw .keyFile(path, reason: "cannot be created as a folder: \(FileError("make", path).reason)")
    }
    guard chmod(path, 0o700) == 0 else {
      throw .keyFile(path, reason: "is a folder whose mode cannot be set to 0700: \(systemReason())")
    }
  }

  static func systemReason() -> String { String(cString: strerror(errno)) }
}
