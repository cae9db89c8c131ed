extension Graph {
  /// The graph whose outputs are the logits and the gradient of a loss of them with respect to the image, [height, width, 3]:
  /// layers that go back from the logits behind those of the network. A `LossGradient` between them takes what the caller
  /// says of each image.
  ///
  /// - Throws: `GradientError` for a layer that cannot be differentiated.
  func withInputGradient() throws(GradientError) -> Graph {
    try forDifferentiation.differentiated(startingWith: LossGradient())
  }

  /// The graph whose outputs are its first output and the gradient with respect to the image of what a layer says: it reads
  /// the output and gives the output's gradient.
  func differentiated(startingWith start: some Layer) throws(GradientError) -> Graph {
    var builder = GradientBuilder(self, startingWith: start)
    for node in nodes.reversed() {
      guard let gradient = builder.gradient(of: node.output), builder.dependsOnImage(node.output) else { continue }
      try node.layer.differentiate(node, gradient, in: &builder)
    }
    return try builder.finished()
  }

  /// The network without what its layers do to their sums where the sums themselves are needed on the way back; feed-forward
  /// layers are kept apart, so that what lies between them is there.
  var forDifferentiation: Graph {
    keepingWhatTheFirstTokenNeeds().absorbingNormalisations().fusingActivations().splittingActivations()
  }
}

/// A network whose input's gradient cannot be computed.
public enum GradientError: Error, Equatable, CustomStringConvertible {
  /// A layer that cannot be differentiated.
  case noAdjoint(layer: String)
  /// Logits that do not depend on the image.
  case constantLogits
  /// No value of the network is known to be its last map before the mean over pixels or the class token.
  case noMaps

  /// What was found.
  public var description: String {
    switch self {
    case .noAdjoint(let layer): "the network has a layer that cannot be differentiated: \(layer)"
    case .constantLogits: "the network's logits do not depend on the image, so there is no gradient"
    case .noMaps: "the network has no mean over pixels and no class token, so its last feature maps cannot be found"
    }
  }
}

/// A graph that grows backwards: of each value that the logits depend on, its gradient.
struct GradientBuilder {
  private(set) var graph: Graph
  private var gradients: [Graph.Value: Graph.Value] = [:]
  private let isOfImage: [Bool]

  /// A network, and what gives the gradient of its first output.
  init(_ forward: Graph, startingWith start: some Layer) {
    var isOfImage = [Bool](repeating: false, count: forward.extents.count)
    isOfImage[0] = true
    for node in forward.nodes { isOfImage[node.output] = node.inputs.contains { isOfImage[$0] } }
    self.isOfImage = isOfImage
    graph = forward
    graph.blocks = []
    graph.outputs = [forward.logits]
    gradients[forward.logits] = graph.append(start, [forward.logits])
  }

  /// The gradient of a value of the network; nil where no logit depends on it.
  func gradient(of value: Graph.Value) -> Graph.Value? { gradients[value] }

  /// Whether a value of the network depends on the image.
  func dependsOnImage(_ value: Graph.Value) -> Bool { isOfImage[value] }

  /// The extents of a value.
  func extents(_ value: Graph.Value) -> Graph.Extents { graph.extents[value] }

  /// Appends a layer that goes back.
  mutating func append(
    _ layer: any Layer, _ inputs: [Graph.Value], from extents: Graph.Extents? = nil
  ) -> Graph.Value {
    graph.append(layer, inputs, from: extents)
  }

  /// Adds a gradient to that of a value.
  mutating func give(_ gradient: Graph.Value, to value: Graph.Value) {
    guard isOfImage[value] else { return }
    gradients[value] = gradients[value].map { graph.append(Sum(), [$0, gradient]) } ?? gradient
  }

  /// Adds what a layer gives to the gradient of a value; the layer adds it itself, if it can.
  mutating func give(
    _ layer: any Layer, _ inputs: [Graph.Value], from extents: Graph.Extents? = nil, to value: Graph.Value
  ) {
    guard isOfImage[value] else { return }
    if layer.addsResidual, let before = gradients[value] {
      gradients[value] = graph.append(layer, inputs + [before], from: extents)
    } else {
      give(graph.append(layer, inputs, from: extents), to: value)
    }
  }

  /// The graph with the image's gradient behind the logits.
  func finished() throws(GradientError) -> Graph {
    guard let gradient = gradients[0] else { throw .constantLogits }
    var graph = graph
    graph.outputs.append(gradient)
    if isSmooth { graph.takesProductsInBlocks = false }
    return graph
  }

  /// Whether nothing is chosen on the way: no ReLU, no maximum. Where something is, errors of rounding that choose otherwise
  /// are all that counts; where nothing is, the larger errors of products in blocks would be most of the gradient's.
  private var isSmooth: Bool {
    !graph.nodes.contains { $0.layer is ReLUGradient || ($0.layer as? PoolingGradient)?.pooling.kind == .maximum }
  }
}

extension Graph {
  /// The same outputs where no convolution does a GELU, nor a ReLU before a residual is added: each is a layer of its own.
  func splittingActivations() -> Graph {
    var rewriting = GraphRewriting(self)
    for node in nodes {
      guard var layer = node.layer as? Convolution,
        layer.activation == .gelu || (layer.activation == .relu && node.inputs.count > 1)
      else {
        rewriting.append(node)
        continue
      }
      let isGELU = layer.activation == .gelu
      if isGELU { layer.activation = .none }
      rewriting.append(node, layer: layer, inputs: [node.inputs[0]])
      if isGELU { rewriting.follow(node.output, by: GELU()) }
      if node.inputs.count > 1 { rewriting.follow(node.output, by: Sum(), with: node.inputs[1]) }
    }
    return rewriting.finished()
  }
}
