extension Graph {
  /// The same outputs where the class token alone goes on at the end: what treats each row for itself, after the last
  /// attention, is left with that row.
  ///
  /// For ViT-B/16 these are the last block's projection and perceptron, 1/16 of all multiply-adds.
  func keepingWhatTheFirstTokenNeeds() -> Graph {
    let needed = valuesOfWhichTheFirstRowIsNeeded
    guard needed.contains(true) else { return self }
    var result = emptied
    var whole: [Value: Value] = [0: 0]
    var first: [Value: Value] = [:]
    func firstRow(of value: Value) -> Value? {
      if let known = first[value] { return known }
      guard let source = whole[value] else { return nil }
      let row = result.append(FirstToken(), source)
      first[value] = row
      return row
    }
    for node in nodes {
      if node.layer is FirstToken, needed[node.inputs[0]] {
        whole[node.output] = firstRow(of: node.inputs[0])
      } else if needed[node.output] {
        guard let input = firstRow(of: node.inputs[0]) else { return self }
        let residual = node.inputs.count > 1 ? firstRow(of: node.inputs[1]) : nil
        first[node.output] = result.append(node.layer, [input] + (residual.map { [$0] } ?? []))
      } else {
        let inputs = node.inputs.compactMap { whole[$0] }
        guard inputs.count == node.inputs.count else { return self }
        whole[node.output] = result.append(node.layer, inputs, from: node.from)
      }
    }
    result.outputs = outputs.compactMap { whole[$0] }
    return result.outputs.count == outputs.count ? result : self
  }

  /// For each value, whether it is made row by row and only its first row is read.
  private var valuesOfWhichTheFirstRowIsNeeded: [Bool] {
    var isReadWhole = [Bool](repeating: false, count: extents.count)
    var isReadFirst = [Bool](repeating: false, count: extents.count)
    for output in outputs { isReadWhole[output] = true }
    for node in nodes.reversed() {
      var isFirst = node.layer is FirstToken
      if node.layer.isRowByRow {
        isFirst = isReadFirst[node.output] && !isReadWhole[node.output]
      } else if !isFirst {
        // Made of other rows too, so it is computed whole whoever reads it.
        isReadWhole[node.output] = true
      }
      if isFirst, node.from != extents[node.inputs[0]] {
        isFirst = false
        isReadWhole[node.output] = true
      }
      for input in node.inputs {
        if isFirst { isReadFirst[input] = true } else { isReadWhole[input] = true }
      }
    }
    return extents.indices.map { isReadFirst[$0] && !isReadWhole[$0] }
  }
}
