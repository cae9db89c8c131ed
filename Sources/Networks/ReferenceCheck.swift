/// Compares a network's logits with those that another program computed from the same weights and images.
public enum ReferenceCheck {
  /// How far the logits are apart.
  public struct Result: Sendable {
    /// The largest absolute difference of a logit.
    public let largestDifference: Double
    /// The reference's largest absolute logit.
    public let largestLogit: Double
  }

  /// Computes the `images` [count, height, width, 3] of a reference file and compares with its `logits`.
  ///
  /// - Throws: `CheckpointError` where a file is damaged or does not fit.
  public static func run(
    checkpoint: String, architecture: Architecture, reference: String, options: ComputeOptions = ComputeOptions()
  ) throws -> Result {
    let classifier = try Classifier(architecture: architecture, checkpoint: checkpoint, options: options)
    let file = try CheckpointReader.open(reference)
    let count = file.shape(of: "images")?.first ?? 0
    let images = try file.values(
      "images", shape: [count, classifier.inputHeight, classifier.inputWidth, 3])
    let expected = try file.values("logits", shape: [count, classifier.classCount])
    var logits = [Float](repeating: .nan, count: expected.count)
    let session = classifier.makeSession(maximumBatch: count)
    try images.withUnsafeBufferPointer { images in
      try logits.withUnsafeMutableBufferPointer { try session.logits(images: images, count: count, into: $0) }
    }
    let differences = zip(logits, expected).map { abs(Double($0) - Double($1)) }
    // A NaN must not hide behind a comparison that is false.
    return Result(
      largestDifference: differences.contains(where: \.isNaN) ? .nan : differences.max() ?? 0,
      largestLogit: expected.map { abs(Double($0)) }.max() ?? 0)
  }
}
