import Crypto
import Foundation

/// Size and modification time of a file that holds an image; of one in a tar archive the archive's time.
public struct FileStamp: Sendable, Hashable {
  /// Its bytes; -1 for a file that is not there.
  public let byteCount: Int64
  /// Nanoseconds since 1970.
  public let modified: Int64

  /// A stamp.
  public init(byteCount: Int64, modified: Int64) {
    self.byteCount = byteCount
    self.modified = modified
  }

  /// That of a file that is not there.
  public static let missing = FileStamp(byteCount: -1, modified: 0)

  init(_ path: String) {
    var facts = stat()
    guard stat(path, &facts) == 0 else {
      self = .missing
      return
    }
    self.init(
      byteCount: Int64(facts.st_size),
      modified: Int64(facts.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(facts.st_mtim.tv_nsec)
    )
  }
}

/// What tells whether a data set's files are still those of before, without reading all of them: every file's size and time,
/// and the contents of a sample.
///
/// A file of another size has changed. One of the same size and time has not. One of the same size and another time may only
/// have been copied: then contents tell, where they are known.
public struct DataStamps: Sendable, Equatable {
  /// The files of one folder, which one or more conditions share.
  public struct Folder: Sendable, Equatable {
    /// The first condition whose folder it is.
    public let condition: Int
    /// Of each listed image.
    public let stamps: [FileStamp]
  }

  /// A file and the SHA-256 of its bytes.
  struct Sampled: Sendable, Hashable, Codable {
    /// The place in ``DataStamps/folders``.
    let folder: Int
    /// The image's place in the listing.
    let image: Int
    /// Hexadecimal.
    let sha256: String
  }

  /// Each folder once, in the order of their first conditions.
  public let folders: [Folder]
  let sample: [Sampled]

  /// The most files whose contents are read, and the most bytes of them.
  private static let limits = (files: 2_000, bytes: Int64(256) << 20)
}

/// Files of a folder whose times are others than before and whose contents are not known.
public struct TouchedFiles: Sendable, Equatable {
  /// The first condition whose folder it is.
  public let condition: Int
  /// The images' places in the listing, ascending.
  public let images: [Int]

  /// Whether one of the images lies in a range.
  public func holds(anyOf range: Range<Int>) -> Bool {
    let place = Self.place(of: range.lowerBound, in: images)
    return place < images.count && images[place] < range.upperBound
  }

  /// Whether an image is among ascending ones.
  static func contains(_ images: [Int], _ image: Int) -> Bool {
    let place = place(of: image, in: images)
    return place < images.count && images[place] == image
  }

  /// The place of the first that is not less.
  private static func place(of image: Int, in images: [Int]) -> Int {
    var (low, high) = (0, images.count)
    while low < high {
      let middle = (low + high) / 2
      if images[middle] < image { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

extension BenchmarkDefinition {
  /// The stamps of a listing's files, and the contents of up to 2,000 of them.
  ///
  /// - Throws: `ListingError` for an archive that cannot be read.
  public func stamps(of listing: ImageListing) throws -> DataStamps {
    guard observed.isOfImages else { return DataStamps(folders: [], sample: []) }
    let folders = try folderStamps(of: listing)
    return DataStamps(folders: folders, sample: try DataStamps.sample(of: folders, in: self, listing))
  }

  /// Compares files with those of before.
  ///
  /// - Returns: files that may be others, and of which no contents are known.
  /// - Throws: `ListingError.changedFile` for the first that has changed.
  public func compare(_ listing: ImageListing, with before: DataStamps) throws -> [TouchedFiles] {
    guard observed.isOfImages else { return [] }
    let now = try folderStamps(of: listing)
    guard now.map(\.condition) == before.folders.map(\.condition) else {
      throw ListingError.changedFile(root, reason: "its condition folders have changed")
    }
    var touched: [TouchedFiles] = []
    for (folder, (old, new)) in zip(before.folders, now).enumerated() {
      var images: [Int] = []
      for (image, (was, now)) in zip(old.stamps, new.stamps).enumerated() where was != now && was != .missing {
        guard now != .missing else { throw changed(image, folder, before, listing: listing, reason: "it is gone") }
        guard was.byteCount == now.byteCount else {
          throw changed(
            image, folder, before, listing: listing,
            reason: "its size changed from \(was.byteCount) to \(now.byteCount) bytes")
        }
        images.append(image)
      }
      let known = before.sample.filter { $0.folder == folder && TouchedFiles.contains(images, $0.image) }
      let digests = try Concurrently.map(known) { [self] in try? digest(of: $0.image, in: old, listing) }
      for (sampled, digest) in zip(known, digests) where digest != sampled.sha256 {
        throw changed(sampled.image, folder, before, listing: listing, reason: "its contents changed")
      }
      let others = Set(images).subtracting(known.map(\.image)).sorted()
      if !others.isEmpty { touched.append(TouchedFiles(condition: old.condition, images: others)) }
    }
    return touched
  }

  private func changed(
    _ image: Int, _ folder: Int, _ stamps: DataStamps, listing: ImageListing, reason: String
  ) -> ListingError {
    let condition = grid.cell(at: stamps.folders[folder].condition)
    return .changedFile(
      condition.map { file(of: listing.paths[image], at: $0) } ?? listing.paths[image], reason: reason)
  }

  private func folderStamps(of listing: ImageListing) throws -> [DataStamps.Folder] {
    var seen = Set<String>()
    let folders = grid.cells.compactMap { condition -> (condition: Int, folder: String)? in
      let folder = folder(of: condition)
      return seen.insert(folder).inserted ? (condition.index, folder) : nil
    }
    // Pieces of folders, so that a benchmark of one folder has all threads, too.
    let size = 4_000
    let pieces = folders.indices.flatMap { folder in
      stride(from: 0, to: listing.paths.count, by: size).map {
        (folder: folder, images: $0..<min($0 + size, listing.paths.count))
      }
    }
    let stamps = try Concurrently.map(pieces) { [self] piece in
      let folder = folders[piece.folder].folder
      let isPlain = FileTree.isPlain(folder) && subsets.isEmpty
      return try piece.images.map { image -> FileStamp in
        let path = file(of: listing.paths[image], in: folder)
        return isPlain && !listing.paths[image].contains(".tar/") ? FileStamp(path) : try FileTree.stamp(of: path)
      }
    }
    var joined = folders.map { _ in [FileStamp]() }
    for (piece, stamps) in zip(pieces, stamps) { joined[piece.folder] += stamps }
    return zip(folders, joined).map { DataStamps.Folder(condition: $0.condition, stamps: $1) }
  }

  fileprivate func digest(of image: Int, in folder: DataStamps.Folder, _ listing: ImageListing) throws -> String {
    guard let condition = grid.cell(at: folder.condition) else { return "" }
    return Hexadecimal.sha256(try FileTree.contents(of: file(of: listing.paths[image], at: condition)))
  }
}

extension DataStamps {
  /// Files that are evenly spread over all, in an order that is not theirs, so that where the bytes are too many the rest is
  /// left out everywhere.
  fileprivate static func sample(
    of folders: [Folder], in benchmark: BenchmarkDefinition, _ listing: ImageListing
  ) throws -> [Sampled] {
    let images = listing.paths.count
    let total = folders.count * images
    let count = min(total, limits.files)
    var left = limits.bytes
    // 1,999 is prime, so that its multiples meet every place of up to 2,000 but of 1,999, whose order then is plain.
    let order = (0..<count).map { count == 1_999 ? $0 : $0 * 1_999 % count }
    let chosen = order.map { $0 * total / max(1, count) }.filter { place in
      let bytes = folders[place / images].stamps[place % images].byteCount
      guard bytes >= 0, bytes <= left else { return false }
      left -= bytes
      return true
    }
    return try Concurrently.map(chosen.sorted()) { place -> Sampled? in
      let (folder, image) = (place / images, place % images)
      guard let digest = try? benchmark.digest(of: image, in: folders[folder], listing) else { return nil }
      return Sampled(folder: folder, image: image, sha256: digest)
    }.compactMap { $0 }
  }
}

// MARK: - On disk: length of the header, JSON header, then size and time of each file as little-endian Int64

extension DataStamps {
  private struct Header: Codable {
    let conditions: [Int]
    let images: Int
    let sample: [Sampled]
  }

  /// The stamps as a file's bytes.
  public func encoded() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    let header = try encoder.encode(
      Header(conditions: folders.map(\.condition), images: folders.first?.stamps.count ?? 0, sample: sample))
    var data = Data(capacity: 8 + header.count + folders.reduce(0) { $0 + $1.stamps.count * 16 })
    func append(_ value: Int64) { withUnsafeBytes(of: value.littleEndian) { data.append(contentsOf: $0) } }
    append(Int64(header.count))
    data.append(header)
    for stamp in folders.lazy.flatMap(\.stamps) {
      append(stamp.byteCount)
      append(stamp.modified)
    }
    return data
  }

  /// Reads what ``encoded()`` wrote; nil for anything else.
  public init?(decoding data: Data) {
    let bytes = [UInt8](data)
    func value(at offset: Int) -> Int64 {
      (0..<8).reduce(0) { $0 | Int64(bytes[offset + $1]) << (8 * $1) }
    }
    guard bytes.count >= 8 else { return nil }
    let length = value(at: 0)
    guard length >= 0, length <= bytes.count - 8,
      let header = try? JSONDecoder().decode(Header.self, from: Data(bytes[8..<8 + Int(length)])),
      header.images >= 0, header.images <= bytes.count,
      header.conditions.count * header.images * 16 == bytes.count - 8 - Int(length)
    else { return nil }
    var offset = 8 + Int(length)
    let folders = header.conditions.map { condition in
      let stamps = (0..<header.images).map { image in
        FileStamp(byteCount: value(at: offset + 16 * image), modified: value(at: offset + 16 * image + 8))
      }
      offset += 16 * header.images
      return Folder(condition: condition, stamps: stamps)
    }
    guard header.sample.allSatisfy({ folders.indices.contains($0.folder) && (0..<header.images).contains($0.image) })
    else { return nil }
    self.folders = folders
    sample = header.sample
  }
}

/// Digests as text.
enum Hexadecimal {
  private static let digits = Array("0123456789abcdef".utf8)

  static func of(_ bytes: some Sequence<UInt8>) -> String {
    String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  static func sha256(_ bytes: [UInt8]) -> String { of(SHA256.hash(data: bytes)) }
}
