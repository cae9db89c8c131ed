import CHDF5
import Crypto
import Durable
import Foundation
import Records
import Synchronization

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
  /// What was observed of the images.
  public let observations: [Observation]
  /// The images that failed.
  public let failures: [ImageFailure]
  /// Who computed it and how.
  public let attributes: [String: String]

  /// A part; `PartFile` checks that its sizes agree.
  public init(
    shard: Int64, group: String, conditionIndex: Int, firstImage: Int, imageCount: Int,
    observations: [Observation], failures: [ImageFailure], attributes: [String: String]
  ) {
    self.shard = shard
    self.group = group
    self.conditionIndex = conditionIndex
    self.firstImage = firstImage
    self.imageCount = imageCount
    self.observations = observations
    self.failures = failures
    self.attributes = attributes
  }

  var agrees: Bool {
    imageCount >= 0 && firstImage >= 0 && conditionIndex >= 0
      && observations.allSatisfy { $0.count(images: imageCount) != nil }
      && Set(observations.map(\.variable.name)).count == observations.count
      && failures.allSatisfy { (0..<imageCount).contains($0.offset) }
  }
}

/// One shard's result as an HDF5 file: each variable as `NAME[image, dimensions...]`, and the rest as a JSON attribute. A line at the end seals it
/// (see `Seal`), so that it can be believed without a ledger.
public enum PartFile {
  private struct Header: Codable {
    let shard: Int64
    let group: String
    let conditionIndex: Int
    let firstImage: Int
    let imageCount: Int
    let variables: [Variable]
    let failures: [ImageFailure]
    let attributes: [String: String]
  }

  /// Writes a part whole or not at all: beside its place, synced, renamed, the folder synced.
  ///
  /// - Returns: the file's size and SHA-256, hexadecimal.
  public static func write(_ part: PartContents, to path: String) throws -> (bytes: Int, sha256: String) {
    try write(part, to: path, files: SystemFiles())
  }

  /// The same by other calls than the system's.
  package static func write(
    _ part: PartContents, to path: String, files: any FileCalls
  ) throws -> (bytes: Int, sha256: String) {
    guard part.agrees else { throw ArchiveError.misplaced(shard: part.shard, reason: "its sizes are inconsistent") }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    let header = String(
      decoding: try encoder.encode(
        Header(
          shard: part.shard, group: part.group, conditionIndex: part.conditionIndex, firstImage: part.firstImage,
          imageCount: part.imageCount, variables: part.observations.map(\.variable), failures: part.failures,
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
    try DurableFile.write(data, to: path, mode: 0o644, files: files)
    return (data.count, Digest.text(hash.finalize()))
  }

  private static func writeFile(_ part: PartContents, _ header: String, to output: HDF5Output) throws {
    let stored = try output.create()
    try stored.setAttribute("part", of: "/", to: header)
    for observation in part.observations {
      let extents = [part.imageCount] + observation.variable.lengths
      let name = "/" + observation.variable.name
      try stored.makeArray(
        name, type: gauntlet_h5_file_float(), extents: extents, chunk: extents, compressed: false, fill: .nan)
      var values = observation.values
      try values.withUnsafeMutableBufferPointer {
        try stored.box(
          name, type: gauntlet_h5_native_float(), start: extents.map { _ in 0 }, count: extents, write: true, $0)
      }
    }
    guard gauntlet_h5_flush(stored.file.id) >= 0 else { throw stored.failure(HDF5.lastMessage) }
  }

  /// Reads a part whose bytes are the ones that were recorded.
  public static func read(_ path: String, expectedSHA256: String) throws -> PartContents {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ArchiveError.unreadable(path: path, reason: "no such file, or permission denied")
    }
    guard Digest.of(data) == expectedSHA256 else {
      throw ArchiveError.unreadable(path: path, reason: "its SHA-256 does not match the recorded one")
    }
    // Of the bytes that were compared, whatever lies there by now.
    return try HDF5.exclusively {
      try data.withUnsafeBytes { try readFile(StoredFile($0, path: path), bytes: data.count) }
    }
  }

  /// The child that reads parts whose bytes nobody vouches for, one after the other; nil where the last was lost.
  private static let reader = Mutex<ReaderBox?>(nil)

  /// Carries a child from one part to the next; the lock lets one thread at it.
  private struct ReaderBox: @unchecked Sendable {
    let process: ReaderProcess
  }

  /// Reads a part whose bytes are as they were written, whoever wrote them: through a child (`ReaderChild`).
  ///
  /// - Returns: what it holds, its size and its SHA-256, hexadecimal.
  public static func readSealed(_ path: String) throws -> (part: PartContents, bytes: Int, sha256: String) {
    if let damage = try Seal.damage(of: path) { throw ArchiveError.unreadable(path: path, reason: damage) }
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ArchiveError.unreadable(path: path, reason: "no such file, or permission denied")
    }
    let part = try reader.withLock { kept in
      let file = try ConfinedFile(path: path, process: kept?.process)
      kept = nil
      let part = try readFile(file, bytes: data.count)
      kept = ReaderBox(process: file.process)
      return part
    }
    return (part, data.count, Digest.of(data))
  }

  private static func readFile(
    _ stored: borrowing some StoredContents & ~Copyable, bytes: Int
  ) throws -> PartContents {
    guard let text = try stored.attributes(of: "/")["part"],
      let header = try? JSONDecoder().decode(Header.self, from: Data(text.utf8))
    else { throw stored.failure("it is not a part") }
    var observations: [Observation] = []
    for variable in header.variables {
      observations.append(try observation(variable, images: header.imageCount, in: stored, bytes: bytes))
    }
    let part = PartContents(
      shard: header.shard, group: header.group, conditionIndex: header.conditionIndex,
      firstImage: header.firstImage, imageCount: header.imageCount, observations: observations,
      failures: header.failures, attributes: header.attributes)
    guard part.agrees else { throw stored.failure("its sizes are inconsistent") }
    return part
  }
}

/// What a part is read from.
protocol StoredContents: ~Copyable {
  func failure(_ reason: String) -> ArchiveError
  func attributes(of object: String) throws(ArchiveError) -> [String: String]
  func extents(_ name: String) throws(ArchiveError) -> [Int]
  func floats(_ name: String, start: [Int], count: [Int]) throws(ArchiveError) -> [Float]
}

extension ConfinedFile: StoredContents {}
extension StoredFile: StoredContents {}

extension PartFile {
  private static func observation(
    _ variable: Variable, images: Int, in stored: borrowing some StoredContents & ~Copyable, bytes: Int
  ) throws(ArchiveError) -> Observation {
    let name = "/" + variable.name
    let extents = try stored.extents(name)
    guard images >= 0, extents == [images] + variable.lengths, let count = variable.count(atMost: bytes / 4),
      images <= bytes / 4 / max(1, count)
    else { throw stored.failure("its sizes are inconsistent") }
    return Observation(
      variable, try stored.floats(name, start: extents.map { _ in 0 }, count: extents))
  }
}

extension Variable {
  /// Its dimensions' lengths.
  var lengths: [Int] { dimensions.map(\.length) }
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
