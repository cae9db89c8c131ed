/// What an archive says of one of the parts that it was made from.
public struct ArchivePart: Sendable, Equatable {
  /// The group that holds its logits.
  public let group: String
  /// The condition's place in the grid.
  public let condition: Int
  /// The images' places in the group.
  public let images: Range<Int>
  /// The SHA-256 that tells the bytes of its images' files, hexadecimal; nil where the archive does not say.
  public let imagesSHA256: String?
}

extension ArchiveReader {
  /// The parts, in the order of their shards.
  ///
  /// - Throws: `ArchiveError` for a table that is inconsistent.
  public func parts() throws -> [ArchivePart] {
    let root = "/provenance/parts/"
    let groups = try stored.strings(root + "group")
    let conditions = try stored.integers(root + "condition")
    let first = try stored.integers(root + "first_image")
    let counts = try stored.integers(root + "image_count")
    let digests = try stored.exists(root + "images_sha256") ? try stored.strings(root + "images_sha256") : nil
    guard
      [conditions.count, first.count, counts.count, digests?.count ?? groups.count].allSatisfy({ $0 == groups.count })
    else { throw stored.failure("the table of parts is inconsistent") }
    let parts = try groups.indices.map { row in
      let (end, overflow) = first[row].addingReportingOverflow(counts[row])
      guard !overflow, first[row] >= 0, counts[row] >= 0 else {
        throw stored.failure("the table of parts has out-of-range numbers")
      }
      return ArchivePart(
        group: groups[row], condition: Int(clamping: conditions[row]), images: Int(first[row])..<Int(end),
        imagesSHA256: digests?[row])
    }
    guard !Self.overlap(parts) else { throw stored.failure("two of its parts hold the same images") }
    return parts
  }

  /// Whether two parts hold the same images of one condition, which would be read as often as there are such.
  private static func overlap(_ parts: [ArchivePart]) -> Bool {
    struct Cell: Hashable {
      let group: String
      let condition: Int
    }
    let cells = Dictionary(grouping: parts) { Cell(group: $0.group, condition: $0.condition) }
    return cells.values.contains { parts in
      let ranges = parts.map(\.images).filter { !$0.isEmpty }.sorted { $0.lowerBound < $1.lowerBound }
      return zip(ranges, ranges.dropFirst()).contains { $0.upperBound > $1.lowerBound }
    }
  }
}
