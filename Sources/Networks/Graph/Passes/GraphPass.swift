extension Graph {
  /// The same outputs from less work: fewer layers, fewer passes over features, and none that need not be computed. Blocks
  /// are named no more, since a pass may join one with its neighbour.
  var optimised: Graph { keepingWhatTheFirstTokenNeeds().optimisedForAllTokens }

  /// The same without the pass that leaves out tokens at the end. Which block is the last one then makes no difference to
  /// how its weights are packed, so that networks without some of their blocks share them.
  var optimisedForAllTokens: Graph { absorbingNormalisations().fusingActivations().fusingFeedForwards() }
}

/// A graph that is written anew, layer by layer, in the order of the old one.
struct GraphRewriting {
  private(set) var result: Graph
  /// Where the old values are in the new graph.
  private(set) var values: [Graph.Value: Graph.Value] = [0: 0]
  private let outputs: [Graph.Value]

  init(_ graph: Graph) {
    result = graph.emptied
    outputs = graph.outputs
  }

  /// Appends an old node, perhaps with another layer, or other inputs in the old graph's numbers, the first of them read
  /// with extents `from`.
  mutating func append(
    _ node: Graph.Node, layer: (any Layer)? = nil, inputs: [Graph.Value]? = nil, from: Graph.Extents? = nil
  ) {
    let inputs = (inputs ?? node.inputs).compactMap { values[$0] }
    values[node.output] = result.append(layer ?? node.layer, inputs, from: from ?? node.from)
  }

  /// Lets an old value be what a layer makes of it, and of another old value if one is given.
  mutating func follow(_ value: Graph.Value, by layer: any Layer, with other: Graph.Value? = nil) {
    values[value] = result.append(layer, [value, other].compactMap { $0.flatMap { values[$0] } })
  }

  /// Appends a layer that reads an old value, and gives the new graph's value.
  mutating func observe(_ value: Graph.Value, by layer: any Layer) -> Graph.Value? {
    values[value].map { result.append(layer, [$0]) }
  }

  /// Lets an old value be what another one is.
  mutating func replace(_ value: Graph.Value, by other: Graph.Value) { values[value] = values[other] }

  /// The new graph with the old one's outputs.
  func finished() -> Graph {
    var result = result
    result.outputs = outputs.compactMap { values[$0] }
    precondition(result.outputs.count == outputs.count, "an output was lost")
    return result
  }
}
