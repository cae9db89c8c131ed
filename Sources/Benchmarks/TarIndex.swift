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
  package private(set) var files: [ExactText: Entry] = [:]
  /// The names in each folder; "" is the archive itself.
  package private(set) var children: [ExactText: Set<ExactText>] = ["": []]
  /// Entries that cannot be read as files, by path, and why.
  package private(set) var unread: [ExactText: String] = [:]

  private static let blockBytes: UInt64 = 512
  /// The longest name or pax header that is believed, bytes.
  private static let maximumNameBytes: UInt64 = 1 << 20

  /// The most folders within each other.
  private static let maximumDepth = 100

  /// No files.
  init() {}

  /// Reads an archive's headers, one after the other, and skips what lies between.
  ///
  /// - Throws: `ListingError.missingFolder` for what is no file; `damagedArchive` for a header whose sum does not match, a
  ///   file that is cut off, or an archive that does not end in a block of zeros, which all do: its last files are missing.
  package init(archive: String) throws(ListingError) {
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
    var longTarget: String?
    var longByteCount: UInt64?
    var links = TarLinks()
    while position + Self.blockBytes <= length {
      let block = try Self.read(handle, position, Self.blockBytes, archive: archive)
      if block.allSatisfy({ $0 == 0 }) {
        try links.resolve(in: &self, archive)
        return
      }
      guard Self.sumMatches(block) else {
        throw .damagedArchive(archive, reason: "no tar header at byte \(position)")
      }
      var byteCount = try Self.number(block[124..<136], archive, position)
      if let size = longByteCount, block[156] != UInt8(ascii: "x") { byteCount = size }
      let start = position + Self.blockBytes
      guard byteCount <= length, start <= length - byteCount else {
        throw .damagedArchive(archive, reason: "the file at byte \(position) is truncated")
      }
      switch block[156] {
      case UInt8(ascii: "L"):
        longName = Self.text(try Self.readName(handle, start, byteCount, archive: archive)[...])
      case UInt8(ascii: "K"):
        longTarget = Self.text(try Self.readName(handle, start, byteCount, archive: archive)[...])
      case UInt8(ascii: "x"):
        let records = Self.records(try Self.readName(handle, start, byteCount, archive: archive))
        longName = records["path"] ?? longName
        longTarget = records["linkpath"] ?? longTarget
        longByteCount = records["size"].flatMap { UInt64($0) }
      case UInt8(ascii: "g"): break
      default:
        let target = longTarget ?? Self.text(block[157..<257])
        enter(
          longName ?? Self.name(block), block[156], Entry(offset: start, byteCount: byteCount), target: target,
          links: &links)
        (longName, longTarget, longByteCount) = (nil, nil, nil)
      }
      position = start + (byteCount + Self.blockBytes - 1) / Self.blockBytes * Self.blockBytes
    }
    throw .damagedArchive(archive, reason: "it ends after \(length) bytes without the end-of-archive block")
  }

  /// Enters what a header describes, by its type.
  private mutating func enter(_ path: String, _ type: UInt8, _ entry: Entry, target: String, links: inout TarLinks) {
    switch type {
    case 0, UInt8(ascii: "0"), UInt8(ascii: "7"): add(path, entry)
    case UInt8(ascii: "1"):
      if let place = Self.path(target), let original = files[place] {
        add(path, original)
      } else {
        leaveOut(path, "it is a hard link to \(target), which does not precede it in the archive")
      }
    case UInt8(ascii: "2"): links.add(path, target: target)
    case UInt8(ascii: "5"): addFolder(path)
    case UInt8(ascii: "S"): leaveOut(path, "it is stored as a sparse file; make the archive without --sparse")
    default: leaveOut(path, "it is neither a file nor a link, but has type \(type)")
    }
  }

  /// A path as the index has it; nil for one that leads out of the archive or too deep into it.
  static func path(_ path: String) -> ExactText? {
    let parts = path.pathParts.filter { $0 != "." }
    return parts.contains("..") || parts.isEmpty || parts.count > maximumDepth
      ? nil : ExactText(parts.joined(separator: "/"))
  }

  /// Adds a file under its path, and the folders above it.
  mutating func add(_ path: String, _ entry: Entry) {
    guard let place = Self.path(path) else {
      return leaveOut(path, "its path leads out of the archive, or is too deep")
    }
    files[place] = entry
    unread[place] = nil
    addFolders(above: place)
  }

  private mutating func addFolder(_ path: String) {
    guard let place = Self.path(path) else { return }
    addFolders(above: place)
    if children[place] == nil { children[place] = [] }
  }

  private mutating func addFolders(above place: ExactText) {
    var rest = place.text.utf8[...]
    while let slash = rest.lastIndex(of: UInt8(ascii: "/")) {
      let name = String(decoding: rest[rest.index(after: slash)...], as: UTF8.self)
      rest = rest[..<slash]
      let folder = ExactText(String(decoding: rest, as: UTF8.self))
      let isKnown = children[folder] != nil
      children[folder, default: []].insert(ExactText(name))
      if isKnown { return }
    }
    children["", default: []].insert(ExactText(String(decoding: rest, as: UTF8.self)))
  }

  /// Notes an entry that cannot be read as a file.
  mutating func leaveOut(_ path: String, _ reason: String) {
    unread[Self.path(path) ?? ExactText(path)] = reason
  }

  private static func read(
    _ handle: FileHandle, _ position: UInt64, _ count: UInt64, archive: String
  ) throws(ListingError) -> [UInt8] {
    do {
      try handle.seek(toOffset: position)
      if let data = try handle.read(upToCount: Int(count)), data.count == Int(count) { return [UInt8](data) }
    } catch {}
    throw .damagedArchive(archive, reason: "byte \(position) cannot be read")
  }

  private static func readName(
    _ handle: FileHandle, _ position: UInt64, _ count: UInt64, archive: String
  ) throws(ListingError) -> [UInt8] {
    guard count <= maximumNameBytes else {
      throw .damagedArchive(archive, reason: "a name of \(count) bytes at byte \(position) is too long")
    }
    return count == 0 ? [] : try read(handle, position, count, archive: archive)
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
      throw .damagedArchive(archive, reason: "the length in the header at byte \(position) is not a number")
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
