import Machine
import Synchronization
import Tensors

/// Where a network's parameters come from.
protocol WeightSource: Sendable {
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
    return try finiteValues(name)
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
struct Folding<Source: WeightSource>: Sendable {
  let source: Source

  /// Added to a variance before its root is taken; PyTorch's default, which all of RepLKNet uses.
  private var epsilon: Double { 1e-5 }

  /// What a batch normalisation does to channel c in evaluation: x scale[c] + shift[c].
  struct Affine {
    var scale: [Double]
    var shift: [Double]
  }

  /// A convolution's weights, [outputs, inner], as they are stored, what they are multiplied with, and its bias.
  struct Linear {
    var weights: [Float]
    /// Of each output.
    var outputScale: [Double]
    /// Of each inner number; nil for 1.
    var inputScale: [Double]?
    var bias: [Double]

    var outputs: Int { bias.count }
    var inner: Int { bias.isEmpty ? 0 : weights.count / bias.count }
    var roundedBias: [Float] { bias.map { Float($0) } }

    /// The weights with both factors.
    var roundedWeights: [Float] {
      let inner = inner
      return [Float](unsafeUninitializedCapacity: weights.count) { target, initialized in
        for output in 0..<outputs {
          let scale = outputScale[output]
          let row = output * inner
          if let inputScale {
            for k in 0..<inner { target[row + k] = Float(Double(weights[row + k]) * scale * inputScale[k]) }
          } else {
            for k in 0..<inner { target[row + k] = Float(Double(weights[row + k]) * scale) }
          }
        }
        initialized = outputs * inner
      }
    }
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
    let weights = try source.values(prefix + ".conv.weight", shape: shape)
    let affine = try normalisation(prefix + ".bn", shape[0])
    return Linear(weights: weights, outputScale: affine.scale, bias: affine.shift)
  }

  /// A linear layer after an affine map of its inputs.
  func absorbing(_ before: Affine, into linear: Linear) -> Linear {
    var result = linear
    let inner = linear.inner
    for output in 0..<linear.outputs {
      let scale = linear.outputScale[output]
      var sum = linear.bias[output]
      for k in 0..<inner { sum += Double(linear.weights[output * inner + k]) * scale * before.shift[k] }
      result.bias[output] = sum
    }
    result.inputScale = before.scale
    return result
  }

  /// A large kernel with the small one beside it, merged if it is not yet: weights [channels, kernel, kernel].
  func largeKernel(
    _ prefix: String, channels: Int, kernel: Int, smallKernel: Int?
  ) throws(CheckpointError) -> Linear {
    let plain = [Double](repeating: 1, count: channels)
    if source.contains(prefix + ".lkb_reparam.weight") {
      return Linear(
        weights: try source.values(prefix + ".lkb_reparam.weight", shape: [channels, 1, kernel, kernel]),
        outputScale: plain, bias: try values(prefix + ".lkb_reparam.bias", [channels]))
    }
    let large = try convolution(prefix + ".lkb_origin", [channels, 1, kernel, kernel])
    guard let smallKernel else { return large }
    let small = try convolution(prefix + ".small_conv", [channels, 1, smallKernel, smallKernel])
    var merged = Linear(
      weights: large.roundedWeights, outputScale: plain, bias: zip(large.bias, small.bias).map { $0 + $1 })
    let margin = (kernel - smallKernel) / 2
    for channel in 0..<channels {
      for row in 0..<smallKernel {
        for column in 0..<smallKernel {
          let place = (channel * kernel + row + margin) * kernel + column + margin
          merged.weights[place] = Float(
            Double(large.weights[place]) * large.outputScale[channel]
              + Double(small.weights[(channel * smallKernel + row) * smallKernel + column])
              * small.outputScale[channel])
        }
      }
    }
    return merged
  }
}

/// Computes `count` results on all processors that this process may use; where some fail, throws the error of the first of them.
func computeTogether<Result: Sendable>(
  _ count: Int, _ body: @Sendable (Int) throws(CheckpointError) -> Result
) throws(CheckpointError) -> [Result] {
  let results = Mutex([Swift.Result<Result, CheckpointError>?](repeating: nil, count: count))
  Allowance.current.forEach(count) { index in
    let result: Swift.Result<Result, CheckpointError>
    do throws(CheckpointError) {
      result = .success(try body(index))
    } catch {
      result = .failure(error)
    }
    results.withLock { $0[index] = result }
  }
  var found: [Result] = []
  for case let result? in results.withLock({ $0 }) { found.append(try result.get()) }
  return found
}
