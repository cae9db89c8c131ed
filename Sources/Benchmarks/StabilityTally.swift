import Records

/// Keeps the best classes of one model along ImageNet-P's sequences. It holds ten bytes an image and condition.
public struct StabilityTally: Sendable {
  private let grid: Grid
  private let unsteadiness: [String: Unsteadiness]
  private let population: UInt32
  private let imageCount: Int
  /// [condition]: five classes an image; empty until the first one comes.
  private var best: [[UInt16]]

  /// A tally of a benchmark with the axes perturbation and frame.
  ///
  /// - Parameter population: as that of `AccuracyTally`.
  public init(of benchmark: BenchmarkDefinition, imageCount: Int, population: UInt32 = 0) {
    grid = benchmark.grid
    unsteadiness = benchmark.unsteadiness
    self.population = population
    self.imageCount = imageCount
    best = Array(repeating: [], count: benchmark.grid.count)
  }

  /// Keeps images of a condition.
  ///
  /// - Parameter logits: [image, class], row-major.
  public mutating func add(condition: Int, firstImage: Int, logits: [Float], classCount: Int) {
    guard classCount > 0, best.indices.contains(condition) else { return }
    if best[condition].isEmpty {
      best[condition] = (0..<imageCount).flatMap { _ in TopFive.noResult }
    }
    for row in 0..<logits.count / classCount where (0..<imageCount).contains(firstImage + row) {
      guard let five = TopFive(logits[row * classCount..<(row + 1) * classCount]) else { continue }
      let start = (firstImage + row) * TopFive.count
      best[condition].replaceSubrange(start..<start + TopFive.count, with: five.stored)
    }
  }

  /// The metrics of what was kept: flip rate and top-5 distance of each perturbation, their means, and where the
  /// network that others are measured by is known, the same relative to it.
  ///
  /// - Parameter seed: the seed of the confidence intervals.
  public func metrics(seed: UInt64) -> [Metric] {
    guard grid.axes.count == 2 else { return [] }
    let names = grid.axes[0].values
    let stabilities = names.indices.map(stability)
    let flips = Measure(
      name: "flip_rate", short: "flip rate", relativeName: "mfr", relativeTitle: "mFR", most: 1,
      title: "flip rate: share of compared frames whose best classes differ", values: stabilities.map(\.flips),
      references: names.map { unsteadiness[$0]?.flipRate })
    let distances = Measure(
      name: "top5_distance", short: "top-5 distance", relativeName: "mt5d", relativeTitle: "mT5D", most: 15,
      title: "top-5 distance of compared frames", values: stabilities.map(\.distances),
      references: names.map { unsteadiness[$0]?.top5Distance })
    let bootstrap = Bootstrap(seed: seed, population: population)
    let axis = grid.axes[0].name
    let both = [flips, distances]
    // Figures come in the order in which reports say them.
    return both.map { $0.rows(axis) } + both.flatMap { $0.mean(isFirst: $0.most == 1, bootstrap) }
      + both.flatMap {
        $0.relative(names, axis, isFirst: $0.most == 1, Unsteadiness.text(unsteadiness), bootstrap: bootstrap)
      }
  }

  private func stability(_ row: Int) -> Stability {
    let columns = grid.axes[1].values.count
    let conditions = (row * columns..<(row + 1) * columns).filter(grid.isPlanned)
    let sequences = (0..<imageCount).map { image in
      conditions.map { condition -> TopFive? in
        guard !best[condition].isEmpty else { return nil }
        return TopFive(stored: best[condition][image * TopFive.count..<(image + 1) * TopFive.count])
      }
    }
    return Stability(sequences: sequences, comparison: .of(perturbation: grid.axes[0].values[row]))
  }
}

/// One measure of unsteadiness over all perturbations.
private struct Measure {
  let name: String
  let short: String
  let relativeName: String
  let relativeTitle: String
  /// The most that a sequence's value can be; the least is 0.
  let most: Double
  let title: String
  /// [perturbation][sequence], NaN where there is none.
  let values: [[Double]]
  /// Those of the network that others are measured by.
  let references: [Double?]

  private var means: [Double] { values.map { Self.mean($0, counts: nil) } }
  private var range: String { "0 to \(Int(most))" }
  private var unit: Metric.Figure.Unit { most == 1 ? .share : .number }

  /// A value a perturbation.
  func rows(_ axis: String) -> Metric {
    Metric(
      name: name, description: "\(title), \(range)", axes: [axis], values: means,
      figure: .init(short, .table, unit, isLessBetter: true, counted: .sequences))
  }

  /// The mean over the perturbations.
  func mean(isFirst: Bool, _ bootstrap: Bootstrap) -> [Metric] {
    let count = values.count
    return combined(
      "mean_" + name, "\(title), mean over the perturbations, \(range)", values.map { _ in 1 / Double(count) },
      figure: .init(
        "mean " + short, isFirst ? .headline : .beside, unit, isLessBetter: true,
        extent: "over \(count) \(count == 1 ? "perturbation" : "perturbations")", counted: .sequences),
      bootstrap: bootstrap)
  }

  /// What is measured by the references; nothing where none is known.
  func relative(
    _ names: [String], _ axis: String, isFirst: Bool, _ reference: String, bootstrap: Bootstrap
  ) -> [Metric] {
    guard references.contains(where: { $0 != nil }) else { return [] }
    let standard = ImageNetP.standardPerturbations
    let known = zip(names, references).filter { $1 != nil }.map(\.0)
    let isWhole = Set(standard).isSubset(of: names)
    let weights = zip(names, references).map { name, reference in
      !isWhole ? .nan : standard.contains(name) ? 1 / (10 * (reference ?? .nan)) : 0
    }
    return [
      Metric(
        name: "relative_" + name, description: "\(title), over that of normalise_by, 1 = as unsteady", axes: [axis],
        values: zip(means, references).map { mean, reference in mean / (reference ?? .nan) },
        figure: .init("relative " + short, .data, .ratio, isLessBetter: true, counted: .sequences))
    ]
      + combined(
        relativeName,
        "\(relativeTitle): mean \(short) over that of normalise_by, mean over the standard ten perturbations, 1 = as unsteady; NaN without all",
        weights,
        figure: .init(
          relativeTitle, isFirst ? .compared : .beside, .ratio, isLessBetter: true,
          extent: "over the standard \(standard.count) perturbations", rows: standard, counted: .sequences,
          reference: reference,
          absence: !isFirst || Set(standard).isSubset(of: known)
            ? "" : "no \(relativeTitle): it needs all ten standard perturbations, in the run and in normalise_by"),
        bootstrap: bootstrap)
  }

  /// A weighted sum of the means over sequences, with its confidence interval.
  private func combined(
    _ name: String, _ description: String, _ weights: [Double], figure: Metric.Figure, bootstrap: Bootstrap
  ) -> [Metric] {
    let means = means
    func sum(_ means: [Double]) -> Double {
      zip(means, weights).reduce(0) { $1.1 == 0 ? $0 : $0 + $1.0 * $1.1 }
    }
    let value = sum(means)
    // A figure that is not defined has no interval either.
    var resampled: [Double] = []
    for resample in 0..<(value.isNaN ? 0 : Bootstrap.resamples) {
      let counts = bootstrap.counts(resample: resample, imageCount: values.first?.count ?? 0)
      let means = values.map { Self.mean($0, counts: counts) }
      resampled.append(sum(means))
    }
    let single = Metric(name: name, description: description, axes: [], values: [value], figure: figure)
    let interval = ConfidenceInterval(resampled: resampled)
    return [single] + Metric.ends(of: name, interval.isPoint ? edge(means, weights) : interval)
  }

  /// The interval of a weighted sum where all sequences have the same value: Wilson's of values as shares of the most
  /// that they can be.
  private func edge(_ means: [Double], _ weights: [Double]) -> ConfidenceInterval {
    var (low, high) = (0.0, 0.0)
    for (index, weight) in weights.enumerated() where weight != 0 {
      let count = values[index].count { !$0.isNaN }
      let interval = ConfidenceInterval.wilson(share: means[index] / most, of: count)
      low += weight * most * interval.low
      high += weight * most * interval.high
    }
    return ConfidenceInterval(low: low, high: high)
  }

  /// The mean over sequences that have a value, each counted as often as a resample holds it.
  private static func mean(_ values: [Double], counts: [Int32]?) -> Double {
    var (sum, count) = (0.0, 0.0)
    for index in values.indices where !values[index].isNaN {
      let weight = Double(counts?[index] ?? 1)
      sum += weight * values[index]
      count += weight
    }
    return count == 0 ? .nan : sum / count
  }
}
