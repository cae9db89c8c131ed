import Archives
import Benchmarks
import Foundation
import Planning
import Records
import Shards

/// What a run took over of another one's results.
public struct TakeOverSummary: Sendable, Equatable {
  /// Shards, or pieces of them, whose results are the other run's.
  public internal(set) var shards = 0
  /// Images of these, each once a condition and model.
  public internal(set) var images = 0
  /// Models on benchmarks that both runs have by their names and that are computed anew, with the reason, a sentence each.
  public internal(set) var differing: [String] = []
  /// Results of the other run that cannot be used, a sentence each, and at most ``namedObstacles``.
  public internal(set) var obstacles: [String] = []

  /// The most obstacles that are named.
  public static let namedObstacles = 20

  mutating func note(obstacle: String) {
    if obstacles.count < Self.namedObstacles, !obstacles.contains(obstacle) { obstacles.append(obstacle) }
  }
}

extension PlannedRun {
  /// Takes over what another run recorded of the same shards: of models, benchmarks and conditions that are just the same,
  /// whatever else either run has. What is taken over is written as a worker's result is, and recorded for good; called again
  /// after a crash, this goes on.
  ///
  /// Nothing is taken over of images that could not be read, of models that Python computes, of which nothing tells whether they
  /// are the same, and of data or parts that are no longer as they were.
  ///
  /// - Parameters:
  ///   - other: the other run, which may be looked at only.
  ///   - progress: told the share that is done, 0...1.
  /// - Throws: an error of either run's ledger or of the disk.
  public func takeOver(from other: PlannedRun, progress: (Double) -> Void = { _ in }) throws -> TakeOverSummary {
    var takeOver = try TakeOver(of: self, from: other)
    return try takeOver.perform(progress: progress)
  }
}

/// One run's taking over of another's results.
private struct TakeOver {
  /// Records that are committed together.
  private static let batch = 64

  /// A condition of a model on a benchmark, by places in a plan.
  private struct Cell: Hashable {
    let model: Int
    let benchmark: Int
    let condition: Int

    init(_ shard: ShardDefinition) {
      (model, benchmark, condition) = (shard.model, shard.benchmark, shard.condition)
    }

    init(model: Int, benchmark: Int, condition: Int) {
      (self.model, self.benchmark, self.condition) = (model, benchmark, condition)
    }
  }

  private let own: PlannedRun
  private let other: PlannedRun
  private let source: RunWorkSource
  /// The other run's results, in the order of their images.
  private let rows: [Cell: [PartRow]]
  private var summary = TakeOverSummary()
  /// The other run's cell that asks for the same as one of this run; nil where none does.
  private var twins: [Cell: Cell?] = [:]
  private var entries: [LedgerEntry] = []
  /// Parts of this run that lack images, which the ledger names until it has the new ones.
  private let former: [Int64: StoredPart]
  private var replaced: [StoredPart] = []
  /// Attempts at this run's shards, by number.
  private var attempts: [Int64: Int] = [:]
  private var nextPiece: Int64

  init(of own: PlannedRun, from other: PlannedRun) throws {
    (self.own, self.other) = (own, other)
    source = RunWorkSource(plan: own.plan, folder: own.folder)
    former = try own.ledger.formerParts()
    nextPiece = Int64(own.ledger.shards.count + own.ledger.pieceCount)
    var rows: [Cell: [PartRow]] = [:]
    try other.ledger.forEachPart { row in
      guard let part = row.part, part.unreadableImages == 0 else { return }
      rows[Cell(row.definition), default: []].append(row)
    }
    self.rows = rows.mapValues { $0.sorted { $0.definition.firstImage < $1.definition.firstImage } }
  }

  mutating func perform(progress: (Double) -> Void) throws -> TakeOverSummary {
    let standing = try own.ledger.standing()
    // A result of a shard that was set aside counts, too.
    let done = Set(standing.recorded + standing.others.filter { $0.state == .split }.map(\.id))
    let setAside = Set(standing.others.filter { $0.state == .setAside }.map(\.id))
    attempts = Dictionary(standing.others.map { ($0.id, $0.attempts) }) { first, _ in first }
    let planned = own.ledger.shards.count
    let all = planned + own.ledger.pieceCount
    for id in 0..<Int64(all) where !done.contains(id) {
      progress(Double(id) / Double(max(1, all)))
      guard let shard = own.ledger.definition(of: id), let twin = try twin(of: shard) else { continue }
      try take(
        shard, from: rows[twin] ?? [], maySplit: id < Int64(planned) && !setAside.contains(id) && former[id] == nil)
    }
    try commit()
    return summary
  }

  // MARK: - What is the same

  /// The other run's cell whose results are those of this shard's.
  private mutating func twin(of shard: ShardDefinition) throws -> Cell? {
    let cell = Cell(shard)
    if let known = twins[cell] { return known }
    let found = try findTwin(of: shard)
    twins[cell] = .some(found)
    return found
  }

  private mutating func findTwin(of shard: ShardDefinition) throws -> Cell? {
    let (own, theirs) = (own.plan.manifest, other.plan.manifest)
    let (name, benchmark) = (own.models[shard.model].name, own.benchmarks[shard.benchmark].name)
    guard let model = theirs.models.firstIndex(where: { $0.name == name }),
      let place = theirs.benchmarks.firstIndex(where: { $0.name == benchmark }),
      other.plan.isEvaluated(model: model, benchmark: place),
      let values = own.benchmarks[shard.benchmark].grid.cell(at: shard.condition)?.values,
      let condition = theirs.benchmarks[place].conditions.first(where: { $0.cell.values == values })?.cell.index,
      let row = rows[Cell(model: model, benchmark: place, condition: condition)]?.first
    else { return nil }
    if let reason = try whyOther(shard, theirs: row.definition) {
      let text = "\(name)/\(benchmark) is recomputed: \(reason)"
      if !summary.differing.contains(text) { summary.differing.append(text) }
      return nil
    }
    return Cell(model: model, benchmark: place, condition: condition)
  }

  /// Why results of the other run are none of a shard's cell; nil where they are.
  private mutating func whyOther(_ shard: ShardDefinition, theirs: ShardDefinition) throws -> String? {
    guard own.plan.manifest.models[shard.model].python == nil else {
      return "it is computed by Python, which may have changed"
    }
    let listings = (own.plan.listings[shard.benchmark], other.plan.listings[theirs.benchmark])
    guard listings.0.hasSameImages(as: listings.1) else {
      return "its images or classes differ (\(listings.0.paths.count) instead of \(listings.1.paths.count))"
    }
    let definition = own.plan.manifest.benchmarks[shard.benchmark]
    if definition.observed.needsLabels || definition.conditions.contains(where: \.needsLabels),
      own.plan.labels(model: shard.model, benchmark: shard.benchmark)
        != other.plan.labels(model: theirs.model, benchmark: theirs.benchmark)
    {
      return "its classes are other outputs of the network"
    }
    func first(_ shard: ShardDefinition) -> ShardDefinition {
      ShardDefinition(
        id: 0, model: shard.model, benchmark: shard.benchmark, condition: shard.condition, firstImage: 0, imageCount: 1)
    }
    let differences = try ShardTask(first(shard), of: own.plan).differences(
      from: ShardTask(first(theirs), of: other.plan))
    guard differences.isEmpty else {
      return differences.prefix(3).joined(separator: ", ")
        + (differences.count > 3 ? " and \(differences.count - 3) more differences" : "")
    }
    return try whyDataDiffer(theirs.benchmark)
  }

  private var dataDiffer: [Int: String?] = [:]

  /// Why a benchmark's files are no longer those that the other run read; nil where they are.
  private mutating func whyDataDiffer(_ benchmark: Int) throws -> String? {
    if let known = dataDiffer[benchmark] { return known }
    var reason: String?
    do { try other.compareRecorded(other.plan.compareData(ofBenchmark: benchmark)) } catch let error as RunFolderError {
      reason = "\(error)"
    } catch let error as ListingError {
      reason = "\(error)"
    }
    dataDiffer[benchmark] = .some(reason)
    return reason
  }

  // MARK: - Taking

  /// Takes a shard's result, or those of pieces that the other run split it into.
  private mutating func take(_ shard: ShardDefinition, from rows: [PartRow], maySplit: Bool) throws {
    let images = shard.images
    let near = rows.overlapping(images)
    let within = near.filter { images.contains($0.definition.images) }
    let isWhole = within.first?.definition.images == images
    if within.count < near.count || !(within.isEmpty || isWhole || maySplit) {
      summary.note(
        obstacle:
          "\(own.plan.group(model: shard.model, benchmark: shard.benchmark)) is split into different shards than there; "
          + "with the other run's sharding.images more can be taken over")
    }
    guard let first = within.first else { return }
    if isWhole { return try record(first, as: shard) }
    guard maySplit else { return }
    let pieces = pieces(of: shard, along: within.map(\.definition.images))
    // At once, so that the pieces' numbers are known to the ledger before their results are.
    try commit()
    try own.ledger.commit([.split(shard: shard.id, into: pieces)])
    for piece in pieces {
      if let row = within.first(where: { $0.definition.images == piece.images }) { try record(row, as: piece) }
    }
  }

  /// The other run's pieces of a shard, and what lies between them.
  private mutating func pieces(of shard: ShardDefinition, along ranges: [Range<Int>]) -> [ShardDefinition] {
    let images = shard.images
    let bounds = Set([images.lowerBound, images.upperBound] + ranges.flatMap { [$0.lowerBound, $0.upperBound] })
      .sorted()
    return zip(bounds, bounds.dropFirst()).map { first, end in
      defer { nextPiece += 1 }
      return ShardDefinition(
        id: nextPiece, model: shard.model, benchmark: shard.benchmark, condition: shard.condition, firstImage: first,
        imageCount: end - first)
    }
  }

  private mutating func record(_ row: PartRow, as shard: ShardDefinition) throws {
    guard let stored = row.part else { return }
    let contents: PartContents
    do {
      contents = try PartFile.read(other.folder.path + "/" + stored.path, expectedSHA256: stored.sha256)
    } catch let error as ArchiveError {
      return summary.note(obstacle: "\(error)")
    }
    // As this plan describes them, which programs may word otherwise; that they are the same is checked when they are stored.
    let variables = own.plan.variables(model: shard.model, benchmark: shard.benchmark)
    let observations = contents.observations.map { observation in
      let own = variables.first {
        $0.name == observation.variable.name && $0.dimensions == observation.variable.dimensions
      }
      return Observation(own ?? observation.variable, observation.values)
    }
    let output = ShardOutput(
      shard: shard.id, subject: ShardSubject(shard, of: own.plan), observations: observations,
      failures: contents.failures,
      provenance: contents.attributes.filter { ResultCheck.provenance.contains($0.key) })
    let part: StoredPart?
    let attempt = (attempts[shard.id] ?? 0) + 1
    do {
      part = try source.store(
        output.encoded(), for: shard, attempt: attempt, worker: row.worker, former: former[shard.id],
        further: [Self.origin: contents.attributes[Self.origin] ?? other.plan.runID])
    } catch let error as InvalidResult {
      return summary.note(obstacle: "\(stored.path): \(error.reason)")
    }
    if let former = former[shard.id] {
      guard part?.path != former.path else { return }
      replaced.append(former)
    }
    summary.shards += 1
    summary.images += shard.imageCount
    entries.append(
      .recorded(
        shard: shard.id, attempt: attempt, worker: row.worker, part: part, computeNanoseconds: row.computeNanoseconds,
        time: row.recordedAt))
    if entries.count >= Self.batch { try commit() }
  }

  /// What the archive calls the run that computed a part which was taken over.
  private static let origin = "computed_by_run"

  private mutating func commit() throws {
    try own.ledger.commit(entries)
    for part in replaced { source.remove(part) }
    (entries, replaced) = ([], [])
  }
}

extension ShardDefinition {
  fileprivate var images: Range<Int> { firstImage..<firstImage + imageCount }
}

extension [PartRow] {
  /// Those with images of a range; they are in the images' order, and no two have the same image.
  fileprivate func overlapping(_ images: Range<Int>) -> ArraySlice<PartRow> {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if self[middle].definition.images.upperBound <= images.lowerBound { low = middle + 1 } else { high = middle }
    }
    return self[low...].prefix { $0.definition.images.lowerBound < images.upperBound }
  }
}

extension Range {
  fileprivate func contains(_ other: Range) -> Bool {
    lowerBound <= other.lowerBound && other.upperBound <= upperBound
  }
}
