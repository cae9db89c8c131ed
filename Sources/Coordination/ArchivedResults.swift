import Archives
import Benchmarks
import Foundation
import Planning
import Records
import Shards

/// Those of several archives together.
final class ArchivedResults: CollectedResults {
  let plan: Plan
  private let archives: [ArchiveReader]
  /// All of the archives' parts in the merged plan's order, each once.
  private let shards: [Shard]
  /// Of each archive those of one group, by condition.
  private var known: [Int: (group: String, failures: [Int: [ArchiveFailure]])] = [:]

  /// A part of one archive, or those of its images that no archive before has.
  private struct Shard {
    let archive: Int
    let part: ArchivePart
    /// In the merged plan; its number follows the others'.
    let definition: ShardDefinition
  }

  init(_ archives: [ArchiveReader]) throws {
    self.archives = archives
    let plans = try archives.map { try Plan(of: $0) }
    let text = zip(archives, plans).map { archive, plan in
      "# \(plan.manifest.run), planned \(plan.created)\n\(archive.attributes["manifest"] ?? "")"
    }
    plan = try Plan.merged(plans, manifestText: text.joined(separator: "\n---\n"))
    var places = Places(of: plan, archives)
    for archive in archives.indices { try places.add(archive) }
    shards = places.numbered
  }

  // MARK: - Which parts there are

  /// Which archive holds what of the merged plan.
  private struct Places {
    private let plan: Plan
    private let archives: [ArchiveReader]
    private var found: [Shard] = []
    /// By condition of a group, which archive each image is of; -1 for none.
    private var owners: [[Int]: [Int16]] = [:]
    /// The digests of images' files, by benchmark, condition and range.
    private var bytes: [[Int]: String] = [:]
    /// Of each archive those of one group, by condition.
    private var failures: [Int: (group: String, images: [Int: Set<Int>])] = [:]

    init(of plan: Plan, _ archives: [ArchiveReader]) { (self.plan, self.archives) = (plan, archives) }

    /// In the order of the plan, numbered.
    var numbered: [Shard] {
      func key(_ shard: ShardDefinition) -> [Int] {
        [shard.model, shard.benchmark, shard.condition, shard.firstImage]
      }
      return found.sorted { key($0.definition).lexicographicallyPrecedes(key($1.definition)) }.enumerated().map {
        Shard(archive: $1.archive, part: $1.part, definition: $1.definition.numbered($0))
      }
    }

    mutating func add(_ archive: Int) throws {
      let groups = Dictionary(
        plan.manifest.models.indices.flatMap { model in
          plan.manifest.benchmarks.indices.map { (plan.group(model: model, benchmark: $0), (model, $0)) }
        }, uniquingKeysWith: { first, _ in first })
      for part in try archives[archive].parts(withProvenance: true) {
        guard let (model, benchmark) = groups[part.group], !part.images.isEmpty,
          part.images.upperBound <= plan.listings[benchmark].paths.count,
          plan.manifest.benchmarks[benchmark].condition(at: part.condition) != nil
        else {
          throw ArchiveError.unreadable(
            path: archives[archive].path, reason: "it has a part of \(part.group), which is not in its plan")
        }
        try checkBytes(of: part, benchmark, archive)
        for images in try free(part, [model, benchmark, part.condition], archive) {
          found.append(
            Shard(
              archive: archive, part: part,
              definition: ShardDefinition(
                id: 0, model: model, benchmark: benchmark, condition: part.condition, firstImage: images.lowerBound,
                imageCount: images.count)))
        }
      }
    }

    /// The images of a part that no archive before holds. Of those that one does hold the values must be the same.
    private mutating func free(_ part: ArchivePart, _ cell: [Int], _ archive: Int) throws -> [Range<Int>] {
      var taken = owners[cell] ?? Array(repeating: -1, count: plan.listings[cell[1]].paths.count)
      owners[cell] = nil
      defer { owners[cell] = taken }
      var free: [Range<Int>] = []
      var first = part.images.lowerBound
      while first < part.images.upperBound {
        let owner = taken[first]
        let end = part.images.suffix(from: first).first { taken[$0] != owner } ?? part.images.upperBound
        if owner < 0 {
          free.append(first..<end)
          for image in first..<end { taken[image] = Int16(clamping: archive) }
        } else {
          try compare(part, first..<end, of: Int(owner), and: archive)
        }
        first = end
      }
      return free
    }

    /// Refuses a part whose images' files had other bytes than those of another part of just these images. An image that failed
    /// may not have been read.
    private mutating func checkBytes(of part: ArchivePart, _ benchmark: Int, _ archive: Int) throws {
      guard let digest = part.imagesSHA256, !digest.isEmpty,
        try failed(part, in: archive).isDisjoint(with: part.images)
      else { return }
      let key = [benchmark, part.condition, part.images.lowerBound, part.images.upperBound]
      guard let known = bytes.updateValue(digest, forKey: key), known != digest else { return }
      throw MergeError.differing(
        what: "benchmark", name: plan.manifest.benchmarks[benchmark].name,
        differences: [
          "the files of its images \(part.images.lowerBound) to \(part.images.upperBound - 1) had different bytes"
        ])
    }

    /// Images of a part's condition that have no result, with a reason.
    private mutating func failed(_ part: ArchivePart, in archive: Int) throws -> Set<Int> {
      if failures[archive]?.group != part.group {
        let all = try archives[archive].failures(group: part.group)
        failures[archive] = (
          part.group, Dictionary(grouping: all, by: \.condition).mapValues { Set($0.map(\.image)) }
        )
      }
      return failures[archive]?.images[part.condition] ?? []
    }

    private mutating func compare(_ part: ArchivePart, _ images: Range<Int>, of one: Int, and other: Int) throws {
      let (lacking, alsoLacking) = (try failed(part, in: one), try failed(part, in: other))
      if let image = images.first(where: { lacking.contains($0) && !alsoLacking.contains($0) }) {
        throw MergeError.lacking(
          group: part.group, condition: part.condition, image: image, first: archives[one].path,
          second: archives[other].path)
      }
      // Those that both have.
      for run in images.split(whereSeparator: alsoLacking.contains) {
        try compareValues(part, run.startIndex..<run.endIndex, of: one, and: other)
      }
    }

    private func compareValues(_ part: ArchivePart, _ images: Range<Int>, of one: Int, and other: Int) throws {
      func values(_ archive: Int, _ name: String) throws -> [UInt32] {
        try archives[archive].values(of: name, group: part.group, conditionIndex: part.condition, images: images)
          .map { $0.isNaN ? Float.nan.bitPattern : $0.bitPattern }
      }
      let names = archives[other].groups.first { $0.path == part.group }?.variables.map(\.name) ?? []
      guard try names.allSatisfy({ try values(one, $0) == values(other, $0) }) else {
        throw MergeError.otherValues(
          group: part.group, condition: part.condition, images: images, first: archives[one].path,
          second: archives[other].path)
      }
    }
  }

  // MARK: - What collectors ask

  func expected() throws -> (shards: Int, images: Int) {
    (shards.count, plan.shards.cells.reduce(0) { $0 + $1.imageCount })
  }

  func forEach(progress: (Double) -> Void, _ body: (CollectedShard) throws -> Void) throws {
    for (done, shard) in shards.enumerated() {
      progress(Double(done) / Double(max(1, shards.count)))
      try body(
        CollectedShard(
          definition: shard.definition, part: (contents: contents(of: shard), sha256: shard.part.fileSHA256))
      )
    }
  }

  private func contents(of shard: Shard) throws -> PartContents {
    let (archive, part, definition) = (archives[shard.archive], shard.part, shard.definition)
    let images = definition.firstImage..<definition.firstImage + definition.imageCount
    let observations = try plan.variables(model: definition.model, benchmark: definition.benchmark).map { variable in
      Observation(
        variable,
        try archive.values(of: variable.name, group: part.group, conditionIndex: part.condition, images: images))
    }
    let whole = images == part.images
    try archive.check(observations, of: part, isWhole: whole)
    let failures = try failures(of: shard.archive, part).filter { images.contains($0.image) }
    // What tells the bytes of a part's images says nothing of some of them.
    var attributes = part.attributes
    if !whole { attributes["images_sha256"] = nil }
    return PartContents(
      shard: definition.id, group: part.group, conditionIndex: part.condition, firstImage: images.lowerBound,
      imageCount: images.count, observations: observations,
      failures: failures.map {
        ImageFailure(
          offset: $0.image - images.lowerBound, reason: $0.reason, isUnreadable: $0.isUnreadable ?? false)
      }, attributes: attributes)
  }

  /// Those of a part's condition, kept while parts of its group follow one another.
  private func failures(of archive: Int, _ part: ArchivePart) throws -> [ArchiveFailure] {
    if known[archive]?.group != part.group {
      let all = try archives[archive].failures(group: part.group)
      known[archive] = (part.group, Dictionary(grouping: all, by: \.condition))
    }
    return known[archive]?.failures[part.condition] ?? []
  }

  func logits(model: Int, benchmark: Int) throws -> [Float] {
    let classCount = plan.manifest.models[model].classCount
    var logits = [Float](repeating: .nan, count: plan.listings[benchmark].paths.count * classCount)
    for shard in shards where shard.definition.model == model && shard.definition.benchmark == benchmark {
      let first = shard.definition.firstImage
      let found = try archives[shard.archive].logits(
        group: shard.part.group, conditionIndex: shard.part.condition,
        images: first..<first + shard.definition.imageCount)
      guard first * classCount + found.count <= logits.count else { continue }
      logits.replaceSubrange(first * classCount..<first * classCount + found.count, with: found)
    }
    return logits
  }

  /// Of the shards that left a result; others have no number here.
  func attempts() throws -> [AttemptRow] {
    var rows: [AttemptRow] = []
    for (place, archive) in archives.enumerated() {
      let numbers = Dictionary(
        shards.filter { $0.archive == place }.map { ($0.part.shard, $0.definition.id) },
        uniquingKeysWith: { first, _ in first })
      rows += try archive.attempts().compactMap { row in
        numbers[row.shard].map {
          AttemptRow(
            shard: $0, attempt: row.attempt, worker: row.worker, leasedAt: row.leased,
            endedAt: row.ended.isNaN ? nil : row.ended, outcome: AttemptOutcome(rawValue: row.outcome))
        }
      }
    }
    return rows.sorted { ($0.shard, $0.attempt) < ($1.shard, $1.attempt) }
  }
}

extension ShardDefinition {
  fileprivate func numbered(_ id: Int) -> ShardDefinition {
    ShardDefinition(
      id: Int64(id), model: model, benchmark: benchmark, condition: condition, firstImage: firstImage,
      imageCount: imageCount)
  }
}

extension Plan {
  /// The plan that an archive holds, and is of.
  ///
  /// - Throws: `ComparisonError` where it does not say how it was planned, or says something else.
  init(of archive: ArchiveReader) throws {
    let texts = try archive.planTexts()
    guard !texts.isEmpty else { throw ComparisonError.noPlan(archive.path) }
    do { self = try Plan(archived: texts) } catch let error as ArchivedPlanError {
      throw ComparisonError.unfit(archive.path, "\(error)")
    }
    if let misfit = FigureVerifier(of: archive).misfits(of: self).first {
      throw ComparisonError.unfit(archive.path, misfit)
    }
  }
}
