import Foundation

/// Images in WebDataset's layout: tar archives, its shards, in which the files of one sample have one name up to the
/// first dot: `n01440764_10026.jpg` is the image, `n01440764_10026.cls` its class index in decimal digits.
///
/// The root is WebDataset's own notation, `/data/imagenet1k-validation-{00..63}.tar`. Images are listed as
/// `CLASS/SHARD.tar/KEY.jpg`, so that an image is found again without its class file.
struct WebDataset: Sendable {
  /// The most shards that a root may name.
  private static let maximumShards = 100_000
  /// The longest class file that is believed, bytes.
  private static let maximumClassBytes: UInt64 = 32
  private static let imageSuffixes = ["jpg", "jpeg", "png"]

  private let folder: String
  /// What stands before and after a shard's number in its name.
  private let affixes: (before: Substring, after: Substring)
  private let numbers: ClosedRange<Int>
  /// Digits that a number has at least.
  private let width: Int

  /// nil for a root that is not in the notation.
  init?(root: String) {
    let parts = root.split(separator: "/", omittingEmptySubsequences: false)
    guard let name = parts.last, name.hasSuffix(".tar"), let open = name.firstIndex(of: "{"),
      let close = name[open...].firstIndex(of: "}")
    else { return nil }
    let bounds = name[name.index(after: open)..<close].components(separatedBy: "..")
    guard bounds.count == 2, bounds.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { (48...57).contains($0) } }),
      let first = Int(bounds[0]), let last = Int(bounds[1]), first <= last, last - first < Self.maximumShards
    else { return nil }
    folder = parts.dropLast().joined(separator: "/")
    affixes = (name[..<open], name[name.index(after: close)...])
    numbers = first...last
    width = bounds[0].count
  }

  /// The shards' names.
  private var shards: some Sequence<String> {
    numbers.lazy.map { number in
      let digits = String(number)
      return affixes.before + String(repeating: "0", count: max(0, width - digits.count)) + digits + affixes.after
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

  /// Every image as `CLASS/SHARD.tar/KEY.jpg`, CLASS in decimal digits without leading zeros.
  ///
  /// - Throws: `ListingError` for a shard that is missing or damaged, and for a sample whose class is not told.
  func images() throws -> [String] {
    var images: [String] = []
    for shard in shards {
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
      for file in index.files.sorted(by: { $0.value.offset < $1.value.offset }).map(\.key) {
        let (key, suffix) = Self.split(file)
        guard Self.imageSuffixes.contains(suffix.lowercased()) else { continue }
        guard let number = Self.classIndex(index.files[key + ".cls"], in: handle) else {
          throw ListingError.unclassedSample(archive, key: key)
        }
        images.append("\(number)/\(shard)/\(file)")
      }
    }
    return images
  }

  /// The name up to the first dot of its last part, and what follows the dot.
  private static func split(_ file: String) -> (key: String, suffix: String) {
    let start = file.lastIndex(of: "/").map(file.index(after:)) ?? file.startIndex
    guard let dot = file[start...].firstIndex(of: ".") else { return (file, "") }
    return (String(file[..<dot]), String(file[file.index(after: dot)...]))
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
