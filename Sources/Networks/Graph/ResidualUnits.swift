extension Graph {
  /// The parts that can be named: those that a family's description named, or else the residual units.
  var namedBlocks: [Block] { blocks.isEmpty ? residualUnits : blocks }

  /// The residual units of a graph whose describer named none: each sum of a value and of what was made of it, of one
  /// shape, with the ReLU that alone reads it. They are numbered from the image on. One that mixes pixels, as attention does,
  /// and one behind it that does not, as a perceptron, are halves of a unit.
  var residualUnits: [Block] {
    let found = residualSums
    var result: [Block] = []
    var units = 0
    var isSecond = false
    for (place, block) in found.enumerated() {
      var block = block
      let isFirst =
        place + 1 < found.count && found[place + 1].input == block.output && mixesPixels(block)
        && !mixesPixels(found[place + 1])
      block.isHalf = isFirst || isSecond
      isSecond = isFirst
      if isFirst {
        result.append(Block(path: "unit\(units)", input: block.input, output: found[place + 1].output))
        units += 1
      }
      result.append(block)
    }
    return result
  }

  /// Whether any pixel of what a block adds depends on others.
  private func mixesPixels(_ block: Block) -> Bool {
    var needed: Set<Value> = [block.output]
    for node in nodes.reversed() where needed.contains(node.output) && node.output > block.input {
      let isOfOnePixel =
        node.layer.isRowByRow || node.layer is BatchNorm || node.layer is ReLU
        || (node.layer as? Convolution)?.isPointwise == true
      if !isOfOnePixel { return true }
      needed.formUnion(node.inputs)
    }
    return false
  }

  private var residualSums: [Block] {
    var result: [Block] = []
    for node in nodes {
      guard let input = residual(of: node) else { continue }
      let readers = nodes.filter { $0.inputs.contains(node.output) }
      let output = readers.count == 1 && readers[0].layer is ReLU ? readers[0].output : node.output
      result.append(Block(path: "block\(result.count)", input: input, output: output))
    }
    return result
  }

  /// The operand of a sum that the other operand was made of; nil for no such sum.
  private func residual(of node: Node) -> Value? {
    let isSum =
      switch node.layer {
      case is Convolution: true
      case let layer as TensorLayer:
        if case .combine(.add, _, nil) = layer.operation { true } else { false }
      default: false
      }
    guard isSum, node.inputs.count == 2 else { return nil }
    return [(node.inputs[1], node.inputs[0]), (node.inputs[0], node.inputs[1])].first { input, other in
      extents[input] == extents[node.output] && isMade(other, of: input)
    }?.0
  }

  /// Whether a value depends on another one.
  private func isMade(_ value: Value, of source: Value) -> Bool {
    var found: Set<Value> = [value]
    for node in nodes.reversed() where found.contains(node.output) && node.output > source {
      found.formUnion(node.inputs)
    }
    return found.contains(source)
  }
}
