import Kernels
import Tensors

/// A graph with its weights folded and packed, and the storage that each value takes.
struct CompiledGraph: Sendable {
  enum Step: Sendable {
    case linear(PackedMatrix, Activation)
    case convolution(PackedMatrix, Windows, Activation)
    /// A matrix for each group of inputs.
    case grouped([PackedMatrix], Windows, Activation)
    case winograd(WinogradConvolution, Activation)
    case depthwise(DepthwiseLayer, relu: Bool)
    case layerNorm(weight: [Float], bias: [Float], epsilon: Float)
    case groupNorm(weight: [Float], bias: [Float], groups: Int, epsilon: Float, relu: Bool)
    case relu
    case maxPool(Windows, countsPadding: Bool)
    case averagePool(Windows, countsPadding: Bool)
    case globalAverage
    case tokens(first: [Float], positions: [Float])
    case firstToken
    case attention(Attention)
    case mergePatches
    case tensor(TensorStep)
  }

  let graph: Graph
  let steps: [Step]
  let storage: StoragePlan
  /// Rows of patches that are multiplied together, so that they stay near the cache.
  static let patchRows = 384

  init(_ graph: Graph, weights: some WeightSource, options: ComputeOptions) throws(CheckpointError) {
    let graph = graph.optimised
    self.graph = graph
    let loader = StepLoader(source: weights, options: options, takesProductsInBlocks: graph.takesProductsInBlocks)
    steps = try computeTogether(graph.nodes.count) { (index) throws(CheckpointError) in
      let node = graph.nodes[index]
      return try loader.step(node.operation, on: node.from)
    }
    storage = StoragePlan(graph)
  }

  /// Numbers that a thread needs besides the values.
  var scratchCount: Int {
    zip(steps, graph.nodes).reduce(0) { largest, item in
      let input = item.1.from
      let needed =
        switch item.0 {
        case .convolution(let matrix, _, _): Self.patchRows * matrix.inner
        case .grouped(let matrices, _, _): Self.patchRows * (matrices[0].inner + matrices[0].columns)
        case .winograd(let layer, _): layer.scratchCount
        case .depthwise(let layer, _): layer.scratchCount(height: input.height, width: input.width)
        case .attention(let attention): attention.scratchCount
        default: 0
        }
      return max(largest, needed)
    }
  }

  /// Numbers that the largest product works in, for any count of images up to a number.
  func productScratchCount(maximumBatch: Int) -> Int {
    zip(steps, graph.nodes).enumerated().reduce(0) { largest, item in
      let (index, (step, node)) = item
      switch step {
      case .linear(let matrix, _):
        let counts = 1...max(1, index < storage.batchStart ? 1 : maximumBatch)
        return counts.reduce(largest) { max($0, matrix.scratchCount(rows: $1 * node.from.rows)) }
      case .convolution(let matrix, let windows, _): return max(largest, scratchCount(matrix, windows))
      case .grouped(let matrices, let windows, _): return max(largest, scratchCount(matrices[0], windows))
      default: return largest
      }
    }
  }

  private func scratchCount(_ matrix: PackedMatrix, _ windows: Windows) -> Int {
    let places = windows.rows * windows.columns
    return max(
      matrix.scratchCount(rows: min(places, Self.patchRows)), matrix.scratchCount(rows: places % Self.patchRows))
  }
}
