import Machine
import Synchronization
import Tensors

/// Where a network's parameters come from.
package protocol WeightSource: Sendable {
  /// Names the source in errors.
  var origin: String { get }
  func contains(_ name: String) -> Bool
  /// The extents of a parameter whose extents the architecture leaves open; nil where there is none.
  func shape(of name: String) -> [Int]?
  /// The parameter's numbers, row-major; refuses one of another shape.
  func values(_ name: String, shape: [Int]) throws(CheckpointError) -> [Float]
}

extension Checkpoint: WeightSource {
  package var origin: String { path }

  package func values(_ name: String, shape: [Int]) throws(CheckpointError) -> [Float] {
    guard let found = self.shape(of: name) else { throw .missing(name: name, file: path) }
    guard found == shape else { throw .shape(name: name, expected: shape, found: found, file: path) }
    return try finiteValues(name)
  }
}

/// Parameters drawn at random, of a size that keeps features near 1: for timing, where values do not matter.
struct RandomWeights: WeightSource {
  /// The layer that gives the logits.
  let head: String
  let classCount: Int
  let origin = "random weights"
  /// Parameters that are 0.
  var zeroed: Set<String> = []

  func contains(_ name: String) -> Bool { !name.contains("small_conv") && !name.contains("lkb_origin") }
  func shape(of name: String) -> [Int]? { name == head + ".bias" ? [classCount] : nil }

  func values(_ name: String, shape: [Int]) throws(CheckpointError) -> [Float] {
    let count = shape.reduce(1, *)
    if zeroed.contains(name) { return Array(repeating: 0, count: count) }
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

/// Folding of batch normalisations into the layers beside them, in float64.
struct Folding: Sendable {
  let source: any WeightSource

  /// Added to a variance before its root is taken; PyTorch's default.
  private var epsilon: Double { 1e-5 }

  /// What a batch normalisation does to channel c in evaluation: x scale[c] + shift[c].
  struct Affine {
    var scale: [Double]
    var shift: [Double]
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
