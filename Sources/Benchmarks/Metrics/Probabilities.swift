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
    let softmax = Softmax(logits, inverseTemperature: inverseTemperature)
    let behind = (Double(logits[logits.startIndex + label]) - softmax.largest) * inverseTemperature
    confidence = 1 / softmax.sum
    logLoss = ReproducibleMath.logarithm(softmax.sum) - behind
    brierScore =
      softmax.squares / (softmax.sum * softmax.sum) - 2 * ReproducibleMath.exponential(behind) / softmax.sum + 1
  }
}
