extension Graph {
  /// The same outputs without passes that the convolution before them can do while its sums are in registers: a ReLU
  /// that alone reads a convolution's output, with or without a residual added in between.
  func fusingActivations() -> Graph {
    let readers = readers
    let makers = Dictionary(uniqueKeysWithValues: nodes.map { ($0.output, $0) })
    // The ReLU that goes into the node which makes a value.
    var fused: [Value: Value] = [:]
    for node in nodes {
      guard node.layer is ReLU, let maker = makers[node.inputs[0]], readers[maker.output] == 1,
        let layer = maker.layer as? Convolution, layer.activation == .none,
        layer.groups == 1 || maker.inputs.count == 1
      else { continue }
      fused[maker.output] = node.output
    }
    guard !fused.isEmpty else { return self }
    let dissolved = Set(fused.values)
    var rewriting = GraphRewriting(self)
    for node in nodes where !dissolved.contains(node.output) {
      if let relu = fused[node.output], var layer = node.layer as? Convolution {
        layer.activation = node.inputs.count == 1 ? .relu : .reluOfSum
        rewriting.append(node, layer: layer)
        rewriting.replace(relu, by: node.output)
      } else {
        rewriting.append(node)
      }
    }
    return rewriting.finished()
  }
}
