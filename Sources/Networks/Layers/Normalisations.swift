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
