import Tensors

/// Operators that only move numbers or tell of shapes.
extension ONNXTranslation {
  typealias Operator = @Sendable (inout ONNXTranslation, ONNXNode) throws -> [TensorProgram.Value]

  static let shapeOperators: [String: Operator] = [
    "Identity": { me, node in [try me.input(node, 0)] },
    "Dropout": { me, node in [try me.input(node, 0)] },
    "Constant": { me, node in [try me.constantNode(node)] },
    "ConstantOfShape": { me, node in [try me.constantOfShape(node)] },
    "Range": { me, node in [try me.range(node)] },
    "Shape": { me, node in
      let shape = me.shape(try me.input(node, 0))
      let start = min(max(0, node.integer("start", 0) + (node.integer("start", 0) < 0 ? shape.count : 0)), shape.count)
      let end = min(
        max(0, node.integer("end", shape.count) + (node.integer("end", 0) < 0 ? shape.count : 0)), shape.count)
      return [try me.add(ConstantTensor(shape: [max(0, end - start)], integers: Array(shape[start..<max(start, end)])))]
    },
    "Size": { me, node in
      [try me.add(ConstantTensor(shape: [], integers: [me.shape(try me.input(node, 0)).reduce(1, *)]))]
    },
    // ONNX's types with a fraction are 1, 10, 11 and 16; 9 is that of truth values.
    "Cast": { me, node in
      let type = node.integer("to", 0)
      return [try me.cast(node, toFloat: [1, 10, 11, 16].contains(type), isTruth: type == 9)]
    },
    "CastLike": { me, node in
      let like = try me.input(node, 1)
      return [try me.cast(node, toFloat: me.program.constant(like)?.isFloatingPoint ?? true)]
    },
    "Reshape": { me, node in [try me.reshape(node)] },
    "Flatten": { me, node in
      let value = try me.input(node, 0)
      let shape = me.shape(value)
      let given = node.integer("axis", 1)
      let axis = given == shape.count ? given : try me.axis(given, rank: max(1, shape.count))
      return [try me.reshape(value, [shape[..<axis].reduce(1, *), shape[axis...].reduce(1, *)], node)]
    },
    "Squeeze": { me, node in
      let value = try me.input(node, 0)
      let shape = me.shape(value)
      let given = try me.integers(node, 1) ?? node.integers("axes")
      let axes = try given?.map { try me.axis($0, rank: shape.count) } ?? shape.indices.filter { shape[$0] == 1 }
      return [try me.reshape(value, shape.indices.filter { !axes.contains($0) }.map { shape[$0] }, node)]
    },
    "Unsqueeze": { me, node in
      let value = try me.input(node, 0)
      var shape = me.shape(value)
      let given = try me.integers(node, 1) ?? node.integers("axes") ?? []
      guard given.count + shape.count <= 16 else { throw TranslationProblem("it adds \(given.count) axes") }
      let rank = shape.count + given.count
      for axis in Set(try given.map { try me.axis($0, rank: rank) }).sorted() where axis <= shape.count {
        shape.insert(1, at: axis)
      }
      return [try me.reshape(value, shape, node)]
    },
    "Transpose": { me, node in
      let value = try me.input(node, 0)
      let shape = me.shape(value)
      let order = node.integers("perm") ?? shape.indices.reversed()
      guard order.sorted() == Array(shape.indices) else {
        throw TranslationProblem("\(order) is not a permutation of its axes")
      }
      return [try me.apply(.transpose(order), [value], shape: order.map { shape[$0] }, node)]
    },
    "Slice": { me, node in [try me.slice(node)] },
    "Split": { me, node in try me.split(node) },
    "Gather": { me, node in [try me.gather(node)] },
    "Concat": { me, node in [try me.concatenate(node)] },
    "Expand": { me, node in
      let value = try me.input(node, 0)
      let target = try me.integers(node, 1) ?? []
      guard let shape = TensorShape.broadcast(me.shape(value), target) else {
        throw TranslationProblem("\(me.shape(value)) cannot be broadcast to \(target)")
      }
      return [try me.expand(value, shape, node)]
    },
    "Tile": { me, node in
      let value = try me.input(node, 0)
      guard try me.integers(node, 1)?.allSatisfy({ $0 == 1 }) == true else {
        throw TranslationProblem("it repeats a tensor")
      }
      return [value]
    },
    "Pad": { me, node in [try me.pad(node)] },
    "Where": { me, node in [try me.choose(node)] },
    "Equal": { me, node in [try me.compare(node) { $0 == $1 }] },
    "Less": { me, node in [try me.compare(node) { $0 < $1 }] },
    "Greater": { me, node in [try me.compare(node) { $0 > $1 }] },
    "LessOrEqual": { me, node in [try me.compare(node) { $0 <= $1 }] },
    "GreaterOrEqual": { me, node in [try me.compare(node) { $0 >= $1 }] },
    "And": { me, node in [try me.compare(node) { $0 != 0 && $1 != 0 }] },
    "Or": { me, node in [try me.compare(node) { $0 != 0 || $1 != 0 }] },
    "Not": { me, node in
      let constant = try me.constant(try me.input(node, 0))
      return [
        try me.add(ConstantTensor(shape: constant.shape, integers: try constant.integers().map { $0 == 0 ? 1 : 0 }))
      ]
    },
    "Mod": { me, node in
      let (left, right) = (try me.input(node, 0), try me.input(node, 1))
      let quotient = try me.binary(.divide, left, right, node: node)
      guard me.program.constant(quotient)?.isFloatingPoint == false else {
        throw TranslationProblem("remainders of floating-point numbers are not supported")
      }
      let rest = try me.binary(.subtract, left, try me.binary(.multiply, quotient, right, node: node), node: node)
      // Quotients are cut off; ONNX's remainder has the divisor's sign.
      let (rests, divisors) = (try me.constant(rest), try me.constant(try me.expand(right, me.shape(rest), node)))
      return [
        try me.add(
          ConstantTensor(
            shape: rests.shape,
            integers: zip(try rests.integers(), try divisors.integers()).map {
              $0 != 0 && ($0 < 0) != ($1 < 0) ? $0 + $1 : $0
            }))
      ]
    },
  ]

  mutating func expand(_ value: TensorProgram.Value, _ shape: [Int], _ node: ONNXNode) throws -> TensorProgram.Value {
    self.shape(value) == shape ? value : try apply(.expand, [value], shape: shape, node)
  }

  private mutating func constantNode(_ node: ONNXNode) throws -> TensorProgram.Value {
    if let tensor = node.tensor("value") { return program.add(try file.constant(tensor, name: node.name)) }
    if node.has("value_float") {
      return try add(ConstantTensor(shape: [], floats: [node.float("value_float", 0)]))
    }
    if node.has("value_int") { return try add(ConstantTensor(shape: [], integers: [node.integer("value_int", 0)])) }
    if let floats = node.floats("value_floats"), !floats.isEmpty {
      return try add(ConstantTensor(shape: [floats.count], floats: floats))
    }
    if let integers = node.integers("value_ints") {
      return try add(ConstantTensor(shape: [integers.count], integers: integers))
    }
    throw TranslationProblem("it has no numeric value")
  }

  private mutating func constantOfShape(_ node: ONNXNode) throws -> TensorProgram.Value {
    let shape = try integers(node, 0) ?? []
    guard let count = TensorShape.count(shape), count <= 1 << 20 else {
      throw TranslationProblem("its output would be \(shape), which is too large")
    }
    guard let tensor = node.tensor("value") else {
      return try add(ConstantTensor(shape: shape, floats: [Float](repeating: 0, count: count)))
    }
    let value = try file.constant(tensor, name: node.name)
    guard value.count == 1 else { throw TranslationProblem("its value is not a single number") }
    if value.isFloatingPoint {
      return try add(ConstantTensor(shape: shape, floats: [Float](repeating: try value.floats()[0], count: count)))
    }
    return try add(ConstantTensor(shape: shape, integers: [Int](repeating: try value.integers()[0], count: count)))
  }

  private mutating func range(_ node: ONNXNode) throws -> TensorProgram.Value {
    let ends = try (0..<3).map { try integers(node, $0) ?? [] }
    guard ends.allSatisfy({ $0.count == 1 }), ends[2][0] != 0, abs((ends[1][0] - ends[0][0]) / ends[2][0]) <= 1 << 20
    else { throw TranslationProblem("its range is too long") }
    let numbers = Array(stride(from: ends[0][0], to: ends[1][0], by: ends[2][0]))
    return try add(ConstantTensor(shape: [numbers.count], integers: numbers))
  }

  private mutating func cast(
    _ node: ONNXNode, toFloat isToFloat: Bool, isTruth: Bool = false
  ) throws -> TensorProgram.Value {
    let value = try input(node, 0)
    guard let constant = program.constant(value) else {
      guard isToFloat else { throw TranslationProblem("it casts data that depend on the image to integers") }
      return value
    }
    if isTruth {
      let truths = try constant.floats().map { $0 == 0 ? 0 : 1 }
      return try add(ConstantTensor(shape: constant.shape, integers: truths))
    }
    if isToFloat == constant.isFloatingPoint { return value }
    return try add(
      isToFloat
        ? ConstantTensor(shape: constant.shape, floats: try constant.floats())
        : ConstantTensor(shape: constant.shape, integers: try constant.integers()))
  }

  private mutating func reshape(_ node: ONNXNode) throws -> TensorProgram.Value {
    let value = try input(node, 0)
    let source = shape(value)
    guard var target = try integers(node, 1), target.count <= 16 else {
      throw TranslationProblem("it has no shape")
    }
    if node.integer("allowzero", 0) == 0 {
      for axis in target.indices where target[axis] == 0 && axis < source.count { target[axis] = source[axis] }
    }
    if let open = target.firstIndex(of: -1) {
      target[open] = 1
      guard let known = TensorShape.count(target), known > 0, let count = TensorShape.count(source), count % known == 0
      else { throw TranslationProblem("\(source) cannot be reshaped to \(target)") }
      target[open] = count / known
    }
    return try reshape(value, target, node)
  }

  private mutating func slice(_ node: ONNXNode) throws -> TensorProgram.Value {
    let value = try input(node, 0)
    let source = shape(value)
    guard let starts = try integers(node, 1) ?? node.integers("starts"),
      let ends = try integers(node, 2) ?? node.integers("ends"), starts.count == ends.count
    else { throw TranslationProblem("it has no starts and ends") }
    let axes = try integers(node, 3) ?? node.integers("axes") ?? Array(starts.indices)
    let steps = try integers(node, 4) ?? [Int](repeating: 1, count: starts.count)
    guard axes.count == starts.count, steps.count == starts.count else {
      throw TranslationProblem("its starts, axes and steps differ in number")
    }
    var (firsts, strides, target) = (
      [Int](repeating: 0, count: source.count), [Int](repeating: 1, count: source.count), source
    )
    for (place, given) in axes.enumerated() {
      let axis = try self.axis(given, rank: source.count)
      let extent = source[axis]
      let step = steps[place]
      guard step > 0 || (step < 0 && program.constant(value) != nil) else {
        throw TranslationProblem("negative steps are not supported")
      }
      // Backwards, the last index may be one before the first number.
      let limits = step > 0 ? 0...extent : -1...max(-1, extent - 1)
      func clamped(_ index: Int) -> Int {
        min(max(limits.lowerBound, index < 0 ? index + extent : index), limits.upperBound)
      }
      let (start, end) = (clamped(starts[place]), clamped(ends[place]))
      let count = step > 0 ? (end - start + step - 1) / step : (start - end - step - 1) / -step
      (firsts[axis], strides[axis], target[axis]) = (max(0, start), step, max(0, count))
    }
    if target == source, steps.allSatisfy({ $0 > 0 }) { return value }
    return try apply(.slice(starts: firsts, steps: strides), [value], shape: target, node)
  }

  /// One range of an axis.
  mutating func part(
    of value: TensorProgram.Value, _ range: Range<Int>, axis: Int, _ node: ONNXNode
  ) throws -> TensorProgram.Value {
    var target = shape(value)
    var starts = [Int](repeating: 0, count: target.count)
    target[axis] = range.count
    starts[axis] = range.lowerBound
    return try apply(
      .slice(starts: starts, steps: [Int](repeating: 1, count: target.count)), [value], shape: target, node)
  }

  private mutating func split(_ node: ONNXNode) throws -> [TensorProgram.Value] {
    let value = try input(node, 0)
    let axis = try axis(node.integer("axis", 0), rank: shape(value).count)
    let extent = shape(value)[axis]
    var sizes = try integers(node, 1) ?? node.integers("split") ?? []
    if sizes.isEmpty {
      let parts = max(1, node.outputs.count)
      let each = (extent + parts - 1) / parts
      sizes = (0..<parts).map { min(each, max(0, extent - $0 * each)) }
    }
    guard sizes.allSatisfy({ $0 >= 0 && $0 <= extent }), sizes.count <= extent + 1, sizes.reduce(0, +) == extent else {
      throw TranslationProblem("its parts \(sizes) do not add up to \(extent)")
    }
    var start = 0
    var parts: [TensorProgram.Value] = []
    for size in sizes {
      parts.append(try part(of: value, start..<start + size, axis: axis, node))
      start += size
    }
    return parts
  }

  private mutating func gather(_ node: ONNXNode) throws -> TensorProgram.Value {
    let value = try input(node, 0)
    let source = shape(value)
    let axis = try axis(node.integer("axis", 0), rank: source.count)
    let indices = try constant(try input(node, 1))
    let extent = source[axis]
    let places = try indices.integers().map { $0 < 0 ? $0 + extent : $0 }
    guard places.allSatisfy({ (0..<extent).contains($0) }) else {
      throw TranslationProblem("an index is out of range for \(extent) elements")
    }
    let target = source[..<axis] + indices.shape + source[(axis + 1)...]
    guard let count = TensorShape.count(Array(target)) else { throw TranslationProblem("its output is too large") }
    if let constant = program.constant(value) {
      let inner = source[(axis + 1)...].reduce(1, *)
      let outer = source[..<axis].reduce(1, *)
      var order: [Int] = []
      order.reserveCapacity(count)
      for row in 0..<outer {
        for place in places {
          order.append(contentsOf: ((row * extent + place) * inner)..<((row * extent + place + 1) * inner))
        }
      }
      if constant.isFloatingPoint {
        let values = try constant.floats()
        return try add(ConstantTensor(shape: Array(target), floats: order.map { values[$0] }))
      }
      let values = try constant.integers()
      return try add(ConstantTensor(shape: Array(target), integers: order.map { values[$0] }))
    }
    let isRange = zip(places, places.dropFirst()).allSatisfy { $1 == $0 + 1 }
    guard isRange || places.count <= 64, !places.isEmpty else {
      throw TranslationProblem("it picks \(places.count) parts")
    }
    var gathered: TensorProgram.Value
    if isRange {
      gathered = try part(of: value, places[0]..<places[0] + places.count, axis: axis, node)
    } else {
      var parts: [TensorProgram.Value] = []
      for place in places { parts.append(try part(of: value, place..<place + 1, axis: axis, node)) }
      var joined = source
      joined[axis] = places.count
      gathered = try apply(.concatenate(axis: axis), parts, shape: joined, node)
    }
    gathered = try reshape(gathered, Array(target), node)
    return gathered
  }

  private mutating func concatenate(_ node: ONNXNode) throws -> TensorProgram.Value {
    let parts = try node.inputs.indices.map { try input(node, $0) }
    guard let first = parts.first else { throw TranslationProblem("it has no inputs") }
    var target = shape(first)
    let axis = try axis(node.integer("axis", 0), rank: target.count)
    target[axis] = 0
    for part in parts {
      var other = shape(part)
      guard other.count == target.count else { throw TranslationProblem("its inputs' shapes do not match") }
      let extent = other[axis]
      other[axis] = target[axis]
      guard other == target, extent <= TensorShape.maximumCount - target[axis] else {
        throw TranslationProblem("its inputs' shapes do not match")
      }
      target[axis] += extent
    }
    return parts.count == 1 ? first : try apply(.concatenate(axis: axis), parts, shape: target, node)
  }

  private mutating func pad(_ node: ONNXNode) throws -> TensorProgram.Value {
    let value = try input(node, 0)
    let source = shape(value)
    guard node.text("mode") ?? "constant" == "constant" else {
      throw TranslationProblem("the padding mode \(node.text("mode") ?? "") is not supported")
    }
    guard let pads = try integers(node, 1) ?? node.integers("pads") else { throw TranslationProblem("it has no pads") }
    let axes = try integers(node, 3)?.map { try axis($0, rank: source.count) } ?? Array(source.indices)
    guard pads.count == 2 * axes.count, pads.allSatisfy({ (0...65536).contains($0) }) else {
      throw TranslationProblem("it pads by \(pads)")
    }
    var (before, target) = ([Int](repeating: 0, count: source.count), source)
    for (place, axis) in axes.enumerated() {
      before[axis] = pads[place]
      target[axis] = source[axis] + pads[place] + pads[axes.count + place]
    }
    if target == source { return value }
    let fill = try optional(node, 2).map { try constant($0).floats().first ?? 0 } ?? node.float("value", 0)
    return try apply(.pad(before: before, value: fill), [value], shape: target, node)
  }

  private mutating func choose(_ node: ONNXNode) throws -> TensorProgram.Value {
    let condition = try constant(try input(node, 0))
    let (yes, no) = (try input(node, 1), try input(node, 2))
    guard
      let target = TensorShape.broadcast(condition.shape, shape(yes)).flatMap({ TensorShape.broadcast($0, shape(no)) })
    else { throw TranslationProblem("its inputs' shapes do not match") }
    let truths = try condition.integers()
    if truths.allSatisfy({ $0 != 0 }) { return try expand(yes, target, node) }
    if truths.allSatisfy({ $0 == 0 }) { return try expand(no, target, node) }
    let (first, second) = (try constant(yes), try constant(no))
    let whole = try ConstantEvaluator.gather(
      condition, target, strides: TensorShape.strides(condition.shape, as: target), offset: 0
    ).integers()
    let (a, b) = (try constant(try expand(yes, target, node)), try constant(try expand(no, target, node)))
    if first.isFloatingPoint || second.isFloatingPoint {
      let (x, y) = (try a.floats(), try b.floats())
      return try add(ConstantTensor(shape: target, floats: whole.indices.map { whole[$0] != 0 ? x[$0] : y[$0] }))
    }
    let (x, y) = (try a.integers(), try b.integers())
    return try add(ConstantTensor(shape: target, integers: whole.indices.map { whole[$0] != 0 ? x[$0] : y[$0] }))
  }

  private mutating func compare(_ node: ONNXNode, _ holds: (Float, Float) -> Bool) throws -> TensorProgram.Value {
    let (left, right) = (try constant(try input(node, 0)), try constant(try input(node, 1)))
    guard let target = TensorShape.broadcast(left.shape, right.shape), TensorShape.count(target) != nil else {
      throw TranslationProblem("its inputs' shapes do not match")
    }
    func numbers(_ tensor: ConstantTensor) throws -> [Float] {
      try ConstantEvaluator.gather(tensor, target, strides: TensorShape.strides(tensor.shape, as: target), offset: 0)
        .floats()
    }
    let pairs = zip(try numbers(left), try numbers(right))
    return try add(ConstantTensor(shape: target, integers: pairs.map { holds($0, $1) ? 1 : 0 }))
  }
}
