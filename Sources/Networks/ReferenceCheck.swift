import Tensors

/// Compares a network's logits, and gradients of its input, with those that another program computed from the same weights
/// and images.
public enum ReferenceCheck {
  /// How far numbers are apart.
  public struct Result: Sendable {
    /// What the numbers are.
    public let name: String
    /// The largest absolute difference.
    public let largestDifference: Double
    /// The reference's largest absolute number.
    public let largest: Double
    /// The root of the sum of squared differences, of that of the reference's numbers.
    public let relativeError: Double
    /// The same of the other program's float32, where the reference says it.
    public let theirError: Double?
  }

  /// Computes the `images` [count, height, width, 3] of a reference file and compares with its `logits`. Where it holds
  /// `labels` [count] and `cross_entropy_gradient` or `logit_gradient`, [count, height, width, 3], these are compared, too.
  ///
  /// - Throws: `CheckpointError` where a file is damaged or does not fit; `GradientError` for a network without gradient.
  public static func run(
    checkpoint: String, architecture: Architecture, reference: String, options: ComputeOptions = ComputeOptions()
  ) throws -> [Result] {
    let classifier = try Classifier(architecture: architecture, checkpoint: checkpoint, options: options)
    let file = try CheckpointReader.open(reference)
    let count = file.shape(of: "images")?.first ?? 0
    let shape = [count, classifier.inputHeight, classifier.inputWidth, 3]
    let images = try file.values("images", shape: shape)
    let expected = try file.values("logits", shape: [count, classifier.classCount])
    var logits = [Float](repeating: .nan, count: expected.count)
    let session = classifier.makeSession(maximumBatch: count)
    try images.withUnsafeBufferPointer { images in
      try logits.withUnsafeMutableBufferPointer { try session.logits(images: images, count: count, into: $0) }
    }
    var results = [compare("logits", logits, expected, theirs: nil)]
    guard file.contains("labels") else { return results }
    let labels = try file.values("labels", shape: [count]).map { Int(exactly: $0) ?? -1 }
    for (name, losses) in [
      ("cross_entropy_gradient", labels.map { Loss.crossEntropy(label: $0) }),
      ("logit_gradient", labels.map { Loss.logit(of: $0) }),
    ] where file.contains(name) {
      let (again, gradients) = try Self.gradients(classifier, images, losses)
      results.append(compare("logits_beside_" + name, again, logits, theirs: nil))
      let theirs = file.contains(name + "_error") ? try file.values(name + "_error", shape: [1])[0] : nil
      results.append(
        compare(name, gradients, try file.values(name, shape: shape), theirs: theirs.map { Double($0) }))
    }
    return results
  }

  /// The comparison of the logits alone.
  ///
  /// - Throws: what ``run(checkpoint:architecture:reference:options:)`` throws.
  public static func logits(
    checkpoint: String, architecture: Architecture, reference: String, options: ComputeOptions = ComputeOptions()
  ) throws -> Result {
    try run(checkpoint: checkpoint, architecture: architecture, reference: reference, options: options)[0]
  }

  private static func gradients(
    _ classifier: Classifier, _ images: [Float], _ losses: [Loss]
  ) throws -> (logits: [Float], gradients: [Float]) {
    var logits = [Float](repeating: .nan, count: losses.count * classifier.classCount)
    var gradients = [Float](repeating: .nan, count: images.count)
    let session = try classifier.makeGradientSession(maximumBatch: losses.count)
    try images.withUnsafeBufferPointer { images in
      try logits.withUnsafeMutableBufferPointer { logits in
        try gradients.withUnsafeMutableBufferPointer {
          try session.gradients(images: images, losses: losses, logits: logits, gradients: $0)
        }
      }
    }
    return (logits, gradients)
  }

  private static func compare(_ name: String, _ found: [Float], _ expected: [Float], theirs: Double?) -> Result {
    let differences = zip(found, expected).map { Double($0) - Double($1) }
    // A NaN must not hide behind a comparison that is false.
    let isDamaged = differences.contains(where: \.isNaN)
    func root(_ values: some Sequence<Double>) -> Double { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }
    return Result(
      name: name, largestDifference: isDamaged ? .nan : differences.map { abs($0) }.max() ?? 0,
      largest: expected.map { abs(Double($0)) }.max() ?? 0,
      relativeError: isDamaged ? .nan : root(differences) / root(expected.map { Double($0) }), theirError: theirs)
  }
}
