import Foundation

/// Images in WebDataset's layout: tar archives, its shards, in which the files of one sample have one name up to the
/// first dot: `n01440764_10026.jpg` is the image, `n01440764_10026.cls` its class index in decimal digits.
///
/// The root is WebDataset's own notation, `/data/imagenet1k-validation-{00..63}.tar` or `/data/w-{00,07}.tar`. Images are listed as
/// `CLASS/SHARD.tar/KEY.jpg`, so that an image is found again without its class file.
struct WebDataset: Sendable {
  /// The most shards that a root may name.
  private static let maximumShards = 100_000
  /// The longest class file that is believed, bytes.
  private static let maximumClassBytes: UInt64 = 32
  private let folder: String
  /// The shards' names.
  private let shards: [String]

  /// nil for a root that is not in the notation.
  init?(root: String) {
    let parts = root.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
      .map { String(decoding: $0, as: UTF8.self) }
    guard let name = parts.last, name.ends(with: ".tar"), let open = name.firstIndex(of: "{"),
      let close = name[open...].firstIndex(of: "}"),
      let inner = Self.alternatives(name[name.index(after: open)..<close])
    else { return nil }
    folder = parts.dropLast().joined(separator: "/")
    shards = inner.map { name[..<open] + $0 + name[name.index(after: close)...] }
  }

  /// What braces stand for: the numbers of `00..63` in as many digits as the first has, or the words of `train,val`.
  private static func alternatives(_ text: Substring) -> [String]? {
    let words = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    guard words.count == 1 else {
      return words.allSatisfy { !$0.isEmpty && !$0.contains("{") } && Set(words).count == words.count ? words : nil
    }
    let bounds = text.components(separatedBy: "..")
    guard bounds.count == 2, bounds.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { (48...57).contains($0) } }),
      let first = Int(bounds[0]), let last = Int(bounds[1]), first <= last, last - first < maximumShards
    else { return nil }
    return (first...last).map { number in
      let digits = String(number)
      return String(repeating: "0", count: max(0, bounds[0].count - digits.count)) + digits
    }
  }

  /// Throws for the first shard that is missing or damaged.
  func check() throws(ListingError) {
    for shard in shards { _ = try TarIndexes.shared.index(of: folder + "/" + shard) }
  }

  /// The archive file of a listed image; nil for a path that does not lead below a root in the notation.
  static func file(of path: String) -> String? {
    guard let open = path.firstIndex(of: "{"),
      let end = path.range(of: ".tar/", options: .literal, range: open..<path.endIndex),
      let dataSet = WebDataset(root: String(path[..<path.index(before: end.upperBound)]))
    else { return nil }
    let (_, inner) = BenchmarkDefinition.split(String(path[end.upperBound...]))
    return dataSet.folder + "/" + inner
  }

  /// Every image as `CLASS/SHARD.tar/KEY.jpg`, CLASS in decimal digits without leading zeros, and as `SHARD.tar/FILE` the files
  /// of samples that have none.
  ///
  /// - Throws: `ListingError` for a shard that is missing or damaged, and for a sample whose class is not told.
  func files() throws -> (images: [String], leftOut: [LeftOutFile]) {
    let all = try Concurrently.map(Array(shards)) { try files(in: $0) }
    return (all.flatMap(\.images), all.flatMap(\.leftOut))
  }

  private func files(in shard: String) throws -> (images: [String], leftOut: [LeftOutFile]) {
    let archive = folder + "/" + shard
    let index = try TarIndexes.shared.index(of: archive)
    // Opened once, and read from its start to its end, for all class files of a shard.
    let handle: FileHandle
    do {
      handle = try FileTree.open(archive)
    } catch {
      throw ListingError.missingFolder(archive, reason: error.reason)
    }
    defer { try? handle.close() }
    var images: [String] = []
    var withImage = Set<ExactText>()
    for file in index.files.sorted(by: { $0.value.offset < $1.value.offset }).map(\.key.text) {
      let (key, suffix) = Self.split(file)
      guard ImageWalk.imageExtensions.contains(suffix.lowercased()) else { continue }
      guard let number = Self.classIndex(index.files[ExactText(key + ".cls")], in: handle) else {
        throw ListingError.unclassedSample(archive, key: key)
      }
      images.append("\(number)/\(shard)/\(file)")
      withImage.insert(ExactText(key))
    }
    var leftOut = index.unread.map { LeftOutFile(path: shard + "/" + $0.key.text, reason: $0.value) }
    for file in index.files.keys where !withImage.contains(ExactText(Self.split(file.text).key)) {
      leftOut.append(
        LeftOutFile(path: shard + "/" + file.text, reason: "its sample has no image in a supported format"))
    }
    return (images, leftOut)
  }

  /// The name up to the first dot of its last part, and what follows the dot.
  private static func split(_ file: String) -> (key: String, suffix: String) {
    let bytes = file.utf8
    let start = bytes.lastIndex(of: UInt8(ascii: "/")).map(bytes.index(after:)) ?? bytes.startIndex
    guard let dot = bytes[start...].firstIndex(of: UInt8(ascii: ".")) else { return (file, "") }
    return (
      String(decoding: bytes[..<dot], as: UTF8.self), String(decoding: bytes[bytes.index(after: dot)...], as: UTF8.self)
    )
  }

  /// The number that a class file holds; nil where it is missing or holds none.
  private static func classIndex(_ entry: TarIndex.Entry?, in archive: FileHandle) -> Int32? {
    guard let entry, (1...maximumClassBytes).contains(entry.byteCount),
      (try? archive.seek(toOffset: entry.offset)) != nil,
      let bytes = try? archive.read(upToCount: Int(entry.byteCount)),
      let number = Int32(String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)),
      (0..<1_000_000).contains(number)
    else { return nil }
    return number
  }
}
