/// How well a score tells positives from negatives; for ImageNet-O the positives are the out-of-distribution images and
/// the score is minus the largest softmax probability (hendrycks/natural-adv-examples).
///
/// Equal scores are one threshold: no order of theirs can matter. Without a positive, without a negative, or with a NaN
/// among the scores every figure is NaN.
public struct Detection: Sendable {
  /// Positives and negatives at or above each distinct score, from the highest score down.
  private let steps: [(positives: Int, negatives: Int)]
  private let positiveCount: Int
  private let negativeCount: Int
  /// From the highest score down.
  private let scored: [Scored]

  private struct Scored {
    let score: Double
    let isPositive: Bool
    /// Its place in the order given, of its kind.
    let place: Int
  }

  /// - Parameters:
  ///   - positives: a score for each positive, higher = more probably positive.
  ///   - negatives: a score for each negative.
  public init(positives: [Double], negatives: [Double]) {
    let all =
      positives.enumerated().map { Scored(score: $1, isPositive: true, place: $0) }
      + negatives.enumerated().map { Scored(score: $1, isPositive: false, place: $0) }
    let isWhole = !all.contains { $0.score.isNaN }
    self.init(sorted: isWhole ? all.sorted { $0.score > $1.score } : []) { _ in 1 }
  }

  private init(sorted: [Scored], count: (Scored) -> Int) {
    var steps: [(positives: Int, negatives: Int)] = []
    var sum = (positives: 0, negatives: 0)
    for (index, item) in sorted.enumerated() {
      if item.isPositive { sum.positives += count(item) } else { sum.negatives += count(item) }
      let isLast = index + 1 == sorted.count || sorted[index + 1].score != item.score
      // A resample may hold none of the first images.
      if isLast && sum != (0, 0) { steps.append(sum) }
    }
    scored = sorted
    (positiveCount, negativeCount) = sum
    self.steps = sum.positives > 0 && sum.negatives > 0 ? steps : []
  }

  /// The same of a resample that holds each positive and each negative so often, by their places in the order given.
  func resampled(positives: [Int32], negatives: [Int32]) -> Detection {
    Detection(sorted: scored) { item in
      let counts = item.isPositive ? positives : negatives
      return counts.indices.contains(item.place) ? Int(counts[item.place]) : 0
    }
  }

  /// AUPR: the sum over thresholds of the rise in recall times the precision, without interpolation (scikit-learn's
  /// `average_precision_score`), 0 to 1.
  public var averagePrecision: Double {
    guard !steps.isEmpty else { return .nan }
    var area = 0.0
    var recall = 0.0
    for step in steps {
      let next = Double(step.positives) / Double(positiveCount)
      area += (next - recall) * Double(step.positives) / Double(step.positives + step.negatives)
      recall = next
    }
    return area
  }

  /// AUROC: the probability that a positive scores above a negative, a tie counting half (scikit-learn's
  /// `roc_auc_score`), 0 to 1.
  public var areaUnderROC: Double {
    guard !steps.isEmpty else { return .nan }
    var doubled = 0
    var before = (positives: 0, negatives: 0)
    for step in steps {
      doubled += (step.positives + before.positives) * (step.negatives - before.negatives)
      before = step
    }
    return Double(doubled) / 2 / Double(positiveCount) / Double(negativeCount)
  }

  /// FPR95: the share of negatives at or above the highest threshold that finds at least 95 % of the positives, 0 to 1.
  public var falsePositiveRateAt95: Double {
    // In whole numbers: 19 of 20 positives are 95 %, however a division rounds.
    guard let step = steps.first(where: { $0.positives * 20 >= positiveCount * 19 }) else { return .nan }
    return Double(step.negatives) / Double(negativeCount)
  }
}
