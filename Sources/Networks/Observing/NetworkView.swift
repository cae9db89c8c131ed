/// What can be seen within a network while it computes an image.
public enum NetworkView: Sendable, Hashable, Codable {
  /// Of the maps at each of ``Architecture/featurePoints`` how much they vary and with which frequencies: an output a point,
  /// [1 + frequencies].
  case features
  /// Of each of ``Architecture/attentions`` how far its heads look, in pixels: an output an attention, [heads].
  case attentionDistance
  /// How much the class token attends to each patch in the last attention: one output, [heads, patches].
  case classAttention
  /// What of the image reaches the middle of the last maps: one output, [height, width, 3].
  case receptiveField
}

/// What a network has nothing of that a view would show.
public enum NetworkViewError: Error, Equatable, CustomStringConvertible {
  /// No blocks that are named or found.
  case noBlocks
  /// No attention of all tokens to all.
  case noAttention
  /// No class token before the last attention's patches, which are a square.
  case noClassToken
  /// What its receptive field lacks.
  case noGradient(GradientError)

  /// What was found.
  public var description: String {
    switch self {
    case .noBlocks: "the network has no blocks: no residual units were found in it"
    case .noAttention: "the network has no global self-attention"
    case .noClassToken: "the network has no class token that attends to a square of patches"
    case .noGradient(let error): "\(error)"
    }
  }
}

extension Architecture {
  /// The places whose maps are looked at, from the image on: where a block begins that is behind no other, and what each block
  /// gives, of blocks that have halves what each half gives.
  public var featurePoints: [(path: String, frequencies: Int)] {
    let graph = graph
    return graph.featurePoints.map { ($0.path, MapView(graph.extents[$0.value]).frequencies) }
  }

  /// The attentions of all tokens to all, from the image on.
  public var attentions: [(path: String, heads: Int)] { graph.attentions.map { ($0.path, $0.heads) } }

  /// Patches down and across, and heads, of the class token's attention.
  ///
  /// - Throws: `NetworkViewError` where it has none.
  public func classAttention() throws(NetworkViewError) -> (rows: Int, columns: Int, heads: Int) {
    let graph = graph
    let last = try graph.lastClassAttention()
    let map = MapView(graph.extents[last.projected])
    return (map.height, map.width, last.heads)
  }

  /// Refuses a view of what the network does not have.
  public func check(_ view: NetworkView) throws(NetworkViewError) { _ = try graph.showing(view) }
}

extension Graph {
  /// An attention of all tokens to all.
  struct GlobalAttention {
    let path: String
    let heads: Int
    /// Queries, keys and values.
    let projected: Value
  }

  /// Values with their names, in order; each value once, by the name of the least that gives it.
  var featurePoints: [(path: String, value: Value)] {
    let blocks = namedBlocks
    var names: [Value: String] = [:]
    let outputs = Set(blocks.map(\.output))
    for block in blocks.reversed() where !outputs.contains(block.input) && block.input > 0 {
      names[block.input] = "before \(block.path)"
    }
    if let first = names.keys.min() { names[first] = "stem" }
    for block in blocks where !block.isHalf { names[block.output] = block.path }
    for block in blocks where block.isHalf { names[block.output] = block.path }
    for landmark in landmarks { names[landmark.value] = landmark.path }
    return names.sorted { $0.key < $1.key }.map { (path: $0.value, value: $0.key) }
  }

  var attentions: [GlobalAttention] {
    nodes.compactMap { node in
      guard let layer = node.layer as? SelfAttention, case .whole = layer.scope, MapView(node.from).height > 1,
        MapView(node.from).width > 1
      else { return nil }
      let around = namedBlocks.filter { $0.input < node.output && node.output <= $0.output }
        .min { $0.output - $0.input < $1.output - $1.input }
      return GlobalAttention(
        path: around?.path ?? "attention \(node.output)", heads: layer.heads, projected: node.inputs[0])
    }
  }

  func lastClassAttention() throws(NetworkViewError) -> GlobalAttention {
    guard let last = attentions.last else { throw .noAttention }
    guard MapView(extents[last.projected]).first > 0 else { throw .noClassToken }
    return last
  }

  /// The graph whose outputs are what a view shows.
  func showing(_ view: NetworkView) throws(NetworkViewError) -> Graph {
    switch view {
    case .features:
      guard !featurePoints.isEmpty else { throw .noBlocks }
      return observing(featurePoints.map { ($0.value, FeatureStatistics()) }).optimisedForAllTokens
    case .attentionDistance:
      let found = attentions
      guard !found.isEmpty else { throw .noAttention }
      return observing(
        found.map { attention in
          let map = MapView(extents[attention.projected])
          let spacing = (
            down: Double(extents[0].height) / Double(map.height), across: Double(extents[0].width) / Double(map.width)
          )
          return (attention.projected, AttentionDistance(heads: attention.heads, spacing: spacing))
        }
      ).optimisedForAllTokens
    case .classAttention:
      let last = try lastClassAttention()
      return observing([(last.projected, ClassAttention(heads: last.heads))]).optimisedForAllTokens
    case .receptiveField:
      do { return try withReceptiveField() } catch { throw .noGradient(error) }
    }
  }

  /// The graph with layers that look at values as soon as these are there; what they give are the outputs.
  private func observing(_ observers: [(value: Value, layer: any Layer)]) -> Graph {
    let needed = keepingNumbers(observers.map(\.value))
    var rewriting = GraphRewriting(self)
    var outputs: [Value?] = observers.map { _ in nil }
    for node in nodes where needed[node.output] {
      rewriting.append(node)
      for (place, observer) in observers.enumerated() where observer.value == node.output {
        outputs[place] = rewriting.observe(observer.value, by: observer.layer)
      }
    }
    var graph = rewriting.result
    graph.outputs = outputs.compactMap { $0 }
    precondition(graph.outputs.count == observers.count, "a value is not there")
    return graph
  }

  /// Whether each value is one of some, or these follow from it.
  private func keepingNumbers(_ values: [Value]) -> [Bool] {
    var isNeeded = [Bool](repeating: false, count: extents.count)
    for value in values { isNeeded[value] = true }
    for node in nodes.reversed() where isNeeded[node.output] {
      for input in node.inputs { isNeeded[input] = true }
    }
    return isNeeded
  }
}
