/// A metric that is a constant plus a weighted sum of accuracies, as mean accuracy, mCE and relative mCE are.
struct AccuracyCombination {
  /// One accuracy and its factor.
  struct Term {
    let condition: Int
    let factor: Double
  }

  var constant = 0.0
  /// Accuracies of the benchmark itself.
  var terms: [Term] = []
  /// The factor of the accuracy on clean images, which is another benchmark's.
  var cleanFactor = 0.0

  /// The mean over a grid's conditions.
  static func mean(conditions: Int) -> AccuracyCombination {
    mean(over: Array(0..<conditions))
  }

  /// The mean over some of a grid's conditions.
  static func mean(over conditions: [Int]) -> AccuracyCombination {
    AccuracyCombination(terms: conditions.map { .init(condition: $0, factor: 1 / Double(conditions.count)) })
  }
}

/// Resamples combinations of accuracies.
///
/// Where every resample gives the same, as where all images are right, the ends are those of Wilson's intervals of the
/// accuracies, put together: no narrower than an interval of as many images as one condition has.
///
/// Conditions that evaluated every image share their denominator, so each combination's sum over them is one number an
/// image, however many conditions there are; the others are counted one by one.
struct CombinationBootstrap {
  private let combinations: [AccuracyCombination]
  private let outcomes: Outcomes
  /// For each combination what an image adds, times the number of images.
  private let shares: [[Double]]
  /// For each combination the terms that are not in `shares`.
  private let others: [[AccuracyCombination.Term]]

  init(_ combinations: [AccuracyCombination], of outcomes: Outcomes) {
    self.combinations = combinations
    self.outcomes = outcomes
    let isWhole = outcomes.evaluated.map { !$0.isEmpty && !$0.contains(0) }
    others = combinations.map { $0.terms.filter { !isWhole[$0.condition] } }
    shares = combinations.map { combination in
      var shares = [Double](repeating: 0, count: outcomes.imageCount)
      for term in combination.terms where isWhole[term.condition] {
        let right = outcomes.right[term.condition]
        for index in shares.indices where right[index] != 0 { shares[index] += term.factor }
      }
      return shares
    }
  }

  /// The interval of each combination.
  ///
  /// - Parameter clean: outcomes on clean images, one condition, and their population; their resamples are the same as
  ///   the benchmark's own where the populations are.
  func intervals(
    seed: UInt64, population: UInt32, clean: (outcomes: Outcomes, population: UInt32)?
  ) -> [ConfidenceInterval] {
    let own = Bootstrap(seed: seed, population: population)
    var values = combinations.map { _ in [Double]() }
    for resample in 0..<Bootstrap.resamples {
      let counts = own.counts(resample: resample, imageCount: outcomes.imageCount)
      let cleanAccuracy = clean.map { clean in
        let bootstrap = Bootstrap(seed: seed, population: clean.population)
        let isSame = clean.population == population && clean.outcomes.imageCount == outcomes.imageCount
        let cleanCounts = isSame ? counts : bootstrap.counts(resample: resample, imageCount: clean.outcomes.imageCount)
        return clean.outcomes.accuracy(0, counts: cleanCounts)
      }
      for (index, combination) in combinations.enumerated() {
        var sum = 0.0
        for (count, share) in zip(counts, shares[index]) { sum += Double(count) * share }
        var value = combination.constant + sum / Double(max(1, outcomes.imageCount))
        for term in others[index] { value += term.factor * outcomes.accuracy(term.condition, counts: counts) }
        if combination.cleanFactor != 0 { value += combination.cleanFactor * (cleanAccuracy ?? .nan) }
        values[index].append(value)
      }
    }
    return zip(combinations, values).map { combination, values in
      let interval = ConfidenceInterval(resampled: values)
      return interval.isPoint ? edge(combination, clean: clean?.outcomes) : interval
    }
  }

  private func edge(_ combination: AccuracyCombination, clean: Outcomes?) -> ConfidenceInterval {
    var terms = combination.terms.map { (factor: $0.factor, interval: outcomes.accuracy($0.condition).interval) }
    if combination.cleanFactor != 0 {
      terms.append((combination.cleanFactor, clean?.accuracy(0).interval ?? .undefined))
    }
    var (low, high) = (combination.constant, combination.constant)
    for (factor, interval) in terms {
      low += factor * (factor < 0 ? interval.high : interval.low)
      high += factor * (factor < 0 ? interval.low : interval.high)
    }
    return ConfidenceInterval(low: low, high: high)
  }
}
