import CHDF5
import Crypto
import Durable
import Foundation

/// An image of a part that could not be evaluated.
public struct PartFailure: Sendable, Hashable, Codable {
  /// The image's place in the part.
  public let offset: Int
  /// One sentence that names the file.
  public let reason: String
  private let unreadable: Bool?

  /// The file could not be read, which says nothing of the picture: another time it may be.
  public var isUnreadable: Bool { unreadable ?? false }

  /// A failure at a place of the part.
  public init(offset: Int, reason: String, isUnreadable: Bool = false) {
    self.offset = offset
    self.reason = reason
    // Left out where it is not so, as in parts of former programs.
    unreadable = isUnreadable ? true : nil
  }
}

/// The result of one shard.
public struct PartContents: Sendable, Equatable {
  /// The shard's number in the plan.
  public let shard: Int64
  /// The archive's group that it belongs to, `MODEL/BENCHMARK`.
  public let group: String
  /// The condition's place in the grid.
  public let conditionIndex: Int
  /// The first image's place in the benchmark's listing.
  public let firstImage: Int
  /// How many images, failed ones included.
  public let imageCount: Int
  /// Logits an image.
  public let classCount: Int
  /// [image, class], NaN for images that failed.
  public let logits: [Float]
  /// The images that failed.
  public let failures: [PartFailure]
  /// Who computed it and how.
  public let attributes: [String: String]

  /// A part; `PartFile` checks that its sizes agree.
  public init(
    shard: Int64, group: String, conditionIndex: Int, firstImage: Int, imageCount: Int, classCount: Int,
    logits: [Float], failures: [PartFailure], attributes: [String: String]
  ) {
    self.shard = shard
    self.group = group
    self.conditionIndex = conditionIndex
    self.firstImage = firstImage
    self.imageCount = imageCount
    self.classCount = classCount
    self.logits = logits
    self.failures = failures
    self.attributes = attributes
  }

  var agrees: Bool {
    imageCount >= 0 && classCount >= 0 && firstImage >= 0 && conditionIndex >= 0
      && imageCount.multipliedReportingOverflow(by: classCount) == (logits.count, false)
      && failures.allSatisfy { (0..<imageCount).contains($0.offset) }
  }
}

/// One shard's result as an HDF5 file: `logits[image, class]`, and the rest as a JSON attribute. A line at the end seals it
/// (see `Seal`), so that it can be believed without a ledger.
public enum PartFile {
  private struct Header: Codable {
    let shard: Int64
    let group: String
    let conditionIndex: Int
    let firstImage: Int
    let imageCount: Int
    let classCount: Int
    let failures: [PartFailure]
    let attributes: [String: String]
  }

  /// Writes a part whole or not at all: beside its place, synced, renamed, the folder synced.
  ///
  /// - Returns: the file's size and SHA-256, hexadecimal.
  public static func write(_ part: PartContents, to path: String) throws -> (bytes: Int, sha256: String) {
    guard part.agrees else { throw ArchiveError.misplaced(shard: part.shard, reason: "its sizes do not agree") }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    let header = String(
      decoding: try encoder.encode(
        Header(
          shard: part.shard, group: part.group, conditionIndex: part.conditionIndex, firstImage: part.firstImage,
          imageCount: part.imageCount, classCount: part.classCount, failures: part.failures,
          attributes: part.attributes)), as: UTF8.self)
    // In memory, which no full disk can stop.
    let output = try HDF5Output(path: path, descriptor: nil)
    try HDF5.exclusively { try writeFile(part, header, to: output) }
    try output.checkClosed()
    var data = output.bytes
    var hash = SHA256()
    hash.update(data: data)
    let seal = Seal.line(hash.finalize())
    data.append(seal)
    hash.update(data: seal)
    try DurableFile.write(data, to: path, mode: 0o666)
    return (data.count, Digest.text(hash.finalize()))
  }

  private static func writeFile(_ part: PartContents, _ header: String, to output: HDF5Output) throws {
    let stored = try output.create()
    try stored.setAttribute("part", of: "/", to: header)
    let extents = [part.imageCount, part.classCount]
    try stored.makeArray(
      "/logits", type: gauntlet_h5_file_float(), extents: extents, chunk: extents, compressed: false, fill: .nan)
    var logits = part.logits
    try logits.withUnsafeMutableBufferPointer {
      try stored.box(
        "/logits", type: gauntlet_h5_native_float(), start: [0, 0], count: extents, write: true, $0)
    }
    guard gauntlet_h5_flush(stored.file.id) >= 0 else { throw stored.failure(HDF5.lastMessage) }
  }

  /// Reads a part whose bytes are the ones that were recorded.
  public static func read(_ path: String, expectedSHA256: String) throws -> PartContents {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ArchiveError.unreadable(path: path, reason: "there is no such file, or it may not be read")
    }
    guard Digest.of(data) == expectedSHA256 else {
      throw ArchiveError.unreadable(path: path, reason: "its SHA-256 is not the recorded one")
    }
    return try readFile(path, bytes: data.count)
  }

  /// Reads a part whose bytes are as they were written, whoever wrote them.
  ///
  /// - Returns: what it holds, its size and its SHA-256, hexadecimal.
  public static func readSealed(_ path: String) throws -> (part: PartContents, bytes: Int, sha256: String) {
    if let damage = try Seal.damage(of: path) { throw ArchiveError.unreadable(path: path, reason: damage) }
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ArchiveError.unreadable(path: path, reason: "there is no such file, or it may not be read")
    }
    return (try readFile(path, bytes: data.count), data.count, Digest.of(data))
  }

  private static func readFile(_ path: String, bytes: Int) throws -> PartContents {
    try HDF5.exclusively {
      let access = try Handle(gauntlet_h5_file_access()) { .unreadable(path: path, reason: $0) }
      let stored = StoredFile(
        path: path, file: try Handle(gauntlet_h5_open(path, access.id)) { .unreadable(path: path, reason: $0) },
        isWritten: false)
      guard let text = try stored.attributes(of: "/")["part"],
        let header = try? JSONDecoder().decode(Header.self, from: Data(text.utf8))
      else { throw stored.failure("it is no part") }
      let extents = try stored.extents("/logits")
      guard extents == [header.imageCount, header.classCount], extents.reduce(1, *) <= bytes / 4 else {
        throw stored.failure("its sizes do not agree")
      }
      var logits = [Float](repeating: .nan, count: extents.reduce(1, *))
      try logits.withUnsafeMutableBufferPointer {
        try stored.box("/logits", type: gauntlet_h5_native_float(), start: [0, 0], count: extents, write: false, $0)
      }
      let part = PartContents(
        shard: header.shard, group: header.group, conditionIndex: header.conditionIndex,
        firstImage: header.firstImage, imageCount: header.imageCount, classCount: header.classCount, logits: logits,
        failures: header.failures, attributes: header.attributes)
      guard part.agrees else { throw stored.failure("its sizes do not agree") }
      return part
    }
  }
}

enum Digest {
  static func of(_ data: some DataProtocol) -> String {
    text(SHA256.hash(data: data))
  }

  /// Lower-case hexadecimal.
  static func text(_ digest: SHA256.Digest) -> String {
    digest.map { String(format: "%02x", $0) }.joined()
  }

  /// Of the numbers' little-endian bytes.
  static func of(_ logits: some Collection<Float>) -> String {
    var data = Data(capacity: logits.count * 4)
    for value in logits { withUnsafeBytes(of: value.bitPattern.littleEndian) { data.append(contentsOf: $0) } }
    return of(data)
  }
}
