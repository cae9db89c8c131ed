import Tensors

/// What a network's probabilities, the softmax of its logits over the temperature, say of one image.
struct Probabilities: Sendable {
  /// The largest, 0 to 1.
  let confidence: Double
  /// Minus the natural logarithm of the label's.
  let logLoss: Double
  /// The sum over the classes of the squared differences from 1 for the label and 0 for the others (Brier 1950), 0 to 2.
  let brierScore: Double

  /// - Parameters:
  ///   - logits: one a class, none of them NaN; minus infinity for a class that is no answer.
  ///   - label: the place of the right one.
  ///   - inverseTemperature: what they are multiplied with, above 0.
  init(_ logits: ArraySlice<Float>, label: Int, inverseTemperature: Double = 1) {
    let largest = Double(logits.max() ?? 0)
    var (sum, squares) = (0.0, 0.0)
    for value in logits {
      let power = ReproducibleMath.exponential((Double(value) - largest) * inverseTemperature)
      sum += power
      squares += power * power
    }
    let behind = (Double(logits[logits.startIndex + label]) - largest) * inverseTemperature
    confidence = 1 / sum
    logLoss = ReproducibleMath.logarithm(sum) - behind
    brierScore = squares / (sum * sum) - 2 * ReproducibleMath.exponential(behind) / sum + 1
  }
}
