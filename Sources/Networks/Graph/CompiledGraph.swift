import Kernels
import Tensors

/// A graph with its weights folded and packed, and the storage that each value takes.
struct CompiledGraph: Sendable {
  enum Step: Sendable {
    case linear(PackedMatrix, Activation)
    case convolution(PackedMatrix, Windows, Activation)
    case winograd(WinogradConvolution, relu: Bool)
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
}

/// Which buffer each value lies in: worked out once, a buffer taken again as soon as its value was read last.
struct StoragePlan: Sendable {
  /// The buffer of each value; that of the image is -1, which the caller owns.
  let buffers: [Int]
  /// Numbers an image that each buffer holds.
  let counts: [Int]

  init(_ graph: Graph) {
    var lastUse = [Int](repeating: -1, count: graph.extents.count)
    for (index, node) in graph.nodes.enumerated() { for input in node.inputs { lastUse[input] = index } }
    lastUse[graph.output] = graph.nodes.count
    var buffers = [Int](repeating: -1, count: graph.extents.count)
    var counts: [Int] = []
    var busyUntil: [Int] = []
    for (index, node) in graph.nodes.enumerated() {
      let count = graph.extents[node.output].count
      let free = counts.indices.filter { busyUntil[$0] < index }
      // The smallest that is large enough, or else the largest, which grows.
      let chosen =
        free.filter { counts[$0] >= count }.min { counts[$0] < counts[$1] } ?? free.max { counts[$0] < counts[$1] }
      if let chosen {
        counts[chosen] = max(counts[chosen], count)
        busyUntil[chosen] = lastUse[node.output]
        buffers[node.output] = chosen
      } else {
        buffers[node.output] = counts.count
        counts.append(count)
        busyUntil.append(lastUse[node.output])
      }
    }
    self.buffers = buffers
    self.counts = counts
  }
}
