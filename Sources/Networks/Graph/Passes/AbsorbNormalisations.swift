extension Graph {
  /// The same outputs, but for rounding, with batch normalisations in the pointwise layers behind them, whose inputs no
  /// zeros surround; one before a mean over pixels goes through it, since both are affine.
  func absorbingNormalisations() -> Graph {
    // The normalisation that is to be folded into all that read a value.
    var pending: [Value: String] = [:]
    // What a value that is read no more stands for.
    var origin: [Value: Value] = [:]
    for node in nodes {
      if let layer = node.layer as? BatchNorm, isAbsorbed(node.output) {
        pending[node.output] = layer.name
        origin[node.output] = node.inputs[0]
      } else if node.layer is GlobalAverage, let name = pending[node.inputs[0]] {
        pending[node.output] = name
      }
    }
    guard !pending.isEmpty else { return self }
    var rewriting = GraphRewriting(self)
    for node in nodes where origin[node.output] == nil {
      let inputs = node.inputs.map { origin[$0] ?? $0 }
      if var layer = node.layer as? Convolution, let name = pending[node.inputs[0]] {
        layer.normalisationBefore = name
        rewriting.append(node, layer: layer, inputs: inputs)
      } else {
        rewriting.append(node, inputs: inputs)
      }
    }
    return rewriting.finished()
  }

  /// Whether all that read a value can fold in an affine map of its channels.
  private func isAbsorbed(_ value: Value) -> Bool {
    guard !outputs.contains(value) else { return false }
    let found = nodes.filter { $0.inputs.contains(value) }
    return !found.isEmpty
      && found.allSatisfy { node in
        if node.layer is GlobalAverage { return isAbsorbed(node.output) }
        guard let layer = node.layer as? Convolution, node.inputs.dropFirst().allSatisfy({ $0 != value }) else {
          return false
        }
        return layer.isPointwise && !layer.isStandardised && layer.normalisationBefore == nil
          && node.from == extents[value]
      }
  }
}
