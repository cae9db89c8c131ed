import Kernels

/// Lays a program's tensors out in memory and gives its operations to the layers that compute native families.
///
/// Images and maps lie with their channels side by side, whatever order the model names its axes in: transpositions,
/// reshapes and slices are views, and copies are made only where an operation needs its numbers in another order.
struct ProgramLowering {
  let program: TensorProgram
  var weights: ProgramWeights
  private(set) var extents: [Graph.Extents]
  var nodes: [Node] = []
  var views: [TensorProgram.Value: TensorView] = [:]
  /// How often each value of the graph will still be read, through any view.
  var unread: [Int]
  /// How often nodes of the graph read each value already.
  var reads: [Int] = [0]
  let readers: [Int]

  /// A node of the graph to be.
  struct Node {
    var layer: any Layer
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
    return (try lowering.finished(), lowering.weights)
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

  private func finished() throws -> Graph {
    var graph = Graph(startingWith: extents[0])
    var values: [Graph.Value: Graph.Value] = [0: 0]
    for node in nodes {
      let inputs = node.inputs.compactMap { values[$0] }
      guard inputs.count == node.inputs.count else {
        throw TranslationProblem("an operation reads a value that is computed later")
      }
      values[node.output] = graph.append(node.layer, inputs, from: node.from)
    }
    graph.outputs = [graph.extents.count - 1]
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
  mutating func logits(_ view: TensorView) -> TensorView {
    let isLast = nodes.last?.output == view.value && view.isDense && extents[view.value].count == view.count
    guard !isLast || extents[view.value].pixels != 1 else { return view }
    let order = Array(view.shape.indices)
    return copy([view], order: order, shape: view.shape, starts: [0])
  }

  mutating func lower(
    _ node: TensorProgram.Node, _ inputs: [TensorView], _ target: [Int]
  ) throws -> TensorView {
    switch node.operation {
    case .reshape:
      if let view = inputs[0].reshaped(target) { return view }
      let order = Array(inputs[0].shape.indices)
      guard let view = contiguous(inputs[0], order).reshaped(target) else {
        throw TranslationProblem("its memory layout is not supported")
      }
      return view
    case .transpose(let order): return inputs[0].transposed(order)
    case .slice(let starts, let steps): return inputs[0].sliced(target, starts: starts, steps: steps)
    case .expand: return inputs[0].expanded(target)
    case .convolution(let windows, let groups):
      return try convolve(node, inputs[0], windows, groups: groups, target: target)
    case .product: return try multiply(node, target)
    case .unary(let function): return apply(function, inputs[0])
    case .binary(let function): return try combine(function, node, target)
    case .reduce(let reduction, let axes): return reduce(reduction, inputs[0], axes, target: target)
    case .softmax(let axis): return softmax(inputs[0], axis)
    case .maxPool(let windows, let countsPadding):
      return pool(Pooling(.maximum, windows, countsPadding: countsPadding), inputs[0], target)
    case .layerNorm(let epsilon): return try layerNormalise(node, inputs[0], epsilon)
    case .groupNorm(let groups, let epsilon): return try groupNormalise(node, inputs[0], groups, epsilon: epsilon)
    case .standardise(let axes, let epsilon):
      let rows = contiguous(inputs[0], Array(target.indices))
      let count = target.suffix(axes).reduce(1, *)
      let value = add(TensorLayer(.standardise(count: count, epsilon: epsilon), plain(rows.count, count)), [rows.value])
      return dense(value, target, Array(target.indices))
    case .attention(let scale): return try attend(node, inputs, scale, target: target)
    case .tokens: return try addTokens(node, inputs[0], target)
    case .concatenate(let axis): return try concatenate(node, axis, target)
    case .pad(let before, let fill):
      let order = inputs[0].order
      return copy([inputs[0]], order: order, shape: target, starts: [], before: before, fill: fill)
    case .layer(let layer): return try append(layer, node, target)
    }
  }

  // MARK: - Values and layouts

  /// Appends a node to the graph.
  mutating func add(_ layer: any Layer, _ inputs: [Graph.Value], from: Graph.Extents? = nil) -> Graph.Value {
    extents.append(layer.extents(of: from ?? extents[inputs[0]]))
    unread.append(0)
    reads.append(0)
    for input in inputs { reads[input] += 1 }
    nodes.append(Node(layer: layer, inputs: inputs, from: from, output: extents.count - 1))
    return extents.count - 1
  }

  /// Whether nothing but the node that is being lowered reads a value, so that its maker may do more.
  func isMine(_ value: Graph.Value) -> Bool { unread[value] == 0 && reads[value] == 0 }

  /// Numbers in rows.
  func plain(_ count: Int, _ channels: Int) -> Graph.Extents {
    Graph.Extents(height: count / max(1, channels), width: 1, channels: max(1, channels))
  }

  /// A value that is filled row-major with its axes in an order.
  func dense(_ value: Graph.Value, _ shape: [Int], _ order: [Int]) -> TensorView {
    var strides = [Int](repeating: 0, count: shape.count)
    var step = 1
    for axis in order.reversed() {
      strides[axis] = step
      step *= shape[axis]
    }
    return TensorView(value: value, shape: shape, strides: strides, offset: 0)
  }

  /// Whether a value holds what the view shows and nothing else, but for spare rows.
  func isWhole(_ view: TensorView) -> Bool {
    view.isDense && view.count == extents[view.value].pixels * extents[view.value].channels
  }

  /// The view's numbers row-major in an order of its axes, slowest first, in a value of their own.
  mutating func contiguous(_ view: TensorView, _ order: [Int]) -> TensorView {
    if view.isDense(in: order), view.count == extents[view.value].count { return view }
    let own = extents[view.value]
    if view.offset == 0, view.count == own.channels, own.pixels > 1, view.isDense {
      // The first of several rows, such as the class token.
      return dense(add(FirstToken(), [view.value]), view.shape, order)
    }
    return copy([view], order: order, shape: view.shape, starts: [0])
  }

  /// Copies tensors into one of a shape, whose axes lie in an order; `starts` are their places along `axis`.
  mutating func copy(
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
    let value = add(TensorLayer(.copy(walks, fill: fill), extents), parts.map(\.value))
    return dense(value, shape, order)
  }

  /// An image or map with its channels side by side, and its extents.
  mutating func map(_ view: TensorView) -> (view: TensorView, extents: Graph.Extents) {
    let shape = view.shape
    let found = contiguous(view, [0, 2, 3, 1])
    return (found, Graph.Extents(height: shape[2], width: shape[3], channels: shape[1]))
  }

  /// A tensor whose last axis lies side by side in rows, and the extents to read it with.
  mutating func rows(_ view: TensorView) -> (view: TensorView, extents: Graph.Extents) {
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
  func rows(_ value: Graph.Value, like view: TensorView, _ target: [Int]) -> TensorView {
    let (old, new) = (view.shape.last ?? 1, target.last ?? 1)
    var strides = view.strides.indices.map { view.shape[$0] == 1 ? 0 : view.strides[$0] / old * new }
    strides[strides.count - 1] = 1
    return TensorView(value: value, shape: target, strides: strides, offset: 0)
  }
}
