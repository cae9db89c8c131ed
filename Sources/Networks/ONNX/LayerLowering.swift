import Kernels

/// Operations that are layers of the native families.
extension ProgramLowering {
  mutating func convolve(
    _ node: TensorProgram.Node, _ input: TensorView, _ windows: WindowShape, groups: Int, target: [Int]
  ) throws -> TensorView {
    let (input, from) = map(input)
    let name = "\(node.name)#\(node.output)"
    guard let weight = program.constant(node.inputs[1]) else {
      throw TranslationProblem("its weights depend on the image")
    }
    var bias = [Float](repeating: 0, count: target[1])
    if node.inputs.count > 2 { bias = try program.constant(node.inputs[2])?.floats() ?? bias }
    weights[name + ".weight"] = ProgramWeights.Parameter(tensor: weight, shape: weight.shape)
    weights[name + ".bias"] = ProgramWeights.Parameter(
      tensor: ConstantTensor(shape: [target[1]], floats: bias), shape: [target[1]])
    let layer: any Layer
    if groups == from.channels, target[1] == groups, groups > 1, windows.isSquare {
      layer = DepthwiseConvolution(
        name, channels: groups, kernel: windows.rows.kernel, stride: windows.rows.stride)
    } else {
      layer = Convolution(name: name, inputs: from.channels, outputs: target[1], shape: windows, groups: groups)
    }
    let value = add(layer, [input.value], from: from)
    return TensorView(value: value, shape: target, strides: Self.channelsLast(target), offset: 0)
  }

  mutating func multiply(_ node: TensorProgram.Node, _ target: [Int]) throws -> TensorView {
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
      let layer = Convolution(name: name, inputs: inner, outputs: outputs, isLinear: true)
      let shape = input.shape.count < target.count ? input.reshaped(target.dropLast() + [inner]) ?? input : input
      return rows(add(layer, [input.value], from: from), like: shape, target)
    }
    return multiply(try view(node, 0), try view(node, 1), target)
  }

  /// A product of tensors that both depend on the image.
  mutating func multiply(_ left: TensorView, _ right: TensorView, _ target: [Int]) -> TensorView {
    let (rows, columns) = (target[target.count - 2], target[target.count - 1])
    let inner = left.shape[left.shape.count - 1]
    let batch = Array(target.dropLast(2))
    let order = Array(target.indices)
    let first = contiguous(left.expanded(batch + [rows, inner]), order)
    let turned = order.dropLast(2) + [order.count - 1, order.count - 2]
    let second = contiguous(right.expanded(batch + [inner, columns]), Array(turned))
    let product = TensorOperation.product(
      batch: batch.reduce(1, *), rows: rows, inner: inner, columns: columns)
    let value = add(TensorLayer(product, plain(target.reduce(1, *), columns)), [first.value, second.value])
    return dense(value, target, order)
  }

  /// An input as a view; a constant becomes a value of the graph.
  mutating func view(_ node: TensorProgram.Node, _ index: Int) throws -> TensorView {
    if let view = views[node.inputs[index]] { return view }
    guard let constant = program.constant(node.inputs[index]) else { throw TranslationProblem("an input is missing") }
    return constantView(constant, "\(node.name)#\(node.output).\(index)")
  }

  /// A constant as a value: zero times the image, plus the constant.
  mutating func constantView(_ constant: ConstantTensor, _ name: String) -> TensorView {
    weights[name] = ProgramWeights.Parameter(tensor: constant, shape: constant.shape)
    let extents = plain(constant.count, constant.shape.last ?? 1)
    let zeros = add(TensorLayer(.copy([], fill: 0), extents), [0])
    let walk = StridedWalk(shape: [constant.count], strides: [[1], [1], [1]], offsets: [0, 0, 0])
    let operand = TensorOperation.Constant(name: name, shape: constant.shape, isLeft: false)
    let value = add(TensorLayer(.combine(.add, walk, constant: operand), extents), [zeros])
    return dense(value, constant.shape, Array(constant.shape.indices))
  }

  /// A layer of an operator's own.
  mutating func append(
    _ layer: OperatorLayer, _ node: TensorProgram.Node, _ target: [Int]
  ) throws -> TensorView {
    let prefix = "\(node.name)#\(node.output)"
    var values: [Graph.Value] = []
    var from: Graph.Extents?
    for (index, input) in node.inputs.enumerated() {
      if let constant = program.constant(input) {
        weights["\(prefix).\(index)"] = ProgramWeights.Parameter(tensor: constant, shape: constant.shape)
        continue
      }
      guard let view = views[input] else { throw TranslationProblem("an input is missing") }
      switch layer.layout {
      case .map:
        guard view.shape.count == 4, view.shape[0] == 1, target.count == 4 else {
          throw TranslationProblem("it works on \(view.shape); images have 2 axes")
        }
        let (found, extents) = map(view)
        values.append(found.value)
        from = from ?? extents
      case .rows:
        values.append(contiguous(view, Array(view.shape.indices)).value)
        from = from ?? plain(view.count, view.shape.last ?? 1)
      }
    }
    let value = add(layer.make(prefix), values, from: from)
    guard extents[value].count == target.reduce(1, *) else {
      throw TranslationProblem("its output does not have the shape \(target)")
    }
    switch layer.layout {
    case .map: return TensorView(value: value, shape: target, strides: Self.channelsLast(target), offset: 0)
    case .rows: return dense(value, target, Array(target.indices))
    }
  }

  mutating func pool(_ layer: Pooling, _ input: TensorView, _ target: [Int]) -> TensorView {
    let (input, from) = map(input)
    let value = add(layer, [input.value], from: from)
    return TensorView(value: value, shape: target, strides: Self.channelsLast(target), offset: 0)
  }

  mutating func layerNormalise(
    _ node: TensorProgram.Node, _ input: TensorView, _ epsilon: Float
  ) throws -> TensorView {
    let (input, from) = rows(input)
    let name = try addWeights(node, count: input.shape.last ?? 1)
    let value = add(LayerNorm(name: name, channels: from.channels, epsilon: epsilon), [input.value], from: from)
    return TensorView(value: value, shape: input.shape, strides: input.strides, offset: 0)
  }

  mutating func groupNormalise(
    _ node: TensorProgram.Node, _ input: TensorView, _ groups: Int, epsilon: Float
  ) throws -> TensorView {
    guard
      let four = input.shape.count == 4
        ? input : input.reshaped(input.shape[..<2] + [input.shape[2...].reduce(1, *), 1])
    else { throw TranslationProblem("it normalises \(input.shape)") }
    let (found, from) = map(four)
    let name = try addWeights(node, count: from.channels)
    let value = add(
      GroupNorm(name: name, channels: from.channels, groups: groups, epsilon: epsilon, hasReLU: false), [found.value],
      from: from)
    let result = TensorView(value: value, shape: four.shape, strides: Self.channelsLast(four.shape), offset: 0)
    guard let shaped = result.reshaped(input.shape) else {
      throw TranslationProblem("its memory layout is not supported")
    }
    return shaped
  }

  mutating func addWeights(_ node: TensorProgram.Node, count: Int) throws -> String {
    let name = "\(node.name)#\(node.output)"
    for (input, part) in zip(node.inputs.dropFirst(), [".weight", ".bias"]) {
      guard let constant = program.constant(input), constant.count == count else {
        throw TranslationProblem("its weights have the wrong shape")
      }
      weights[name + part] = ProgramWeights.Parameter(tensor: constant, shape: [count])
    }
    return name
  }

  mutating func addTokens(
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
      Tokens(token: name + ".token", position: name + ".positions", count: target[1], channels: target[2]),
      [patches.value], from: patches.value == input.value ? from : plain(patches.count, target[2]))
    return dense(value, target, [0, 1, 2])
  }

  // MARK: - Attention

  mutating func attend(
    _ node: TensorProgram.Node, _ inputs: [TensorView], _ scale: Float, target: [Int]
  ) throws -> TensorView {
    let bias = node.inputs.count > 3 ? program.constant(node.inputs[3]) : nil
    let (groups, heads, tokens, size) = (target[0], target[1], target[2], target[3])
    if isOneProjection(inputs, target), abs(scale * Float(size).squareRoot() - 1) < 1e-5 {
      var scope = SelfAttention.Scope.whole
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
      let value = add(SelfAttention(heads: heads, scope: scope), [inputs[0].value])
      return TensorView(
        value: value, shape: target, strides: [tokens * heads * size, size, heads * size, 1], offset: 0)
    }
    let keys = inputs[1].transposed([0, 1, 3, 2])
    var scores = multiply(inputs[0], keys, [groups, heads, tokens, tokens])
    scores = apply(.row(.affine(scale: scale, shift: 0)), scores)
    if let bias {
      scores = combine(
        .add, scores, bias, isLeft: false, target: scores.shape, name: "\(node.name)#\(node.output).bias")
    }
    return multiply(softmax(scores, 3), inputs[2], target)
  }

  /// Whether queries, keys and values are the three parts of one value's channels.
  func isOneProjection(_ inputs: [TensorView], _ target: [Int]) -> Bool {
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
}
