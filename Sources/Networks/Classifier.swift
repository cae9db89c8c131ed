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
  let network: Network

  /// The network as it is computed.
  enum Network: Sendable {
    case replknet(RepLKNet, RepLKNetDesign)
    case graph(CompiledGraph)
  }

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
    randomly architecture: Architecture, options: ComputeOptions = ComputeOptions()
  ) throws(CheckpointError) {
    try self.init(architecture, weights: RandomWeights(classCount: architecture.classCount), options: options)
  }

  init(_ architecture: Architecture, weights: some WeightSource, options: ComputeOptions) throws(CheckpointError) {
    self.architecture = architecture
    inputHeight = architecture.inputHeight
    inputWidth = architecture.inputWidth
    switch architecture.family {
    case .replknet(let design):
      let replknet = try RepLKNet(
        design: design, weights: weights, inputSize: (inputHeight, inputWidth), options: options)
      network = .replknet(replknet, design)
      classCount = replknet.head.columns
    case .graph(let design):
      guard let classes = weights.shape(of: design.head + ".bias")?.first, classes > 0 else {
        throw .missing(name: design.head + ".bias", file: weights.origin)
      }
      let graph = design.graph(height: inputHeight, width: inputWidth, classCount: classes)
      network = .graph(try CompiledGraph(graph, weights: weights, options: options))
      classCount = classes
    case .onnx, .slak: throw .malformed(file: weights.origin, reason: "a file tells the design of \(architecture.name)")
    }
  }

  private init(_ model: ONNXModel, _ architecture: Architecture, options: ComputeOptions) throws(CheckpointError) {
    self.architecture = architecture
    (inputHeight, inputWidth) = (model.inputHeight, model.inputWidth)
    classCount = model.classCount
    network = .graph(try CompiledGraph(model.graph, weights: model.weights, options: options))
  }

  /// Multiply-adds an image, as the layers are defined.
  public var multiplyAdds: Int {
    if case .graph(let compiled) = network { compiled.graph.multiplyAdds } else { architecture.multiplyAdds }
  }

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
  private let computation: Computation

  private enum Computation {
    case replknet(RepLKNetSession)
    case graph(GraphSession)
  }

  init(_ classifier: Classifier, maximumBatch: Int) {
    self.classifier = classifier
    self.maximumBatch = maximumBatch
    switch classifier.network {
    case .replknet(let network, let design):
      computation = .replknet(
        RepLKNetSession(
          network, design, height: classifier.inputHeight, width: classifier.inputWidth, maximumBatch: maximumBatch))
    case .graph(let compiled):
      computation = .graph(GraphSession(compiled, maximumBatch: maximumBatch))
    }
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
    switch computation {
    case .replknet(let session): session.logits(images: images, count: count, into: logits)
    case .graph(let session): session.logits(images: images, count: count, into: logits)
    }
  }
}

/// One stream of images through a RepLKNet.
final class RepLKNetSession {
  private let network: RepLKNet
  private let inputHeight: Int
  private let inputWidth: Int
  private let features: AlignedBuffer
  private let second: AlignedBuffer
  private let third: AlignedBuffer
  private let hidden: AlignedBuffer
  private let stemWindows: Windows
  /// Patches of the stem's first convolution that are multiplied together.
  private static let patchRows = 384
  private let patches: AlignedBuffer
  /// What convolutions and products work in.
  private let scratch: AlignedBuffer

  init(_ network: RepLKNet, _ design: RepLKNetDesign, height inputHeight: Int, width inputWidth: Int, maximumBatch: Int)
  {
    self.network = network
    self.inputHeight = inputHeight
    self.inputWidth = inputWidth
    let sizes = Sizes(
      network, design, height: inputHeight, width: inputWidth, maximumBatch: maximumBatch)
    stemWindows = Windows(height: inputHeight, width: inputWidth, channels: 3, kernel: 3, stride: 2, padding: 1)
    patches = AlignedBuffer(count: Self.patchRows * 27)
    features = AlignedBuffer(count: sizes.features)
    second = AlignedBuffer(count: sizes.other)
    third = AlignedBuffer(count: sizes.other)
    scratch = AlignedBuffer(count: sizes.scratch)
    hidden = AlignedBuffer(count: sizes.hidden)
  }

  /// Elements of what a session works in.
  struct Sizes {
    /// Features that one stage hands to the next, and what is kept of them beside.
    private(set) var features: Int
    private(set) var other: Int
    private(set) var scratch = 0
    private(set) var hidden = 0

    /// Bytes in all.
    var byteCount: Int { 4 * (features + 2 * other + scratch + hidden + RepLKNetSession.patchRows * 27) }

    /// Without what products work in, which only the packed weights tell.
    init(_ design: RepLKNetDesign, height inputHeight: Int, width inputWidth: Int, maximumBatch: Int) {
      var (height, width) = (RepLKNetSession.half(inputHeight), RepLKNetSession.half(inputWidth))
      // The stem takes one image at a time: its maps are the largest by far.
      let stem = height * width * design.channels[0]
      var largest = 0
      for (index, channels) in design.channels.enumerated() {
        (height, width) = (RepLKNetSession.half(height), RepLKNetSession.half(width))
        let wider = index + 1 < design.channels.count ? design.channels[index + 1] : channels
        largest = max(largest, height * width * max(channels * max(2, design.depthwiseHalves) / 2, wider))
      }
      features = maximumBatch * largest
      other = max(stem, maximumBatch * largest)
    }

    init(
      _ network: RepLKNet, _ design: RepLKNetDesign, height inputHeight: Int, width inputWidth: Int, maximumBatch: Int
    ) {
      self.init(design, height: inputHeight, width: inputWidth, maximumBatch: maximumBatch)
      var (height, width) = (RepLKNetSession.half(inputHeight), RepLKNetSession.half(inputWidth))
      scratch = max(
        height * width * RepLKNetSession.lanes, RepLKNetSession.scratchCount(network.stem, places: height * width))
      for stage in network.stages {
        (height, width) = (RepLKNetSession.half(height), RepLKNetSession.half(width))
        scratch = max(
          scratch, height * width * RepLKNetSession.lanes,
          RepLKNetSession.scratchCount(stage, height: height, width: width, maximumBatch: maximumBatch))
      }
      scratch = (1...maximumBatch).map(network.head.scratchCount(rows:)).reduce(scratch, max)
      hidden = network.stages.flatMap(\.blocks).map(\.1.hiddenCount).max() ?? 0
    }
  }

  /// Channels of the widest group of a depthwise convolution.
  private static let lanes = 16

  /// Elements that the stem's products work in, for maps of `places` pixels.
  private static func scratchCount(_ stem: RepLKNet.Stem, places: Int) -> Int {
    max(
      stem.dense.scratchCount(rows: min(patchRows, places)), stem.dense.scratchCount(rows: places % patchRows),
      stem.pointwise.scratchCount(rows: places))
  }

  /// Elements that a stage's convolutions and products work in, for any count of images up to `maximumBatch`.
  private static func scratchCount(_ stage: RepLKNet.Stage, height: Int, width: Int, maximumBatch: Int) -> Int {
    let convolutions = stage.blocks.map { $0.0.depthwise.scratchCount(height: height, width: width) }
    let products = (1...maximumBatch).flatMap { count in
      let rows = count * height * width
      let blocks = stage.blocks.map { large, feedForward in
        max(
          large.expand.scratchCount(rows: rows), large.project.scratchCount(rows: rows),
          feedForward.scratchCount(rows: rows))
      }
      return blocks + [stage.transition?.pointwise.scratchCount(rows: rows) ?? 0]
    }
    return (convolutions + products).reduce(0, max)
  }

  /// The extent of a map after a step of 2.
  private static func half(_ extent: Int) -> Int { (extent - 1) / 2 + 1 }

  /// Writes the logits, [count, classes], of images [count, height, width, 3].
  func logits(
    images: UnsafeBufferPointer<Float>, count: Int, into logits: UnsafeMutableBufferPointer<Float>
  ) {
    let (height, width) = (inputHeight, inputWidth)
    var (rows, columns) = stem(images, count, height, width)
    for stage in network.stages {
      for (large, feedForward) in stage.blocks {
        compute(large, count, rows, columns)
        feedForward.compute(
          features.elements, rows: count * rows * columns, hidden: hidden.elements,
          scratch: scratch.elements)
      }
      guard let transition = stage.transition else { continue }
      transition.pointwise.multiply(
        view(features), rows: count * rows * columns, activation: .relu, scratch: scratch.elements,
        into: second.elements)
      convolve(transition.depthwise, view(second), count, rows, columns, into: features.elements)
      (rows, columns) = (Self.half(rows), Self.half(columns))
    }
    let channels = network.head.inner
    FeaturePasses.globalAverage(
      view(features), count: count, pixels: rows * columns, channels: channels, into: second.elements)
    network.head.multiply(view(second), rows: count, scratch: scratch.elements, into: logits)
  }

  private func stem(
    _ images: UnsafeBufferPointer<Float>, _ count: Int, _ height: Int, _ width: Int
  ) -> (rows: Int, columns: Int) {
    let stem = network.stem
    let (rows, columns) = (Self.half(height), Self.half(width))
    let reduced = Self.half(rows) * Self.half(columns) * stem.reduction.channels
    for image in 0..<count {
      let pixels = UnsafeBufferPointer(
        rebasing: images[(image * height * width * 3)..<((image + 1) * height * width * 3)])
      for start in stride(from: 0, to: rows * columns, by: Self.patchRows) {
        let range = start..<min(rows * columns, start + Self.patchRows)
        stemWindows.gather(pixels, range, into: patches.elements)
        stem.dense.multiply(
          view(patches), rows: range.count, activation: .relu, scratch: scratch.elements,
          into: UnsafeMutableBufferPointer(rebasing: second.elements[(start * stem.dense.columns)...]))
      }
      convolve(stem.depthwise, view(second), 1, rows, columns, into: third.elements)
      stem.pointwise.multiply(
        view(third), rows: rows * columns, activation: .relu, scratch: scratch.elements, into: second.elements)
      convolve(
        stem.reduction, view(second), 1, rows, columns,
        into: UnsafeMutableBufferPointer(rebasing: features.elements[(image * reduced)...]))
    }
    return (Self.half(rows), Self.half(columns))
  }

  private func compute(_ block: RepLKNet.LargeKernelBlock, _ count: Int, _ rows: Int, _ columns: Int) {
    let pixels = count * rows * columns
    block.expand.multiply(
      view(features), rows: pixels, activation: .relu, scratch: scratch.elements, into: second.elements)
    convolve(block.depthwise, view(second), count, rows, columns, into: third.elements)
    block.project.multiply(
      view(third), rows: pixels, residual: view(features), scratch: scratch.elements, into: features.elements)
  }

  private func convolve(
    _ layer: DepthwiseLayer, _ input: UnsafeBufferPointer<Float>, _ count: Int, _ rows: Int, _ columns: Int,
    into output: UnsafeMutableBufferPointer<Float>
  ) {
    layer.convolve(
      input, count: count, height: rows, width: columns, relu: true, scratch: scratch.elements, into: output)
  }

  private func view(_ buffer: AlignedBuffer) -> UnsafeBufferPointer<Float> { UnsafeBufferPointer(buffer.elements) }
}
