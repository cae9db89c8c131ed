import Kernels

/// What a model computes for one image: tensors of known shapes and the operations between them.
///
/// The batch is 1 throughout, so that nothing can depend on the images beside one.
struct TensorProgram: Sendable {
  typealias Value = Int

  struct Tensor: Sendable {
    let shape: [Int]
    /// nil for what depends on the image.
    var constant: ConstantTensor?
  }

  struct Node: Sendable {
    var operation: ProgramOperation
    var inputs: [Value]
    let output: Value
    /// The model's node, for errors.
    let name: String
  }

  private(set) var tensors: [Tensor] = []
  var nodes: [Node] = []
  /// The image, [1, 3, height, width].
  private(set) var image: Value = 0
  var output: Value = 0
  /// Values that are a softmax's logarithm.
  var softmaxLogarithms: [Value: SoftmaxLogarithm] = [:]

  init(height: Int, width: Int) { image = add([1, 3, height, width]) }

  mutating func add(_ shape: [Int]) -> Value {
    tensors.append(Tensor(shape: shape))
    return tensors.count - 1
  }

  mutating func add(_ constant: ConstantTensor) -> Value {
    tensors.append(Tensor(shape: constant.shape, constant: constant))
    return tensors.count - 1
  }

  /// Frees the numbers of a constant that nothing reads.
  mutating func forget(_ value: Value) { tensors[value].constant = nil }

  func shape(_ value: Value) -> [Int] { tensors[value].shape }
  func constant(_ value: Value) -> ConstantTensor? { tensors[value].constant }
}

/// An operation on tensors; the first input is the one that is worked on.
enum ProgramOperation: Sendable {
  /// Inputs [1, channels, height, width], weights [outputs, channels / groups, rows, columns], perhaps a bias.
  case convolution(WindowShape, groups: Int)
  /// The matrix product of the last two axes.
  case product
  case unary(ElementwiseFunction)
  case binary(BinaryFunction)
  case reduce(TensorOperation.Reduction, axes: [Int])
  case softmax(axis: Int)
  case maxPool(WindowShape, countsPadding: Bool)
  /// Over the last axis: x, weight, bias.
  case layerNorm(epsilon: Float)
  /// Over groups of axis 1 and all later axes: x, weight, bias.
  case groupNorm(groups: Int, epsilon: Float)
  /// Over the last axes, without weights.
  case standardise(axes: Int, epsilon: Float)
  /// softmax(q kᵀ scale + bias) v of queries, keys and values [groups, heads, tokens, channels], perhaps a bias.
  case attention(scale: Float)
  /// The class token and positions: patches [1, tokens, channels], token, positions.
  case tokens
  case reshape
  case transpose([Int])
  case slice(starts: [Int], steps: [Int])
  case expand
  case concatenate(axis: Int)
  case pad(before: [Int], value: Float)
  /// What one layer does and no other operation needs to know of.
  case layer(OperatorLayer)
}

/// A layer for an operator, so that an operator that needs one is the layer's file and the operator's line.
///
/// Inputs that depend on the image are the layer's, in their order, all laid out alike; the others are parameters of the
/// network, input i under the name `PREFIX.i` with the model's shape.
struct OperatorLayer: Sendable {
  /// How the numbers of inputs and output lie.
  enum Layout: Sendable {
    /// An image or map: [1, channels, height, width] with its channels side by side, as layers of native families have it.
    case map
    /// Row-major: the last axis is the channels, all others together are pixels.
    case rows
  }

  let layout: Layout
  /// The layer, given the prefix of its parameters' names.
  let make: @Sendable (_ prefix: String) -> any Layer

  init(_ layout: Layout, _ make: @escaping @Sendable (_ prefix: String) -> any Layer) {
    (self.layout, self.make) = (layout, make)
  }
}

extension TensorProgram {
  /// How often each value is read.
  var readers: [Int] {
    var result = [Int](repeating: 0, count: tensors.count)
    for node in nodes { for input in node.inputs { result[input] += 1 } }
    result[output] += 1
    return result
  }

  /// Leaves out what the output does not need.
  mutating func removeUnread() {
    var isNeeded = [Bool](repeating: false, count: tensors.count)
    isNeeded[output] = true
    for node in nodes.reversed() where isNeeded[node.output] { for input in node.inputs { isNeeded[input] = true } }
    nodes.removeAll { !isNeeded[$0.output] }
  }
}

/// Shapes of tensors of rank by rank.
package enum TensorShape {
  /// More numbers than any value of a network has that is computed here: 1 GiB of float32.
  static let maximumCount = 1 << 28

  /// The product, or nil where the shape is impossible.
  static func count(_ shape: [Int]) -> Int? {
    var result = 1
    for extent in shape {
      // An extent of 0 must not hide others whose product overflows in another order.
      let (product, overflow) = result.multipliedReportingOverflow(by: max(1, extent))
      guard extent >= 0, !overflow, product <= maximumCount else { return nil }
      result = product
    }
    return shape.count <= 16 ? shape.contains(0) ? 0 : result : nil
  }

  static func broadcast(_ a: [Int], _ b: [Int]) -> [Int]? {
    let rank = max(a.count, b.count)
    var result: [Int] = []
    for axis in 0..<rank {
      let x = axis < rank - a.count ? 1 : a[axis - rank + a.count]
      let y = axis < rank - b.count ? 1 : b[axis - rank + b.count]
      guard x == y || x == 1 || y == 1 else { return nil }
      result.append(x == 1 ? y : x)
    }
    return result
  }

  /// Steps of a row-major tensor.
  package static func strides(_ shape: [Int]) -> [Int] {
    var result = [Int](repeating: 1, count: shape.count)
    for axis in shape.indices.dropLast().reversed() { result[axis] = result[axis + 1] * shape[axis + 1] }
    return result
  }

  /// Steps of a row-major tensor of `shape` that is read as one of `target`: 0 along axes that it is repeated on.
  static func strides(_ shape: [Int], as target: [Int]) -> [Int] {
    let own = strides(shape)
    let missing = target.count - shape.count
    return target.indices.map { axis in axis < missing || shape[axis - missing] == 1 ? 0 : own[axis - missing] }
  }
}
