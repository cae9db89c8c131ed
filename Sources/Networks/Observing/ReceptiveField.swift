/// The gradient of the sum over channels of ReLU of a map's middle: what of the image reaches it (Luo et al., "Understanding
/// the Effective Receptive Field in Deep Convolutional Neural Networks", NeurIPS 2016, as RepLKNet's authors measure it).
struct CentreGradient: Layer {
  func prepare(_ preparation: Preparation) -> any PreparedLayer {
    let map = MapView(preparation.from)
    return ImageByImage(preparation) { maps, gradient, _, _ in
      for index in gradient.indices { gradient[index] = 0 }
      for index in map.range(of: map.centre) where maps[index] > 0 { gradient[index] = 1 }
    }
  }
}

extension Graph {
  /// The last maps before the mean over pixels or the class token; nil where there are no such layers.
  var lastMaps: Value? {
    nodes.last { $0.layer is GlobalAverage || $0.layer is FirstToken }?.inputs.first
  }

  /// The graph whose only output is what of the image reaches the middle of its last maps, [height, width, 3].
  ///
  /// - Throws: `GradientError` where it has no such maps, or a layer that cannot be differentiated.
  func withReceptiveField() throws(GradientError) -> Graph {
    guard let maps = lastMaps else { throw .noMaps }
    var graph = try keeping([maps]).forDifferentiation.differentiated(startingWith: CentreGradient())
    graph.outputs.removeFirst()
    return graph
  }
}
