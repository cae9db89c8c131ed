import Foundation
import Imaging
import Kernels
import Networks
import Planning

/// A model on pictures: what a network makes of files, one at a time.
public final class Predictor {
  /// A class and how likely it is.
  public struct Guess: Sendable, Equatable {
    /// The class's number.
    public let index: Int
    /// The softmax of the logits.
    public let probability: Double
    /// The network's number for it.
    public let logit: Float
  }

  /// The network.
  public let architecture: Architecture
  /// What is done to pictures.
  public let preprocessing: Preprocessing
  /// How many classes it tells apart.
  public let classCount: Int
  private let classifier: Classifier
  private let session: InferenceSession

  /// Loads a checkpoint.
  ///
  /// - Parameters:
  ///   - architecture: the one that `Predictor.architecture` finds, or another that the checkpoint fits.
  ///   - preprocessing: the architecture's own otherwise.
  /// - Throws: `CheckpointError` for a file that is damaged or does not fit.
  public init(
    checkpoint: String, architecture: Architecture, preprocessing: Preprocessing? = nil, precision: Precision = .fp32
  ) throws {
    self.architecture = architecture
    self.preprocessing = preprocessing ?? architecture.defaultPreprocessing
    classifier = try Classifier(
      architecture: architecture, checkpoint: checkpoint, options: ComputeOptions(precision: precision))
    classCount = classifier.classCount
    session = classifier.makeSession(maximumBatch: 1)
  }

  /// The architecture that a checkpoint is, and what speaks for it.
  ///
  /// - Throws: `Misuse` where none fits, `CheckpointError` where the file cannot be read.
  public static func architecture(of checkpoint: String) throws -> ArchitectureChoice {
    if CheckpointReader.isONNX(checkpoint) {
      return ArchitectureChoice(architecture: try .onnx(checkpoint), reason: nil, others: [])
    }
    let opened = try CheckpointReader.open(checkpoint)
    guard let choice = opened.likeliestArchitecture() else {
      let reason = opened.whyNothingFits.map { ": \($0)" } ?? "; see gauntlet inspect \(checkpoint)"
      throw Misuse("\(checkpoint) matches no architecture that Gauntlet knows\(reason)")
    }
    return choice
  }

  /// The network's logits for a picture's file, `[class]`.
  ///
  /// - Parameters:
  ///   - bytes: a JPEG, PNG, WebP, TIFF, GIF, BMP or PNM file.
  ///   - name: what errors call it.
  /// - Throws: an error of the decoder.
  public func logits(of bytes: [UInt8], name: String) throws -> [Float] {
    let picture = try preprocessing.decode(bytes, name: name)
    var input = [Float](repeating: 0, count: classifier.inputHeight * classifier.inputWidth * 3)
    try input.withUnsafeMutableBufferPointer { try preprocessing.normalise(picture, into: $0) }
    var logits = [Float](repeating: 0, count: classCount)
    try input.withUnsafeBufferPointer { input in
      try logits.withUnsafeMutableBufferPointer { try session.logits(images: input, count: 1, into: $0) }
    }
    return logits
  }

  /// The likeliest classes of a picture's file; of equal logits the lower class comes first.
  ///
  /// - Throws: an error of reading or decoding, or `UnusableLogits`.
  public func guesses(for file: String, atMost count: Int = 5) throws -> [Guess] {
    let logits = try logits(of: [UInt8](Data(contentsOf: URL(fileURLWithPath: file))), name: file)
    if let problem = Logits.problem(in: logits) { throw UnusableLogits(description: "the network gives \(problem)") }
    let largest = logits.max() ?? 0
    let weights = logits.map { exp(Double($0 - largest)) }
    let total = weights.reduce(0, +)
    let order = logits.indices.sorted { (logits[$1], $0) < (logits[$0], $1) }
    return order.prefix(count).map { Guess(index: $0, probability: weights[$0] / total, logit: logits[$0]) }
  }

  /// Logits that say nothing, as NaN.
  public struct UnusableLogits: Error, CustomStringConvertible {
    /// What is wrong with them.
    public let description: String
  }
}
