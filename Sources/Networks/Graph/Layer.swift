import Kernels
import Tensors

/// An operation of a graph in all its phases: what it reads from a checkpoint, what it gives, what it costs, how its
/// weights are prepared and, in its `PreparedLayer`, how it is computed. One file a layer.
protocol Layer: Sendable {
  /// What it reads from the checkpoint.
  var parameters: [Parameter] { get }
  /// The extents of what it gives, of the first input's.
  func extents(of input: Graph.Extents) -> Graph.Extents
  /// Multiply-adds an image, as the layer is defined.
  func multiplyAdds(from input: Graph.Extents, to output: Graph.Extents) -> Int
  /// Whether each row of the output follows from the same row of the inputs alone.
  var isRowByRow: Bool { get }
  /// Whether it reads the same weights again for many images, so that a batch is better than one image after the other.
  func prefersBatches(of input: Graph.Extents) -> Bool
  /// Inputs whose storage the output may take, if nothing else reads them later.
  var overwritableInputs: Set<Int> { get }
  /// Whether inputs after the first are of the output's extents, as residuals are.
  var hasResiduals: Bool { get }
  /// Bytes that its weights take when they are prepared, about.
  func estimatedByteCount(of input: Graph.Extents, _ precision: Precision) -> Int
  /// Numbers that it works in besides its inputs and output, about.
  func estimatedWorkspaceCount(_ precision: Precision) -> Int
  /// Whether one more input, of the output's extents, is added to the output.
  var addsResidual: Bool { get }
  /// Appends what gives the gradients of a node's inputs, which follow from that of its output.
  ///
  /// - Throws: `GradientError` for a layer that cannot be differentiated.
  func differentiate(
    _ node: Graph.Node, _ gradient: Graph.Value, in builder: inout GradientBuilder
  ) throws(GradientError)
  /// Reads, folds and packs the weights.
  ///
  /// - Throws: `CheckpointError` for a parameter that is missing, damaged or of another shape.
  func prepare(_ preparation: Preparation) throws(CheckpointError) -> any PreparedLayer
}

extension Layer {
  var parameters: [Parameter] { [] }
  func extents(of input: Graph.Extents) -> Graph.Extents { input }
  func multiplyAdds(from input: Graph.Extents, to output: Graph.Extents) -> Int { 0 }
  var isRowByRow: Bool { false }
  func prefersBatches(of input: Graph.Extents) -> Bool { false }
  var overwritableInputs: Set<Int> { [] }
  var hasResiduals: Bool { true }
  var addsResidual: Bool { false }
  func estimatedByteCount(of input: Graph.Extents, _ precision: Precision) -> Int { 4 * weightCount }
  func estimatedWorkspaceCount(_ precision: Precision) -> Int { 0 }
  func differentiate(
    _ node: Graph.Node, _ gradient: Graph.Value, in builder: inout GradientBuilder
  ) throws(GradientError) { throw .noAdjoint(layer: "\(Self.self)") }
  /// Numbers that it reads from the checkpoint.
  var weightCount: Int { parameters.reduce(0) { $0 + $1.count } }
}

/// A tensor that a checkpoint must hold.
struct Parameter: Sendable, Hashable {
  let name: String
  let shape: [Int]
  var count: Int { shape.reduce(1, *) }

  init(_ name: String, _ shape: [Int]) { (self.name, self.shape) = (name, shape) }

  /// The four tensors of a batch normalisation.
  static func batchNorm(_ name: String, _ channels: Int) -> [Parameter] {
    ["weight", "bias", "running_mean", "running_var"].map { Parameter(name + "." + $0, [channels]) }
  }
}

/// A layer with its weights in the kernels' order; any number of threads may compute it.
protocol PreparedLayer: Sendable {
  /// Bytes that its weights take.
  var byteCount: Int { get }
  /// Numbers that a thread needs to work in, for a count of images.
  func workspaceCount(images: Int) -> Int
  /// Computes the layer for some images.
  func compute(_ work: LayerWork)
}

extension PreparedLayer {
  var byteCount: Int { 0 }
  func workspaceCount(images: Int) -> Int { 0 }
}

/// What a layer is to compute.
struct LayerWork {
  /// Images.
  let count: Int
  /// Each input's numbers, image after image; all storage is that of the caller, for the time of the call.
  let inputs: [UnsafeBufferPointer<Float>]
  let output: UnsafeMutableBufferPointer<Float>
  /// As many numbers as the layer asked for.
  let workspace: UnsafeMutableBufferPointer<Float>
  /// What each image's gradient is of; empty where none is asked for.
  let losses: ArraySlice<Loss>

  var input: UnsafeBufferPointer<Float> { inputs[0] }
  var residual: UnsafeBufferPointer<Float>? { inputs.count > 1 ? inputs[1] : nil }

  /// Gives each image's part of the first input and of the output.
  func forEachImage(
    _ from: Graph.Extents, _ to: Graph.Extents,
    _ body: (UnsafeBufferPointer<Float>, UnsafeMutableBufferPointer<Float>) -> Void
  ) {
    for image in 0..<count {
      body(
        UnsafeBufferPointer(rebasing: input[(image * from.count)..<((image + 1) * from.count)]),
        UnsafeMutableBufferPointer(rebasing: output[(image * to.count)..<((image + 1) * to.count)]))
    }
  }

  /// Gives each image's part of the first input, of the second if there is one of the output's extents, and of the output.
  func forEachImage(
    _ from: Graph.Extents, _ to: Graph.Extents,
    _ body: (UnsafeBufferPointer<Float>, UnsafeBufferPointer<Float>?, UnsafeMutableBufferPointer<Float>) -> Void
  ) {
    for image in 0..<count {
      let part = (image * to.count)..<((image + 1) * to.count)
      body(
        UnsafeBufferPointer(rebasing: input[(image * from.count)..<((image + 1) * from.count)]),
        residual.map { UnsafeBufferPointer(rebasing: $0[part]) },
        UnsafeMutableBufferPointer(rebasing: output[part]))
    }
  }

  /// Two parts of the workspace, of which the second begins on a cache line.
  func split(at count: Int) -> (UnsafeMutableBufferPointer<Float>, UnsafeMutableBufferPointer<Float>) {
    let start = min(Self.aligned(count), workspace.count)
    return (
      UnsafeMutableBufferPointer(rebasing: workspace[..<start]),
      UnsafeMutableBufferPointer(rebasing: workspace[start...])
    )
  }

  /// A count of numbers, filled up to whole cache lines.
  static func aligned(_ count: Int) -> Int {
    let line = AlignedBuffer.alignment / MemoryLayout<Float>.stride
    return (count + line - 1) / line * line
  }
}

/// What a layer prepares its weights from, and for what.
struct Preparation: Sendable {
  let source: any WeightSource
  let options: ComputeOptions
  /// The extents as which the first input is read.
  var from: Graph.Extents
  let to: Graph.Extents
  /// Whether large products are taken in blocks.
  let takesProductsInBlocks: Bool
  let store: WeightStore

  var folding: Folding { Folding(source: source) }

  /// A layer's parameter.
  func values(_ parameter: Parameter) throws(CheckpointError) -> [Float] {
    try source.values(parameter.name, shape: parameter.shape)
  }

  /// The weights of a product, in the kernels' order.
  ///
  /// - Parameter rowsTogether: as of `PackedMatrix`.
  func matrix(
    _ weights: [Float], bias: [Float], inner: Int, columns: Int, rowsTogether: Int
  ) -> PackedMatrix {
    PackedMatrix(
      weights: weights, bias: bias, inner: inner, columns: columns,
      rowsTogether: takesProductsInBlocks ? rowsTogether : 1, precision: options.precision,
      instructionSet: options.instructionSet, backend: options.gemm)
  }

  func windows(_ shape: WindowShape) -> Windows {
    Windows(height: from.height, width: from.width, channels: from.channels, shape: shape)
  }
}
