import Kernels

extension Convolution {
  func differentiate(_ node: Graph.Node, _ gradient: Graph.Value, in builder: inout GradientBuilder) {
    var (plain, gradient) = (self, gradient)
    if activation != .none {
      gradient = builder.append(ReLUGradient(), [gradient, node.output], from: builder.extents(node.output))
    }
    plain.activation = .none
    for residual in node.inputs.dropFirst() { builder.give(gradient, to: residual) }
    builder.give(
      ConvolutionGradient(convolution: plain, input: node.from), [gradient], from: builder.extents(node.output),
      to: node.inputs[0])
  }
}

/// The gradient of a dense convolution's input: each output's gradient times the weights, added where the windows lay. A
/// second input is added last.
struct ConvolutionGradient: Layer, Hashable {
  let convolution: Convolution
  /// The extents of the convolution's input.
  let input: Graph.Extents

  var parameters: [Parameter] { convolution.parameters }
  var addsResidual: Bool { true }
  var overwritableInputs: Set<Int> { convolution.isPointwise ? [1] : [] }
  func extents(of gradient: Graph.Extents) -> Graph.Extents { input }

  func multiplyAdds(from gradient: Graph.Extents, to output: Graph.Extents) -> Int {
    convolution.multiplyAdds(from: output, to: gradient)
  }

  func estimatedByteCount(of gradient: Graph.Extents, _ precision: Precision) -> Int {
    convolution.estimatedByteCount(of: input, precision)
  }

  func estimatedWorkspaceCount(_ precision: Precision) -> Int { convolution.estimatedWorkspaceCount(precision) }

  /// How it is computed.
  private enum Packed: Sendable {
    /// One product with each pixel.
    case dense(PackedMatrix)
    /// A convolution with the turned kernel.
    case winograd(WinogradConvolution)
    /// Windows that do not overlap: one product, whose numbers are scattered.
    case patches(PackedMatrix)
    case phases([[ConvolutionPhase]])
  }

  func prepare(_ preparation: Preparation) throws(CheckpointError) -> any PreparedLayer {
    let packed = try preparation.store.shared(self, preparation) { () throws(CheckpointError) -> Packed in
      try pack(preparation)
    }
    switch packed {
    case .dense(let matrix): return PreparedLinear(matrix: matrix, rows: input.rows, activation: .none)
    case .winograd(let layer):
      return PreparedWinogradConvolution(layer: layer, from: preparation.from, activation: .none)
    case .patches(let matrix):
      return PatchGradient(matrix: matrix, shape: convolution.shape, gradient: preparation.from, input: input)
    case .phases(let groups):
      return PhaseGradient(groups: groups, gradient: preparation.from, input: input)
    }
  }

  private func pack(_ preparation: Preparation) throws(CheckpointError) -> Packed {
    let (inputs, outputs) = (convolution.inputs / convolution.groups, convolution.outputs)
    let taps = convolution.shape.taps
    // The weights' extents are those of the convolution's own input.
    let (weights, _) = try convolution.folded(preparation)
    func weight(_ output: Int, _ tap: Int, _ channel: Int) -> Float {
      weights[(output * taps + tap) * inputs + channel]
    }
    if convolution.isPointwise {
      return .dense(
        preparation.matrix(
          Self.transposed(weights, outputs, inputs), bias: [Float](repeating: 0, count: inputs), inner: outputs,
          columns: inputs, rowsTogether: convolution.mayBeInBlocks ? input.rows : 1))
    }
    if convolution.groups == 1, convolution.shape.centredSide == 3, preparation.options.precision == .fp32,
      WinogradConvolution.isUsed(inputs: outputs, outputs: inputs)
    {
      var turned: [Float] = []
      turned.reserveCapacity(weights.count)
      for channel in 0..<inputs {
        for tap in 0..<taps { for output in 0..<outputs { turned.append(weight(output, taps - 1 - tap, channel)) } }
      }
      return .winograd(
        WinogradConvolution(
          weights: turned, bias: [Float](repeating: 0, count: inputs), inputs: outputs, outputs: inputs,
          instructionSet: preparation.options.instructionSet, backend: preparation.options.gemm))
    }
    if convolution.groups == 1, convolution.shape.isOfPatches {
      return .patches(
        preparation.matrix(
          Self.transposed(weights, outputs, taps * inputs), bias: [Float](repeating: 0, count: taps * inputs),
          inner: outputs, columns: taps * inputs, rowsTogether: 1))
    }
    let members = outputs / convolution.groups
    return .phases(
      (0..<convolution.groups).map { group in
        ConvolutionPhase.all(of: convolution.shape, over: input) { taps in
          var own: [Float] = []
          own.reserveCapacity(inputs * taps.count * members)
          for channel in 0..<inputs {
            for tap in taps {
              for output in (group * members)..<((group + 1) * members) { own.append(weight(output, tap, channel)) }
            }
          }
          return preparation.matrix(
            own, bias: [Float](repeating: 0, count: inputs), inner: taps.count * members, columns: inputs,
            rowsTogether: 1)
        }
      })
  }

  /// The transpose of [rows, columns].
  private static func transposed(_ values: [Float], _ rows: Int, _ columns: Int) -> [Float] {
    [Float](unsafeUninitializedCapacity: values.count) { result, count in
      for row in 0..<rows { for column in 0..<columns { result[column * rows + row] = values[row * columns + column] } }
      count = values.count
    }
  }
}

extension WindowShape {
  /// Whether windows lie side by side from the image's first pixel on.
  fileprivate var isOfPatches: Bool {
    [rows, columns].allSatisfy { $0.kernel == $0.stride && $0.before == 0 && $0.dilation == 1 }
  }
}

/// The pixels of an image that lie alike to a convolution's windows, which start at every so many-th pixel: those whose
/// distance from the first window's start has one remainder along each axis. The same taps of the kernel reach them all.
struct ConvolutionPhase: Sendable {
  /// Along one axis.
  struct Axis: Sendable {
    /// The first pixel, and the step to the next.
    let first: Int
    let step: Int
    let count: Int
    /// The window of each tap that reaches the first pixel; the next pixel's are one further.
    let windows: [Int]
    let taps: [Int]
  }

  let rows: Axis
  let columns: Axis
  /// [inputs, taps x outputs]; nil where no tap reaches the pixels.
  let matrix: PackedMatrix?

  /// All phases; `pack` gives the matrix of some taps, counted row by row.
  static func all(
    of shape: WindowShape, over input: Graph.Extents, pack: ([Int]) -> PackedMatrix
  ) -> [ConvolutionPhase] {
    axes(shape.rows, over: input.height).flatMap { rows in
      axes(shape.columns, over: input.width).map { columns in
        let taps = rows.taps.flatMap { row in columns.taps.map { row * shape.columns.kernel + $0 } }
        return ConvolutionPhase(rows: rows, columns: columns, matrix: taps.isEmpty ? nil : pack(taps))
      }
    }
  }

  private static func axes(_ axis: WindowAxis, over extent: Int) -> [Axis] {
    (0..<min(axis.stride, extent)).map { first in
      // Pixel p is tap t of window w where p = w stride - before + t dilation.
      let taps = (0..<axis.kernel).filter { (first + axis.before - $0 * axis.dilation) % axis.stride == 0 }
      return Axis(
        first: first, step: axis.stride, count: (extent - first + axis.stride - 1) / axis.stride,
        windows: taps.map { (first + axis.before - $0 * axis.dilation) / axis.stride }, taps: taps)
    }
  }
}

/// Phase by phase: the gradients of the windows that reach a pixel, times their taps' weights.
private struct PhaseGradient: PreparedLayer {
  /// Of each group of channels.
  let groups: [[ConvolutionPhase]]
  let gradient: Graph.Extents
  let input: Graph.Extents
  /// Pixels that are multiplied together.
  private static let pixelsTogether = 384

  private var matrices: [PackedMatrix] { groups.flatMap { $0.compactMap(\.matrix) } }
  private var gatheredCount: Int {
    LayerWork.aligned(Self.pixelsTogether * matrices.reduce(1) { max($0, $1.inner) })
  }
  private var sumCount: Int { LayerWork.aligned(Self.pixelsTogether * input.channels / groups.count) }

  var byteCount: Int { matrices.reduce(0) { $0 + $1.byteCount } }

  func workspaceCount(images: Int) -> Int {
    let products = groups.first?.reduce(0) { largest, phase in
      guard let matrix = phase.matrix else { return largest }
      let pixels = phase.rows.count * phase.columns.count
      let counts = [min(pixels, Self.pixelsTogether), pixels % Self.pixelsTogether]
      return counts.reduce(largest) { max($0, matrix.scratchCount(rows: $1)) }
    }
    return gatheredCount + sumCount + (products ?? 0)
  }

  func compute(_ work: LayerWork) {
    let (gathered, rest) = work.split(at: gatheredCount)
    let sums = UnsafeMutableBufferPointer(rebasing: rest[..<sumCount])
    let scratch = UnsafeMutableBufferPointer(rebasing: rest[sumCount...])
    let inputs = input.channels / groups.count
    work.forEachImage(gradient, input) { image, residual, output in
      for (group, phases) in groups.enumerated() {
        for phase in phases {
          let pixels = phase.rows.count * phase.columns.count
          for start in stride(from: 0, to: pixels, by: Self.pixelsTogether) {
            let range = start..<min(pixels, start + Self.pixelsTogether)
            if let matrix = phase.matrix {
              gather(image, phase, group, range: range, into: gathered)
              matrix.multiply(UnsafeBufferPointer(gathered), rows: range.count, scratch: scratch, into: sums)
            } else {
              sums.update(repeating: 0)
            }
            for pixel in range {
              let row = phase.rows.first + pixel / phase.columns.count * phase.rows.step
              let column = phase.columns.first + pixel % phase.columns.count * phase.columns.step
              let to = (row * input.width + column) * input.channels + group * inputs
              let from = (pixel - start) * inputs
              for channel in 0..<inputs {
                let sum = sums[from + channel]
                output[to + channel] = residual.map { sum + $0[to + channel] } ?? sum
              }
            }
          }
        }
      }
      input.clearSpareRows(of: output)
    }
  }

  /// The gradients that reach some pixels of a phase, [range, taps, outputs]; zero where no window lies.
  private func gather(
    _ image: UnsafeBufferPointer<Float>, _ phase: ConvolutionPhase, _ group: Int, range: Range<Int>,
    into output: UnsafeMutableBufferPointer<Float>
  ) {
    let members = gradient.channels / groups.count
    precondition(image.count >= gradient.count, "shape and storage differ")
    precondition(
      output.count >= range.count * phase.rows.taps.count * phase.columns.taps.count * members,
      "shape and storage differ")
    guard let source = image.baseAddress, var target = output.baseAddress else { return }
    for pixel in range {
      for down in phase.rows.windows {
        let row = down + pixel / phase.columns.count
        for across in phase.columns.windows {
          let column = across + pixel % phase.columns.count
          if row >= 0, row < gradient.height, column >= 0, column < gradient.width {
            let place = (row * gradient.width + column) * gradient.channels + group * members
            target.update(from: source + place, count: members)
          } else {
            target.update(repeating: 0, count: members)
          }
          target += members
        }
      }
    }
  }
}

/// Each window's gradient times the weights, scattered over the window's pixels.
private struct PatchGradient: PreparedLayer {
  let matrix: PackedMatrix
  let shape: WindowShape
  let gradient: Graph.Extents
  let input: Graph.Extents
  /// Windows that are multiplied together.
  private static let windowsTogether = 384

  var byteCount: Int { matrix.byteCount }

  private var sumCount: Int { LayerWork.aligned(Self.windowsTogether * matrix.columns) }

  func workspaceCount(images: Int) -> Int {
    let counts = [min(gradient.pixels, Self.windowsTogether), gradient.pixels % Self.windowsTogether]
    return sumCount + counts.reduce(0) { max($0, matrix.scratchCount(rows: $1)) }
  }

  func compute(_ work: LayerWork) {
    let (sums, scratch) = work.split(at: sumCount)
    let line = shape.columns.kernel * input.channels
    work.forEachImage(gradient, input) { image, residual, output in
      // Pixels behind the last window, and spare ones, have no gradient of their own.
      for index in 0..<input.count { output[index] = residual?[index] ?? 0 }
      for start in stride(from: 0, to: gradient.pixels, by: Self.windowsTogether) {
        let range = start..<min(gradient.pixels, start + Self.windowsTogether)
        matrix.multiply(
          UnsafeBufferPointer(rebasing: image[(start * gradient.channels)...]), rows: range.count, scratch: scratch,
          into: sums)
        for window in range {
          let (top, left) = (
            window / gradient.width * shape.rows.stride, window % gradient.width * shape.columns.stride
          )
          for row in 0..<shape.rows.kernel {
            let to = ((top + row) * input.width + left) * input.channels
            let from = (window - start) * matrix.columns + row * line
            for index in 0..<line { output[to + index] += sums[from + index] }
          }
        }
      }
    }
  }
}
