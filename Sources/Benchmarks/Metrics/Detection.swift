/// How well a score tells positives from negatives; for ImageNet-O the positives are the out-of-distribution images and
/// the score is minus the largest softmax probability (hendrycks/natural-adv-examples).
///
/// Equal scores are one threshold: no order of theirs can matter. Without a positive, without a negative, or with a NaN
/// among the scores every figure is NaN.
public struct Detection: Sendable {
  /// Positives and negatives at or above each distinct score, from the highest score down.
  private var steps: [(positives: Int, negatives: Int)] = []
  private let positiveCount: Int
  private let negativeCount: Int

  /// - Parameters:
  ///   - positives: a score for each positive, higher = more probably positive.
  ///   - negatives: a score for each negative.
  public init(positives: [Double], negatives: [Double]) {
    positiveCount = positives.count
    negativeCount = negatives.count
    guard !positives.isEmpty, !negatives.isEmpty, !(positives + negatives).contains(where: \.isNaN) else { return }
    let scored = (positives.map { ($0, true) } + negatives.map { ($0, false) }).sorted { $0.0 > $1.0 }
    var count = (positives: 0, negatives: 0)
    for (index, (score, isPositive)) in scored.enumerated() {
      if isPositive { count.positives += 1 } else { count.negatives += 1 }
      if index + 1 == scored.count || scored[index + 1].0 != score { steps.append(count) }
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
