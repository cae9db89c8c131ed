import KernelInterfaces
import Kernels
import Tensors

/// Softmax, and the operators that operator sets from 23 on have for transformers.
extension ONNXTranslation {
  mutating func softmax(_ node: ONNXNode, isLogarithm: Bool) throws -> TensorProgram.Value {
    let value = try input(node, 0)
    let source = shape(value)
    // Before operator set 13 all axes from the given one on were one.
    guard file.operatorSet < 13 else {
      return try softmax(
        value, axis: try axis(node.integer("axis", -1), rank: source.count), isLogarithm: isLogarithm, node)
    }
    let axis = try axis(node.integer("axis", 1), rank: source.count)
    let rows = try reshape(value, [source[..<axis].reduce(1, *), source[axis...].reduce(1, *)], node)
    return try reshape(try softmax(rows, axis: 1, isLogarithm: isLogarithm, node), source, node)
  }

  private mutating func softmax(
    _ value: TensorProgram.Value, axis: Int, isLogarithm: Bool, _ node: ONNXNode
  ) throws -> TensorProgram.Value {
    let source = shape(value)
    guard isLogarithm else { return try apply(.softmax(axis: axis), [value], shape: source, node) }
    var kept = source
    kept[axis] = 1
    let largest = try apply(.reduce(.maximum, axes: [axis]), [value], shape: kept, node)
    let shifted = try binary(.subtract, value, largest, node: node)
    let weights = try unary(.row(.exponential), shifted, node)
    let sum = try apply(.reduce(.sum, axes: [axis]), [weights], shape: kept, node)
    let result = try binary(.subtract, shifted, try unary(.logarithm, sum, node), node: node)
    program.softmaxLogarithms[result] = SoftmaxLogarithm(input: value, axis: axis)
    return result
  }

  /// softmax(q kᵀ scale + mask) v, of [batch, heads, tokens, channels] or [batch, tokens, heads x channels].
  mutating func attend(_ node: ONNXNode) throws -> TensorProgram.Value {
    guard (4..<max(4, node.inputs.count)).allSatisfy({ node.inputs[$0].isEmpty }),
      node.outputs.dropFirst().allSatisfy(\.isEmpty)
    else { throw TranslationProblem("it has a key-value cache, which a classifier does not need") }
    guard node.integer("is_causal", 0) == 0, node.float("softcap", 0) == 0 else {
      throw TranslationProblem("causal attention and capped scores are not supported")
    }
    let isFlat = shape(try input(node, 0)).count == 3
    let counts = [node.integer("q_num_heads", 0), node.integer("kv_num_heads", 0), node.integer("kv_num_heads", 0)]
    let parts = try (0..<3).map { index in
      let value = try input(node, index)
      return isFlat ? try heads(value, count: counts[index], node) : value
    }
    let (q, k, v) = (shape(parts[0]), shape(parts[1]), shape(parts[2]))
    guard q.count == 4, k.count == 4, v.count == 4, q[1] == k[1], k[1] == v[1], k[2] == v[2], q[3] == k[3], q[3] > 0
    else { throw TranslationProblem("the shapes of queries \(q), keys \(k) and values \(v) do not match") }
    let turned = try apply(.transpose([0, 1, 3, 2]), [parts[1]], shape: [k[0], k[1], k[3], k[2]], node)
    let scale = node.has("scale") ? node.float("scale", 1) : 1 / Float(q[3]).squareRoot()
    var scores = try multiply(parts[0], turned, node)
    scores = try binary(.multiply, scores, try add(ConstantTensor(shape: [], floats: [scale])), node: node)
    if let mask = optional(node, 3) {
      if let constant = program.constant(mask), !constant.isFloatingPoint {
        guard try constant.integers().allSatisfy({ $0 != 0 }) else {
          throw TranslationProblem("boolean attention masks are not supported")
        }
      } else {
        scores = try binary(.add, scores, mask, node: node)
      }
    }
    let weights = try apply(.softmax(axis: 3), [scores], shape: shape(scores), node)
    let result = try multiply(weights, parts[2], node)
    guard isFlat else { return result }
    let order = [q[0], q[2], q[1], v[3]]
    let joined = try apply(.transpose([0, 2, 1, 3]), [result], shape: order, node)
    return try reshape(joined, [q[0], q[2], q[1] * v[3]], node)
  }

  /// [batch, tokens, heads x channels] as [batch, heads, tokens, channels].
  private mutating func heads(
    _ value: TensorProgram.Value, count: Int, _ node: ONNXNode
  ) throws -> TensorProgram.Value {
    let source = shape(value)
    guard source.count == 3, count > 0, source[2] % count == 0 else {
      throw TranslationProblem("\(source) cannot be divided among \(count) heads")
    }
    let split = [source[0], source[1], count, source[2] / count]
    let parts = try reshape(value, split, node)
    return try apply(.transpose([0, 2, 1, 3]), [parts], shape: [split[0], count, split[1], split[3]], node)
  }

  /// x / sqrt(mean(x²) + epsilon) weight, over the axes from one on.
  mutating func rootMeanSquareNormalise(_ node: ONNXNode) throws -> TensorProgram.Value {
    let value = try input(node, 0)
    let source = shape(value)
    let axes = Array(try axis(node.integer("axis", -1), rank: source.count)..<source.count)
    let kept = source.indices.map { axes.contains($0) ? 1 : source[$0] }
    let squares = try unary(.power(2), value, node)
    let mean = try apply(.reduce(.mean, axes: axes), [squares], shape: kept, node)
    let epsilon = try add(ConstantTensor(shape: [], floats: [node.float("epsilon", 1e-5)]))
    let root = try unary(.squareRoot, try binary(.add, mean, epsilon, node: node), node)
    return try binary(.multiply, try binary(.divide, value, root, node: node), try input(node, 1), node: node)
  }
}
