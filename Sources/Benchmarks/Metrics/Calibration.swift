/// How far confidences are from accuracies (hendrycks/natural-adv-examples; Guo et al. 2017 for the ECE).
///
/// Images are sorted by confidence; equal confidences stay in the order given, so a figure follows from the archive
/// alone. A NaN among the confidences makes every figure NaN.
public struct Calibration: Sendable {
  /// Sorted by rising confidence, equal ones in the order given.
  private let answers: [Answer]

  private struct Answer {
    let confidence: Double
    let isRight: Bool
    /// The image's place in the order given.
    let place: Int
  }

  /// - Parameters:
  ///   - confidences: the largest softmax probability of each image, 0 to 1.
  ///   - isRight: whether its class is the label; as many.
  public init(confidences: [Double], isRight: [Bool]) {
    let pairs = zip(confidences, isRight).enumerated().map { Answer(confidence: $1.0, isRight: $1.1, place: $0) }
    answers =
      confidences.contains(where: \.isNaN)
      ? [] : pairs.sorted { ($0.confidence, $0.place) < ($1.confidence, $1.place) }
  }

  private init(sorted answers: [Answer]) {
    self.answers = answers
  }

  /// The same of a resample that holds each image `counts` times, by its place in the order given.
  func resampled(_ counts: [Int32]) -> Calibration {
    var resample: [Answer] = []
    resample.reserveCapacity(answers.count)
    for answer in answers where counts.indices.contains(answer.place) {
      for _ in 0..<max(0, counts[answer.place]) { resample.append(answer) }
    }
    return Calibration(sorted: resample)
  }

  /// RMS calibration error: the root of the mean, weighted by size, of the squared difference between mean confidence and
  /// accuracy over bins of 100 images by rising confidence, 0 to 1.
  ///
  /// As in the public code, what does not fill a bin joins the last one, and the last bin is left out of the sum but not
  /// of the weights. NaN below 200 images, where no bin is left.
  public var rmsError: Double {
    let size = 100
    let bins = answers.count / size
    guard bins >= 2 else { return .nan }
    var sum = 0.0
    for bin in 0..<bins - 1 {
      let difference = Self.gap(answers[bin * size..<(bin + 1) * size])
      sum += Double(size) / Double(answers.count) * difference * difference
    }
    return sum.squareRoot()
  }

  /// AURRA: the mean over response rates, by falling confidence, of the accuracy of those answered, 0 to 1.
  ///
  /// Of equal confidences the later image answers first, as in the public code with a stable sort.
  public var areaUnderResponseRateAccuracy: Double {
    guard !answers.isEmpty else { return .nan }
    var right = 0
    var sum = 0.0
    for (index, answer) in answers.reversed().enumerated() {
      if answer.isRight { right += 1 }
      sum += Double(right) / Double(index + 1)
    }
    return sum / Double(answers.count)
  }

  /// ECE: the mean, weighted by size, of |accuracy - mean confidence| over 15 bins of equal width, 0 to 1. A bin holds its
  /// upper end, the first one also 0.
  public var expectedError: Double {
    guard !answers.isEmpty else { return .nan }
    let bins = 15
    var sum = 0.0
    var start = 0
    for bin in 1...bins {
      let upper = bin == bins ? Double.infinity : Double(bin) / Double(bins)
      let end = answers[start...].firstIndex { $0.confidence > upper } ?? answers.count
      if end > start { sum += Double(end - start) / Double(answers.count) * Self.gap(answers[start..<end]) }
      start = end
    }
    return sum
  }

  /// |mean confidence - accuracy| of some answers, at least one.
  private static func gap(_ bin: ArraySlice<Answer>) -> Double {
    let count = Double(bin.count)
    let confidence = bin.reduce(0) { $0 + $1.confidence } / count
    return abs(confidence - Double(bin.count(where: \.isRight)) / count)
  }
}
