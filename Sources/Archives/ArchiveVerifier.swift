import Crypto
import Foundation

/// What a check of an archive found.
public struct ArchiveReport: Sendable, Encodable {
  /// Parts whose values have the recorded SHA-256.
  public var soundParts = 0
  /// What is damaged.
  public var damage: [String] = []
  /// Conditions that lack results without a recorded reason.
  public var incomplete: [String] = []
  /// Images of these conditions without a result, as far as they are named: at most ``namedImages``.
  public var missing: [String] = []
  /// Images that were set aside with a reason.
  public var setAside: [String] = []
  /// Images that other models, or `verify --data`, read as other bytes.
  public var changed: [String] = []

  /// The fingerprint of the key that signed these bytes; nil where that was not asked or is not so.
  public var signedBy: String?

  /// Figures that follow from what was observed; nil where they were not computed once more.
  public var soundFigures: Int?
  /// Figures that archives have since a later time than this one's.
  public var laterFigures: [String] = []
  /// Why figures were not computed once more.
  public var figuresUnchecked: String?
  /// What the archive says of itself that does not follow from what was observed and planned: it was changed and sealed anew,
  /// or written by a program that counts otherwise.
  public var contradictions: [String] = []

  /// Parts whose images lie as they were read where `verify --data` looked; nil where it did not look.
  public var partsOfSameImages: Int?

  /// Nothing was found yet.
  public init() {}

  /// Nothing is damaged or contradicts itself.
  public var isSound: Bool { damage.isEmpty && contradictions.isEmpty }
  /// Every image has a result.
  public var isComplete: Bool { incomplete.isEmpty && setAside.isEmpty }

  private var verdict: String {
    if !damage.isEmpty { return "damaged" }
    if !contradictions.isEmpty { return "sealed, but inconsistent: not what gauntlet collected" }
    return isComplete ? "whole and sound" : "sound, but incomplete"
  }

  /// The most images without a result that are named: an archive may hold millions.
  public static let namedImages = 100_000

  /// The report in words.
  public var lines: [String] {
    ["\(soundParts) parts match their recorded digests"]
      + (signedBy.map { ["signed by the key \($0)"] } ?? [])
      + (partsOfSameImages.map { ["\($0) parts were computed from the images that are there now"] } ?? [])
      + (soundFigures.map { ["\($0) figures recomputed, all equal"] } ?? [])
      + (laterFigures.isEmpty
        ? []
        : ["it was collected before \(laterFigures.joined(separator: ", ")) existed; gauntlet collect rebuilds it"])
      + (figuresUnchecked.map { ["its figures were not recomputed: \($0)"] } ?? [])
      + damage.map { "damaged: " + $0 } + contradictions.map { "contradiction: " + $0 }
      + incomplete.map { "incomplete: " + $0 } + missing.map { "missing: " + $0 }
      + setAside.map { "set aside: " + $0 } + changed.map { "changed: " + $0 }
      + [verdict]
  }
}

/// Checks every chunk, every cell and every part's digest of an archive.
public enum ArchiveVerifier {
  /// What is wrong with an archive's seal, nil if its bytes are those that were sealed; reads all of it, once. Of a large
  /// archive, which would take long, only that it was closed: `verify` reads it.
  ///
  /// - Throws: `ArchiveError` for one that cannot be read.
  public static func brokenSeal(of path: String) throws(ArchiveError) -> String? {
    try Seal.damage(of: path, readingUpTo: 1 << 30)
  }

  /// Reads all of an archive.
  ///
  /// - Throws: `ArchiveError` for one that cannot even be opened.
  public static func verify(_ path: String) throws -> ArchiveReport {
    var report = ArchiveReport()
    if let damage = try Seal.damage(of: path) {
      report.damage.append("\(path): \(damage)")
      return report
    }
    try check(ArchiveReader(path: path), &report)
    return report
  }

  /// Reads all of an archive, whatever its seal says.
  package static func verify(_ archive: ArchiveReader) throws -> ArchiveReport {
    var report = ArchiveReport()
    try check(archive, &report)
    return report
  }

  /// A file's bytes with their seal, and without the one that they may have.
  package static func sealed(_ bytes: [UInt8]) -> [UInt8] {
    let body = Seal.contents(bytes)
    return body + Seal.line(SHA256.hash(data: body))
  }

  private static func check(_ archive: ArchiveReader, _ report: inout ArchiveReport) throws {
    try checkLeftOut(archive, &report)
    let covered = try checkParts(archive, &report)
    if report.isSound { report.changed += try differingImages(archive) }
    for group in archive.groups {
      let failures = try archive.failures(group: group.path)
      let explained = Dictionary(grouping: failures, by: \.condition).mapValues { Set($0.map(\.image)) }
      report.setAside += failures.map { failure in
        let path = group.imagePaths.indices.contains(failure.image) ? " (\(group.imagePaths[failure.image]))" : ""
        return "\(name(of: failure.condition, in: group)), image \(failure.image)\(path): \(failure.reason)"
      }
      let planned = try archive.metrics(group: group.path).first { $0.name == "planned" }?.values
      func isPlanned(_ condition: Int) -> Bool {
        guard let planned, planned.count == group.conditionCount else { return true }
        return planned[condition] != 0
      }
      for condition in (0..<group.conditionCount).filter(isPlanned) {
        do {
          try check(
            group, condition, archive, covered: covered[group.path]?[condition] ?? [],
            explained: explained[condition] ?? [], report: &report)
        } catch let error as ArchiveError where error.endsReading {
          throw error
        } catch {
          report.damage.append("\(group.path), condition \(condition): \(error)")
        }
      }
    }
  }

  /// Ranges of images that two models read other bytes of: the data changed while the run was computed.
  private static func differingImages(_ archive: ArchiveReader) throws -> [String] {
    var first: [String: ArchivePart] = [:]
    var failures: [String: [Int: [Int]]] = [:]
    for group in archive.groups {
      failures[group.path] = Dictionary(grouping: try archive.failures(group: group.path), by: \.condition)
        .mapValues { $0.map(\.image).sorted() }
    }
    return try archive.parts().compactMap { part in
      // An image that could not be read in one of two parts says nothing of its bytes.
      let isWhole = failures[part.group].map { !($0[part.condition] ?? []).contains(within: part.images) } == true
      guard isWhole, let digest = part.imagesSHA256, !digest.isEmpty,
        let slash = part.group.firstIndex(of: "/")
      else { return nil }
      let key = "\(part.group[slash...]) \(part.condition) \(part.images)"
      guard let other = first[key] else {
        first[key] = part
        return nil
      }
      return other.imagesSHA256 == digest
        ? nil
        : "\(part.group) and \(other.group), condition \(part.condition), images \(part.images) were read with different contents"
    }
  }

  /// Files that a data set's folders held are images, or named as left out. Archives of before say nothing of it.
  private static func checkLeftOut(_ archive: ArchiveReader, _ report: inout ArchiveReport) throws {
    let leftOut = try archive.leftOut().reduce(into: [:]) { $0[$1.benchmark, default: 0] &+= max(0, $1.count) }
    for group in archive.groups {
      guard let text = group.attributes["files_found"], let benchmark = group.attributes["benchmark"] else { continue }
      let named = leftOut[benchmark] ?? 0
      if Int(text) != group.imageCount &+ named {
        report.damage.append(
          "\(group.path): \(text) files were found, but \(group.imageCount) are images and \(named) are listed as omitted"
        )
      }
    }
  }

  /// Compares digests; gives the ranges of images that parts cover, by group and condition.
  private static func checkParts(
    _ archive: ArchiveReader, _ report: inout ArchiveReport
  ) throws -> [String: [Int: [Range<Int>]]] {
    let parts = try archive.parts()
    let root = "/provenance/parts/"
    let digests = try Set(archive.groups.flatMap { $0.variables.map(\.name) }).sorted().map { name in
      (variable: name, sha256: try archive.stored.strings(root + name + "_sha256"))
    }
    guard digests.allSatisfy({ $0.sha256.count == parts.count }) else {
      throw ArchiveError.unreadable(path: archive.path, reason: "the table of parts is inconsistent")
    }
    var covered: [String: [Int: [Range<Int>]]] = [:]
    for (row, part) in parts.enumerated() {
      let name = "\(part.group), condition \(part.condition), images from \(part.images.lowerBound)"
      do {
        let group = try? archive.find(part.group)
        let unrecorded = digests.filter { digest in
          digest.sha256[row].isEmpty && group?.variables.contains { $0.name == digest.variable } == true
        }
        guard unrecorded.isEmpty else {
          report.damage.append(name + ": no digest of its \(unrecorded[0].variable) is recorded")
          continue
        }
        let wrong = try digests.filter { digest in
          guard group?.variables.contains(where: { $0.name == digest.variable }) ?? true else {
            return !digest.sha256[row].isEmpty
          }
          let values = try archive.values(
            of: digest.variable, group: part.group, conditionIndex: part.condition, images: part.images)
          return Digest.of(values) != digest.sha256[row]
        }
        if wrong.isEmpty { report.soundParts += 1 }
        report.damage += wrong.map { "\(name): the \($0.variable) do not match the recorded digest" }
        covered[part.group, default: [:]][part.condition, default: []].append(part.images)
      } catch let error as ArchiveError where error.endsReading {
        throw error
      } catch {
        report.damage.append("\(name): \(error)")
      }
    }
    return covered
  }

  private static func check(
    _ group: ArchiveReader.Group, _ condition: Int, _ archive: ArchiveReader, covered: [Range<Int>],
    explained: Set<Int>, report: inout ArchiveReport
  ) throws {
    let complete = try archive.complete(group: group.path, conditionIndex: condition)
    var isCovered = [Bool](repeating: false, count: group.imageCount)
    for range in covered { for image in range { isCovered[image] = true } }
    let wrong = complete.indices.filter { complete[$0] != (isCovered[$0] && !explained.contains($0)) }.count
    if wrong > 0 {
      report.damage.append("\(group.path), condition \(condition): \(wrong) images are not marked as recorded")
    }
    let missing = complete.indices.filter { !complete[$0] && !explained.contains($0) }
    if !missing.isEmpty {
      let name = name(of: condition, in: group)
      report.incomplete.append("\(name): \(missing.count) of \(group.imageCount) images have no result")
      let room = max(0, ArchiveReport.namedImages - report.missing.count)
      report.missing += missing.prefix(room).map { "\(name), image \($0): \(group.imagePaths[$0])" }
    }
  }

  /// A condition in words: `MODEL/BENCHMARK, corruption fog, severity 3`.
  private static func name(of condition: Int, in group: ArchiveReader.Group) -> String {
    guard (0..<group.conditionCount).contains(condition) else { return "\(group.path), condition \(condition)" }
    let place = ArchiveGroupPlan.place(of: condition, in: group.axes)
    return ([group.path] + zip(group.axes, place).map { "\($0.name) \($0.values[$1])" }).joined(separator: ", ")
  }
}

extension ArchiveError {
  /// Whether nothing more can be read after it.
  fileprivate var endsReading: Bool { if case .damaged = self { true } else { false } }
}

extension [Int] {
  /// Whether one of these numbers, which are sorted, lies in a range.
  fileprivate func contains(within range: Range<Int>) -> Bool {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if self[middle] < range.lowerBound { low = middle + 1 } else { high = middle }
    }
    return low < count && self[low] < range.upperBound
  }
}
