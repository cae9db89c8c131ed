import Kernels

/// A network as values and the operations between them, before any weight is read.
///
/// A value is one image's features, [height, width, channels]; a sequence of tokens is [tokens, 1, channels]. Value 0 is
/// the image. Operations name the checkpoint's tensors, so that a graph says what a checkpoint must hold.
struct Graph: Sendable {
  /// Extents of one image's features.
  struct Extents: Sendable, Hashable {
    var height: Int
    var width: Int
    var channels: Int
    /// Rows behind the pixels that fill up a group of the blockwise product (see `PackedMatrix`), zero in the first value
    /// that has them. They belong to the image, so that nothing depends on the batch, and nothing attends to them.
    var spare = 0
    var pixels: Int { height * width }
    var rows: Int { pixels + spare }
    var count: Int { rows * channels }
  }

  /// A number of a graph's values.
  typealias Value = Int

  /// An operation, what it reads and what it gives. A second input of a layer is a residual, added last.
  struct Node: Sendable {
    let operation: Operation
    let inputs: [Value]
    /// The extents as which the first input's numbers are read: its own, or others of the same count.
    let from: Extents
    let output: Value
  }

  private(set) var extents: [Extents]
  private(set) var nodes: [Node] = []
  /// Whether large products are taken in blocks, whose rounding errors are somewhat larger.
  var takesProductsInBlocks = true

  init(height: Int, width: Int) { self.init(startingWith: Extents(height: height, width: width, channels: 3)) }

  /// A graph of nothing but a first value.
  init(startingWith first: Extents) { extents = [first] }

  /// The same graph without its operations.
  var emptied: Graph {
    var result = Graph(startingWith: extents[0])
    result.takesProductsInBlocks = takesProductsInBlocks
    return result
  }

  /// The last value: [1, 1, classes].
  var output: Value { extents.count - 1 }

  /// Appends an operation and gives its value.
  mutating func append(_ operation: Operation, _ input: Value, residual: Value? = nil) -> Value {
    append(operation, [input] + (residual.map { [$0] } ?? []))
  }

  /// Appends an operation on some values, of which the first may be read with other extents than its own.
  mutating func append(_ operation: Operation, _ inputs: [Value], from reading: Extents? = nil) -> Value {
    let from = reading ?? extents[inputs[0]]
    precondition(from.count == extents[inputs[0]].count, "read with extents that it has not")
    let output = operation.extents(of: from)
    if case .tensor = operation {
    } else {
      precondition(inputs.dropFirst().allSatisfy { extents[$0].count == output.count }, "a residual of other extents")
    }
    extents.append(output)
    nodes.append(Node(operation: operation, inputs: inputs, from: from, output: extents.count - 1))
    return extents.count - 1
  }

  /// Names and shapes of all that the checkpoint must hold.
  var parameters: [(name: String, shape: [Int])] { nodes.flatMap { $0.operation.parameters } }
  /// Numbers to be learnt.
  var parameterCount: Int {
    parameters.reduce(0) { $1.name.contains(".running_") ? $0 : $0 + $1.shape.reduce(1, *) }
  }
  /// Multiply-adds of convolutions, linear layers and attention, an image.
  var multiplyAdds: Int {
    nodes.reduce(0) { $0 + $1.operation.multiplyAdds(input: $1.from, output: extents[$1.output]) }
  }
}

/// What a graph's node does.
enum Operation: Sendable {
  /// A dense convolution; a linear layer is one of kernel 1.
  case convolution(Convolution)
  /// One kernel a channel, padding `kernel / 2`, with bias.
  case depthwise(name: String, channels: Int, kernel: Int, stride: Int = 1, relu: Bool = false)
  case depthwiseSum(DepthwiseSum)
  case layerNorm(name: String, channels: Int, epsilon: Float)
  case groupNorm(name: String, channels: Int, groups: Int, epsilon: Float = 1e-5, relu: Bool = true)
  case relu
  case maxPool(WindowShape, countsPadding: Bool)
  case averagePool(WindowShape, countsPadding: Bool)
  case globalAverage
  /// Puts the class token before the patches and adds a position to each; spare rows make the count a multiple of 4.
  case tokens(token: String, position: String, count: Int, channels: Int)
  case firstToken
  case attention(heads: Int, AttentionScope)
  /// Each 2 x 2 pixels' channels together, columns slower than rows, as Swin has it.
  case mergePatches
  /// A computation on tensors of any rank that gives an output of the extents.
  case tensor(TensorOperation, Graph.Extents)

  struct Convolution: Sendable {
    var name: String
    var inputs: Int
    var outputs: Int
    var shape = WindowShape(kernel: 1)
    /// Groups of inputs that each give a group of outputs.
    var groups = 1
    var hasBias = true
    /// Whether the checkpoint stores a kernel of 1 as [outputs, inputs].
    var isLinear = false
    /// The batch normalisation that follows and is folded in.
    var normalisation: String?
    /// Whether weights are brought to mean 0 and variance 1 for each output, as BiT has them.
    var isStandardised = false
    /// A factor for each output (ConvNeXt's layer scale).
    var scale: String?
    var activation = Activation.none

    /// The extents of its weights in the checkpoint.
    var weightShape: [Int] {
      [outputs, inputs / groups] + (isLinear ? [] : [shape.rows.kernel, shape.columns.kernel])
    }
  }

  /// Which tokens attend to which.
  enum AttentionScope: Sendable {
    /// All to all.
    case whole
    case windows(AttentionWindow)
    /// As many neighbouring tokens to each other; the checkpoint's tensor, [groups or 1, heads, size, size], is added to
    /// the scores.
    case groups(size: Int, bias: String?, biasCount: Int)

    /// Tokens that one attends to, of a number of tokens.
    func reach(of tokens: Int) -> Int {
      switch self {
      case .whole: tokens
      case .windows(let window): window.side * window.side
      case .groups(let size, _, _): size
      }
    }
  }

  /// Swin's windows: a square of `side`, the image rolled by `shift`, and the table of biases by relative position.
  struct AttentionWindow: Sendable {
    let side: Int
    let shift: Int
    let table: String
  }

  func extents(of input: Graph.Extents) -> Graph.Extents {
    var result = input
    switch self {
    case .convolution(let layer):
      precondition(layer.inputs == input.channels, "\(layer.name) needs \(layer.inputs) channels")
      result.height = layer.shape.rows.count(over: input.height)
      result.width = layer.shape.columns.count(over: input.width)
      result.channels = layer.outputs
    case .depthwise(_, _, _, let stride, _):
      result.height = (input.height - 1) / stride + 1
      result.width = (input.width - 1) / stride + 1
    case .maxPool(let shape, _), .averagePool(let shape, _):
      result.height = shape.rows.count(over: input.height)
      result.width = shape.columns.count(over: input.width)
    case .globalAverage, .firstToken:
      (result.height, result.width, result.spare) = (1, 1, 0)
    case .tokens:
      (result.height, result.width) = (input.pixels + 1, 1)
      result.spare = (4 - result.height % 4) % 4
    case .attention:
      result.channels = input.channels / 3
    case .mergePatches:
      result = Graph.Extents(height: input.height / 2, width: input.width / 2, channels: 4 * input.channels)
    case .tensor(_, let output): result = output
    case .depthwiseSum, .layerNorm, .groupNorm, .relu: break
    }
    return result
  }

  var parameters: [(name: String, shape: [Int])] {
    switch self {
    case .convolution(let layer):
      var result = [(layer.name + ".weight", layer.weightShape)]
      if layer.hasBias { result.append((layer.name + ".bias", [layer.outputs])) }
      if let normalisation = layer.normalisation {
        for part in ["weight", "bias", "running_mean", "running_var"] {
          result.append((normalisation + "." + part, [layer.outputs]))
        }
      }
      if let scale = layer.scale { result.append((scale, [layer.outputs])) }
      return result
    case .depthwise(let name, let channels, let kernel, _, _):
      return [(name + ".weight", [channels, 1, kernel, kernel]), (name + ".bias", [channels])]
    case .depthwiseSum(let sum): return sum.parameters
    case .layerNorm(let name, let channels, _), .groupNorm(let name, let channels, _, _, _):
      return [(name + ".weight", [channels]), (name + ".bias", [channels])]
    case .tokens(let token, let position, let count, let channels):
      return [(token, [1, 1, channels]), (position, [1, count, channels])]
    case .attention(let heads, .windows(let window)):
      return [(window.table, [(2 * window.side - 1) * (2 * window.side - 1), heads])]
    case .attention(let heads, .groups(let size, let bias?, let count)): return [(bias, [count, heads, size, size])]
    case .tensor(.combine(_, _, let constant?), _): return [(constant.name, constant.shape)]
    case .relu, .maxPool, .averagePool, .globalAverage, .firstToken, .attention, .mergePatches, .tensor: return []
    }
  }

  func multiplyAdds(input: Graph.Extents, output: Graph.Extents) -> Int {
    switch self {
    case .convolution(let layer): output.pixels * layer.outputs * layer.inputs / layer.groups * layer.shape.taps
    case .depthwise(_, _, let kernel, _, _): output.count * kernel * kernel
    case .depthwiseSum(let sum): output.count * sum.parts.reduce(0) { $0 + $1.rows * $1.columns }
    case .attention(_, let scope): 2 * input.pixels * output.channels * scope.reach(of: input.pixels)
    case .tensor(.product(let batch, let rows, let inner, let columns), _): batch * rows * inner * columns
    default: 0
    }
  }
}
