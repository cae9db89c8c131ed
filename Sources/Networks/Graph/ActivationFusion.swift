extension Graph {
  /// The same logits without passes that the convolution before them can do while its sums are in registers: a ReLU
  /// that alone reads a convolution's output, with or without a residual added in between.
  func fusingActivations() -> Graph {
    var readers = [Int](repeating: 0, count: extents.count)
    for node in nodes { for input in node.inputs { readers[input] += 1 } }
    readers[output] += 1
    // The ReLU that goes into the node which makes a value.
    var fused: [Value: Value] = [:]
    let makers = Dictionary(uniqueKeysWithValues: nodes.map { ($0.output, $0) })
    for node in nodes {
      guard case .relu = node.operation, let maker = makers[node.inputs[0]], readers[maker.output] == 1,
        case .convolution(let layer) = maker.operation, layer.activation == .none,
        layer.groups == 1 || maker.inputs.count == 1
      else { continue }
      fused[maker.output] = node.output
    }
    guard !fused.isEmpty else { return self }
    var result = emptied
    var values = [Value](repeating: 0, count: extents.count)
    let dissolved = Set(fused.values)
    for node in nodes where !dissolved.contains(node.output) {
      var operation = node.operation
      let target = fused[node.output]
      if target != nil, case .convolution(var layer) = operation {
        layer.activation = node.inputs.count == 1 ? .relu : .reluOfSum
        operation = .convolution(layer)
      }
      values[target ?? node.output] = result.append(operation, node.inputs.map { values[$0] }, from: node.from)
    }
    return values[output] == result.output ? result : self
  }
}
