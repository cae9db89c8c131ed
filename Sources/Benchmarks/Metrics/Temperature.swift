/// The temperature over which a network's logits fit the labels of clean images best (Guo et al. 2017): the one of the least mean
/// negative log-likelihood.
public enum Temperature: Sendable, Equatable {
  /// The logits are multiplied with this, the temperature's inverse.
  case fitted(inverse: Double)
  /// There is none, for this reason.
  case none(reason: String)

  /// The temperature; NaN where there is none.
  public var value: Double {
    guard case .fitted(let inverse) = self else { return .nan }
    return 1 / inverse
  }

  /// Fits it by Newton's method. The mean log-loss is convex in the inverse temperature, so that there is one minimum or none.
  ///
  /// - Parameters:
  ///   - logits: [image, class], row-major; images with a NaN are left out, minus infinity is a class that is no answer.
  ///   - labels: as many as images; those below 0 are left out.
  public static func fit(logits: [Float], labels: [Int32], classCount: Int) -> Temperature {
    let images = Images(logits, labels, classCount)
    guard !images.rows.isEmpty else { return .none(reason: "no clean images were evaluated") }
    guard images.meanBehind < 0 else { return .none(reason: "every clean image is classified correctly") }
    guard images.slope(at: 0).value < 0 else {
      return .none(reason: "clean images are classified no better than by chance")
    }
    // The slope rises from below 0 to above 0; where the minimum is known to be.
    var (low, high) = (0.0, Double.infinity)
    var inverse = 1.0
    for _ in 0..<400 {
      let slope = images.slope(at: inverse)
      if slope.value == 0 { break }
      if slope.value < 0 { low = inverse } else { high = inverse }
      let newton = inverse - slope.value / slope.derivative
      let next = newton > low && newton < high ? newton : high.isFinite ? low + (high - low) / 2 : inverse * 2
      let isDone = abs(next - inverse) <= 1e-14 * inverse
      inverse = next
      if isDone { break }
      guard inverse < 1e9 else { return .none(reason: "every clean image is classified correctly") }
    }
    return .fitted(inverse: inverse)
  }

  /// Images that have a label and a result.
  private struct Images {
    let logits: [Float]
    let classCount: Int
    /// Where an image's logits start, and how far the label's is behind the largest, 0 or less.
    var rows: [(start: Int, behind: Double)] = []

    init(_ logits: [Float], _ labels: [Int32], _ classCount: Int) {
      (self.logits, self.classCount) = (logits, classCount)
      for (image, label) in labels.enumerated() where label >= 0 && label < classCount {
        let row = logits[image * classCount..<(image + 1) * classCount]
        guard !row.contains(where: \.isNaN), let largest = row.max() else { continue }
        rows.append((row.startIndex, Double(row[row.startIndex + Int(label)]) - Double(largest)))
      }
    }

    /// The mean of how far labels are behind.
    var meanBehind: Double { rows.reduce(0) { $0 + $1.behind } / Double(rows.count) }

    /// The derivative of the mean log-loss by the inverse temperature, and its own: the mean over the images of the logits'
    /// mean under the probabilities less the label's logit, and of their variance.
    func slope(at inverse: Double) -> (value: Double, derivative: Double) {
      var (value, derivative) = (0.0, 0.0)
      for row in rows {
        let softmax = Softmax(logits[row.start..<row.start + classCount], inverseTemperature: inverse)
        let mean = softmax.distances / softmax.sum
        value += mean - row.behind
        derivative += softmax.squaredDistances / softmax.sum - mean * mean
      }
      return (value / Double(rows.count), derivative / Double(rows.count))
    }
  }
}

/// A temperature for a model's logits.
public struct TemperatureScaling: Sendable, Equatable {
  /// The temperature.
  public let temperature: Temperature
  /// Whether it was fitted on the images that it is for.
  public let isFittedHere: Bool

  /// A temperature.
  public init(_ temperature: Temperature, isFittedHere: Bool) {
    (self.temperature, self.isFittedHere) = (temperature, isFittedHere)
  }
}
