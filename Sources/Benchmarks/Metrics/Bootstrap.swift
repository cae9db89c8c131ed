import Tensors

/// Confidence intervals by resampling images (Efron 1979; the percentile method): every resample draws as many images as
/// there are, with replacement, and the metric is computed anew.
public struct Bootstrap: Sendable {
  /// Resamples of a published figure.
  public static let resamples = 1_000
  /// What its intervals are, in words.
  static let method = "\(resamples) resamples of images"

  private let seed: UInt64
  private let population: UInt32

  /// - Parameters:
  ///   - seed: the run's seed.
  ///   - population: metrics over the same images share a population, so that their resamples are the same.
  public init(seed: UInt64, population: UInt32 = 0) {
    self.seed = seed
    self.population = population
  }

  /// The places, 0 to `imageCount` - 1, that a resample draws, in the order of drawing; `imageCount` of them.
  ///
  /// Draw i is the high half of `imageCount` times word i of the stream (2^63 + 2^32 population + resample).
  public func places(resample: Int, imageCount: Int) -> [Int] {
    let stream = 1 << 63 | UInt64(population) << 32 | UInt64(resample)
    var sequence = CounterRandomSequence(CounterRandom(key: seed, stream: stream))
    var places: [Int] = []
    places.reserveCapacity(imageCount + 1)
    while places.count < imageCount {
      let words = sequence.next()
      places.append(Int(((words >> 32) &* UInt64(imageCount)) >> 32))
      places.append(Int(((words & 0xFFFF_FFFF) &* UInt64(imageCount)) >> 32))
    }
    if places.count > imageCount { places.removeLast() }
    return places
  }

  /// How often a resample draws each image.
  func counts(resample: Int, imageCount: Int) -> [Int32] {
    var counts = [Int32](repeating: 0, count: imageCount)
    for place in places(resample: resample, imageCount: imageCount) { counts[place] &+= 1 }
    return counts
  }
}

/// A 95 % confidence interval.
public struct ConfidenceInterval: Sendable, Equatable {
  /// The lower end.
  public let low: Double
  /// The upper end.
  public let high: Double

  init(low: Double, high: Double) {
    (self.low, self.high) = (low, high)
  }

  /// The middle 95 % of a resampled metric: percentiles with linear interpolation between neighbours (NumPy's default). Both are NaN where there is no value or
  /// one of them is NaN.
  public init(resampled: [Double]) {
    let isWhole = !resampled.isEmpty && !resampled.contains(where: \.isNaN)
    let sorted = isWhole ? resampled.sorted() : []
    func percentile(_ share: Double) -> Double {
      guard isWhole else { return .nan }
      let position = share * Double(sorted.count - 1)
      let below = Int(position)
      let above = min(below + 1, sorted.count - 1)
      return sorted[below] + (sorted[above] - sorted[below]) * (position - Double(below))
    }
    low = percentile(0.025)
    high = percentile(0.975)
  }
}
