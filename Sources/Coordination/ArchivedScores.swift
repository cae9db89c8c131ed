import Archives
import Benchmarks
import Planning
import Records

/// An archive's observations, counted once more by the plan that it holds.
struct ArchivedScores {
  /// Numbers that are read at once.
  private static let blockNumbers = 16 << 20

  private let archive: ArchiveReader
  private let plan: Plan

  init(of archive: ArchiveReader, plan: Plan) { (self.archive, self.plan) = (archive, plan) }

  /// Counts all observations, or those of some benchmarks.
  ///
  /// - Parameters:
  ///   - benchmarks: which by their places in the plan's manifest; others' tallies stay empty.
  ///   - progress: told the share that is done, 0...1.
  /// - Throws: `ArchiveError` for values that cannot be read.
  func table(of benchmarks: (Int) -> Bool = { _ in true }, progress: (Double) -> Void) throws -> ScoreTable {
    let temperatures = try plan.temperatures { model, clean in
      let path = plan.group(model: model, benchmark: clean)
      return try archive.logits(group: path, conditionIndex: 0, images: 0..<plan.listings[clean].paths.count)
    }
    var scores = ScoreTable(plan: plan, temperatures: temperatures)
    let cells = plan.shards.cells.filter { $0.imageCount > 0 && benchmarks($0.benchmark) }
    for (done, cell) in cells.enumerated() {
      progress(Double(done) / Double(cells.count))
      let path = plan.group(model: cell.model, benchmark: cell.benchmark)
      let variables = plan.variables(model: cell.model, benchmark: cell.benchmark)
      let numbers = variables.reduce(0) { $0 + ($1.count(atMost: 1 << 30) ?? 0) }
      let step = max(1, Self.blockNumbers / max(1, numbers))
      for first in stride(from: 0, to: cell.imageCount, by: step) {
        let count = min(step, cell.imageCount - first)
        let observations = try variables.map { variable in
          Observation(
            variable,
            try archive.values(
              of: variable.name, group: path, conditionIndex: cell.condition, images: first..<(first + count)))
        }
        scores.add(
          observations,
          of: ShardDefinition(
            id: 0, model: cell.model, benchmark: cell.benchmark, condition: cell.condition, firstImage: first,
            imageCount: count))
      }
    }
    return scores
  }
}
