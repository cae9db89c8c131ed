import Records

/// What an archive says of one of the parts that it was made from.
public struct ArchivePart: Sendable, Equatable {
  /// The shard's number.
  public let shard: Int64
  /// The group that holds its logits.
  public let group: String
  /// The condition's place in the grid.
  public let condition: Int
  /// The images' places in the group.
  public let images: Range<Int>
  /// The SHA-256 that tells the bytes of its images' files, hexadecimal; nil where the archive does not say.
  public let imagesSHA256: String?
  /// The SHA-256 of the part's file, hexadecimal.
  public let fileSHA256: String
  /// Of each variable's values, by the variables' names; empty for those that it has not, and where no provenance was asked for.
  let valuesSHA256: [String: String]
  /// Who computed it and how; empty where no provenance was asked for.
  public let attributes: [String: String]
}

/// What an archive says of one handing over of a shard.
public struct ArchiveAttempt: Sendable, Equatable {
  /// The shard's number.
  public let shard: Int64
  /// The attempt's number, from 1.
  public let attempt: Int
  /// The worker that it was handed to.
  public let worker: String
  /// When it was handed over, in seconds since 1970.
  public let leased: Double
  /// When it ended, in seconds since 1970; NaN where it had not.
  public let ended: Double
  /// How it ended.
  public let outcome: String
}

extension ArchiveReader {
  /// What parts say of who computed them, as far as there are archives that do.
  private static let partAttributes = [
    "answered_by", "attempt", "computed_by_run", "engine", "gemm", "host", imagesAttribute, "instruction_set",
    "left_out",
    "process", "run_id", "version", "worker",
  ]

  private static let imagesAttribute = "images_sha256"

  /// The parts, in the order of their shards.
  ///
  /// - Parameter withProvenance: whether they say who computed them, too, which takes a kilobyte a part.
  /// - Throws: `ArchiveError` for a table that is inconsistent.
  public func parts(withProvenance: Bool = false) throws -> [ArchivePart] {
    let root = "/provenance/parts/"
    let groups = try stored.strings(root + "group")
    let shards = try stored.integers(root + "shard")
    let conditions = try stored.integers(root + "condition")
    let first = try stored.integers(root + "first_image")
    let counts = try stored.integers(root + "image_count")
    let files = try stored.strings(root + "file_sha256")
    let variables = withProvenance ? Set(self.groups.flatMap { $0.variables.map(\.name) }).sorted() : []
    let values = try texts(variables, root, suffix: "_sha256")
    let attributes = try texts(withProvenance ? Self.partAttributes : [Self.imagesAttribute], root)
    let texts = values.map(\.texts) + attributes.map(\.texts)
    guard [shards.count, conditions.count, first.count, counts.count, files.count].allSatisfy({ $0 == groups.count }),
      texts.allSatisfy({ $0.count == groups.count })
    else { throw stored.failure("the table of parts is inconsistent") }
    let parts = try groups.indices.map { row in
      let (end, overflow) = first[row].addingReportingOverflow(counts[row])
      guard !overflow, first[row] >= 0, counts[row] >= 0 else {
        throw stored.failure("the table of parts has out-of-range numbers")
      }
      let known = attributes.reduce(into: [String: String]()) { known, column in
        if !column.texts[row].isEmpty { known[column.name] = column.texts[row] }
      }
      return ArchivePart(
        shard: shards[row], group: groups[row], condition: Int(clamping: conditions[row]),
        images: Int(first[row])..<Int(end), imagesSHA256: known[Self.imagesAttribute], fileSHA256: files[row],
        valuesSHA256: values.reduce(into: [:]) { $0[$1.name] = $1.texts[row] },
        attributes: withProvenance ? known : [:])
    }
    guard !Self.overlap(parts) else { throw stored.failure("two of its parts hold the same images") }
    return parts
  }

  /// The columns of a table that are there.
  private func texts(
    _ names: [String], _ root: String, suffix: String = ""
  ) throws(ArchiveError) -> [(name: String, texts: [String])] {
    var columns: [(name: String, texts: [String])] = []
    for name in names where try stored.exists(root + name + suffix) {
      columns.append((name, try stored.strings(root + name + suffix)))
    }
    return columns
  }

  /// Refuses values of a part that are not those that were recorded.
  ///
  /// - Parameter isWhole: whether they are of all of the part's images; those of some cannot be compared.
  /// - Throws: `ArchiveError.unreadable`.
  package func check(_ observations: [Observation], of part: ArchivePart, isWhole: Bool) throws(ArchiveError) {
    guard isWhole else { return }
    for observation in observations {
      guard let recorded = part.valuesSHA256[observation.variable.name], recorded == Digest.of(observation.values)
      else {
        throw stored.failure(
          "the \(observation.variable.name) of \(part.group), condition \(part.condition), images from "
            + "\(part.images.lowerBound), do not match the recorded digest")
      }
    }
  }

  /// Every attempt, by shard and number; none in archives that do not say.
  ///
  /// - Throws: `ArchiveError` for a table that is inconsistent.
  public func attempts() throws -> [ArchiveAttempt] {
    let root = "/provenance/attempts/"
    guard try stored.exists(root + "shard") else { return [] }
    let shards = try stored.integers(root + "shard")
    let numbers = try stored.integers(root + "attempt")
    let workers = try stored.strings(root + "worker")
    let leased = try stored.doubles(root + "leased")
    let ended = try stored.doubles(root + "ended")
    let outcomes = try stored.strings(root + "outcome")
    guard
      [numbers.count, workers.count, leased.count, ended.count, outcomes.count].allSatisfy({ $0 == shards.count })
    else { throw stored.failure("the table of attempts is inconsistent") }
    return shards.indices.map {
      ArchiveAttempt(
        shard: shards[$0], attempt: Int(clamping: numbers[$0]), worker: workers[$0], leased: leased[$0],
        ended: ended[$0], outcome: outcomes[$0])
    }
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
