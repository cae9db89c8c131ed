import Tensors

/// Where a network's parameters come from.
protocol WeightSource {
  /// Names the source in errors.
  var origin: String { get }
  func contains(_ name: String) -> Bool
  /// The extents of a parameter whose extents the architecture leaves open; nil where there is none.
  func shape(of name: String) -> [Int]?
  /// The parameter's numbers, row-major; refuses one of another shape.
  func values(_ name: String, shape: [Int]) throws(CheckpointError) -> [Float]
}

extension Checkpoint: WeightSource {
  var origin: String { path }

  func values(_ name: String, shape: [Int]) throws(CheckpointError) -> [Float] {
    guard let found = self.shape(of: name) else { throw .missing(name: name, file: path) }
    guard found == shape else { throw .shape(name: name, expected: shape, found: found, file: path) }
    return try values(name)
  }
}

/// Parameters drawn at random, of a size that keeps features near 1: for timing, where values do not matter.
struct RandomWeights: WeightSource {
  let classCount: Int
  let origin = "random weights"
  private static let heads = ["head.bias", "head.fc.bias", "fc.bias"]

  func contains(_ name: String) -> Bool { !name.contains("small_conv") && !name.contains("lkb_origin") }
  func shape(of name: String) -> [Int]? { Self.heads.contains(name) ? [classCount] : nil }

  func values(_ name: String, shape: [Int]) throws(CheckpointError) -> [Float] {
    let count = shape.reduce(1, *)
    if name.hasSuffix("running_var") || (shape.count == 1 && name.hasSuffix("weight")) {
      return Array(repeating: 1, count: count)
    }
    let fanIn = max(1, shape.dropFirst().reduce(1, *))
    var state = StableHash.of(name) | 1
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (Float(state >> 40) * 0x1p-23 - 1) * (3 / Float(fanIn)).squareRoot()
    }
  }
}

/// Folding of batch normalisations and small kernels into convolutions, in float64, rounded once at the end.
struct Folding<Source: WeightSource> {
  let source: Source

  /// Added to a variance before its root is taken; PyTorch's default, which all of RepLKNet uses.
  private var epsilon: Double { 1e-5 }

  /// What a batch normalisation does to channel c in evaluation: x scale[c] + shift[c].
  struct Affine {
    var scale: [Double]
    var shift: [Double]
  }

  /// A convolution's weights, [outputs, inner], and bias.
  struct Linear {
    var weights: [Double]
    var bias: [Double]
    var outputs: Int { bias.count }
    var inner: Int { bias.isEmpty ? 0 : weights.count / bias.count }
    var roundedWeights: [Float] { weights.map { Float($0) } }
    var roundedBias: [Float] { bias.map { Float($0) } }
  }

  func values(_ name: String, _ shape: [Int]) throws(CheckpointError) -> [Double] {
    try source.values(name, shape: shape).map { Double($0) }
  }

  func normalisation(_ prefix: String, _ channels: Int) throws(CheckpointError) -> Affine {
    let weight = try values(prefix + ".weight", [channels])
    let bias = try values(prefix + ".bias", [channels])
    let mean = try values(prefix + ".running_mean", [channels])
    let variance = try values(prefix + ".running_var", [channels])
    let scale = zip(weight, variance).map { $0 / ($1 + epsilon).squareRoot() }
    return Affine(scale: scale, shift: (0..<channels).map { bias[$0] - mean[$0] * scale[$0] })
  }

  /// `PREFIX.conv` and `PREFIX.bn` as one convolution.
  func convolution(_ prefix: String, _ shape: [Int]) throws(CheckpointError) -> Linear {
    var weights = try values(prefix + ".conv.weight", shape)
    let affine = try normalisation(prefix + ".bn", shape[0])
    let inner = shape.dropFirst().reduce(1, *)
    for index in weights.indices { weights[index] *= affine.scale[index / inner] }
    return Linear(weights: weights, bias: affine.shift)
  }

  /// A linear layer after an affine map of its inputs.
  func absorbing(_ before: Affine, into linear: Linear) -> Linear {
    var result = linear
    let inner = linear.inner
    for output in 0..<linear.outputs {
      for k in 0..<inner {
        let index = output * inner + k
        result.bias[output] += linear.weights[index] * before.shift[k]
        result.weights[index] = linear.weights[index] * before.scale[k]
      }
    }
    return result
  }

  /// A large kernel with the small one beside it, merged if it is not yet: weights [channels, kernel, kernel].
  func largeKernel(
    _ prefix: String, channels: Int, kernel: Int, smallKernel: Int?
  ) throws(CheckpointError) -> Linear {
    if source.contains(prefix + ".lkb_reparam.weight") {
      return Linear(
        weights: try values(prefix + ".lkb_reparam.weight", [channels, 1, kernel, kernel]),
        bias: try values(prefix + ".lkb_reparam.bias", [channels]))
    }
    var merged = try convolution(prefix + ".lkb_origin", [channels, 1, kernel, kernel])
    guard let smallKernel else { return merged }
    let small = try convolution(prefix + ".small_conv", [channels, 1, smallKernel, smallKernel])
    let margin = (kernel - smallKernel) / 2
    for channel in 0..<channels {
      merged.bias[channel] += small.bias[channel]
      for row in 0..<smallKernel {
        for column in 0..<smallKernel {
          merged.weights[(channel * kernel + row + margin) * kernel + column + margin] +=
            small.weights[(channel * smallKernel + row) * smallKernel + column]
        }
      }
    }
    return merged
  }
}
