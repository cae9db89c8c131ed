extension Graph {
  /// The graph without some of its blocks: what read what they gave reads what they took.
  ///
  /// - Throws: `NetworkChangeError` for a name that is none of its blocks', or a block that changes its input's shape.
  func leavingOut(_ paths: [String]) throws(NetworkChangeError) -> Graph {
    var taken: [Value: Value] = [:]
    let known = namedBlocks
    for path in paths {
      guard let block = known.first(where: { $0.path == path }) else { throw .noSuchBlock(path) }
      guard extents[block.input] == extents[block.output] else { throw .changesShape(path) }
      taken[block.output] = block.input
    }
    guard !taken.isEmpty else { return self }
    func source(_ value: Value) -> Value {
      var value = value
      while let before = taken[value] { value = before }
      return value
    }
    return keeping(outputs, reading: source)
  }

  /// The layers that some values follow from, which become the outputs.
  ///
  /// - Parameter source: which value is read in place of a value.
  func keeping(_ outputs: [Value], reading source: (Value) -> Value = { $0 }) -> Graph {
    let outputs = outputs.map(source)
    var isNeeded = [Bool](repeating: false, count: extents.count)
    for output in outputs { isNeeded[output] = true }
    for node in nodes.reversed() where isNeeded[node.output] {
      for input in node.inputs { isNeeded[source(input)] = true }
    }
    var plain = self
    plain.outputs = outputs
    var rewriting = GraphRewriting(plain)
    for node in nodes where isNeeded[node.output] {
      rewriting.append(node, inputs: node.inputs.map(source))
    }
    return rewriting.finished()
  }
}
