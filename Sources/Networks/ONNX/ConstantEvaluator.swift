import Kernels
import Tensors

/// Operations on tensors that are known before any image, one number after the other.
enum ConstantEvaluator {
  /// The result of an operation, whose shape is known.
  static func evaluate(
    _ operation: ProgramOperation, _ inputs: [ConstantTensor], shape: [Int]
  ) throws -> ConstantTensor {
    switch operation {
    case .reshape: return inputs[0].reshaped(shape)
    case .transpose(let order):
      let strides = TensorShape.strides(inputs[0].shape)
      return try gather(inputs[0], shape, strides: order.map { strides[$0] }, offset: 0)
    case .slice(let starts, let steps):
      let strides = TensorShape.strides(inputs[0].shape)
      return try gather(
        inputs[0], shape, strides: zip(strides, steps).map { $0 * $1 },
        offset: zip(starts, strides).reduce(0) { $0 + $1.0 * $1.1 })
    case .expand:
      return try gather(inputs[0], shape, strides: TensorShape.strides(inputs[0].shape, as: shape), offset: 0)
    case .binary(let function):
      return try combine(function, inputs[0], inputs[1], shape: shape)
    case .unary(let function):
      return like(
        inputs[0], ConstantTensor(shape: shape, floats: try inputs[0].floats().map { function.value($0) }))
    case .concatenate(let axis): return try concatenate(inputs, axis, shape)
    case .reduce(let reduction, let axes): return like(inputs[0], try reduce(reduction, inputs[0], axes, shape: shape))
    case .standardise(let axes, let epsilon): return try standardise(inputs[0], axes, epsilon)
    case .convolution, .product, .softmax, .maxPool, .layerNorm, .groupNorm, .attention, .tokens, .pad, .layer:
      throw TranslationProblem("it has only constant inputs")
    }
  }

  /// A result in whole numbers where what it was made of is such.
  private static func like(_ tensor: ConstantTensor, _ result: ConstantTensor) -> ConstantTensor {
    guard !tensor.isFloatingPoint, let integers = try? result.integers() else { return result }
    return ConstantTensor(shape: result.shape, integers: integers)
  }

  /// The elements that a view shows.
  static func gather(_ tensor: ConstantTensor, _ shape: [Int], strides: [Int], offset: Int) throws -> ConstantTensor {
    if tensor.isFloatingPoint {
      return ConstantTensor(
        shape: shape, floats: walked(try tensor.floats(), shape, strides: strides, offset: offset))
    }
    return ConstantTensor(
      shape: shape, integers: walked(try tensor.integers(), shape, strides: strides, offset: offset))
  }

  private static func walked<Number>(_ values: [Number], _ shape: [Int], strides: [Int], offset: Int) -> [Number] {
    var result: [Number] = []
    result.reserveCapacity(shape.reduce(1, *))
    let walk = StridedWalk(shape: shape, strides: [strides], offsets: [offset])
    walk.forEachLine { starts in
      for index in 0..<walk.inner { result.append(values[starts[0] + index * walk.innerStride(0)]) }
    }
    return result
  }

  private static func combine(
    _ function: BinaryFunction, _ left: ConstantTensor, _ right: ConstantTensor, shape: [Int]
  ) throws -> ConstantTensor {
    func spread<Number>(_ values: [Number], _ tensor: ConstantTensor) -> [Number] {
      walked(values, shape, strides: TensorShape.strides(tensor.shape, as: shape), offset: 0)
    }
    if left.isFloatingPoint || right.isFloatingPoint {
      let pairs = zip(spread(try left.floats(), left), spread(try right.floats(), right))
      return ConstantTensor(shape: shape, floats: pairs.map { function($0, $1) })
    }
    let pairs = zip(spread(try left.integers(), left), spread(try right.integers(), right))
    return ConstantTensor(shape: shape, integers: try pairs.map { try whole(function, $0, $1) })
  }

  /// Numbers are within ±2^40, so only a product can overflow.
  private static func whole(_ function: BinaryFunction, _ a: Int, _ b: Int) throws -> Int {
    switch function {
    case .add: return a + b
    case .subtract: return a - b
    case .multiply:
      let (product, overflow) = a.multipliedReportingOverflow(by: b)
      return overflow ? (a < 0) == (b < 0) ? .max : .min : product
    case .divide:
      guard b != 0 else { throw TranslationProblem("division by zero") }
      return a / b
    case .maximum: return max(a, b)
    case .minimum: return min(a, b)
    case .power: throw TranslationProblem("integer powers are not supported")
    }
  }

  private static func concatenate(_ inputs: [ConstantTensor], _ axis: Int, _ shape: [Int]) throws -> ConstantTensor {
    let outer = shape[..<axis].reduce(1, *)
    if inputs.contains(where: \.isFloatingPoint) {
      let parts = try inputs.map { try $0.floats() }
      return ConstantTensor(shape: shape, floats: interleave(parts, outer))
    }
    let parts = try inputs.map { try $0.integers() }
    return ConstantTensor(shape: shape, integers: interleave(parts, outer))
  }

  private static func interleave<Number>(_ parts: [[Number]], _ outer: Int) -> [Number] {
    guard outer > 0 else { return [] }
    return (0..<outer).flatMap { row in
      parts.flatMap { $0[(row * ($0.count / outer))..<((row + 1) * ($0.count / outer))] }
    }
  }

  private static func reduce(
    _ reduction: TensorOperation.Reduction, _ tensor: ConstantTensor, _ axes: [Int], shape: [Int]
  ) throws -> ConstantTensor {
    let strides = TensorShape.strides(tensor.shape)
    let kept = tensor.shape.indices.filter { !axes.contains($0) }
    let order = kept + axes
    let values = try gather(tensor, order.map { tensor.shape[$0] }, strides: order.map { strides[$0] }, offset: 0)
      .floats()
    let count = axes.reduce(1) { $0 * tensor.shape[$1] }
    guard count > 0 else { throw TranslationProblem("it reduces nothing") }
    return ConstantTensor(
      shape: shape,
      floats: values.withUnsafeBufferPointer { values in
        (0..<values.count / count).map { PreparedTensorLayer.reduce(reduction, values, $0 * count, count: count) }
      })
  }

  /// In float64: this is how weights are standardised.
  private static func standardise(_ tensor: ConstantTensor, _ axes: Int, _ epsilon: Float) throws -> ConstantTensor {
    var values = try tensor.floats()
    let count = tensor.shape.suffix(axes).reduce(1, *)
    guard count > 0 else { throw TranslationProblem("it normalises nothing") }
    for start in stride(from: 0, to: values.count, by: count) {
      let row = values[start..<start + count]
      let mean = row.reduce(0.0) { $0 + Double($1) } / Double(count)
      let variance = row.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / Double(count)
      let scale = 1 / (variance + Double(epsilon)).squareRoot()
      for index in start..<start + count { values[index] = Float((Double(values[index]) - mean) * scale) }
    }
    return ConstantTensor(shape: tensor.shape, floats: values)
  }
}
