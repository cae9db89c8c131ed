/// Counts how far a network's confidences are from its accuracies, condition by condition, as its logits are and after a
/// temperature. It holds eight bytes an image and condition; of a benchmark of one condition 48 bytes an image.
struct CalibrationTally: Sendable {
  /// Bins of equal width, each with its upper end; the first one also has 0.
  static let binCount = 15

  /// Images of a range of confidences.
  struct Bin: Sendable {
    var images = 0
    var right = 0
    var confidence = ExactSum()
  }

  /// Sums over a condition's images.
  struct Sums: Sendable {
    var images = 0
    var logLoss = ExactSum()
    var brierScore = ExactSum()
    var bins = Array(repeating: Bin(), count: binCount)

    mutating func add(_ probabilities: Probabilities, isRight: Bool) {
      images += 1
      logLoss.add(probabilities.logLoss)
      brierScore.add(probabilities.brierScore)
      let confidence = probabilities.confidence
      let bin = (1..<binCount).first { confidence <= Double($0) / Double(binCount) } ?? binCount
      bins[bin - 1].images += 1
      bins[bin - 1].right += isRight ? 1 : 0
      bins[bin - 1].confidence.add(confidence)
    }

    /// The mean of -ln p of the label.
    var meanLogLoss: Double { images == 0 ? .nan : logLoss.value / Double(images) }
    /// The mean Brier score, 0 to 2.
    var meanBrierScore: Double { images == 0 ? .nan : brierScore.value / Double(images) }
    /// ECE: the mean, weighted by size, of |accuracy - mean confidence| over the bins, 0 to 1.
    var expectedError: Double {
      guard images > 0 else { return .nan }
      return bins.reduce(0) { $0 + abs($1.confidence.value - Double($1.right)) } / Double(images)
    }
  }

  /// What is known of one image, where a benchmark has one condition.
  struct Image: Sendable {
    let plain: Probabilities
    let scaled: Probabilities?
  }

  /// The temperature's inverse; nil where there is none.
  let inverseTemperature: Double?
  /// [condition]
  private(set) var plain: [Sums]
  /// [condition]: after the temperature; nothing was counted without one.
  private(set) var scaled: [Sums]
  /// [condition][image]: the largest probability as the logits are; NaN where the image was not evaluated.
  private(set) var confidences: [[Double]]
  /// [image], of a benchmark of one condition; otherwise empty.
  private(set) var images: [Image?]

  init(conditions: Int, images: Int, temperature: Temperature?) {
    if case .fitted(let inverse) = temperature { inverseTemperature = inverse } else { inverseTemperature = nil }
    plain = Array(repeating: Sums(), count: conditions)
    scaled = plain
    confidences = Array(repeating: Array(repeating: .nan, count: images), count: conditions)
    self.images = Array(repeating: nil, count: conditions == 1 ? images : 0)
  }

  /// Counts an image of a condition once.
  ///
  /// - Parameters:
  ///   - logits: none of them NaN.
  ///   - label: a place among them.
  mutating func add(condition: Int, image: Int, logits: ArraySlice<Float>, label: Int, isRight: Bool) {
    let probabilities = Probabilities(logits, label: label)
    plain[condition].add(probabilities, isRight: isRight)
    confidences[condition][image] = probabilities.confidence
    let after = inverseTemperature.map { Probabilities(logits, label: label, inverseTemperature: $0) }
    if let after { scaled[condition].add(after, isRight: isRight) }
    if !images.isEmpty { images[image] = Image(plain: probabilities, scaled: after) }
  }
}
