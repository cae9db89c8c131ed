import Kernels

/// (x - mean) / sqrt(variance + epsilon) x weight + bias over each row's channels.
struct LayerNorm: Layer, Hashable {
  let name: String
  let channels: Int
  let epsilon: Float

  private var weight: Parameter { Parameter(name + ".weight", [channels]) }
  private var bias: Parameter { Parameter(name + ".bias", [channels]) }
  var parameters: [Parameter] { [weight, bias] }
  var isRowByRow: Bool { true }
  var overwritableInputs: Set<Int> { [0] }

  func prepare(_ preparation: Preparation) throws(CheckpointError) -> any PreparedLayer {
    try prepared(preparation)
  }

  func prepared(_ preparation: Preparation) throws(CheckpointError) -> PreparedLayerNorm {
    PreparedLayerNorm(
      weight: try preparation.values(weight), bias: try preparation.values(bias), epsilon: epsilon,
      rows: preparation.from.rows, instructionSet: preparation.options.instructionSet)
  }
}

extension LayerNorm {
  func differentiate(_ node: Graph.Node, _ gradient: Graph.Value, in builder: inout GradientBuilder) {
    builder.give(LayerNormGradient(layer: self), [gradient, node.inputs[0]], from: node.from, to: node.inputs[0])
  }
}

/// The gradient of what a layer normalisation takes, the second input. A third is added.
struct LayerNormGradient: Layer, Hashable {
  let layer: LayerNorm

  var parameters: [Parameter] { layer.parameters }
  var addsResidual: Bool { true }
  var overwritableInputs: Set<Int> { [0, 2] }

  func prepare(_ preparation: Preparation) throws(CheckpointError) -> any PreparedLayer {
    Prepared(
      layer: try layer.prepared(preparation), pass: Backpropagation(preparation.options.instructionSet))
  }

  private struct Prepared: PreparedLayer {
    let layer: PreparedLayerNorm
    let pass: Backpropagation

    var byteCount: Int { layer.byteCount }

    func compute(_ work: LayerWork) {
      pass.layer(
        work.input, work.inputs[1], rows: work.count * layer.rows, channels: layer.weight.count, weight: layer.weight,
        epsilon: layer.epsilon, residual: work.inputs.count > 2 ? work.inputs[2] : nil, into: work.output)
    }
  }
}

struct PreparedLayerNorm: PreparedLayer {
  let weight: [Float]
  let bias: [Float]
  let epsilon: Float
  /// Of an image.
  let rows: Int
  let instructionSet: InstructionSet

  var byteCount: Int { 4 * (weight.count + bias.count) }

  func compute(_ work: LayerWork) { normalise(work.input, rows: work.count * rows, into: work.output) }

  func normalise(_ input: UnsafeBufferPointer<Float>, rows: Int, into output: UnsafeMutableBufferPointer<Float>) {
    Normalisation.layer(
      input, rows: rows, channels: weight.count, weight: weight, bias: bias, epsilon: epsilon,
      instructionSet: instructionSet, into: output)
  }
}

/// The same over groups of neighbouring channels and all pixels, perhaps with a ReLU.
struct GroupNorm: Layer, Hashable {
  let name: String
  let channels: Int
  let groups: Int
  var epsilon: Float = 1e-5
  var hasReLU = true

  private var weight: Parameter { Parameter(name + ".weight", [channels]) }
  private var bias: Parameter { Parameter(name + ".bias", [channels]) }
  var parameters: [Parameter] { [weight, bias] }

  func prepare(_ preparation: Preparation) throws(CheckpointError) -> any PreparedLayer {
    Prepared(
      layer: self, weight: try preparation.values(weight), bias: try preparation.values(bias),
      pixels: preparation.from.pixels, instructionSet: preparation.options.instructionSet)
  }

  private struct Prepared: PreparedLayer {
    let layer: GroupNorm
    let weight: [Float]
    let bias: [Float]
    let pixels: Int
    let instructionSet: InstructionSet

    var byteCount: Int { 4 * (weight.count + bias.count) }

    func compute(_ work: LayerWork) {
      Normalisation.group(
        work.input, count: work.count, pixels: pixels, channels: layer.channels, groups: layer.groups, weight: weight,
        bias: bias, epsilon: layer.epsilon, relu: layer.hasReLU, instructionSet: instructionSet, into: work.output)
    }
  }
}

extension GroupNorm {
  func differentiate(_ node: Graph.Node, _ gradient: Graph.Value, in builder: inout GradientBuilder) {
    var (plain, gradient) = (self, gradient)
    plain.hasReLU = false
    if hasReLU {
      gradient = builder.append(ReLUGradient(), [gradient, node.output], from: builder.extents(node.output))
    }
    builder.give(GroupNormGradient(layer: plain), [gradient, node.inputs[0]], from: node.from, to: node.inputs[0])
  }
}

/// The gradient of what a group normalisation takes, the second input.
struct GroupNormGradient: Layer, Hashable {
  let layer: GroupNorm

  var parameters: [Parameter] { layer.parameters }
  var overwritableInputs: Set<Int> { [0] }

  func prepare(_ preparation: Preparation) throws(CheckpointError) -> any PreparedLayer {
    Prepared(
      layer: layer, weight: try preparation.values(layer.parameters[0]), pixels: preparation.from.pixels,
      pass: Backpropagation(preparation.options.instructionSet))
  }

  private struct Prepared: PreparedLayer {
    let layer: GroupNorm
    let weight: [Float]
    let pixels: Int
    let pass: Backpropagation

    var byteCount: Int { 4 * weight.count }

    func compute(_ work: LayerWork) {
      pass.group(
        work.input, work.inputs[1], count: work.count, pixels: pixels, channels: layer.channels, groups: layer.groups,
        weight: weight, epsilon: layer.epsilon, into: work.output)
    }
  }
}

/// A batch normalisation by its running moments, where no layer before it folds it in; `AbsorbNormalisations` moves it
/// into the layers behind it where it can.
struct BatchNorm: Layer, Hashable {
  let name: String
  let channels: Int

  var parameters: [Parameter] { Parameter.batchNorm(name, channels) }
  var overwritableInputs: Set<Int> { [0] }

  func prepare(_ preparation: Preparation) throws(CheckpointError) -> any PreparedLayer {
    let affine = try preparation.folding.normalisation(name, channels)
    return Prepared(
      scale: affine.scale.map { Float($0) }, shift: affine.shift.map { Float($0) }, rows: preparation.from.rows)
  }

  private struct Prepared: PreparedLayer {
    let scale: [Float]
    let shift: [Float]
    let rows: Int

    var byteCount: Int { 4 * (scale.count + shift.count) }

    func compute(_ work: LayerWork) {
      for row in 0..<work.count * rows {
        let start = row * scale.count
        for channel in scale.indices {
          work.output[start + channel] = work.input[start + channel] * scale[channel] + shift[channel]
        }
      }
    }
  }
}

extension BatchNorm {
  func differentiate(_ node: Graph.Node, _ gradient: Graph.Value, in builder: inout GradientBuilder) {
    builder.give(BatchNormGradient(layer: self), [gradient], from: node.from, to: node.inputs[0])
  }
}

/// A gradient times the factor of each channel.
struct BatchNormGradient: Layer, Hashable {
  let layer: BatchNorm

  var parameters: [Parameter] { layer.parameters }
  var addsResidual: Bool { true }
  var overwritableInputs: Set<Int> { [0, 1] }

  func prepare(_ preparation: Preparation) throws(CheckpointError) -> any PreparedLayer {
    let affine = try preparation.folding.normalisation(layer.name, layer.channels)
    return Prepared(scale: affine.scale.map { Float($0) }, rows: preparation.from.rows)
  }

  private struct Prepared: PreparedLayer {
    let scale: [Float]
    let rows: Int

    var byteCount: Int { 4 * scale.count }

    func compute(_ work: LayerWork) {
      for start in stride(from: 0, to: work.count * rows * scale.count, by: scale.count) {
        for channel in scale.indices {
          let product = work.input[start + channel] * scale[channel]
          work.output[start + channel] = work.residual.map { product + $0[start + channel] } ?? product
        }
      }
    }
  }
}
