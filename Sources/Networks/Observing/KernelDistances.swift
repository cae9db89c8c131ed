/// How far from their middles a large depthwise kernel's weights are, channel by channel.
///
/// Of each tap the distance from the middle, 0, to a corner, 1. `weighted` is the mean of distances weighted by the weights'
/// magnitudes, 0 to 1, the kernel's counterpart of a head's attention distance; `summed` is the sum of distances times
/// magnitudes, as studies of RepLKNet have drawn it, which grows with the weights.
public struct KernelDistances: Sendable, Equatable {
  /// Both figures of each channel.
  public struct Figures: Sendable, Equatable {
    /// Means of distances, weighted by magnitudes; NaN where all weights are 0.
    public let weighted: [Double]
    /// Sums of distances times magnitudes.
    public let summed: [Double]
  }

  /// The name before `.weight` of the largest of the kernels that are added.
  public let path: String
  /// Of all kernels that are added, with the normalisations behind them.
  public let merged: Figures
  /// Of the largest kernel as the checkpoint holds it.
  public let raw: Figures

  /// Both figures of each of a row of kernels.
  ///
  /// - Parameter weights: [channel][rows][columns].
  package static func of(
    _ weights: [Float], channels: Int, rows: Int, columns: Int
  ) -> Figures {
    let (middleRow, middleColumn) = (Double(rows / 2), Double(columns / 2))
    let corner = (middleRow * middleRow + middleColumn * middleColumn).squareRoot()
    let distances = (0..<rows * columns).map { tap in
      let (down, across) = (Double(tap / columns) - middleRow, Double(tap % columns) - middleColumn)
      return corner == 0 ? 0 : (down * down + across * across).squareRoot() / corner
    }
    let sums = (0..<channels).map { channel -> (weighted: Double, all: Double) in
      var (weighted, all) = (0.0, 0.0)
      for (tap, distance) in distances.enumerated() {
        let magnitude = Double(abs(weights[channel * distances.count + tap]))
        weighted += distance * magnitude
        all += magnitude
      }
      return (weighted, all)
    }
    return Figures(
      weighted: sums.map { $0.all == 0 ? .nan : $0.weighted / $0.all }, summed: sums.map(\.weighted))
  }
}

extension Architecture {
  /// Depthwise kernels of 5x5 and more, from the image on.
  public var largeKernels: [(path: String, channels: Int)] {
    graph.largeKernels.map { ($0.layer.largest.name, $0.layer.channels) }
  }
}

extension DepthwiseConvolution {
  /// The largest of the kernels that are added.
  var largest: Part { parts.max { $0.rows * $0.columns < $1.rows * $1.columns } ?? parts[0] }
}

extension Graph {
  fileprivate var largeKernels: [(layer: DepthwiseConvolution, node: Node)] {
    nodes.compactMap { node in
      guard let layer = node.layer as? DepthwiseConvolution, layer.kernel >= 5 else { return nil }
      return (layer, node)
    }
  }
}

extension Classifier {
  /// How far large kernels look, from the image on; none where it has no such. Reads the checkpoint again.
  ///
  /// - Throws: `CheckpointError` where weights cannot be read any more.
  public func kernelDistances() throws(CheckpointError) -> [KernelDistances] {
    let (opened, options, store) = try reopened()
    return try opened.graph.largeKernels.map { (layer, node) throws(CheckpointError) in
      let preparation = Preparation(
        source: opened.weights, options: options, from: node.from, to: opened.graph.extents[node.output],
        takesProductsInBlocks: true, store: store)
      let part = layer.largest
      return KernelDistances(
        path: part.name,
        merged: KernelDistances.of(
          try layer.folded(preparation).weights, channels: layer.channels, rows: layer.kernel, columns: layer.kernel),
        raw: KernelDistances.of(
          try preparation.values(Parameter(part.name + ".weight", [layer.channels, 1, part.rows, part.columns])),
          channels: layer.channels, rows: part.rows, columns: part.columns))
    }
  }
}
