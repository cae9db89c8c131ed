extension Graph {
  /// The same outputs with each pair of pointwise layers around a GELU as one layer, whose hidden features never leave
  /// the cache, together with the layer normalisation before them where they alone read it.
  func fusingFeedForwards() -> Graph {
    let readers = readers
    let places = Dictionary(uniqueKeysWithValues: nodes.enumerated().map { ($0.element.output, $0.offset) })
    /// The node that makes a value which one node alone reads.
    func maker(of value: Value) -> Node? { readers[value] == 1 ? places[value].map { nodes[$0] } : nil }
    var fused: [Value: (layer: FeedForwardLayer, input: Value)] = [:]
    var dissolved: Set<Value> = []
    for node in nodes {
      guard let project = node.layer as? Convolution, project.isPointwise, project.activation == .none,
        node.inputs.count == 2, let hidden = maker(of: node.inputs[0]), hidden.inputs.count == 1,
        let expand = hidden.layer as? Convolution, expand.isPointwise, expand.activation == .gelu,
        node.from == extents[hidden.output], hidden.from == extents[hidden.inputs[0]],
        extents[node.output] == extents[node.inputs[1]], expand.inputs == project.outputs
      else { continue }
      var layer = FeedForwardLayer(normalisation: nil, expand: expand, project: project)
      var input = hidden.inputs[0]
      dissolved.insert(hidden.output)
      if let before = maker(of: input), let normalisation = before.layer as? LayerNorm,
        before.from == extents[before.inputs[0]]
      {
        layer.normalisation = normalisation
        dissolved.insert(input)
        input = before.inputs[0]
      }
      fused[node.output] = (layer, input)
    }
    guard !fused.isEmpty else { return self }
    var rewriting = GraphRewriting(self)
    for node in nodes where !dissolved.contains(node.output) {
      if let (layer, input) = fused[node.output] {
        rewriting.append(node, layer: layer, inputs: [input, node.inputs[1]], from: extents[input])
      } else {
        rewriting.append(node)
      }
    }
    return rewriting.finished()
  }
}
