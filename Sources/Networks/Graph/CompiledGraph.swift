import Kernels
import Tensors

/// A graph with its weights folded and packed, and the storage that each value takes.
struct CompiledGraph: Sendable {
  enum Step: Sendable {
    case linear(PackedMatrix, Activation)
    case convolution(PackedMatrix, Windows, Activation)
    case winograd(WinogradConvolution, Activation)
    case depthwise(DepthwiseLayer)
    case layerNorm(weight: [Float], bias: [Float], epsilon: Float)
    case groupNorm(weight: [Float], bias: [Float], groups: Int)
    case relu
    case maxPool(Windows, countsPadding: Bool)
    case globalAverage
    case tokens(first: [Float], positions: [Float])
    case firstToken
    case attention(Attention)
    case mergePatches
  }

  let graph: Graph
  let steps: [Step]
  let storage: StoragePlan
  /// Rows of patches that are multiplied together, so that they stay near the cache.
  static let patchRows = 384

  init(_ graph: Graph, weights: some WeightSource, options: ComputeOptions) throws(CheckpointError) {
    let graph = graph.optimised
    self.graph = graph
    let loader = StepLoader(source: weights, options: options)
    steps = try computeTogether(graph.nodes.count) { (index) throws(CheckpointError) in
      let node = graph.nodes[index]
      return try loader.step(node.operation, on: graph.extents[node.inputs[0]])
    }
    storage = StoragePlan(graph)
  }

  /// Numbers that a thread needs besides the values.
  var scratchCount: Int {
    zip(steps, graph.nodes).reduce(0) { largest, item in
      let input = graph.extents[item.1.inputs[0]]
      let needed =
        switch item.0 {
        case .convolution(let matrix, _, _): Self.patchRows * matrix.inner
        case .winograd(let layer, _): layer.scratchCount
        case .depthwise(let layer): layer.scratchCount(height: input.height, width: input.width)
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
        return counts.reduce(largest) { max($0, matrix.scratchCount(rows: $1 * graph.extents[node.inputs[0]].rows)) }
      case .convolution(let matrix, let windows, _):
        let places = windows.rows * windows.columns
        return [min(places, Self.patchRows), places % Self.patchRows].reduce(largest) {
          max($0, matrix.scratchCount(rows: $1))
        }
      default: return largest
      }
    }
  }
}
