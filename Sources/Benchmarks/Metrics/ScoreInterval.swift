extension ConfidenceInterval {
  /// No interval.
  static let undefined = ConfidenceInterval(low: .nan, high: .nan)

  /// Wilson's 95 % score interval of a share (Wilson 1927), which is none but a point nowhere: 0 of 33 is 0 to 10.4 %.
  ///
  /// - Parameters:
  ///   - share: 0 to 1.
  ///   - count: images that the share is of; without any both ends are NaN.
  public static func wilson(share: Double, of count: Int) -> ConfidenceInterval {
    guard count > 0, !share.isNaN else { return undefined }
    let (share, count) = (max(0, min(1, share)), Double(count))
    let square = normalQuantile * normalQuantile / count
    let middle = (share + square / 2) / (1 + square)
    let half = (square * (share * (1 - share) + square / 4)).squareRoot() / (1 + square)
    return ConfidenceInterval(
      low: share == 0 ? 0 : max(0, middle - half), high: share == 1 ? 1 : min(1, middle + half))
  }

  /// The same of `part` images of `count`.
  public static func wilson(_ part: Int, of count: Int) -> ConfidenceInterval {
    wilson(share: count > 0 ? Double(part) / Double(count) : .nan, of: count)
  }

  /// The 97.5th percentile of the normal distribution.
  private static let normalQuantile = 1.959963984540054

  /// Newcombe's 95 % interval of the difference of two shares (Newcombe 1998, his method 10).
  public static func difference(
    _ first: Double, _ firstInterval: ConfidenceInterval, less second: Double, _ secondInterval: ConfidenceInterval
  ) -> ConfidenceInterval {
    func length(_ one: Double, _ other: Double) -> Double { (one * one + other * other).squareRoot() }
    return ConfidenceInterval(
      low: first - second - length(first - firstInterval.low, secondInterval.high - second),
      high: first - second + length(firstInterval.high - first, second - secondInterval.low))
  }

  /// Whether every resample gave the same figure, so that resampling says nothing of its spread.
  var isPoint: Bool { high - low <= 1e-12 * max(1, abs(low)) }
}
