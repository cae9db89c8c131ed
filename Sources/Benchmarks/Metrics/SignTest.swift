/// Exact tests of whether one of two outcomes is the more likely one, and their correction where there are many.
public enum SignTest {
  /// The two-sided p-value of `one` against `other` where both are as likely (McNemar's exact test of the images that only one
  /// of two models answers right): min(1, 2 P(X <= the smaller)) of a binomial X of both together and 1/2; 1 without any.
  public static func p(_ one: Int, _ other: Int) -> Double {
    guard one != other else { return 1 }
    return min(1, 2 * lowerTail(min(one, other), of: one + other))
  }

  /// P(X <= k) of X of `count` throws of a coin. Sums and products alone, so that its bits are the same everywhere.
  private static func lowerTail(_ k: Int, of count: Int) -> Double {
    // C(count, k), its power of two apart, since it may be far beyond the largest number.
    var (choices, exponent) = (1.0, -count)
    for step in stride(from: 1, through: k, by: 1) {
      choices = choices * Double(count - k + step) / Double(step)
      if choices > 0x1p500 { (choices, exponent) = (choices * 0x1p-500, exponent + 500) }
    }
    var (sum, ratio) = (1.0, 1.0)
    for smaller in stride(from: k, to: 0, by: -1) where ratio > 1e-20 {
      ratio = ratio * Double(smaller) / Double(count - smaller + 1)
      sum += ratio
    }
    return Double(sign: .plus, exponent: exponent, significand: choices * sum)
  }

  /// p-values after Holm's correction (Holm 1979), in the order given: the family of all is kept at the level of one.
  public static func holm(_ values: [Double]) -> [Double] {
    var corrected = values
    var largest = 0.0
    let order = values.indices.sorted { (values[$0], $0) < (values[$1], $1) }
    for (place, index) in order.enumerated() {
      largest = max(largest, min(1, Double(values.count - place) * values[index]))
      corrected[index] = largest
    }
    return corrected
  }
}
