import Foundation
import Synchronization

/// Where the files of a tar archive lie in it: POSIX ustar with GNU's and pax's long names.
///
/// Compressed archives are no such thing: a file in the middle of one cannot be read without all before it.
package struct TarIndex: Sendable {
  /// A file in an archive.
  package struct Entry: Sendable, Equatable {
    /// Bytes from the archive's start.
    let offset: UInt64
    /// The file's length.
    let byteCount: UInt64
  }

  /// Files by path; a path that stands twice has the later file, as after unpacking.
  package private(set) var files: [String: Entry] = [:]
  /// The names in each folder; "" is the archive itself.
  package private(set) var children: [String: Set<String>] = ["": []]

  private static let blockBytes: UInt64 = 512
  /// The longest name or pax header that is believed, bytes.
  private static let maximumNameBytes: UInt64 = 1 << 20

  /// No files.
  init() {}

  /// Reads an archive's headers, one after the other, and skips what lies between.
  ///
  /// - Throws: `ListingError.missingFolder` for what is no file; `damagedArchive` for a header whose sum does not match, a
  ///   file that is cut off, or an archive that does not end in a block of zeros, which all do: its last files are missing.
  init(archive: String) throws(ListingError) {
    let handle: FileHandle
    do {
      handle = try FileTree.open(archive)
    } catch {
      throw .missingFolder(archive, reason: error.reason)
    }
    guard let length = try? handle.seekToEnd() else { throw .damagedArchive(archive, reason: "it cannot be read") }
    defer { try? handle.close() }
    var position: UInt64 = 0
    var longName: String?
    var longByteCount: UInt64?
    while position + Self.blockBytes <= length {
      let block = try Self.read(handle, position, Self.blockBytes, archive)
      if block.allSatisfy({ $0 == 0 }) { return }
      guard Self.sumMatches(block) else {
        throw .damagedArchive(archive, reason: "no tar header at byte \(position)")
      }
      var byteCount = try Self.number(block[124..<136], archive, position)
      if let size = longByteCount, block[156] != UInt8(ascii: "x") { byteCount = size }
      let start = position + Self.blockBytes
      guard byteCount <= length, start <= length - byteCount else {
        throw .damagedArchive(archive, reason: "the file at byte \(position) is cut off")
      }
      switch block[156] {
      case UInt8(ascii: "L"):
        longName = Self.text(try Self.readName(handle, start, byteCount, archive)[...])
      case UInt8(ascii: "x"):
        let records = Self.records(try Self.readName(handle, start, byteCount, archive))
        longName = records["path"] ?? longName
        longByteCount = records["size"].flatMap { UInt64($0) }
      case 0, UInt8(ascii: "0"), UInt8(ascii: "7"):
        add(longName ?? Self.name(block), Entry(offset: start, byteCount: byteCount))
        (longName, longByteCount) = (nil, nil)
      case UInt8(ascii: "g"), UInt8(ascii: "K"): break
      default: (longName, longByteCount) = (nil, nil)
      }
      position = start + (byteCount + Self.blockBytes - 1) / Self.blockBytes * Self.blockBytes
    }
    throw .damagedArchive(archive, reason: "it ends after \(length) bytes without an archive's last block")
  }

  /// Adds a file under its path, and the folders above it; a path that leads out of the archive is left out.
  mutating func add(_ path: String, _ entry: Entry) {
    let parts = path.split(separator: "/").filter { $0 != "." }
    guard !parts.isEmpty, !parts.contains("..") else { return }
    files[parts.joined(separator: "/")] = entry
    for depth in parts.indices {
      children[parts[..<depth].joined(separator: "/"), default: []].insert(String(parts[depth]))
    }
  }

  private static func read(
    _ handle: FileHandle, _ position: UInt64, _ count: UInt64, _ archive: String
  ) throws(ListingError) -> [UInt8] {
    do {
      try handle.seek(toOffset: position)
      if let data = try handle.read(upToCount: Int(count)), data.count == Int(count) { return [UInt8](data) }
    } catch {}
    throw .damagedArchive(archive, reason: "byte \(position) cannot be read")
  }

  private static func readName(
    _ handle: FileHandle, _ position: UInt64, _ count: UInt64, _ archive: String
  ) throws(ListingError) -> [UInt8] {
    guard count <= maximumNameBytes else {
      throw .damagedArchive(archive, reason: "a name of \(count) bytes at byte \(position)")
    }
    return count == 0 ? [] : try read(handle, position, count, archive)
  }

  /// The header's bytes are summed with its own sum taken as spaces.
  private static func sumMatches(_ block: [UInt8]) -> Bool {
    let sum = block.indices.reduce(0) { $0 + ((148..<156).contains($1) ? 32 : Int(block[$1])) }
    return Int(text(block[148..<156]).trimmingCharacters(in: .whitespaces), radix: 8) == sum
  }

  /// Octal digits, or big-endian bytes after 0x80 where the number is too large for them.
  private static func number(
    _ field: ArraySlice<UInt8>, _ archive: String, _ position: UInt64
  ) throws(ListingError) -> UInt64 {
    if let first = field.first, first == 0x80 {
      let bytes = field.suffix(8)
      return bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }
    let digits = text(field).trimmingCharacters(in: .whitespaces)
    guard let value = UInt64(digits.isEmpty ? "0" : digits, radix: 8) else {
      throw .damagedArchive(archive, reason: "the length in the header at byte \(position) is no number")
    }
    return value
  }

  private static func name(_ block: [UInt8]) -> String {
    let name = text(block[0..<100])
    let isPOSIX = block[257..<263].elementsEqual([0x75, 0x73, 0x74, 0x61, 0x72, 0])
    let prefix = isPOSIX ? text(block[345..<500]) : ""
    return prefix.isEmpty ? name : prefix + "/" + name
  }

  private static func text(_ bytes: ArraySlice<UInt8>) -> String {
    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }

  /// A pax header's records, `LENGTH KEY=VALUE\n` each.
  private static func records(_ bytes: [UInt8]) -> [String: String] {
    var records: [String: String] = [:]
    var rest = bytes[...]
    while let space = rest.firstIndex(of: UInt8(ascii: " ")),
      let length = Int(String(decoding: rest[..<space], as: UTF8.self)), length > space - rest.startIndex + 1,
      length <= rest.count
    {
      let record = rest[(space + 1)..<(rest.startIndex + length - 1)]
      if let equals = record.firstIndex(of: UInt8(ascii: "=")) {
        records[String(decoding: record[..<equals], as: UTF8.self)] = String(
          decoding: record[(equals + 1)...], as: UTF8.self)
      }
      rest = rest[(rest.startIndex + length)...]
    }
    return records
  }
}

/// The indexes of this process's archives; each archive is indexed once, and again when its length or date changes.
package final class TarIndexes: Sendable {
  static let shared = TarIndexes(cache: .ofUser)

  private struct Known: Sendable {
    let subject: TarIndexCache.Subject
    let index: TarIndex
  }

  private let cache: TarIndexCache
  private let known = Mutex<[String: Known]>([:])

  package init(cache: TarIndexCache) {
    self.cache = cache
  }

  package func index(of archive: String) throws(ListingError) -> TarIndex {
    var facts = stat()
    guard stat(archive, &facts) == 0 else { throw .missingFolder(archive, reason: String(cString: strerror(errno))) }
    // Indexing under the lock keeps two threads from reading the same archive twice.
    return try known.withLock { known throws(ListingError) -> TarIndex in
      let subject = TarIndexCache.Subject(
        archive: archive, byteCount: Int64(facts.st_size), seconds: facts.st_mtim.tv_sec,
        nanoseconds: facts.st_mtim.tv_nsec)
      if let entry = known[archive], entry.subject == subject { return entry.index }
      let index: TarIndex
      if let kept = cache.index(of: subject) {
        index = kept
      } else {
        index = try TarIndex(archive: archive)
        cache.keep(index, of: subject)
      }
      known[archive] = Known(subject: subject, index: index)
      return index
    }
  }
}
