import Kernels

/// A dense convolution; a linear layer is one of kernel 1. A second input is a residual.
struct Convolution: Layer, Hashable {
  var name: String
  var inputs: Int
  var outputs: Int
  var shape = WindowShape(kernel: 1)
  /// Groups of inputs that each give a group of outputs.
  var groups = 1
  var hasBias = true
  /// Whether the checkpoint stores a kernel of 1 as [outputs, inputs].
  var isLinear = false
  /// The batch normalisation before it that is folded in; kernels of 1 only.
  var normalisationBefore: String?
  /// The batch normalisation that follows and is folded in.
  var normalisation: String?
  /// Whether weights are brought to mean 0 and variance 1 for each output, as BiT has them.
  var isStandardised = false
  /// A factor for each output (ConvNeXt's layer scale).
  var scale: String?
  var activation = Activation.none
  /// Whether its products may be taken in blocks.
  var mayBeInBlocks = true

  /// Whether each pixel or token is worked on for itself.
  var isPointwise: Bool { shape.isPointwise && groups == 1 }

  private var weight: Parameter {
    Parameter(
      name + ".weight", [outputs, inputs / groups] + (isLinear ? [] : [shape.rows.kernel, shape.columns.kernel]))
  }
  private var bias: Parameter { Parameter(name + ".bias", [outputs]) }

  var parameters: [Parameter] {
    var result = normalisationBefore.map { Parameter.batchNorm($0, inputs) } ?? []
    result.append(weight)
    if hasBias { result.append(bias) }
    if let normalisation { result += Parameter.batchNorm(normalisation, outputs) }
    if let scale { result.append(Parameter(scale, [outputs])) }
    return result
  }

  func extents(of input: Graph.Extents) -> Graph.Extents {
    precondition(inputs == input.channels, "\(name) needs \(inputs) channels")
    var result = input
    result.height = shape.rows.count(over: input.height)
    result.width = shape.columns.count(over: input.width)
    result.channels = outputs
    return result
  }

  func multiplyAdds(from input: Graph.Extents, to output: Graph.Extents) -> Int {
    output.pixels * outputs * inputs / groups * shape.taps
  }

  /// Whether it is computed by Winograd's method.
  private func isWinograd(_ precision: Precision) -> Bool {
    groups == 1 && shape.centredSide == 3 && activation != .gelu && precision == .fp32
      && WinogradConvolution.isUsed(inputs: inputs, outputs: outputs)
  }

  func estimatedByteCount(of input: Graph.Extents, _ precision: Precision) -> Int {
    isWinograd(precision) ? 4 * 16 * inputs * outputs : weight.count * precision.byteCount + 4 * outputs
  }

  func estimatedWorkspaceCount(_ precision: Precision) -> Int {
    guard !shape.isPointwise else { return 0 }
    return isWinograd(precision)
      ? WinogradConvolution.featureCount(inputs: inputs, outputs: outputs)
      : PreparedConvolution.patchRows * inputs / groups * shape.taps
  }

  var isRowByRow: Bool { isLinear }

  /// The residual's: each of its numbers is read before the output's is written.
  var overwritableInputs: Set<Int> { isPointwise ? [1] : [] }
}

// MARK: - Preparing

extension Convolution {
  /// The weights in the order of the kernel that suits the layer.
  private enum Packed: Sendable {
    case dense(PackedMatrix)
    /// A matrix for each group of inputs.
    case grouped([PackedMatrix])
    case winograd(WinogradConvolution)
  }

  func prepare(_ preparation: Preparation) throws(CheckpointError) -> any PreparedLayer {
    let packed = try packed(preparation)
    let windows = preparation.windows(shape)
    switch packed {
    case .dense(let matrix) where isPointwise:
      return PreparedLinear(matrix: matrix, rows: preparation.from.rows, activation: activation)
    case .dense(let matrix): return PreparedConvolution(matrix: matrix, windows: windows, activation: activation)
    case .grouped(let matrices):
      return PreparedGroupedConvolution(matrices: matrices, windows: windows, activation: activation)
    case .winograd(let layer):
      return PreparedWinogradConvolution(layer: layer, from: preparation.from, activation: activation)
    }
  }

  /// The matrix of a pointwise layer, for layers that are made of several.
  func matrix(_ preparation: Preparation) throws(CheckpointError) -> PackedMatrix {
    guard case .dense(let matrix) = try packed(preparation) else { preconditionFailure("\(name) is not pointwise") }
    return matrix
  }

  private func packed(_ preparation: Preparation) throws(CheckpointError) -> Packed {
    let isWinograd = isWinograd(preparation.options.precision)
    // What follows the sums is no part of the weights.
    var plain = self
    plain.activation = .none
    return try preparation.store.shared(plain, preparation) { () throws(CheckpointError) in
      let (weights, bias) = try folded(preparation)
      let inner = inputs / groups * shape.taps
      if groups > 1 {
        let count = outputs / groups
        return .grouped(
          (0..<groups).map { group in
            preparation.matrix(
              Array(weights[(group * count * inner)..<((group + 1) * count * inner)]),
              bias: Array(bias[(group * count)..<((group + 1) * count)]), inner: inner, columns: count, rowsTogether: 1)
          })
      }
      if isWinograd {
        return .winograd(
          WinogradConvolution(
            weights: weights, bias: bias, inputs: inputs, outputs: outputs,
            instructionSet: preparation.options.instructionSet, backend: preparation.options.gemm))
      }
      let places = isPointwise ? preparation.from.rows : preparation.to.pixels
      return .dense(
        preparation.matrix(
          weights, bias: bias, inner: inner, columns: outputs, rowsTogether: mayBeInBlocks ? places : 1))
    }
  }

  /// Weights, [outputs, window, inputs], and bias with all that is folded in, in float64, rounded once.
  func folded(_ preparation: Preparation) throws(CheckpointError) -> (weights: [Float], bias: [Float]) {
    let taps = shape.taps
    let inputs = inputs / groups
    let inner = inputs * taps
    let stored = try preparation.values(weight)
    var biases = [Double](repeating: 0, count: outputs)
    if hasBias { biases = try preparation.values(bias).map { Double($0) } }
    var factors = [Double](repeating: 1, count: outputs)
    if let normalisation {
      let affine = try preparation.folding.normalisation(normalisation, outputs)
      factors = affine.scale
      biases = biases.indices.map { biases[$0] * affine.scale[$0] + affine.shift[$0] }
    }
    if let scale {
      let scale = try preparation.values(Parameter(scale, [outputs])).map { Double($0) }
      factors = zip(factors, scale).map { $0 * $1 }
      biases = zip(biases, scale).map { $0 * $1 }
    }
    if let normalisationBefore {
      precondition(isPointwise && !isStandardised, "\(name) has zeros around its input that are not normalised")
      let before = try preparation.folding.normalisation(normalisationBefore, inputs)
      return Self.absorbing(before, stored, factors, biases: biases)
    }
    let weights = [Float](unsafeUninitializedCapacity: stored.count) { weights, count in
      for output in 0..<outputs {
        let row = stored[(output * inner)..<((output + 1) * inner)]
        let standard = isStandardised ? Self.standardisation(row) : (mean: 0, scale: 1)
        let factor = standard.scale * factors[output]
        for channel in 0..<inputs {
          for tap in 0..<taps {
            weights[output * inner + tap * inputs + channel] =
              Float((Double(row[row.startIndex + channel * taps + tap]) - standard.mean) * factor)
          }
        }
      }
      count = stored.count
    }
    return (weights, biases.map { Float($0) })
  }

  /// A pointwise layer after an affine map of its inputs.
  private static func absorbing(
    _ before: Folding.Affine, _ stored: [Float], _ factors: [Double], biases: [Double]
  ) -> (weights: [Float], bias: [Float]) {
    let inner = before.scale.count
    var biases = biases
    let weights = [Float](unsafeUninitializedCapacity: stored.count) { weights, count in
      for output in factors.indices {
        var sum = biases[output]
        for k in 0..<inner {
          let weight = Double(stored[output * inner + k]) * factors[output]
          sum += weight * before.shift[k]
          weights[output * inner + k] = Float(weight * before.scale[k])
        }
        biases[output] = sum
      }
      count = stored.count
    }
    return (weights, biases.map { Float($0) })
  }

  /// Mean and 1 / sqrt(population variance + 1e-8) of an output's weights: BiT's weight standardisation, with timm's
  /// epsilon for the `_bit` networks.
  private static func standardisation(_ row: ArraySlice<Float>) -> (mean: Double, scale: Double) {
    let mean = row.reduce(0) { $0 + Double($1) } / Double(row.count)
    let variance = row.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / Double(row.count)
    return (mean, 1 / (variance + 1e-8).squareRoot())
  }
}

// MARK: - Computing

/// A product with each pixel or token.
struct PreparedLinear: PreparedLayer {
  let matrix: PackedMatrix
  /// Of an image, spare ones included.
  let rows: Int
  let activation: Activation

  var byteCount: Int { matrix.byteCount }

  func workspaceCount(images: Int) -> Int { matrix.scratchCount(rows: images * rows) }

  func compute(_ work: LayerWork) {
    matrix.multiply(
      work.input, rows: work.count * rows, activation: activation, residual: work.residual, scratch: work.workspace,
      into: work.output)
  }
}

/// Patches, as many as stay near the cache, times the weights.
private struct PreparedConvolution: PreparedLayer {
  let matrix: PackedMatrix
  let windows: Windows
  let activation: Activation
  /// Patches that are multiplied together.
  static let patchRows = 384

  var byteCount: Int { matrix.byteCount }

  func workspaceCount(images: Int) -> Int {
    LayerWork.aligned(Self.patchRows * matrix.inner) + Self.productCount(matrix, windows)
  }

  static func productCount(_ matrix: PackedMatrix, _ windows: Windows) -> Int {
    let places = windows.rows * windows.columns
    return max(matrix.scratchCount(rows: min(places, patchRows)), matrix.scratchCount(rows: places % patchRows))
  }

  func compute(_ work: LayerWork) {
    let (patches, scratch) = work.split(at: Self.patchRows * matrix.inner)
    let places = windows.rows * windows.columns
    let imageCount = windows.height * windows.width * windows.channels
    for image in 0..<work.count {
      let pixels = UnsafeBufferPointer(rebasing: work.input[(image * imageCount)..<((image + 1) * imageCount)])
      for start in stride(from: 0, to: places, by: Self.patchRows) {
        let range = start..<min(places, start + Self.patchRows)
        windows.gather(pixels, range, into: patches)
        let first = (image * places + start) * matrix.columns
        let part = first..<(first + range.count * matrix.columns)
        matrix.multiply(
          UnsafeBufferPointer(patches), rows: range.count, activation: activation,
          residual: work.residual.map { UnsafeBufferPointer(rebasing: $0[part]) }, scratch: scratch,
          into: UnsafeMutableBufferPointer(rebasing: work.output[part]))
      }
    }
  }
}

/// Group by group; a group's outputs go to their channels by way of the workspace.
private struct PreparedGroupedConvolution: PreparedLayer {
  let matrices: [PackedMatrix]
  let windows: Windows
  let activation: Activation

  var byteCount: Int { matrices.reduce(0) { $0 + $1.byteCount } }

  private var sumCount: Int { LayerWork.aligned(PreparedConvolution.patchRows * matrices[0].columns) }

  func workspaceCount(images: Int) -> Int {
    LayerWork.aligned(PreparedConvolution.patchRows * matrices[0].inner) + sumCount
      + PreparedConvolution.productCount(matrices[0], windows)
  }

  func compute(_ work: LayerWork) {
    let places = windows.rows * windows.columns
    let imageCount = windows.height * windows.width * windows.channels
    let (inputs, outputs) = (windows.channels / matrices.count, matrices[0].columns)
    let (patches, rest) = work.split(at: PreparedConvolution.patchRows * matrices[0].inner)
    let sums = UnsafeMutableBufferPointer(rebasing: rest[..<sumCount])
    let scratch = UnsafeMutableBufferPointer(rebasing: rest[sumCount...])
    for image in 0..<work.count {
      let pixels = UnsafeBufferPointer(rebasing: work.input[(image * imageCount)..<((image + 1) * imageCount)])
      for start in stride(from: 0, to: places, by: PreparedConvolution.patchRows) {
        let range = start..<min(places, start + PreparedConvolution.patchRows)
        for (group, matrix) in matrices.enumerated() {
          windows.gather(pixels, range, part: (group * inputs)..<((group + 1) * inputs), into: patches)
          matrix.multiply(
            UnsafeBufferPointer(patches), rows: range.count, activation: activation, residual: nil, scratch: scratch,
            into: sums)
          for place in 0..<range.count {
            let target = ((image * places + start + place) * matrices.count + group) * outputs
            for column in 0..<outputs { work.output[target + column] = sums[place * outputs + column] }
          }
        }
      }
    }
  }
}

struct PreparedWinogradConvolution: PreparedLayer {
  let layer: WinogradConvolution
  let from: Graph.Extents
  let activation: Activation

  var byteCount: Int { layer.byteCount }

  func workspaceCount(images: Int) -> Int { layer.scratchCount }

  func compute(_ work: LayerWork) {
    layer.convolve(
      work.input, count: work.count, height: from.height, width: from.width, activation: activation,
      residual: work.residual, scratch: work.workspace, into: work.output)
  }
}
