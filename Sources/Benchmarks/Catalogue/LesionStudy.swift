import Records
import Tensors

/// Blocks are left out of the network, at random and without training it again: how much do the others make up for? After
/// Bhojanapalli et al., "Understanding Robustness of Transformers for Image Classification" (ICCV 2021).
public enum LesionStudy: Benchmark {
  /// `lesion`
  public static let kind = BenchmarkKind.lesion
  /// How many blocks, how many draws of them, and of which.
  public static let keys = ["root", "removed", "draws", "unit", "blocks"]
  /// What is left out, and of which blocks.
  public static let making = ["lesion_unit": "units to leave out", "lesion_blocks": "blocks to leave out"]

  /// 1, 2, 4 and 6 whole blocks, ten draws each, unless the manifest says otherwise.
  public static func definition(_ manifest: some ManifestKeys) throws -> BenchmarkDefinition {
    let removed = try manifest.integers("removed", in: 0...1000) ?? [1, 2, 4, 6]
    guard removed.contains(where: { $0 > 0 }) else {
      throw manifest.failure("removed", "removed must contain a number above 0, or no block is left out")
    }
    let units = Lesion.Unit.allCases.map(\.rawValue)
    let scopes = Lesion.Scope.allCases.map(\.rawValue)
    return .lesion(
      name: manifest.name, root: try manifest.folder("root"),
      removed: removed,
      draws: try manifest.integer("draws", in: 1...1000) ?? 10,
      unit: try manifest.word("unit", known: units).flatMap(Lesion.Unit.init) ?? .block,
      scope: try manifest.word("blocks", known: scopes).flatMap(Lesion.Scope.init) ?? .study,
      classes: manifest.classes)
  }

  /// Accuracies, their mean over the draws, and how far draws are apart.
  public static func tally(
    of benchmark: BenchmarkDefinition, _ listing: ImageListing, _ scoring: Scoring, population: UInt32
  ) -> any Tally {
    AccuracyTally(grid: benchmark.grid, scoring: scoring, figures: .meanOfDraws, population: population)
  }
}

/// A set of blocks that are left out, drawn of those that a network has.
public struct Lesion: Sendable, Hashable, Codable {
  /// What is left out as one.
  public enum Unit: String, Sendable, Hashable, Codable, CaseIterable {
    /// A whole block, such as a transformer's attention and perceptron together.
    case block
    /// One of its halves, where the network has such.
    case half
  }

  /// Which blocks may be left out.
  public enum Scope: String, Sendable, Hashable, Codable, CaseIterable {
    /// Those that studies take: of RepLKNet the third stage's, of others all that keep their input's shape.
    case study
    /// All that keep their input's shape.
    case all
  }

  /// How many blocks.
  public let count: Int
  /// Which of the draws of so many.
  public let draw: Int
  /// What is left out as one.
  public let unit: Unit
  /// Which blocks may be left out.
  public let scope: Scope

  /// A draw of blocks.
  public init(count: Int, draw: Int, unit: Unit = .block, scope: Scope = .study) {
    (self.count, self.draw, self.unit, self.scope) = (count, draw, unit, scope)
  }

  /// The candidates that are left out, in their order. Random numbers are those of the seed, so that a draw is the same
  /// everywhere; no two draws are of the same set, as long as there are so many (``sets(of:)``).
  public func chosen(of candidates: [String], seed: UInt64) -> [String] {
    var seen: Set<[Int]> = []
    var chosen: [Int] = []
    // Of two sets in three draws the third is met in time; where there are too few, the last one stands.
    for attempt in 0..<100_000 {
      let random = CounterRandom(key: seed, stream: StableHash.of("lesion\t\(count)\t\(attempt)"))
      let order = candidates.indices.sorted { first, second in
        let (left, right) = (random.word(at: UInt64(first)), random.word(at: UInt64(second)))
        return left == right ? first < second : left < right
      }
      chosen = order.prefix(count).sorted()
      if seen.insert(chosen).inserted, seen.count > draw { break }
    }
    return chosen.map { candidates[$0] }
  }

  /// How many different sets there are of so many candidates, up to 1,000,000.
  public func sets(of candidates: Int) -> Int {
    guard count <= candidates else { return 0 }
    var sets = 1
    for place in 0..<min(count, candidates - count) {
      sets = sets * (candidates - place) / (place + 1)
      if sets > 1_000_000 { return 1_000_000 }
    }
    return sets
  }
}

extension BenchmarkKind {
  /// Blocks are left out of the network.
  public static let lesion = BenchmarkKind("lesion")
}

extension BenchmarkDefinition {
  /// Clean images, and networks without some of their blocks. Without any there is one draw.
  public static func lesion(
    name: String, root: String, removed: [Int], draws: Int, unit: Lesion.Unit = .block, scope: Lesion.Scope = .study,
    classes: [String] = []
  ) -> BenchmarkDefinition {
    let axes = [
      Axis(name: "removed", values: removed.map(String.init), isNumeric: true),
      // Names: one draw is not more than another.
      Axis(name: "draw", values: (0..<draws).map(String.init)),
    ]
    let lengths = removed.map { $0 == 0 ? 1 : draws }
    return BenchmarkDefinition(
      kind: .lesion, name: name, layout: PictureLayout(root: root),
      grid: Grid(axes: axes, rowLengths: lengths.allSatisfy { $0 == draws } ? nil : lengths), classes: classes,
      attributes: ["lesion_unit": unit.rawValue, "lesion_blocks": scope.rawValue],
      lesion: { cell in
        let count = removed[cell.index / draws]
        return count == 0 ? nil : Lesion(count: count, draw: cell.index % draws, unit: unit, scope: scope)
      })
  }
}

// MARK: - Figures

extension AccuracyFigures {
  /// Over the draws of each count the mean, and the standard deviation of one draw; over all networks that lack blocks the mean.
  public static let meanOfDraws = AccuracyFigures { tally, _, seed in
    let grid = tally.grid
    guard grid.axes.count == 2 else { return [] }
    let draws = grid.axes[1].values.count
    let rows = grid.axes[0].values.indices.map { row in
      (row * draws..<(row + 1) * draws).filter(grid.isPlanned).map { tally.top1[$0] }
    }
    let means = rows.map { $0.isEmpty ? .nan : $0.reduce(0, +) / Double($0.count) }
    let deviations = zip(rows, means).map { values, mean in
      guard values.count > 1 else { return Double.nan }
      return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)).squareRoot()
    }
    let lacking = grid.cells.filter { $0.values[0] != "0" }.map(\.index)
    let counts = grid.axes[0].values.filter { $0 != "0" }
    let all = lacking.reduce(0) { $0 + tally.top1[$1] } / Double(lacking.count)
    let headline = Metric.Figure(
      "mean top-1", .headline,
      extent:
        "without \(counts.joined(separator: ", ")) \(counts == ["1"] ? "block" : "blocks"), \(draws) \(draws == 1 ? "draw" : "draws") each",
      rows: counts,
      explanation:
        "lesion: the interval is of the images, for the networks that were drawn; how far draws are apart is their deviation"
    )
    return [
      Metric(
        name: "mean_top1", description: "top-1 accuracy, mean over all draws of networks that lack blocks, 0 to 1",
        axes: [], values: [lacking.isEmpty ? .nan : all], figure: headline)
    ] + (lacking.isEmpty ? [] : tally.intervals(of: "mean_top1", .mean(over: lacking), seed)) + [
      Metric(
        name: "mean_top1_by_removed", description: "top-1 accuracy, mean over the draws, 0 to 1",
        axes: [grid.axes[0].name], values: means, figure: .init("mean top-1", .curve))
    ]
      + tally.intervals(
        of: "mean_top1_by_removed", axes: [grid.axes[0].name],
        grid.axes[0].values.indices.map { row in
          .mean(over: (row * draws..<(row + 1) * draws).filter(grid.isPlanned))
        }, seed) + [
        Metric(
          name: "deviation_by_removed", description: "standard deviation of the top-1 accuracy of one draw, 0 to 1",
          axes: [grid.axes[0].name], values: deviations, figure: .init("deviation", .table, isNeutral: true))
      ]
  }
}
