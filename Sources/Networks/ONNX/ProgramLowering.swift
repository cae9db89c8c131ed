import Kernels

/// Lays a program's tensors out in memory and gives its operations to the layers that compute native families.
///
/// Images and maps lie with their channels side by side, whatever order the model names its axes in: transpositions,
/// reshapes and slices are views, and copies are made only where an operation needs its numbers in another order.
struct ProgramLowering {
  let program: TensorProgram
  private(set) var weights: ProgramWeights
  private(set) var extents: [Graph.Extents]
  private(set) var nodes: [Node] = []
  private var views: [TensorProgram.Value: TensorView] = [:]
  /// How often each value of the graph will still be read, through any view.
  private var unread: [Int]
  /// How often nodes of the graph read each value already.
  private var reads: [Int] = [0]
  private let readers: [Int]

  /// A node of the graph to be.
  struct Node {
    var operation: Operation
    var inputs: [Graph.Value]
    var from: Graph.Extents?
    let output: Graph.Value
  }

  /// The graph of a program and its weights.
  static func graph(_ program: TensorProgram, origin: String) throws -> (graph: Graph, weights: ProgramWeights) {
    var lowering = ProgramLowering(program, origin: origin)
    for node in program.nodes {
      do {
        try lowering.append(node)
      } catch let problem as TranslationProblem {
        throw CheckpointError.unsupported(file: origin, problems: ["node \(node.name): \(problem.reason)"])
      }
    }
    return (lowering.finished(), lowering.weights)
  }

  private init(_ program: TensorProgram, origin: String) {
    self.program = program
    weights = ProgramWeights(origin: origin)
    readers = program.readers
    let shape = program.shape(program.image)
    extents = [Graph.Extents(height: shape[2], width: shape[3], channels: 3)]
    unread = [readers[program.image]]
    views[program.image] = TensorView(value: 0, shape: shape, strides: Self.channelsLast(shape), offset: 0)
  }

  /// Steps of [1, channels, height, width] whose channels lie side by side.
  static func channelsLast(_ shape: [Int]) -> [Int] {
    [shape[1] * shape[2] * shape[3], 1, shape[3] * shape[1], shape[1]]
  }

  private func finished() -> Graph {
    var graph = Graph(startingWith: extents[0])
    var values: [Graph.Value: Graph.Value] = [0: 0]
    for node in nodes {
      values[node.output] = graph.append(node.operation, node.inputs.map { values[$0] ?? 0 }, from: node.from)
    }
    return graph
  }

  // MARK: - Nodes

  private mutating func append(_ node: TensorProgram.Node) throws {
    let inputs = node.inputs.compactMap { views[$0] }
    for input in inputs { unread[input.value] -= 1 }
    let target = program.shape(node.output)
    var result = try lower(node, inputs, target)
    if node.output == program.output { result = logits(result) }
    unread[result.value] += readers[node.output]
    views[node.output] = result
  }

  /// The logits: dense, and made by the last node.
  private mutating func logits(_ view: TensorView) -> TensorView {
    let isLast = nodes.last?.output == view.value && view.isDense && extents[view.value].count == view.count
    guard !isLast || extents[view.value].pixels != 1 else { return view }
    let order = Array(view.shape.indices)
    return copy([view], order: order, shape: view.shape, starts: [0])
  }

  private mutating func lower(
    _ node: TensorProgram.Node, _ inputs: [TensorView], _ target: [Int]
  ) throws -> TensorView {
    switch node.operation {
    case .reshape:
      if let view = inputs[0].reshaped(target) { return view }
      let order = Array(inputs[0].shape.indices)
      guard let view = contiguous(inputs[0], order).reshaped(target) else { throw TranslationProblem("it cannot be laid out") }
      return view
    case .transpose(let order): return inputs[0].transposed(order)
    case .slice(let starts, let steps): return inputs[0].sliced(target, starts: starts, steps: steps)
    case .expand: return inputs[0].expanded(target)
    case .convolution(let windows, let groups): return try convolve(node, inputs[0], windows, groups, target)
    case .product: return try multiply(node, target)
    case .unary(let function): return apply(function, inputs[0])
    case .binary(let function): return try combine(function, node, target)
    case .reduce(let reduction, let axes): return reduce(reduction, inputs[0], axes, target)
    case .softmax(let axis): return softmax(inputs[0], axis)
    case .maxPool(let windows, let countsPadding):
      return pool(.maxPool(windows, countsPadding: countsPadding), inputs[0], target)
    case .averagePool(let windows, let countsPadding):
      return pool(.averagePool(windows, countsPadding: countsPadding), inputs[0], target)
    case .layerNorm(let epsilon): return try layerNormalise(node, inputs[0], epsilon)
    case .groupNorm(let groups, let epsilon): return try groupNormalise(node, inputs[0], groups, epsilon)
    case .standardise(let axes, let epsilon):
      let rows = contiguous(inputs[0], Array(target.indices))
      let count = target.suffix(axes).reduce(1, *)
      let value = add(.tensor(.standardise(count: count, epsilon: epsilon), plain(rows.count, count)), [rows.value])
      return dense(value, target, Array(target.indices))
    case .attention(let scale): return try attend(node, inputs, scale, target)
    case .tokens: return try addTokens(node, inputs[0], target)
    case .concatenate(let axis): return try concatenate(node, axis, target)
    case .pad(let before, let fill):
      let order = inputs[0].order
      return copy([inputs[0]], order: order, shape: target, starts: [], before: before, fill: fill)
    }
  }

  // MARK: - Values and layouts

  /// Appends a node to the graph.
  mutating func add(_ operation: Operation, _ inputs: [Graph.Value], from: Graph.Extents? = nil) -> Graph.Value {
    extents.append(operation.extents(of: from ?? extents[inputs[0]]))
    unread.append(0)
    reads.append(0)
    for input in inputs { reads[input] += 1 }
    nodes.append(Node(operation: operation, inputs: inputs, from: from, output: extents.count - 1))
    return extents.count - 1
  }

  /// Whether nothing but the node that is being lowered reads a value, so that its maker may do more.
  private func isMine(_ value: Graph.Value) -> Bool { unread[value] == 0 && reads[value] == 0 }

  /// Numbers in rows.
  private func plain(_ count: Int, _ channels: Int) -> Graph.Extents {
    Graph.Extents(height: count / max(1, channels), width: 1, channels: max(1, channels))
  }

  /// A value that is filled row-major with its axes in an order.
  private func dense(_ value: Graph.Value, _ shape: [Int], _ order: [Int]) -> TensorView {
    var strides = [Int](repeating: 0, count: shape.count)
    var step = 1
    for axis in order.reversed() {
      strides[axis] = step
      step *= shape[axis]
    }
    return TensorView(value: value, shape: shape, strides: strides, offset: 0)
  }

  /// Whether a value holds what the view shows and nothing else, but for spare rows.
  private func isWhole(_ view: TensorView) -> Bool {
    view.isDense && view.count == extents[view.value].pixels * extents[view.value].channels
  }

  /// The view's numbers row-major in an order of its axes, slowest first, in a value of their own.
  private mutating func contiguous(_ view: TensorView, _ order: [Int]) -> TensorView {
    if view.isDense(in: order), view.count == extents[view.value].count { return view }
    let own = extents[view.value]
    if view.offset == 0, view.count == own.channels, own.pixels > 1, view.isDense {
      // The first of several rows, such as the class token.
      return dense(add(.firstToken, [view.value]), view.shape, order)
    }
    return copy([view], order: order, shape: view.shape, starts: [0])
  }

  /// Copies tensors into one of a shape, whose axes lie in an order; `starts` are their places along `axis`.
  private mutating func copy(
    _ parts: [TensorView], order: [Int], shape: [Int], starts: [Int], axis: Int = 0, before: [Int] = [],
    fill: Float? = nil
  ) -> TensorView {
    let target = dense(0, shape, order)
    let walks = parts.enumerated().map { index, part in
      var offset = starts.isEmpty ? 0 : starts[index] * target.strides[axis]
      for (axis, count) in before.enumerated() { offset += count * target.strides[axis] }
      return StridedWalk(
        shape: order.map { part.shape[$0] },
        strides: [order.map { part.strides[$0] }, order.map { target.strides[$0] }], offsets: [part.offset, offset])
    }
    let channels = order.last { shape[$0] != 1 }.map { shape[$0] } ?? 1
    let extents = plain(shape.reduce(1, *), channels)
    let value = add(.tensor(.copy(walks, fill: fill), extents), parts.map(\.value))
    return dense(value, shape, order)
  }

  /// An image or map with its channels side by side, and its extents.
  private mutating func map(_ view: TensorView) -> (view: TensorView, extents: Graph.Extents) {
    let shape = view.shape
    let found = contiguous(view, [0, 2, 3, 1])
    return (found, Graph.Extents(height: shape[2], width: shape[3], channels: shape[1]))
  }

  /// A tensor whose last axis lies side by side in rows, and the extents to read it with.
  private mutating func rows(_ view: TensorView) -> (view: TensorView, extents: Graph.Extents) {
    let count = view.shape.last ?? 1
    let own = extents[view.value]
    if isWhole(view), count == 1 || view.strides.last == 1 {
      if own.channels == count { return (view, own) }
      if own.spare == 0 { return (view, plain(view.count, count)) }
    }
    let found = contiguous(view, Array(view.shape.indices))
    let extents = extents[found.value]
    return (found, extents.channels == count ? extents : plain(view.count, count))
  }

  /// The view of what a layer makes of rows: the last axis has another extent.
  private func rows(_ value: Graph.Value, like view: TensorView, _ target: [Int]) -> TensorView {
    let (old, new) = (view.shape.last ?? 1, target.last ?? 1)
    var strides = view.strides.indices.map { view.shape[$0] == 1 ? 0 : view.strides[$0] / old * new }
    strides[strides.count - 1] = 1
    return TensorView(value: value, shape: target, strides: strides, offset: 0)
  }

  // MARK: - Layers

  private mutating func convolve(
    _ node: TensorProgram.Node, _ input: TensorView, _ windows: WindowShape, _ groups: Int, _ target: [Int]
  ) throws -> TensorView {
    let (input, from) = map(input)
    let name = "\(node.name)#\(node.output)"
    guard let weight = program.constant(node.inputs[1]) else { throw TranslationProblem("its weights depend on the image") }
    var bias = [Float](repeating: 0, count: target[1])
    if node.inputs.count > 2 { bias = try program.constant(node.inputs[2])?.floats() ?? bias }
    weights[name + ".weight"] = ProgramWeights.Parameter(tensor: weight, shape: weight.shape)
    weights[name + ".bias"] = ProgramWeights.Parameter(
      tensor: ConstantTensor(shape: [target[1]], floats: bias), shape: [target[1]])
    let operation: Operation
    if groups == from.channels, target[1] == groups, groups > 1, windows.isSquare {
      operation = .depthwise(
        name: name, channels: groups, kernel: windows.rows.kernel, stride: windows.rows.stride)
    } else {
      operation = .convolution(
        Operation.Convolution(
          name: name, inputs: from.channels, outputs: target[1], shape: windows, groups: groups))
    }
    let value = add(operation, [input.value], from: from)
    return TensorView(value: value, shape: target, strides: Self.channelsLast(target), offset: 0)
  }

  private mutating func multiply(_ node: TensorProgram.Node, _ target: [Int]) throws -> TensorView {
    if let weight = program.constant(node.inputs[1]), weight.shape.dropLast(2).allSatisfy({ $0 == 1 }),
      let input = views[node.inputs[0]]
    {
      let (input, from) = rows(input)
      let (inner, outputs) = (weight.shape[weight.shape.count - 2], target[target.count - 1])
      let name = "\(node.name)#\(node.output)"
      weights[name + ".weight"] = ProgramWeights.Parameter(
        tensor: weight, shape: [outputs, inner], isTransposed: true)
      weights[name + ".bias"] = ProgramWeights.Parameter(
        tensor: ConstantTensor(shape: [outputs], floats: [Float](repeating: 0, count: outputs)), shape: [outputs])
      let layer = Operation.Convolution(name: name, inputs: inner, outputs: outputs, isLinear: true)
      let shape = input.shape.count < target.count ? input.reshaped(target.dropLast() + [inner]) ?? input : input
      return rows(add(.convolution(layer), [input.value], from: from), like: shape, target)
    }
    return multiply(try view(node, 0), try view(node, 1), target)
  }

  /// A product of tensors that both depend on the image.
  private mutating func multiply(_ left: TensorView, _ right: TensorView, _ target: [Int]) -> TensorView {
    let (rows, columns) = (target[target.count - 2], target[target.count - 1])
    let inner = left.shape[left.shape.count - 1]
    let batch = Array(target.dropLast(2))
    let order = Array(target.indices)
    let first = contiguous(left.expanded(batch + [rows, inner]), order)
    let turned = order.dropLast(2) + [order.count - 1, order.count - 2]
    let second = contiguous(right.expanded(batch + [inner, columns]), Array(turned))
    let product = TensorOperation.product(
      batch: batch.reduce(1, *), rows: rows, inner: inner, columns: columns)
    let value = add(.tensor(product, plain(target.reduce(1, *), columns)), [first.value, second.value])
    return dense(value, target, order)
  }

  /// An input as a view; a constant becomes a value of the graph.
  private mutating func view(_ node: TensorProgram.Node, _ index: Int) throws -> TensorView {
    if let view = views[node.inputs[index]] { return view }
    guard let constant = program.constant(node.inputs[index]) else { throw TranslationProblem("an input is missing") }
    return constantView(constant, "\(node.name)#\(node.output).\(index)")
  }

  /// A constant as a value: zero times the image, plus the constant.
  private mutating func constantView(_ constant: ConstantTensor, _ name: String) -> TensorView {
    weights[name] = ProgramWeights.Parameter(tensor: constant, shape: constant.shape)
    let extents = plain(constant.count, constant.shape.last ?? 1)
    let zeros = add(.tensor(.copy([], fill: 0), extents), [0])
    let walk = StridedWalk(shape: [constant.count], strides: [[1], [1], [1]], offsets: [0, 0, 0])
    let operand = TensorOperation.Constant(name: name, shape: constant.shape, isLeft: false)
    let value = add(.tensor(.combine(.add, walk, constant: operand), extents), [zeros])
    return dense(value, constant.shape, Array(constant.shape.indices))
  }

  private mutating func pool(_ operation: Operation, _ input: TensorView, _ target: [Int]) -> TensorView {
    let (input, from) = map(input)
    let value = add(operation, [input.value], from: from)
    return TensorView(value: value, shape: target, strides: Self.channelsLast(target), offset: 0)
  }

  private mutating func layerNormalise(
    _ node: TensorProgram.Node, _ input: TensorView, _ epsilon: Float
  ) throws -> TensorView {
    let (input, from) = rows(input)
    let name = try addWeights(node, count: input.shape.last ?? 1)
    let value = add(.layerNorm(name: name, channels: from.channels, epsilon: epsilon), [input.value], from: from)
    return TensorView(value: value, shape: input.shape, strides: input.strides, offset: 0)
  }

  private mutating func groupNormalise(
    _ node: TensorProgram.Node, _ input: TensorView, _ groups: Int, _ epsilon: Float
  ) throws -> TensorView {
    guard let four = input.shape.count == 4 ? input : input.reshaped(input.shape[..<2] + [input.shape[2...].reduce(1, *), 1])
    else { throw TranslationProblem("it normalises \(input.shape)") }
    let (found, from) = map(four)
    let name = try addWeights(node, count: from.channels)
    let value = add(
      .groupNorm(name: name, channels: from.channels, groups: groups, epsilon: epsilon, relu: false), [found.value],
      from: from)
    let result = TensorView(value: value, shape: four.shape, strides: Self.channelsLast(four.shape), offset: 0)
    guard let shaped = result.reshaped(input.shape) else { throw TranslationProblem("it cannot be laid out") }
    return shaped
  }

  private mutating func addWeights(_ node: TensorProgram.Node, count: Int) throws -> String {
    let name = "\(node.name)#\(node.output)"
    for (input, part) in zip(node.inputs.dropFirst(), [".weight", ".bias"]) {
      guard let constant = program.constant(input), constant.count == count else {
        throw TranslationProblem("its weights do not fit")
      }
      weights[name + part] = ProgramWeights.Parameter(tensor: constant, shape: [count])
    }
    return name
  }

  private mutating func addTokens(
    _ node: TensorProgram.Node, _ input: TensorView, _ target: [Int]
  ) throws -> TensorView {
    let (input, from) = rows(input)
    guard let token = program.constant(node.inputs[1]), let positions = program.constant(node.inputs[2]) else {
      throw TranslationProblem("its tokens depend on the image")
    }
    // Patches in the order in which they are numbered.
    let patches = input.isDense(in: [0, 1, 2]) ? input : contiguous(input, [0, 1, 2])
    let name = "\(node.name)#\(node.output)"
    weights[name + ".token"] = ProgramWeights.Parameter(tensor: token, shape: token.shape)
    weights[name + ".positions"] = ProgramWeights.Parameter(tensor: positions, shape: positions.shape)
    let value = add(
      .tokens(token: name + ".token", position: name + ".positions", count: target[1], channels: target[2]),
      [patches.value], from: patches.value == input.value ? from : plain(patches.count, target[2]))
    return dense(value, target, [0, 1, 2])
  }

  // MARK: - Attention

  private mutating func attend(
    _ node: TensorProgram.Node, _ inputs: [TensorView], _ scale: Float, _ target: [Int]
  ) throws -> TensorView {
    let bias = node.inputs.count > 3 ? program.constant(node.inputs[3]) : nil
    let (groups, heads, tokens, size) = (target[0], target[1], target[2], target[3])
    if isOneProjection(inputs, target), abs(scale * Float(size).squareRoot() - 1) < 1e-5 {
      var scope = Operation.AttentionScope.whole
      if groups > 1 || bias != nil {
        var name: String?
        var count = 1
        if let bias {
          let shape = [Int](repeating: 1, count: 4 - bias.shape.count) + bias.shape
          count = shape[0]
          name = "\(node.name)#\(node.output).bias"
          weights[name ?? ""] = ProgramWeights.Parameter(tensor: bias, shape: [count, heads, tokens, tokens])
        }
        scope = .groups(size: tokens, bias: name, biasCount: count)
      }
      let value = add(.attention(heads: heads, scope), [inputs[0].value])
      return TensorView(
        value: value, shape: target, strides: [tokens * heads * size, size, heads * size, 1], offset: 0)
    }
    let keys = inputs[1].transposed([0, 1, 3, 2])
    var scores = multiply(inputs[0], keys, [groups, heads, tokens, tokens])
    scores = apply(.row(.affine(scale: scale, shift: 0)), scores)
    if let bias {
      scores = combine(.add, scores, bias, isLeft: false, scores.shape, "\(node.name)#\(node.output).bias")
    }
    return multiply(softmax(scores, 3), inputs[2], target)
  }

  /// Whether queries, keys and values are the three parts of one value's channels.
  private func isOneProjection(_ inputs: [TensorView], _ target: [Int]) -> Bool {
    let (groups, heads, tokens, size) = (target[0], target[1], target[2], target[3])
    let width = heads * size
    let own = extents[inputs[0].value]
    guard own.channels == 3 * width, own.pixels == groups * tokens, inputs.allSatisfy({ $0.value == inputs[0].value })
    else { return false }
    let strides = [tokens * 3 * width, size, 3 * width, 1]
    return inputs.enumerated().allSatisfy { index, view in
      view.offset == index * width
        && view.shape.indices.allSatisfy { view.shape[$0] == 1 || view.strides[$0] == strides[$0] }
    }
  }

  // MARK: - Numbers one by one

  private mutating func apply(_ function: ElementwiseFunction, _ input: TensorView) -> TensorView {
    if isWhole(input), isMine(input.value), let place = nodes.lastIndex(where: { $0.output == input.value }),
      let fused = Self.fused(function, nodes[place])
    {
      nodes[place].operation = fused
      return input
    }
    let input = isWhole(input) ? input : contiguous(input, input.order)
    let operation: Operation
    if case .row(.relu) = function { operation = .relu } else {
      operation = .tensor(.map(function), extents[input.value])
    }
    let value = add(operation, [input.value])
    return TensorView(value: value, shape: input.shape, strides: input.strides, offset: input.offset)
  }

  /// The layer with the function done at its end; nil where it has no such end.
  private static func fused(_ function: ElementwiseFunction, _ node: Node) -> Operation? {
    switch (node.operation, function) {
    case (.convolution(var layer), .row(.relu)) where layer.activation == .none:
      guard node.inputs.count == 1 || layer.groups == 1 else { return nil }
      layer.activation = node.inputs.count == 1 ? .relu : .reluOfSum
      return .convolution(layer)
    case (.convolution(var layer), .gelu)
    where layer.activation == .none && node.inputs.count == 1 && layer.shape.isPointwise && layer.groups == 1:
      layer.activation = .gelu
      return .convolution(layer)
    case (.depthwise(let name, let channels, let kernel, let stride, false), .row(.relu)):
      return .depthwise(name: name, channels: channels, kernel: kernel, stride: stride, relu: true)
    case (.groupNorm(let name, let channels, let groups, let epsilon, false), .row(.relu)):
      return .groupNorm(name: name, channels: channels, groups: groups, epsilon: epsilon, relu: true)
    default: return nil
    }
  }

  private mutating func combine(
    _ function: BinaryFunction, _ node: TensorProgram.Node, _ target: [Int]
  ) throws -> TensorView {
    if let side = node.inputs.firstIndex(where: { program.constant($0) != nil }),
      let constant = program.constant(node.inputs[side]), let input = views[node.inputs[1 - side]]
    {
      let name = "\(node.name)#\(node.output)"
      return try folded(function, input, constant, isLeft: side == 0, target)
        ?? combine(function, input, constant, isLeft: side == 0, target, name)
    }
    let (left, right) = (try view(node, 0), try view(node, 1))
    if function == .add, let sum = addResidual(left, right) ?? addResidual(right, left) { return sum }
    let (first, second) = (left.expanded(target), right.expanded(target))
    return combine(function, [first, second], nil, first, second, target)
  }

  /// A sum as a residual of the layer that makes `layer`, which moves to where both are known.
  private mutating func addResidual(_ layer: TensorView, _ other: TensorView) -> TensorView? {
    guard layer.liesLike(other), isWhole(layer), isWhole(other), isMine(layer.value),
      layer.value != other.value, extents[layer.value].count == extents[other.value].count,
      let place = nodes.lastIndex(where: { $0.output == layer.value }), nodes[place].inputs.count == 1,
      case .convolution(let convolution) = nodes[place].operation, convolution.activation == .none,
      convolution.groups == 1
    else { return nil }
    var node = nodes.remove(at: place)
    node.inputs.append(other.value)
    reads[other.value] += 1
    nodes.append(node)
    return layer
  }

  /// A sum or product with a number for each channel, done by the layer that makes the tensor.
  private mutating func folded(
    _ function: BinaryFunction, _ input: TensorView, _ constant: ConstantTensor, isLeft: Bool, _ target: [Int]
  ) throws -> TensorView? {
    guard input.shape == target, isWhole(input), isMine(input.value), !isLeft || function == .add || function == .multiply,
      let place = nodes.lastIndex(where: { $0.output == input.value }), nodes[place].inputs.count == 1
    else { return nil }
    let name: String
    switch nodes[place].operation {
    case .convolution(let layer) where layer.activation == .none: name = layer.name
    case .depthwise(let depthwise, _, _, _, false): name = depthwise
    default: return nil
    }
    let channels = extents[input.value].channels
    let shape = [Int](repeating: 1, count: target.count - constant.shape.count) + constant.shape
    guard let axis = channels == 1 ? 0 : input.fastest, channels == 1 || target[axis] == channels,
      shape.indices.allSatisfy({ shape[$0] == 1 || $0 == axis }), constant.count == 1 || constant.count == channels
    else { return nil }
    var numbers = try constant.floats().map { Double($0) }
    if numbers.count == 1 { numbers = [Double](repeating: numbers[0], count: channels) }
    guard let bias = weights[name + ".bias"] else { return nil }
    var biases = try bias.tensor.floats().map { Double($0) }
    switch function {
    case .add: for channel in 0..<channels { biases[channel] += numbers[channel] }
    case .subtract: for channel in 0..<channels { biases[channel] -= numbers[channel] }
    case .multiply, .divide:
      if function == .divide { numbers = numbers.map { 1 / $0 } }
      for channel in 0..<channels { biases[channel] *= numbers[channel] }
      let known = weights[name + ".weight"]?.factors
      weights[name + ".weight"]?.factors = known.map { zip($0, numbers).map { $0 * $1 } } ?? numbers
    case .maximum, .minimum, .power: return nil
    }
    weights[name + ".bias"] = ProgramWeights.Parameter(
      tensor: ConstantTensor(shape: [channels], floats: biases.map { Float($0) }), shape: [channels])
    return input
  }

  private mutating func combine(
    _ function: BinaryFunction, _ input: TensorView, _ constant: ConstantTensor, isLeft: Bool, _ target: [Int],
    _ name: String
  ) -> TensorView {
    weights[name] = ProgramWeights.Parameter(tensor: constant, shape: constant.shape)
    let operand = TensorOperation.Constant(name: name, shape: constant.shape, isLeft: isLeft)
    let view = TensorView(
      value: 0, shape: target, strides: TensorShape.strides(constant.shape, as: target), offset: 0)
    let own = input.expanded(target)
    return combine(function, [own], operand, isLeft ? view : own, isLeft ? own : view, target)
  }

  /// A function of two numbers wherever they lie; the output lies like the first input that is whole.
  private mutating func combine(
    _ function: BinaryFunction, _ inputs: [TensorView], _ constant: TensorOperation.Constant?, _ left: TensorView,
    _ right: TensorView, _ target: [Int]
  ) -> TensorView {
    let order = (inputs.first { isWhole($0) } ?? inputs[0]).order
    let output = dense(0, target, order)
    let walk = StridedWalk(
      shape: order.map { target[$0] },
      strides: [left, right, output].map { view in order.map { view.strides[$0] } },
      offsets: [left.offset, right.offset, 0])
    let channels = order.last { target[$0] != 1 }.map { target[$0] } ?? 1
    let value = add(
      .tensor(.combine(function, walk, constant: constant), plain(target.reduce(1, *), channels)),
      inputs.map(\.value))
    return dense(value, target, order)
  }

  private mutating func reduce(
    _ reduction: TensorOperation.Reduction, _ input: TensorView, _ axes: [Int], _ target: [Int]
  ) -> TensorView {
    let kept = input.shape.indices.filter { !axes.contains($0) }
    let reduced = axes.filter { input.shape[$0] != 1 }
    if case .mean = reduction, isWhole(input), extents[input.value].spare == 0, let fastest = input.fastest,
      !axes.contains(fastest), kept.allSatisfy({ $0 == fastest || input.shape[$0] == 1 })
    {
      let channels = input.shape[fastest]
      let value = add(.globalAverage, [input.value], from: plain(input.count, channels))
      return dense(value, target, Array(target.indices))
    }
    let rows = contiguous(input, kept + axes)
    let count = reduced.reduce(1) { $0 * input.shape[$1] }
    let inner = kept.last { input.shape[$0] != 1 }.map { input.shape[$0] } ?? 1
    let value = add(.tensor(.reduce(reduction, count: count), plain(target.reduce(1, *), inner)), [rows.value])
    return dense(value, target, Array(target.indices))
  }

  private mutating func softmax(_ input: TensorView, _ axis: Int) -> TensorView {
    let order = input.shape.indices.filter { $0 != axis } + [axis]
    let rows = contiguous(input, order)
    let value = add(.tensor(.softmax(count: input.shape[axis]), extents[rows.value]), [rows.value])
    return dense(value, input.shape, order)
  }

  private mutating func concatenate(
    _ node: TensorProgram.Node, _ axis: Int, _ target: [Int]
  ) throws -> TensorView {
    let parts = try node.inputs.indices.map { try view(node, $0) }
    var starts: [Int] = []
    var start = 0
    for part in parts {
      starts.append(start)
      start += part.shape[axis]
    }
    return copy(parts, order: parts[parts.count - 1].order, shape: target, starts: starts, axis: axis)
  }
}
