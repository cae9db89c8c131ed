import Kernels

/// Functions of single numbers and of pairs, reductions and joints, wherever the numbers lie.
extension ProgramLowering {
  mutating func apply(_ function: ElementwiseFunction, _ input: TensorView) -> TensorView {
    if isWhole(input), isMine(input.value), let place = nodes.lastIndex(where: { $0.output == input.value }),
      let fused = Self.fused(function, nodes[place])
    {
      nodes[place].layer = fused
      return input
    }
    let input = isWhole(input) ? input : contiguous(input, input.order)
    let layer: any Layer
    if case .row(.relu) = function {
      layer = ReLU()
    } else {
      layer = TensorLayer(.map(function), extents[input.value])
    }
    let value = add(layer, [input.value])
    return TensorView(value: value, shape: input.shape, strides: input.strides, offset: input.offset)
  }

  /// The layer with the function done at its end; nil where it has no such end.
  static func fused(_ function: ElementwiseFunction, _ node: Node) -> (any Layer)? {
    switch (node.layer, function) {
    case (var layer as Convolution, .row(.relu)) where layer.activation == .none:
      guard node.inputs.count == 1 || layer.groups == 1 else { return nil }
      layer.activation = node.inputs.count == 1 ? .relu : .reluOfSum
      return layer
    case (var layer as Convolution, .gelu)
    where layer.activation == .none && node.inputs.count == 1 && layer.isPointwise:
      layer.activation = .gelu
      return layer
    case (var layer as DepthwiseConvolution, .row(.relu)):
      layer.hasReLU = true
      return layer
    case (var layer as GroupNorm, .row(.relu)):
      layer.hasReLU = true
      return layer
    default: return nil
    }
  }

  mutating func combine(
    _ function: BinaryFunction, _ node: TensorProgram.Node, _ target: [Int]
  ) throws -> TensorView {
    if let side = node.inputs.firstIndex(where: { program.constant($0) != nil }),
      let constant = program.constant(node.inputs[side]), let input = views[node.inputs[1 - side]]
    {
      let name = "\(node.name)#\(node.output)"
      return try folded(function, input, constant, isLeft: side == 0, target: target)
        ?? combine(function, input, constant, isLeft: side == 0, target: target, name: name)
    }
    let (left, right) = (try view(node, 0), try view(node, 1))
    if function == .add, let sum = addResidual(left, right) ?? addResidual(right, left) { return sum }
    let (first, second) = (left.expanded(target), right.expanded(target))
    return combine(function, [first, second], nil, left: first, right: second, target: target)
  }

  /// A sum as a residual of the layer that makes `layer`, which moves to where both are known.
  mutating func addResidual(_ layer: TensorView, _ other: TensorView) -> TensorView? {
    guard layer.liesLike(other), isWhole(layer), isWhole(other), isMine(layer.value),
      layer.value != other.value, extents[layer.value].count == extents[other.value].count,
      let place = nodes.lastIndex(where: { $0.output == layer.value }), nodes[place].inputs.count == 1,
      let convolution = nodes[place].layer as? Convolution, convolution.activation == .none,
      convolution.groups == 1
    else { return nil }
    var node = nodes.remove(at: place)
    node.inputs.append(other.value)
    reads[other.value] += 1
    nodes.append(node)
    return layer
  }

  /// A sum or product with a number for each channel, done by the layer that makes the tensor.
  mutating func folded(
    _ function: BinaryFunction, _ input: TensorView, _ constant: ConstantTensor, isLeft: Bool, target: [Int]
  ) throws -> TensorView? {
    guard input.shape == target, isWhole(input), isMine(input.value),
      !isLeft || function == .add || function == .multiply,
      let place = nodes.lastIndex(where: { $0.output == input.value }), nodes[place].inputs.count == 1
    else { return nil }
    let name: String
    switch nodes[place].layer {
    case let layer as Convolution where layer.activation == .none: name = layer.name
    case let layer as DepthwiseConvolution where !layer.hasReLU: name = layer.parts[0].name
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

  mutating func combine(
    _ function: BinaryFunction, _ input: TensorView, _ constant: ConstantTensor, isLeft: Bool, target: [Int],
    name: String
  ) -> TensorView {
    weights[name] = ProgramWeights.Parameter(tensor: constant, shape: constant.shape)
    let operand = TensorOperation.Constant(name: name, shape: constant.shape, isLeft: isLeft)
    let view = TensorView(
      value: 0, shape: target, strides: TensorShape.strides(constant.shape, as: target), offset: 0)
    let own = input.expanded(target)
    return combine(function, [own], operand, left: isLeft ? view : own, right: isLeft ? own : view, target: target)
  }

  /// A function of two numbers wherever they lie; the output lies like the first input that is whole.
  mutating func combine(
    _ function: BinaryFunction, _ inputs: [TensorView], _ constant: TensorOperation.Constant?, left: TensorView,
    right: TensorView, target: [Int]
  ) -> TensorView {
    let order = (inputs.first { isWhole($0) } ?? inputs[0]).order
    let output = dense(0, target, order)
    let walk = StridedWalk(
      shape: order.map { target[$0] },
      strides: [left, right, output].map { view in order.map { view.strides[$0] } },
      offsets: [left.offset, right.offset, 0])
    let channels = order.last { target[$0] != 1 }.map { target[$0] } ?? 1
    let value = add(
      TensorLayer(.combine(function, walk, constant: constant), plain(target.reduce(1, *), channels)),
      inputs.map(\.value))
    return dense(value, target, order)
  }

  mutating func reduce(
    _ reduction: TensorOperation.Reduction, _ input: TensorView, _ axes: [Int], target: [Int]
  ) -> TensorView {
    let kept = input.shape.indices.filter { !axes.contains($0) }
    let reduced = axes.filter { input.shape[$0] != 1 }
    if case .mean = reduction, isWhole(input), extents[input.value].spare == 0, let fastest = input.fastest,
      !axes.contains(fastest), kept.allSatisfy({ $0 == fastest || input.shape[$0] == 1 })
    {
      let channels = input.shape[fastest]
      let value = add(GlobalAverage(), [input.value], from: plain(input.count, channels))
      return dense(value, target, Array(target.indices))
    }
    let rows = contiguous(input, kept + axes)
    let count = reduced.reduce(1) { $0 * input.shape[$1] }
    let inner = kept.last { input.shape[$0] != 1 }.map { input.shape[$0] } ?? 1
    let value = add(TensorLayer(.reduce(reduction, count: count), plain(target.reduce(1, *), inner)), [rows.value])
    return dense(value, target, Array(target.indices))
  }

  mutating func softmax(_ input: TensorView, _ axis: Int) -> TensorView {
    let order = input.shape.indices.filter { $0 != axis } + [axis]
    let rows = contiguous(input, order)
    let value = add(TensorLayer(.softmax(count: input.shape[axis]), extents[rows.value]), [rows.value])
    return dense(value, input.shape, order)
  }

  mutating func concatenate(
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
