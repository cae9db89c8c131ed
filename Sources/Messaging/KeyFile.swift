import Durable
import Foundation

/// Small files that hold keys: read with suspicion, written whole or not at all.
enum KeyFile {
  private static let largestBytes = 4_096

  /// The text of a file that nobody but its owner may touch (or, if not `isSecret`, that nobody but its owner may
  /// change), without the line ends around it.
  static func read(_ path: String, isSecret: Bool) throws(MessagingError) -> String {
    // Not blocking, so that a named pipe does not hold us up.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .keyFile(path, reason: "cannot be read: \(systemReason())") }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .keyFile(path, reason: "cannot be read: \(systemReason())") }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .keyFile(path, reason: "is not a plain file") }
    let mode = status.st_mode & 0o777
    guard mode & (isSecret ? 0o077 : 0o022) == 0 else {
      throw .keyFile(
        path,
        reason: "has mode \(String(format: "%04o", Int(mode))), so others may \(isSecret ? "read" : "change") it; "
          + (isSecret ? "chmod 0600 it, or make new keys if others could have read it" : "chmod 0644 it"))
    }
    var buffer = [UInt8](repeating: 0, count: largestBytes + 1)
    var count = 0
    while count < buffer.count {
      let more = buffer.withUnsafeMutableBytes { bytes in
        Foundation.read(descriptor, bytes.baseAddress.map { $0 + count }, bytes.count - count)
      }
      if more < 0, errno == EINTR { continue }
      guard more >= 0 else { throw .keyFile(path, reason: "cannot be read: \(systemReason())") }
      if more == 0 { break }
      count += more
    }
    guard count <= largestBytes, let text = String(bytes: buffer[..<count], encoding: .utf8) else {
      throw .keyFile(path, reason: "is malformed: it is no short text; make the keys anew with gauntlet keys new")
    }
    return text.trimmingCharacters(in: .whitespacesAndNewlines)
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
      throw .keyFile(path, reason: "cannot be made as a folder: \(FileError("make", path).reason)")
    }
    guard chmod(path, 0o700) == 0 else {
      throw .keyFile(path, reason: "is a folder that cannot be given mode 0700: \(systemReason())")
    }
  }

  static func systemReason() -> String { String(cString: strerror(errno)) }
}
