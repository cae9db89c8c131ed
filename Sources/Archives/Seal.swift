import Crypto
import Durable
import Foundation

/// A line at the end of an archive or a part, beyond what HDF5 reads, that holds the SHA-256 of all before it.
///
/// HDF5's own checksums reach neither text nor all metadata, and the library may crash on metadata that lie; so a file
/// is compared with its seal before the library is asked to verify it.
enum Seal {
  private static let mark = "\ngauntlet sha256 "
  private static var length: Int { mark.utf8.count + 64 + 1 }

  /// The seal of a file of these bytes.
  static func line(_ digest: SHA256.Digest) -> Data {
    Data("\(mark)\(Digest.text(digest))\n".utf8)
  }

  /// A file's bytes without a seal.
  static func contents(_ bytes: [UInt8]) -> [UInt8] {
    bytes.suffix(length).starts(with: mark.utf8) ? Array(bytes.dropLast(length)) : bytes
  }

  /// Appends the seal to a finished file.
  static func append(to draft: DraftFile) throws {
    guard lseek(draft.descriptor, 0, SEEK_SET) == 0 else { throw FileError("read", draft.path) }
    let handle = FileHandle(fileDescriptor: draft.descriptor, closeOnDealloc: false)
    let digest = try digest(of: handle, bytes: nil, path: draft.path)
    try draft.append(Data("\(mark)\(digest)\n".utf8))
  }

  /// What is wrong with a file, nil if it is as it was sealed.
  ///
  /// - Parameter limit: of a larger file only the seal's presence is looked at.
  static func damage(of path: String, readingUpTo limit: Int = .max) throws(ArchiveError) -> String? {
    guard let handle = FileHandle(forReadingAtPath: path) else {
      throw .unreadable(path: path, reason: "no such file, or permission denied")
    }
    defer { try? handle.close() }
    guard let size = try? handle.seekToEnd(), size > UInt64(length),
      (try? handle.seek(toOffset: size - UInt64(length))) != nil, let tail = try? handle.read(upToCount: length)
    else { return "it is too short to be an archive" }
    let text = String(decoding: tail, as: UTF8.self)
    guard text.hasPrefix(mark) else { return "it has no seal at its end; it is truncated, or was not closed" }
    guard size <= limit else { return nil }
    let expected = text.dropFirst(mark.count).dropLast()
    guard (try? handle.seek(toOffset: 0)) != nil else { return "it cannot be read again" }
    return try digest(of: handle, bytes: Int(size) - length, path: path) == expected
      ? nil : "its contents do not match its seal"
  }

  /// Of what a handle reads from here on, or so many bytes of it.
  private static func digest(of handle: FileHandle, bytes: Int?, path: String) throws(ArchiveError) -> String {
    var hash = SHA256()
    var left = bytes ?? Int.max
    do {
      while left > 0, let block = try handle.read(upToCount: min(left, 4 << 20)), !block.isEmpty {
        hash.update(data: block)
        left -= block.count
      }
    } catch {
      throw .unreadable(path: path, reason: error.sentence)
    }
    return Digest.text(hash.finalize())
  }
}
