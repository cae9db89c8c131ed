import Kernels

/// Patterns of small operations that one kernel computes.
extension TensorProgram {
  /// The same logits from operations that kernels have.
  mutating func fuse() throws {
    try fusePadding()
    try fuseLayerNorms()
    try fuseGroupNorms()
    try fuseGELUs()
    try fuseSiLUs()
    try fuseAttention()
    try fuseTokens()
    removeUnread()
  }

  /// Nodes by what they give, and how often each value is read.
  private struct Index {
    var makers: [Value: Int] = [:]
    var readers: [Int]

    init(_ program: TensorProgram) {
      readers = program.readers
      for (index, node) in program.nodes.enumerated() { makers[node.output] = index }
    }
  }

  /// The node that gives a value, if nothing else reads it.
  private func maker(_ value: Value, _ index: Index, only: Bool = true) -> Node? {
    guard let place = index.makers[value], !only || index.readers[value] == 1 else { return nil }
    return nodes[place]
  }

  /// A constant of one number.
  private func number(_ value: Value) throws -> Float? {
    guard let constant = constant(value), constant.count == 1 else { return nil }
    return try constant.floats()[0]
  }

  /// The other input of a function of two, and the constant number.
  private func split(_ node: Node, _ function: BinaryFunction) throws -> (Value, Float)? {
    guard case .binary(let found) = node.operation, found == function else { return nil }
    if let value = try number(node.inputs[1]) { return (node.inputs[0], value) }
    guard function == .add || function == .multiply, let value = try number(node.inputs[0]) else { return nil }
    return (node.inputs[1], value)
  }

  private func isClose(_ a: Float, _ b: Float) -> Bool { abs(a - b) <= 1e-5 * abs(b) }

  // MARK: - Padding

  private mutating func fusePadding() throws {
    let index = Index(self)
    for place in nodes.indices {
      guard let pad = nodes[place].inputs.first.flatMap({ maker($0, index) }),
        case .pad(let before, let fill) = pad.operation,
        fill == 0, before.count == 4, before[0] == 0, before[1] == 0
      else { continue }
      let (small, large) = (shape(pad.inputs[0]), shape(pad.output))
      guard small[1] == large[1] else { continue }
      func padded(_ windows: WindowShape) -> WindowShape {
        var result = windows
        result.rows.before += before[2]
        result.rows.after += large[2] - small[2] - before[2]
        result.columns.before += before[3]
        result.columns.after += large[3] - small[3] - before[3]
        return result
      }
      switch nodes[place].operation {
      case .convolution(let windows, let groups):
        nodes[place].operation = .convolution(padded(windows), groups: groups)
      case .maxPool(let windows, false)
      where windows.rows.before + windows.rows.after + windows.columns.before + windows.columns.after == 0:
        nodes[place].operation = .maxPool(padded(windows), countsPadding: true)
      default: continue
      }
      nodes[place].inputs[0] = pad.inputs[0]
    }
    removeUnread()
  }

  // MARK: - Normalisations

  /// Operator sets before 17: (x - mean) / sqrt(mean((x - mean)²) + epsilon) weight + bias.
  private mutating func fuseLayerNorms() throws {
    let index = Index(self)
    for place in nodes.indices {
      guard case .binary(.divide) = nodes[place].operation,
        let difference = maker(nodes[place].inputs[0], index, only: false),
        case .binary(.subtract) = difference.operation,
        let root = maker(nodes[place].inputs[1], index), case .unary(.squareRoot) = root.operation,
        let sum = maker(root.inputs[0], index), let (variance, epsilon) = try split(sum, .add),
        let mean = maker(variance, index), case .reduce(.mean, let axes) = mean.operation,
        let square = maker(mean.inputs[0], index), isSquare(square, of: difference.output),
        let average = maker(difference.inputs[1], index), case .reduce(.mean, axes) = average.operation,
        average.inputs[0] == difference.inputs[0], axes == [shape(difference.output).count - 1]
      else { continue }
      let count = shape(difference.output)[axes[0]]
      let ones = add(ConstantTensor(shape: [count], floats: [Float](repeating: 1, count: count)))
      let zeros = add(ConstantTensor(shape: [count], floats: [Float](repeating: 0, count: count)))
      nodes[place].operation = .layerNorm(epsilon: epsilon)
      nodes[place].inputs = [difference.inputs[0], ones, zeros]
    }
    removeUnread()
    try fuseWeights()
  }

  private func isSquare(_ node: Node, of value: Value) -> Bool {
    switch node.operation {
    case .unary(.power(2)): node.inputs[0] == value
    case .binary(.multiply): node.inputs == [value, value]
    default: false
    }
  }

  /// A product with a row of weights, or a sum with one of biases, after a layer normalisation.
  private mutating func fuseWeights() throws {
    for function in [BinaryFunction.multiply, .add] {
      let index = Index(self)
      for place in nodes.indices {
        guard case .binary(function) = nodes[place].operation,
          let side = nodes[place].inputs.firstIndex(where: { constant($0)?.isFloatingPoint == true }),
          let norm = maker(nodes[place].inputs[1 - side], index), case .layerNorm = norm.operation,
          let row = constant(nodes[place].inputs[side]), row.shape == [shape(norm.output).last ?? 0]
        else { continue }
        let values = try row.floats()
        let (weight, bias) = (
          try constant(norm.inputs[1])?.floats() ?? [], try constant(norm.inputs[2])?.floats() ?? []
        )
        // Only plain ones: weights once, then biases once.
        guard bias.allSatisfy({ $0 == 0 }), function == .add || weight.allSatisfy({ $0 == 1 }) else { continue }
        nodes[place].operation = norm.operation
        let fused = add(ConstantTensor(shape: row.shape, floats: values))
        nodes[place].inputs =
          function == .multiply ? [norm.inputs[0], fused, norm.inputs[2]] : [norm.inputs[0], norm.inputs[1], fused]
      }
      removeUnread()
    }
  }

  /// A tensor's groups as rows, normalised, as they were, times a weight and plus a bias for each channel.
  private mutating func fuseGroupNorms() throws {
    let index = Index(self)
    for place in nodes.indices {
      guard case .reshape = nodes[place].operation, let inner = maker(nodes[place].inputs[0], index),
        case .standardise(let axes, let epsilon) = inner.operation, let outer = maker(inner.inputs[0], index),
        case .reshape = outer.operation, shape(outer.inputs[0]) == shape(nodes[place].output)
      else { continue }
      let (source, rows) = (shape(outer.inputs[0]), shape(inner.output))
      guard source.count >= 3, source[0] == 1, rows.count - axes == 2, rows[0] == 1, source[1] % rows[1] == 0 else {
        continue
      }
      let ones = add(ConstantTensor(shape: [source[1]], floats: [Float](repeating: 1, count: source[1])))
      let zeros = add(ConstantTensor(shape: [source[1]], floats: [Float](repeating: 0, count: source[1])))
      nodes[place].operation = .groupNorm(groups: rows[1], epsilon: epsilon)
      nodes[place].inputs = [outer.inputs[0], ones, zeros]
    }
    removeUnread()
    for function in [BinaryFunction.multiply, .add] {
      let index = Index(self)
      for place in nodes.indices {
        guard case .binary(function) = nodes[place].operation,
          let side = nodes[place].inputs.firstIndex(where: { constant($0)?.isFloatingPoint == true }),
          let norm = maker(nodes[place].inputs[1 - side], index), case .groupNorm = norm.operation,
          let row = constant(nodes[place].inputs[side]), row.count == shape(norm.output)[1],
          row.shape.drop(while: { $0 == 1 }).first == row.count,
          row.shape.count - (row.shape.firstIndex { $0 != 1 } ?? 0) == shape(norm.output).count - 1
        else { continue }
        let (weight, bias) = (
          try constant(norm.inputs[1])?.floats() ?? [], try constant(norm.inputs[2])?.floats() ?? []
        )
        guard bias.allSatisfy({ $0 == 0 }), function == .add || weight.allSatisfy({ $0 == 1 }) else { continue }
        let fused = add(ConstantTensor(shape: [row.count], floats: try row.floats()))
        nodes[place].operation = norm.operation
        nodes[place].inputs =
          function == .multiply ? [norm.inputs[0], fused, norm.inputs[2]] : [norm.inputs[0], norm.inputs[1], fused]
      }
      removeUnread()
    }
  }

  // MARK: - Activations

  /// x (1 + erf(x / sqrt 2)) / 2, the factors in any order.
  private mutating func fuseGELUs() throws {
    let index = Index(self)
    for place in nodes.indices {
      guard case .binary(.multiply) = nodes[place].operation else { continue }
      var factors: [Value] = []
      var scale: Float = 1
      func collect(_ value: Value, _ depth: Int) throws {
        if let constant = try number(value) {
          scale *= constant
        } else if depth < 3, let node = maker(value, index), case .binary(.multiply) = node.operation {
          for input in node.inputs { try collect(input, depth + 1) }
        } else {
          factors.append(value)
        }
      }
      for input in nodes[place].inputs { try collect(input, 0) }
      guard factors.count == 2, isClose(scale, 0.5) else { continue }
      for (x, sum) in [(factors[0], factors[1]), (factors[1], factors[0])] {
        guard let node = maker(sum, index), let (erf, one) = try split(node, .add), one == 1,
          let function = maker(erf, index), case .unary(.erf) = function.operation,
          let scaled = maker(function.inputs[0], index)
        else { continue }
        let isScaled =
          try split(scaled, .divide).map { $0.0 == x && isClose($0.1, 1.41421356) }
          ?? split(scaled, .multiply).map { $0.0 == x && isClose($0.1, 0.70710678) } ?? false
        guard isScaled else { continue }
        nodes[place].operation = .unary(.gelu)
        nodes[place].inputs = [x]
        break
      }
    }
    removeUnread()
  }

  private mutating func fuseSiLUs() throws {
    let index = Index(self)
    for place in nodes.indices {
      guard case .binary(.multiply) = nodes[place].operation else { continue }
      let inputs = nodes[place].inputs
      for (x, gate) in [(inputs[0], inputs[1]), (inputs[1], inputs[0])] {
        guard let node = maker(gate, index), case .unary(.row(.sigmoid)) = node.operation, node.inputs[0] == x else {
          continue
        }
        nodes[place].operation = .unary(.row(.silu))
        nodes[place].inputs = [x]
        break
      }
    }
    removeUnread()
  }

  // MARK: - Attention

  /// softmax(q kᵀ scale + bias) v, the scale on queries, keys or scores.
  private mutating func fuseAttention() throws {
    let index = Index(self)
    var turns: [(Int, Node)] = []
    for place in nodes.indices {
      guard case .product = nodes[place].operation, let softmax = maker(nodes[place].inputs[0], index),
        case .softmax(let axis) = softmax.operation, shape(nodes[place].output).count == 4, axis == 3,
        let scores = try scores(softmax.inputs[0], index)
      else { continue }
      let (queries, first) = try unscaled(scores.product.inputs[0], index)
      let (keys, second) = try unscaled(scores.product.inputs[1], index)
      let values = nodes[place].inputs[1]
      let (q, k, v) = (shape(queries), shape(keys), shape(values))
      guard q.count == 4, q[0] == v[0], q[1] == v[1], q[2] == v[2], q[3] == v[3], k == [q[0], q[1], q[3], q[2]] else {
        continue
      }
      // Keys [groups, heads, channels, tokens] again as they were.
      let turned = add(q)
      let turn = Node(operation: .transpose([0, 1, 3, 2]), inputs: [keys], output: turned, name: nodes[place].name)
      var inputs = [queries, turned, values]
      if let bias = scores.bias { inputs.append(add(ConstantTensor(shape: bias.shape, floats: bias.floats))) }
      nodes[place].operation = .attention(scale: first * second * scores.scale)
      nodes[place].inputs = inputs
      turns.append((place, turn))
    }
    for (place, turn) in turns.reversed() { nodes.insert(turn, at: place) }
    removeUnread()
  }

  private struct Scores {
    let product: Node
    var scale: Float
    var bias: (shape: [Int], floats: [Float])?
  }

  /// The product behind a softmax's input, through sums with constants, factors, and axes of 1 that come and go.
  private func scores(_ value: Value, _ index: Index) throws -> Scores? {
    guard let node = maker(value, index) else { return nil }
    let target = shape(value)
    if case .product = node.operation { return Scores(product: node, scale: 1, bias: nil) }
    if case .reshape = node.operation {
      let plain = { (shape: [Int]) in shape.filter { $0 != 1 } }
      guard var inner = try scores(node.inputs[0], index), plain(target) == plain(shape(node.inputs[0])),
        shape(inner.product.output) == target || plain(shape(inner.product.output)) == plain(target)
      else { return nil }
      if let bias = inner.bias {
        // A bias for all of the value keeps its numbers under the other shape.
        guard bias.floats.count == target.reduce(1, *) else { return nil }
        inner.bias = (target, bias.floats)
      }
      return inner
    }
    if let (other, scale) = try split(node, .multiply), var inner = try scores(other, index), inner.bias == nil {
      inner.scale *= scale
      return inner
    }
    if let (other, divisor) = try split(node, .divide), var inner = try scores(other, index), inner.bias == nil {
      inner.scale /= divisor
      return inner
    }
    guard case .binary(.add) = node.operation, let side = node.inputs.firstIndex(where: { constant($0) != nil }),
      let addend = constant(node.inputs[side]), var inner = try scores(node.inputs[1 - side], index),
      addend.count <= 1 << 24, shape(node.inputs[1 - side]) == target
    else { return nil }
    let whole = try ConstantEvaluator.gather(
      addend, target, strides: TensorShape.strides(addend.shape, as: target), offset: 0
    ).floats()
    if let bias = inner.bias {
      guard bias.floats.count == whole.count else { return nil }
      inner.bias = (target, zip(bias.floats, whole).map { $0 + $1 })
    } else {
      inner.bias = (target, whole)
    }
    return inner
  }

  /// A value without a factor of one number, and that factor.
  private func unscaled(_ value: Value, _ index: Index) throws -> (Value, Float) {
    guard let node = maker(value, index) else { return (value, 1) }
    if let (other, scale) = try split(node, .multiply), shape(other) == shape(value) { return (other, scale) }
    if let (other, divisor) = try split(node, .divide), shape(other) == shape(value) { return (other, 1 / divisor) }
    return (value, 1)
  }

  // MARK: - Tokens

  /// A constant first token, and perhaps positions for all.
  private mutating func fuseTokens() throws {
    let index = Index(self)
    for place in nodes.indices {
      var positions: Value?
      var joined = nodes[place]
      if case .binary(.add) = joined.operation,
        let side = joined.inputs.firstIndex(where: { constant($0) != nil }),
        let inner = maker(joined.inputs[1 - side], index),
        shape(joined.inputs[side]).suffix(2) == shape(inner.output).suffix(2),
        constant(joined.inputs[side])?.count == shape(inner.output).reduce(1, *)
      {
        positions = joined.inputs[side]
        joined = inner
      }
      guard case .concatenate(1) = joined.operation, joined.inputs.count == 2, shape(joined.output).count == 3,
        let token = constant(joined.inputs[0]), constant(joined.inputs[1]) == nil, shape(joined.inputs[0])[1] == 1,
        shape(joined.inputs[0])[0] == 1
      else { continue }
      if positions == nil, let reader = nodes.first(where: { $0.inputs.contains(joined.output) }),
        case .binary(.add) = reader.operation,
        reader.inputs.contains(where: { constant($0)?.count == shape(joined.output).reduce(1, *) })
      {
        continue
      }
      let target = shape(joined.output)
      let places =
        try positions.flatMap { try constant($0)?.floats() } ?? [Float](repeating: 0, count: target.reduce(1, *))
      nodes[place].operation = .tokens
      nodes[place].inputs = [
        joined.inputs[1], add(ConstantTensor(shape: [1, 1, target[2]], floats: try token.floats())),
        add(ConstantTensor(shape: [1, target[1], target[2]], floats: places)),
      ]
    }
    removeUnread()
  }
}
