import Kernels

/// Reads the weights of a graph's operations and brings them into the kernels' order. Folding is done in float64 and
/// rounded once.
struct StepLoader<Source: WeightSource>: Sendable {
  let source: Source
  let options: ComputeOptions
  let takesProductsInBlocks: Bool

  func step(_ operation: Operation, on input: Graph.Extents) throws(CheckpointError) -> CompiledGraph.Step {
    switch operation {
    case .convolution(let layer): return try convolution(layer, input)
    case .depthwise(let name, let channels, let kernel, let stride, let relu):
      return .depthwise(
        DepthwiseLayer(
          weights: try source.values(name + ".weight", shape: [channels, 1, kernel, kernel]),
          bias: try source.values(name + ".bias", shape: [channels]), channels: channels, kernel: kernel,
          stride: stride, mapSize: (input.height, input.width), instructionSet: options.instructionSet), relu: relu)
    case .depthwiseSum(let sum): return try depthwise(sum, input)
    case .layerNorm(let name, let channels, let epsilon):
      return .layerNorm(
        weight: try source.values(name + ".weight", shape: [channels]),
        bias: try source.values(name + ".bias", shape: [channels]), epsilon: epsilon)
    case .groupNorm(let name, let channels, let groups, let epsilon, let relu):
      return .groupNorm(
        weight: try source.values(name + ".weight", shape: [channels]),
        bias: try source.values(name + ".bias", shape: [channels]), groups: groups, epsilon: epsilon,
        relu: relu)
    case .relu: return .relu
    case .maxPool(let shape, let countsPadding):
      return .maxPool(windows(input, shape), countsPadding: countsPadding)
    case .averagePool(let shape, let countsPadding):
      return .averagePool(windows(input, shape), countsPadding: countsPadding)
    case .globalAverage: return .globalAverage
    case .tokens(let token, let position, let count, let channels):
      let positions = try positions(position, count, channels)
      let first = zip(try source.values(token, shape: [1, 1, channels]), positions).map { $0 + $1 }
      return .tokens(first: first, positions: Array(positions[channels...]))
    case .firstToken: return .firstToken
    case .attention(let heads, let scope): return .attention(try attention(heads, scope, input))
    case .mergePatches: return .mergePatches
    case .tensor(let operation, _):
      var constant: [Float] = []
      if case .combine(_, _, let operand?) = operation {
        constant = try source.values(operand.name, shape: operand.shape)
      }
      return .tensor(
        TensorStep(
          operation: operation, constant: constant, instructionSet: options.instructionSet, backend: options.gemm))
    }
  }

  /// All kernels with their normalisations in one square, each in its middle.
  private func depthwise(
    _ sum: Operation.DepthwiseSum, _ input: Graph.Extents
  ) throws(CheckpointError) -> CompiledGraph.Step {
    let side = sum.kernel
    var weights = [Double](repeating: 0, count: sum.channels * side * side)
    var bias = [Double](repeating: 0, count: sum.channels)
    for part in sum.parts {
      let stored = try source.values(part.name + ".conv.weight", shape: [sum.channels, 1, part.rows, part.columns])
      let affine = try Folding(source: source).normalisation(part.name + ".bn", sum.channels)
      let (top, left) = ((side - part.rows) / 2, (side - part.columns) / 2)
      for channel in 0..<sum.channels {
        bias[channel] += affine.shift[channel]
        for row in 0..<part.rows {
          let from = (channel * part.rows + row) * part.columns
          let target = (channel * side + top + row) * side + left
          for column in 0..<part.columns {
            weights[target + column] += Double(stored[from + column]) * affine.scale[channel]
          }
        }
      }
    }
    return .depthwise(
      DepthwiseLayer(
        weights: weights.map { Float($0) }, bias: bias.map { Float($0) }, channels: sum.channels, kernel: side,
        mapSize: (input.height, input.width), instructionSet: options.instructionSet), relu: false)
  }

  /// The positions of tokens, resampled where the checkpoint has them for another size of images.
  private func positions(_ name: String, _ count: Int, _ channels: Int) throws(CheckpointError) -> [Float] {
    guard let stored = source.shape(of: name), stored.count == 3, stored[1] != count,
      let from = PositionResampling.side(ofTokens: stored[1]), let to = PositionResampling.side(ofTokens: count)
    else { return try source.values(name, shape: [1, count, channels]) }
    let values = try source.values(name, shape: [1, stored[1], channels])
    return PositionResampling.resample(values, from: from, to: to, channels: channels)
  }

  private func windows(_ input: Graph.Extents, _ shape: WindowShape) -> Windows {
    Windows(height: input.height, width: input.width, channels: input.channels, shape: shape)
  }

  private func convolution(
    _ layer: Operation.Convolution, _ input: Graph.Extents
  ) throws(CheckpointError) -> CompiledGraph.Step {
    let taps = layer.shape.taps
    let inputs = layer.inputs / layer.groups
    let inner = inputs * taps
    let stored = try source.values(layer.name + ".weight", shape: layer.weightShape)
    var bias = [Double](repeating: 0, count: layer.outputs)
    if layer.hasBias { bias = try source.values(layer.name + ".bias", shape: [layer.outputs]).map { Double($0) } }
    var factors = [Double](repeating: 1, count: layer.outputs)
    if let name = layer.normalisation {
      let folding = Folding(source: source)
      let affine = try folding.normalisation(name, layer.outputs)
      factors = affine.scale
      bias = bias.indices.map { bias[$0] * affine.scale[$0] + affine.shift[$0] }
    }
    if let name = layer.scale {
      let scale = try source.values(name, shape: [layer.outputs]).map { Double($0) }
      factors = zip(factors, scale).map { $0 * $1 }
      bias = zip(bias, scale).map { $0 * $1 }
    }
    var weights = [Float](repeating: 0, count: stored.count)
    for output in 0..<layer.outputs {
      let row = stored[(output * inner)..<((output + 1) * inner)]
      let standard = layer.isStandardised ? Self.standardisation(row) : (mean: 0, scale: 1)
      let factor = standard.scale * factors[output]
      for channel in 0..<inputs {
        for tap in 0..<taps {
          weights[output * inner + tap * inputs + channel] =
            Float((Double(row[row.startIndex + channel * taps + tap]) - standard.mean) * factor)
        }
      }
    }
    return pack(layer, input, weights, bias.map { Float($0) })
  }

  /// Weights, [outputs, window, inputs], in the order of the kernel that suits the layer.
  private func pack(
    _ layer: Operation.Convolution, _ input: Graph.Extents, _ weights: [Float], _ bias: [Float]
  ) -> CompiledGraph.Step {
    let windows = windows(input, layer.shape)
    let inner = layer.inputs / layer.groups * layer.shape.taps
    func matrix(_ outputs: Range<Int>, rowsTogether: Int) -> PackedMatrix {
      PackedMatrix(
        weights: Array(weights[(outputs.lowerBound * inner)..<(outputs.upperBound * inner)]),
        bias: Array(bias[outputs]), inner: inner, columns: outputs.count,
        rowsTogether: takesProductsInBlocks ? rowsTogether : 1,
        precision: options.precision, instructionSet: options.instructionSet, backend: options.gemm)
    }
    if layer.groups > 1 {
      let outputs = layer.outputs / layer.groups
      let matrices = (0..<layer.groups).map { matrix($0 * outputs..<($0 + 1) * outputs, rowsTogether: 1) }
      return .grouped(matrices, windows, layer.activation)
    }
    if layer.shape.centredSide == 3, layer.activation != .gelu, options.precision == .fp32,
      WinogradConvolution.isUsed(inputs: layer.inputs, outputs: layer.outputs)
    {
      let winograd = WinogradConvolution(
        weights: weights, bias: bias, inputs: layer.inputs, outputs: layer.outputs,
        instructionSet: options.instructionSet, backend: options.gemm)
      return .winograd(winograd, layer.activation)
    }
    guard layer.shape.isPointwise else {
      return .convolution(
        matrix(0..<layer.outputs, rowsTogether: windows.rows * windows.columns), windows, layer.activation)
    }
    return .linear(matrix(0..<layer.outputs, rowsTogether: input.rows), layer.activation)
  }

  /// Mean and 1 / sqrt(population variance + 1e-8) of an output's weights: BiT's weight standardisation, with timm's
  /// epsilon for the `_bit` networks.
  private static func standardisation(_ row: ArraySlice<Float>) -> (mean: Double, scale: Double) {
    let mean = row.reduce(0) { $0 + Double($1) } / Double(row.count)
    let variance = row.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / Double(row.count)
    return (mean, 1 / (variance + 1e-8).squareRoot())
  }

  private func attention(
    _ heads: Int, _ scope: Operation.AttentionScope, _ input: Graph.Extents
  ) throws(CheckpointError) -> Attention {
    var windows = [Array(0..<input.pixels)]
    var biases: [[Float]] = []
    switch scope {
    case .whole: break
    case .windows(let window):
      let span = 2 * window.side - 1
      let table = try source.values(window.table, shape: [span * span, heads])
      let layout = WindowLayout(height: input.height, width: input.width, side: window.side, shift: window.shift)
      windows = layout.windows
      biases = layout.biases(table: table, heads: heads)
    case .groups(let size, let bias, let count):
      windows = stride(from: 0, to: input.pixels, by: size).map { Array($0..<($0 + size)) }
      if let bias {
        let values = try source.values(bias, shape: [count, heads, size, size])
        let each = heads * size * size
        biases = (0..<count).map { Array(values[($0 * each)..<(($0 + 1) * each)]) }
      }
    }
    return Attention(
      heads: heads, headSize: input.channels / 3 / heads, windows: windows, biases: biases,
      instructionSet: options.instructionSet, backend: options.gemm)
  }
}

/// Swin's shifted windows (Liu et al., "Swin Transformer", ICCV 2021, section 3.2) as lists of an image's pixels.
struct WindowLayout {
  let height: Int
  let width: Int
  let side: Int
  let shift: Int

  private var origins: [(row: Int, column: Int)] {
    stride(from: 0, to: height, by: side).flatMap { row in stride(from: 0, to: width, by: side).map { (row, $0) } }
  }

  /// The pixels of each window of the rolled image.
  var windows: [[Int]] {
    origins.map { origin in
      (0..<side * side).map { place in
        let row = (origin.row + place / side + shift) % height
        let column = (origin.column + place % side + shift) % width
        return row * width + column
      }
    }
  }

  /// The table's biases for each pair of a window's pixels, and -100 between pixels that the roll brought together;
  /// one list for all windows where nothing is rolled.
  func biases(table: [Float], heads: Int) -> [[Float]] {
    let span = 2 * side - 1
    let size = side * side
    func region(_ position: Int, _ extent: Int) -> Int {
      position < extent - side ? 0 : position < extent - shift ? 1 : 2
    }
    func region(_ origin: (row: Int, column: Int), _ place: Int) -> Int {
      3 * region(origin.row + place / side, height) + region(origin.column + place % side, width)
    }
    return (shift == 0 ? [(0, 0)] : origins).map { origin in
      var result = [Float](repeating: 0, count: heads * size * size)
      for query in 0..<size {
        for key in 0..<size {
          let row = query / side - key / side + side - 1
          let column = query % side - key % side + side - 1
          let isApart = shift > 0 && region(origin, query) != region(origin, key)
          for head in 0..<heads {
            result[(head * size + query) * size + key] =
              table[(row * span + column) * heads + head] + (isApart ? -100 : 0)
          }
        }
      }
      return result
    }
  }
}
