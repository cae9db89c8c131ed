import Foundation

/// Counts right answers of one model on a benchmark of named sets of images, set by set.
public struct SubsetTally: Sendable {
  private let kind: BenchmarkKind
  private let grid: Grid
  private let scoring: Scoring
  private let subsets: [String]
  /// The subset of each image, an index into `subsets`.
  private let membership: [Int]
  /// [condition][subset]
  private var counts: [[Count]]
  /// [condition][subset]: minus the largest softmax probability of each image, in the order of counting.
  private var strangeness: [[[Double]]]

  private struct Count {
    var evaluated = 0
    var labelled = 0
    var right = 0

    var share: Double { labelled == 0 ? .nan : Double(right) / Double(labelled) }
  }

  /// A tally of a benchmark's images, judged so.
  public init(of benchmark: BenchmarkDefinition, listing: ImageListing, scoring: Scoring) {
    kind = benchmark.kind
    grid = benchmark.grid
    self.scoring = scoring
    subsets = benchmark.subsets.map(\.name)
    let index = Dictionary(zip(subsets, 0...)) { first, _ in first }
    membership = listing.paths.map { index[BenchmarkDefinition.split($0).first] ?? 0 }
    counts = Array(repeating: Array(repeating: Count(), count: subsets.count), count: grid.count)
    strangeness = Array(repeating: Array(repeating: [], count: subsets.count), count: grid.count)
  }

  /// Counts images of a condition. One with a NaN among its logits was not computed and is left out.
  ///
  /// - Parameter logits: [image, class], row-major.
  public mutating func add(condition: Int, firstImage: Int, logits: [Float], classCount: Int) {
    guard classCount > 0, counts.indices.contains(condition) else { return }
    for row in 0..<logits.count / classCount {
      let image = firstImage + row
      let values = logits[row * classCount..<(row + 1) * classCount]
      guard membership.indices.contains(image), let answer = scoring.answer(values) else { continue }
      let subset = membership[image]
      counts[condition][subset].evaluated += 1
      if scoring.labels[image] >= 0 {
        counts[condition][subset].labelled += 1
        if answer == scoring.labels[image] { counts[condition][subset].right += 1 }
      }
      if kind == .imagenetO { strangeness[condition][subset].append(-scoring.confidence(values)) }
    }
  }

  /// The metrics of what was counted: `top1` is that of the benchmark's headline set, `top1_SET` that of each.
  public func metrics() -> [MetricSeries] {
    let headline = kind.recipe.headline.flatMap { subsets.firstIndex(of: $0) } ?? 0
    let evaluated = counts.map { Double($0.reduce(0) { $0 + $1.evaluated }) }
    var metrics = [
      series(
        "top1", "top-1 accuracy on the images of \(subsets.isEmpty ? "all" : subsets[headline]), 0 to 1",
        counts.map { $0.indices.contains(headline) ? $0[headline].share : .nan }),
      series("evaluated", "images evaluated", evaluated),
    ]
    switch kind {
    case .imagenetO: return metrics + detection()
    case .imagenet9: metrics += gap("bg_gap", "BG-gap", of: "mixed_same", less: "mixed_rand")
    case .imagenetR: metrics += gap("val_gap", "gap to the same classes of val", of: "val", less: "renditions")
    default: break
    }
    return metrics
      + subsets.compactMap { name in
        shares(name).map { series("top1_" + name, "top-1 accuracy on the images of \(name), 0 to 1", $0) }
      }
  }

  private func series(_ name: String, _ description: String, _ values: [Double]) -> MetricSeries {
    MetricSeries(name: name, description: description, axes: grid.axes.map(\.name), values: values)
  }

  private func shares(_ name: String) -> [Double]? {
    subsets.firstIndex(of: name).map { index in counts.map { $0[index].share } }
  }

  private func gap(_ name: String, _ title: String, of first: String, less second: String) -> [MetricSeries] {
    guard let high = shares(first), let low = shares(second) else { return [] }
    return [series(name, "\(title): top-1 of \(first) less that of \(second)", zip(high, low).map { $0 - $1 })]
  }

  /// How well minus the largest softmax probability tells foreign images from known ones.
  private func detection() -> [MetricSeries] {
    guard let out = subsets.firstIndex(of: "out"), let known = subsets.firstIndex(of: "in") else { return [] }
    let found = strangeness.map { Detection(positives: $0[out], negatives: $0[known]) }
    return [
      series("aupr", "AUPR: average precision at finding foreign images, 0 to 1", found.map(\.averagePrecision)),
      series("auroc", "AUROC at finding foreign images, 0 to 1", found.map(\.areaUnderROC)),
      series(
        "fpr95", "FPR95: share of known images taken for foreign where 95 % of the foreign are found",
        found.map(\.falsePositiveRateAt95)),
    ]
  }
}
