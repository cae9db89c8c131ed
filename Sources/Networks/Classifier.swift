import Kernels
import Tensors

/// A network with its weights, ready to be computed by any number of threads, each with a session of its own.
public final class Classifier: Sendable {
  /// What it is.
  public let architecture: Architecture
  /// The height of the images that it takes, in pixels.
  public let inputHeight: Int
  /// The width of the images that it takes, in pixels.
  public let inputWidth: Int
  /// Logits an image.
  public let classCount: Int
  let program: Program

  /// Reads a checkpoint, merged or not, and folds and packs its weights.
  ///
  /// - Throws: `CheckpointError` for a file that is damaged or does not fit the architecture.
  public convenience init(
    architecture: Architecture, checkpoint: String, options: ComputeOptions = ComputeOptions()
  ) throws(CheckpointError) {
    if architecture.family == .slak {
      guard let found = try Architecture.named(architecture.name, checkpoint: checkpoint) else {
        throw .unreadable(file: checkpoint, reason: "it tells no design")
      }
      try self.init(architecture: found, checkpoint: checkpoint, options: options)
      return
    }
    if architecture.family == .onnx {
      try self.init(ONNXModel(ONNXFile(CheckpointFile(checkpoint))), architecture, options: options)
      return
    }
    let file = try CheckpointReader.open(checkpoint)
    try file.checkFits(architecture)
    try self.init(architecture, weights: file, options: options)
  }

  /// With random weights, the same ones each time: for benchmarks and tests.
  package convenience init(
    randomly architecture: Architecture, options: ComputeOptions = ComputeOptions(), isOptimised: Bool = true
  ) throws(CheckpointError) {
    try self.init(
      architecture, weights: RandomWeights(classCount: architecture.classCount), options: options,
      isOptimised: isOptimised)
  }

  init(
    _ architecture: Architecture, weights: any WeightSource, options: ComputeOptions, isOptimised: Bool = true
  ) throws(CheckpointError) {
    self.architecture = architecture
    inputHeight = architecture.inputHeight
    inputWidth = architecture.inputWidth
    guard case .graph(let design) = architecture.family else {
      throw .malformed(file: weights.origin, reason: "a file tells the design of \(architecture.name)")
    }
    guard let classes = weights.shape(of: design.head + ".bias")?.first, classes > 0 else {
      throw .missing(name: design.head + ".bias", file: weights.origin)
    }
    let graph = design.stored(in: weights).graph(height: inputHeight, width: inputWidth, classCount: classes)
    program = try Program(
      graph, weights: weights, options: options, store: WeightStore(), isOptimised: isOptimised)
    classCount = classes
  }

  private init(_ model: ONNXModel, _ architecture: Architecture, options: ComputeOptions) throws(CheckpointError) {
    self.architecture = architecture
    (inputHeight, inputWidth) = (model.inputHeight, model.inputWidth)
    classCount = model.classCount
    program = try Program(model.graph, weights: model.weights, options: options, store: WeightStore())
  }

  /// Multiply-adds an image, as the layers are defined.
  public var multiplyAdds: Int { program.graph.multiplyAdds }

  /// Memory to compute in, for up to `maximumBatch` images at once. One thread uses it at a time.
  public func makeSession(maximumBatch: Int) -> InferenceSession {
    InferenceSession(self, maximumBatch: max(1, maximumBatch))
  }
}

/// What a network cannot compute.
public enum InferenceError: Error, Equatable, CustomStringConvertible {
  /// The number of images, or the storage for images or logits, does not fit the session.
  case wrongSize(String)

  /// What was found.
  public var description: String {
    switch self {
    case .wrongSize(let what): what
    }
  }
}

/// One stream of images through a classifier.
public final class InferenceSession {
  /// The most images at once.
  public let maximumBatch: Int
  private let classifier: Classifier
  private let session: ProgramSession

  init(_ classifier: Classifier, maximumBatch: Int) {
    self.classifier = classifier
    self.maximumBatch = maximumBatch
    session = ProgramSession(classifier.program, maximumBatch: maximumBatch)
  }

  /// Computes logits; those of an image do not depend on the other images.
  ///
  /// - Parameters:
  ///   - images: [count, height, width, 3], normalised.
  ///   - count: 0 to `maximumBatch`.
  ///   - logits: [count, classes].
  public func logits(
    images: UnsafeBufferPointer<Float>, count: Int, into logits: UnsafeMutableBufferPointer<Float>
  ) throws(InferenceError) {
    let (height, width) = (classifier.inputHeight, classifier.inputWidth)
    guard (0...maximumBatch).contains(count), images.count >= count * height * width * 3,
      logits.count >= count * classifier.classCount
    else {
      throw .wrongSize(
        "\(count) images of \(height)x\(width) with \(classifier.classCount) logits each do not fit "
          + "\(images.count) and \(logits.count) numbers in a session for \(maximumBatch)")
    }
    guard count > 0 else { return }
    session.run(images, count: count, into: [logits])
  }
}
