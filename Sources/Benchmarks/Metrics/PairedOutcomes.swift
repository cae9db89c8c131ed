import Records

extension Outcomes {
  /// What these answers and another model's to the same images say of each other, over the conditions and images that both
  /// have; nil where there are none.
  ///
  /// An image that has many conditions counts once in the test: it is better answered by the model that is right under more of
  /// them. Intervals are of resamples of the images with all their conditions.
  ///
  /// - Parameters:
  ///   - other: of the same conditions and images.
  ///   - seed: the run's seed.
  ///   - population: as that of ``Bootstrap``.
  public func compared(
    with other: Outcomes, seed: UInt64, population: UInt32 = 0
  ) -> PairedComparison.Figures? {
    let pair = PairedOutcomes(self, other)
    guard !pair.conditions.isEmpty else { return nil }
    let found = pair.figures(counts: Array(repeating: 1, count: imageCount))
    let bootstrap = Bootstrap(seed: seed, population: population)
    var (differences, consistencies): ([Double], [Double]) = ([], [])
    for resample in 0..<Bootstrap.resamples {
      let figures = pair.figures(counts: bootstrap.counts(resample: resample, imageCount: imageCount))
      differences.append(figures.difference)
      consistencies.append(figures.kappa)
    }
    var difference = ConfidenceInterval(resampled: differences)
    if difference.isPoint { difference = pair.edge }
    let kappa = ConfidenceInterval(resampled: found.kappa.isNaN ? [] : consistencies)
    let better = pair.better
    return PairedComparison.Figures(
      conditions: pair.conditions.count, images: better.images, firstBetter: better.first,
      secondBetter: better.second, difference: found.difference, differenceLow: difference.low,
      differenceHigh: difference.high, p: SignTest.p(better.first, better.second), agreement: found.agreement,
      errorConsistency: found.kappa, errorConsistencyLow: kappa.isPoint ? .nan : kappa.low,
      errorConsistencyHigh: kappa.isPoint ? .nan : kappa.high)
  }
}

/// Two models' outcomes where both have some.
private struct PairedOutcomes {
  /// Masks of a condition's images.
  struct Condition {
    let evaluated: [Int32]
    let first: [Int32]
    let second: [Int32]
    let both: [Int32]
  }

  /// Those that have images.
  let conditions: [Condition]

  init(_ first: Outcomes, _ second: Outcomes) {
    func and(_ one: [Int32], _ other: [Int32]) -> [Int32] { zip(one, other).map { $0 & $1 } }
    conditions = first.evaluated.indices.compactMap { index in
      guard second.evaluated.indices.contains(index) else { return nil }
      let evaluated = and(first.evaluated[index], second.evaluated[index])
      guard evaluated.contains(where: { $0 != 0 }) else { return nil }
      let (one, other) = (and(first.right[index], evaluated), and(second.right[index], evaluated))
      return Condition(evaluated: evaluated, first: one, second: other, both: and(one, other))
    }
  }

  /// Means over the conditions, of the images that a resample holds `counts` times. NaN where it holds none of a condition;
  /// kappa is the mean over the conditions that have one (Geirhos et al. 2020), NaN without any.
  func figures(counts: [Int32]) -> (difference: Double, agreement: Double, kappa: Double) {
    var (difference, agreement, kappa, kappas) = (0.0, 0.0, 0.0, 0.0)
    for condition in conditions {
      let all = Double(Outcomes.sum(counts, condition.evaluated))
      guard all > 0 else { return (.nan, .nan, .nan) }
      let first = Double(Outcomes.sum(counts, condition.first))
      let second = Double(Outcomes.sum(counts, condition.second))
      let same = all - first - second + 2 * Double(Outcomes.sum(counts, condition.both))
      difference += (first - second) / all
      agreement += same / all
      let expected = first * second + (all - first) * (all - second)
      if expected < all * all {
        kappa += (same * all - expected) / (all * all - expected)
        kappas += 1
      }
    }
    let count = Double(conditions.count)
    return (difference / count, agreement / count, kappas == 0 ? .nan : kappa / kappas)
  }

  /// Images with results, and those that one model answers right under more conditions than the other.
  var better: (images: Int, first: Int, second: Int) {
    var (images, first, second) = (0, 0, 0)
    for image in conditions[0].evaluated.indices {
      var (isEvaluated, lead) = (false, 0)
      for condition in conditions where condition.evaluated[image] != 0 {
        isEvaluated = true
        lead += (condition.first[image] != 0 ? 1 : 0) - (condition.second[image] != 0 ? 1 : 0)
      }
      if isEvaluated { images += 1 }
      if lead > 0 { first += 1 }
      if lead < 0 { second += 1 }
    }
    return (images, first, second)
  }

  /// The interval of the difference where every resample gives the same: the mean of Newcombe's.
  var edge: ConfidenceInterval {
    var (low, high) = (0.0, 0.0)
    for condition in conditions {
      let outcomes = Outcomes(
        evaluated: [condition.evaluated, condition.evaluated], right: [condition.first, condition.second])
      let (first, second) = (outcomes.accuracy(0), outcomes.accuracy(1))
      let interval = ConfidenceInterval.difference(first.value, first.interval, less: second.value, second.interval)
      low += interval.low / Double(conditions.count)
      high += interval.high / Double(conditions.count)
    }
    return ConfidenceInterval(low: low, high: high)
  }
}
