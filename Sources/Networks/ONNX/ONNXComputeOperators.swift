import KernelInterfaces
import Kernels
import Tensors

/// Operators that compute.
extension ONNXTranslation {
  /// Every operator that is known, by its name.
  static let operators = shapeOperators.merging(computeOperators) { first, _ in first }

  private static let computeOperators: [String: Operator] = [
    "Conv": { me, node in [try me.convolve(node)] },
    "MatMul": { me, node in [try me.multiply(try me.input(node, 0), try me.input(node, 1), node)] },
    "Gemm": { me, node in [try me.generalProduct(node)] },
    "BatchNormalization": { me, node in [try me.batchNormalise(node)] },
    "LayerNormalization": { me, node in [try me.layerNormalise(node)] },
    "InstanceNormalization": { me, node in [try me.instanceNormalise(node)] },
    "LRN": { me, node in [try me.normaliseResponse(node)] },
    "GroupNormalization": { me, node in [try me.groupNormalise(node)] },
    "MaxPool": { me, node in [try me.pool(node, isMaximum: true)] },
    "AveragePool": { me, node in [try me.pool(node, isMaximum: false)] },
    "GlobalAveragePool": { me, node in [try me.poolGlobally(node, .mean)] },
    "GlobalMaxPool": { me, node in [try me.poolGlobally(node, .maximum)] },
    "ReduceMean": { me, node in [try me.reduce(node, .mean)] },
    "ReduceSum": { me, node in [try me.reduce(node, .sum)] },
    "ReduceMax": { me, node in [try me.reduce(node, .maximum)] },
    "ReduceMin": { me, node in [try me.reduce(node, .minimum)] },
    "ReduceL2": { me, node in
      let value = try me.input(node, 0)
      let squares = try me.unary(.power(2), value, node)
      return [try me.unary(.squareRoot, try me.reduce(squares, node, .sum), node)]
    },
    "Softmax": { me, node in [try me.softmax(node, isLogarithm: false)] },
    "LogSoftmax": { me, node in [try me.softmax(node, isLogarithm: true)] },
    "Attention": { me, node in [try me.attend(node)] },
    "RMSNormalization": { me, node in [try me.rootMeanSquareNormalise(node)] },
    "Swish": { me, node in
      let value = try me.input(node, 0)
      let alpha = node.float("alpha", 1)
      if alpha == 1 { return [try me.unary(.row(.silu), value, node)] }
      let scaled = try me.binary(.multiply, value, try me.add(ConstantTensor(shape: [], floats: [alpha])), node: node)
      return [try me.binary(.multiply, value, try me.unary(.row(.sigmoid), scaled, node), node: node)]
    },
    "Relu": { me, node in [try me.unary(.row(.relu), try me.input(node, 0), node)] },
    "Sigmoid": { me, node in [try me.unary(.row(.sigmoid), try me.input(node, 0), node)] },
    "Tanh": { me, node in [try me.unary(.row(.tanh), try me.input(node, 0), node)] },
    "Exp": { me, node in [try me.unary(.row(.exponential), try me.input(node, 0), node)] },
    "Log": { me, node in [try me.unary(.logarithm, try me.input(node, 0), node)] },
    "Sqrt": { me, node in [try me.unary(.squareRoot, try me.input(node, 0), node)] },
    "Reciprocal": { me, node in [try me.unary(.reciprocal, try me.input(node, 0), node)] },
    "Abs": { me, node in [try me.unary(.absolute, try me.input(node, 0), node)] },
    "Neg": { me, node in [try me.negate(node)] },
    "Erf": { me, node in [try me.unary(.erf, try me.input(node, 0), node)] },
    "Softplus": { me, node in [try me.unary(.softplus, try me.input(node, 0), node)] },
    "Mish": { me, node in [try me.unary(.mish, try me.input(node, 0), node)] },
    "HardSwish": { me, node in [try me.unary(.row(.hardSwish), try me.input(node, 0), node)] },
    "Gelu": { me, node in
      [try me.unary(node.text("approximate") == "tanh" ? .geluByTanh : .gelu, try me.input(node, 0), node)]
    },
    "HardSigmoid": { me, node in
      let function = RowFunction.hardSigmoid(scale: node.float("alpha", 0.2), shift: node.float("beta", 0.5))
      return [try me.unary(.row(function), try me.input(node, 0), node)]
    },
    "LeakyRelu": { me, node in
      [try me.unary(.row(.leakyReLU(slope: node.float("alpha", 0.01))), try me.input(node, 0), node)]
    },
    "Elu": { me, node in [try me.unary(.elu(scale: node.float("alpha", 1)), try me.input(node, 0), node)] },
    "Clip": { me, node in
      let low = try me.optional(node, 1).map { try me.number($0) } ?? node.float("min", -.greatestFiniteMagnitude)
      let high = try me.optional(node, 2).map { try me.number($0) } ?? node.float("max", .greatestFiniteMagnitude)
      return [try me.unary(.row(.clip(low: low, high: high)), try me.input(node, 0), node)]
    },
    "PRelu": { me, node in
      let value = try me.input(node, 0)
      let negative = try me.unary(.row(.clip(low: -.greatestFiniteMagnitude, high: 0)), value, node)
      let scaled = try me.binary(.multiply, negative, try me.input(node, 1), node: node)
      return [try me.binary(.add, try me.unary(.row(.relu), value, node), scaled, node: node)]
    },
    "Pow": { me, node in
      let (value, exponent) = (try me.input(node, 0), try me.input(node, 1))
      if let constant = me.program.constant(exponent), constant.count == 1,
        me.shape(exponent).count <= me.shape(value).count
      {
        return [try me.unary(.power(try constant.floats()[0]), value, node)]
      }
      return [try me.binary(.power, value, exponent, node: node)]
    },
    "Add": { me, node in [try me.fold(node, .add)] },
    "Sum": { me, node in [try me.fold(node, .add)] },
    "Sub": { me, node in [try me.fold(node, .subtract)] },
    "Mul": { me, node in [try me.fold(node, .multiply)] },
    "Div": { me, node in [try me.fold(node, .divide)] },
    "Max": { me, node in [try me.fold(node, .maximum)] },
    "Min": { me, node in [try me.fold(node, .minimum)] },
  ]

  private func number(_ value: TensorProgram.Value) throws -> Float {
    let constant = try constant(value)
    guard constant.count == 1 else { throw TranslationProblem("a limit is not a single number") }
    return try constant.floats()[0]
  }

  private mutating func fold(_ node: ONNXNode, _ function: BinaryFunction) throws -> TensorProgram.Value {
    var result = try input(node, 0)
    for index in node.inputs.indices.dropFirst() {
      result = try binary(function, result, try input(node, index), node: node)
    }
    return result
  }

  private mutating func negate(_ node: ONNXNode) throws -> TensorProgram.Value {
    let value = try input(node, 0)
    let isWhole = program.constant(value)?.isFloatingPoint == false
    let minus = isWhole ? ConstantTensor(shape: [], integers: [-1]) : ConstantTensor(shape: [], floats: [-1])
    return try binary(.multiply, value, try add(minus), node: node)
  }

  // MARK: - Windows

  private mutating func convolve(_ node: ONNXNode) throws -> TensorProgram.Value {
    let (value, weight) = (try input(node, 0), try input(node, 1))
    let (source, kernel) = (shape(value), try constant(weight).shape)
    let groups = node.integer("group", 1)
    guard source.count == 4, kernel.count == 4, source[0] == 1 else {
      throw TranslationProblem("it convolves \(source) with \(kernel); images have 2 axes")
    }
    guard groups > 0, source[1] == kernel[1].multipliedReportingOverflow(by: groups).partialValue, kernel[0] > 0,
      kernel[0] % groups == 0
    else { throw TranslationProblem("weights \(kernel) in \(groups) groups do not match the input \(source)") }
    let windows = try windows(node, source, kernel: [kernel[2], kernel[3]])
    let target = [1, kernel[0], windows.rows.count(over: source[2]), windows.columns.count(over: source[3])]
    var inputs = [value, weight]
    if let bias = optional(node, 2) {
      guard try constant(bias).shape == [kernel[0]] else {
        throw TranslationProblem("its bias does not match its weights")
      }
      inputs.append(bias)
    }
    return try apply(.convolution(windows, groups: groups), inputs, shape: target, node)
  }

  private func windows(_ node: ONNXNode, _ source: [Int], kernel: [Int]) throws -> WindowShape {
    let strides = node.integers("strides") ?? [1, 1]
    let dilations = node.integers("dilations") ?? [1, 1]
    let pads = node.integers("pads") ?? [0, 0, 0, 0]
    guard kernel.count == 2, strides.count == 2, dilations.count == 2, pads.count == 4,
      (kernel + strides + dilations).allSatisfy({ (1...4096).contains($0) }),
      pads.allSatisfy({ (0...4096).contains($0) })
    else {
      throw TranslationProblem("kernel \(kernel), strides \(strides) and pads \(pads) are not valid for an image")
    }
    let automatic = node.text("auto_pad") ?? "NOTSET"
    let axes = (0..<2).map { axis in
      var result = WindowAxis(
        kernel: kernel[axis], stride: strides[axis], before: pads[axis], after: pads[axis + 2],
        dilation: dilations[axis])
      if automatic.hasPrefix("SAME") {
        let extent = source[axis + 2]
        let total = max(0, ((extent + result.stride - 1) / result.stride - 1) * result.stride + result.reach - extent)
        (result.before, result.after) = (total / 2, total - total / 2)
        if automatic == "SAME_LOWER" { swap(&result.before, &result.after) }
      } else if automatic == "VALID" {
        (result.before, result.after) = (0, 0)
      }
      return result
    }
    for (axis, extent) in zip(axes, source[2...]) where axis.count(over: extent) == 0 {
      throw TranslationProblem("a window of \(axis.reach) pixels does not fit \(extent)")
    }
    return WindowShape(rows: axes[0], columns: axes[1])
  }

  private mutating func pool(_ node: ONNXNode, isMaximum: Bool) throws -> TensorProgram.Value {
    let value = try input(node, 0)
    let source = shape(value)
    guard source.count == 4, source[0] == 1, let kernel = node.integers("kernel_shape") else {
      throw TranslationProblem("it pools \(source); images have 2 axes")
    }
    var windows = try windows(node, source, kernel: kernel)
    let countsPadding = node.integer("count_include_pad", 0) != 0
    if node.integer("ceil_mode", 0) != 0 {
      let before = windows
      windows.rows = Self.roundedUp(windows.rows, source[2])
      windows.columns = Self.roundedUp(windows.columns, source[3])
      guard isMaximum || !countsPadding || before == windows else {
        throw TranslationProblem("it counts padding in windows that extend beyond it")
      }
    }
    let target = [1, source[1], windows.rows.count(over: source[2]), windows.columns.count(over: source[3])]
    let operation =
      isMaximum
      ? ProgramOperation.maxPool(windows, countsPadding: false)
      : .layer(OperatorLayer(.map) { [windows] _ in Pooling(.average, windows, countsPadding: countsPadding) })
    return try apply(operation, [value], shape: target, node)
  }

  /// With a last window that reaches beyond the padding, if it begins before the padding after the image.
  private static func roundedUp(_ axis: WindowAxis, _ extent: Int) -> WindowAxis {
    var count = (extent + axis.before + axis.after - axis.reach + axis.stride - 1) / axis.stride + 1
    if (count - 1) * axis.stride >= extent + axis.before { count -= 1 }
    guard count > axis.count(over: extent) else { return axis }
    var result = axis
    result.after = (count - 1) * axis.stride + axis.reach - extent - axis.before
    return result
  }

  private mutating func poolGlobally(
    _ node: ONNXNode, _ reduction: TensorOperation.Reduction
  ) throws -> TensorProgram.Value {
    let value = try input(node, 0)
    let source = shape(value)
    guard source.count > 2 else { throw TranslationProblem("it pools \(source)") }
    let target = source[..<2] + [Int](repeating: 1, count: source.count - 2)
    return try apply(.reduce(reduction, axes: Array(2..<source.count)), [value], shape: Array(target), node)
  }

  private mutating func reduce(
    _ node: ONNXNode, _ reduction: TensorOperation.Reduction
  ) throws -> TensorProgram.Value {
    try reduce(try input(node, 0), node, reduction)
  }

  private mutating func reduce(
    _ value: TensorProgram.Value, _ node: ONNXNode, _ reduction: TensorOperation.Reduction
  ) throws -> TensorProgram.Value {
    let source = shape(value)
    let given = try integers(node, 1) ?? node.integers("axes") ?? []
    if given.isEmpty, node.integer("noop_with_empty_axes", 0) != 0 { return value }
    let axes = given.isEmpty ? Array(source.indices) : Set(try given.map { try axis($0, rank: source.count) }).sorted()
    let kept = source.indices.map { axes.contains($0) ? 1 : source[$0] }
    let result = try apply(.reduce(reduction, axes: axes), [value], shape: kept, node)
    if node.integer("keepdims", 1) != 0 { return result }
    return try reshape(result, source.indices.filter { !axes.contains($0) }.map { source[$0] }, node)
  }

  // MARK: - Products

  mutating func multiply(
    _ left: TensorProgram.Value, _ right: TensorProgram.Value, _ node: ONNXNode
  ) throws -> TensorProgram.Value {
    let (a, b) = (shape(left), shape(right))
    guard a.count >= 2, b.count >= 2, a[a.count - 1] == b[b.count - 2],
      let batch = TensorShape.broadcast(Array(a.dropLast(2)), Array(b.dropLast(2)))
    else { throw TranslationProblem("\(a) and \(b) cannot be multiplied") }
    return try apply(.product, [left, right], shape: batch + [a[a.count - 2], b[b.count - 1]], node)
  }

  /// alpha A B + beta C, A and B perhaps transposed.
  private mutating func generalProduct(_ node: ONNXNode) throws -> TensorProgram.Value {
    var (left, right) = (try input(node, 0), try input(node, 1))
    guard shape(left).count == 2, shape(right).count == 2 else {
      throw TranslationProblem("\(shape(left)) and \(shape(right)) cannot be multiplied")
    }
    if node.integer("transA", 0) != 0 {
      left = try apply(.transpose([1, 0]), [left], shape: shape(left).reversed(), node)
    }
    if node.integer("transB", 0) != 0 {
      right = try apply(.transpose([1, 0]), [right], shape: shape(right).reversed(), node)
    }
    var result = try multiply(left, right, node)
    let (alpha, beta) = (node.float("alpha", 1), node.float("beta", 1))
    if alpha != 1 {
      result = try binary(.multiply, result, try add(ConstantTensor(shape: [], floats: [alpha])), node: node)
    }
    guard var bias = optional(node, 2), beta != 0 else { return result }
    if beta != 1 { bias = try binary(.multiply, bias, try add(ConstantTensor(shape: [], floats: [beta])), node: node) }
    return try binary(.add, result, bias, node: node)
  }

  // MARK: - Normalisations

  private func numbers(_ node: ONNXNode, _ index: Int, count: Int) throws -> [Float] {
    let constant = try constant(try input(node, index))
    guard constant.count == count else {
      throw TranslationProblem("its input \(index + 1) has \(constant.count) numbers, not \(count)")
    }
    return try constant.floats()
  }

  private mutating func batchNormalise(_ node: ONNXNode) throws -> TensorProgram.Value {
    let value = try input(node, 0)
    let source = shape(value)
    guard source.count >= 2 else { throw TranslationProblem("it normalises \(source)") }
    let channels = source[1]
    let epsilon = node.float("epsilon", 1e-5)
    let weight = try numbers(node, 1, count: channels)
    let bias = try numbers(node, 2, count: channels)
    if node.integer("training_mode", 0) != 0 {
      // Statistics of the batch are those of weights that a network standardises; of images they would mix.
      guard program.constant(value) != nil, source[0] == 1 else {
        throw TranslationProblem("it normalises with batch statistics: export the model in evaluation mode")
      }
      let rows = try apply(
        .standardise(axes: source.count - 2, epsilon: epsilon), [value], shape: source, node)
      return try scaleChannels(rows, weight: weight, bias: bias, node)
    }
    let mean = try numbers(node, 3, count: channels)
    let variance = try numbers(node, 4, count: channels)
    let scales = zip(weight, variance).map { Double($0) / (Double($1) + Double(epsilon)).squareRoot() }
    let shifts = bias.indices.map { Float(Double(bias[$0]) - Double(mean[$0]) * scales[$0]) }
    return try scaleChannels(value, weight: scales.map { Float($0) }, bias: shifts, node)
  }

  private mutating func layerNormalise(_ node: ONNXNode) throws -> TensorProgram.Value {
    let value = try input(node, 0)
    let source = shape(value)
    let axis = try axis(node.integer("axis", -1), rank: source.count)
    let count = source[axis...].reduce(1, *)
    let weight = try add(ConstantTensor(shape: [count], floats: try numbers(node, 1, count: count)))
    let biases = optional(node, 2) == nil ? [Float](repeating: 0, count: count) : try numbers(node, 2, count: count)
    let bias = try add(ConstantTensor(shape: [count], floats: biases))
    let rows = try reshape(value, source[..<axis] + [count], node)
    let result = try apply(
      .layerNorm(epsilon: node.float("epsilon", 1e-5)), [rows, weight, bias], shape: shape(rows), node)
    return try reshape(result, source, node)
  }

  private mutating func instanceNormalise(_ node: ONNXNode) throws -> TensorProgram.Value {
    let value = try input(node, 0)
    let source = shape(value)
    guard source.count >= 3 else { throw TranslationProblem("it normalises \(source)") }
    let weight = try numbers(node, 1, count: source[1])
    let bias = try numbers(node, 2, count: source[1])
    let result = try apply(
      .standardise(axes: source.count - 2, epsilon: node.float("epsilon", 1e-5)), [value], shape: source, node)
    guard weight.contains(where: { $0 != 1 }) || bias.contains(where: { $0 != 0 }) else { return result }
    return try scaleChannels(result, weight: weight, bias: bias, node)
  }

  private mutating func normaliseResponse(_ node: ONNXNode) throws -> TensorProgram.Value {
    let (value, size) = (try input(node, 0), node.integer("size", 0))
    guard (1...1 << 20).contains(size) else { throw TranslationProblem("it normalises over \(size) channels") }
    let layer = LocalResponseNorm(
      size: size, alpha: node.float("alpha", 1e-4), beta: node.float("beta", 0.75), bias: node.float("bias", 1))
    return try apply(.layer(OperatorLayer(.map) { _ in layer }), [value], shape: shape(value), node)
  }

  private mutating func groupNormalise(_ node: ONNXNode) throws -> TensorProgram.Value {
    let value = try input(node, 0)
    let source = shape(value)
    let groups = node.integer("num_groups", 1)
    guard source.count >= 3, source[0] == 1, groups > 0, source[1] % groups == 0 else {
      throw TranslationProblem("it normalises \(source)")
    }
    // Before operator set 21 there is a weight for each group, since then one for each channel.
    let each = file.operatorSet < 21 ? source[1] / groups : 1
    func spread(_ values: [Float]) -> [Float] { values.flatMap { [Float](repeating: $0, count: each) } }
    let weight = spread(try numbers(node, 1, count: source[1] / each))
    let bias = spread(try numbers(node, 2, count: source[1] / each))
    return try apply(
      .groupNorm(groups: groups, epsilon: node.float("epsilon", 1e-5)),
      [
        value, try add(ConstantTensor(shape: [source[1]], floats: weight)),
        try add(ConstantTensor(shape: [source[1]], floats: bias)),
      ], shape: source, node)
  }
}
