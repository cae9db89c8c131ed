import Archives
import Foundation
import Planning
import Records

/// Where the results lie that a collector merges.
protocol CollectedResults {
  /// What they are of.
  var plan: Plan { get }
  /// What there should be: shards, and results of images.
  func expected() throws -> (shards: Int, images: Int)
  /// Every shard that has a result, by number.
  ///
  /// - Parameter progress: told the share that is done, 0...1.
  func forEach(progress: (Double) -> Void, _ body: (CollectedShard) throws -> Void) throws
  /// A model's logits of a benchmark's images, [image, class]; NaN where there are none.
  func logits(model: Int, benchmark: Int) throws -> [Float]
  /// Every attempt, by shard and number.
  func attempts() throws -> [AttemptRow]
}

/// A shard that has a result.
struct CollectedShard {
  let definition: ShardDefinition
  /// The result with the SHA-256 of the part's file; nil for a shard that leaves none.
  let part: (contents: PartContents, sha256: String)?
}

/// Those of a run: parts that its ledger names.
struct RunResults: CollectedResults {
  let run: PlannedRun

  var plan: Plan { run.plan }

  func expected() throws -> (shards: Int, images: Int) {
    let total = try run.ledger.status(now: Date().timeIntervalSince1970).total
    return (total.shards, total.images)
  }

  func forEach(progress: (Double) -> Void, _ body: (CollectedShard) throws -> Void) throws {
    let recorded = try run.ledger.status(now: Date().timeIntervalSince1970).total.recorded
    var done = 0
    try run.ledger.forEachPart { row in
      done += 1
      progress(min(1, Double(done) / Double(max(1, recorded))))
      try body(
        CollectedShard(
          definition: row.definition, part: try row.part.map { (contents: try contents(of: $0), sha256: $0.sha256) }))
    }
  }

  func logits(model: Int, benchmark: Int) throws -> [Float] {
    let classCount = plan.manifest.models[model].classCount
    var logits = [Float](repeating: .nan, count: plan.listings[benchmark].paths.count * classCount)
    var parts: [(part: StoredPart, firstImage: Int)] = []
    try run.ledger.forEachPart { row in
      guard row.definition.benchmark == benchmark, row.definition.model == model, let part = row.part else { return }
      parts.append((part, row.definition.firstImage))
    }
    for (part, firstImage) in parts {
      guard let found = try contents(of: part).observations["logits"]?.values else { continue }
      let start = firstImage * classCount
      guard start + found.count <= logits.count else { continue }
      logits.replaceSubrange(start..<start + found.count, with: found)
    }
    return logits
  }

  func attempts() throws -> [AttemptRow] { try run.ledger.attempts() }

  private func contents(of part: StoredPart) throws -> PartContents {
    do {
      return try PartFile.read(run.folder.path + "/" + part.path, expectedSHA256: part.sha256)
    } catch ArchiveError.unreadable(let path, let reason) {
      throw CollectionError.damagedPart(path: path, reason: reason, folder: run.folder.path)
    }
  }
}
