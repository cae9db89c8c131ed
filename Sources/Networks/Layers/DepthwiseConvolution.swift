import KernelInterfaces
import Kernels

/// One kernel a channel, padding `kernel / 2`: a sum of kernels of several sizes, each in the middle of the largest and
/// perhaps with a batch normalisation behind it, computed as one.
struct DepthwiseConvolution: Layer, Hashable {
  /// One of the kernels that are added.
  struct Part: Sendable, Hashable {
    /// The name before `.weight` and `.bias`.
    var name: String
    var rows: Int
    var columns: Int
    /// The batch normalisation that follows; a part has this or a bias.
    var normalisation: String?
  }

  var channels: Int
  /// The side of the square that all parts fit in; odd.
  var kernel: Int
  var stride = 1
  var parts: [Part]
  var hasReLU = false

  /// One square kernel with a bias, or with a batch normalisation in its place.
  init(_ name: String, channels: Int, kernel: Int, stride: Int = 1, normalisation: String? = nil, hasReLU: Bool = false)
  {
    self.init(
      channels: channels, kernel: kernel, stride: stride,
      parts: [Part(name: name, rows: kernel, columns: kernel, normalisation: normalisation)], hasReLU: hasReLU)
  }

  init(channels: Int, kernel: Int, stride: Int = 1, parts: [Part], hasReLU: Bool = false) {
    (self.channels, self.kernel, self.stride) = (channels, kernel, stride)
    (self.parts, self.hasReLU) = (parts, hasReLU)
  }

  private func weight(_ part: Part) -> Parameter {
    Parameter(part.name + ".weight", [channels, 1, part.rows, part.columns])
  }
  private func bias(_ part: Part) -> Parameter { Parameter(part.name + ".bias", [channels]) }

  var parameters: [Parameter] {
    parts.flatMap { part in
      [weight(part)] + (part.normalisation.map { Parameter.batchNorm($0, channels) } ?? [bias(part)])
    }
  }

  func extents(of input: Graph.Extents) -> Graph.Extents {
    var result = input
    result.height = (input.height - 1) / stride + 1
    result.width = (input.width - 1) / stride + 1
    return result
  }

  /// A part within another one costs nothing.
  func multiplyAdds(from input: Graph.Extents, to output: Graph.Extents) -> Int {
    let taps = parts.enumerated().reduce(0) { sum, part in
      let isWithin = parts.enumerated().contains {
        $0.offset != part.offset && $0.element.rows >= part.element.rows && $0.element.columns >= part.element.columns
      }
      return sum + (isWithin ? 0 : part.element.rows * part.element.columns)
    }
    return output.count * taps
  }

  /// The nine products of a large kernel read each channel's weights for image after image.
  func prefersBatches(of input: Graph.Extents) -> Bool {
    PhasedAxis.isUsed(height: input.height, width: input.width, kernel: kernel, stride: stride)
  }

  func estimatedByteCount(of input: Graph.Extents, _ precision: Precision) -> Int {
    DepthwiseLayer.estimatedByteCount(
      channels: channels, kernel: kernel, stride: stride, mapSize: (input.height, input.width))
  }

  func prepare(_ preparation: Preparation) throws(CheckpointError) -> any PreparedLayer {
    var plain = self
    plain.hasReLU = false
    let layer = try preparation.store.shared(plain, preparation) { () throws(CheckpointError) in
      let (weights, bias) = try folded(preparation)
      return DepthwiseLayer(
        weights: weights, bias: bias, channels: channels, kernel: kernel, stride: stride,
        mapSize: (preparation.from.height, preparation.from.width), instructionSet: preparation.options.instructionSet)
    }
    return PreparedDepthwise(layer: layer, from: preparation.from, hasReLU: hasReLU)
  }

  /// All kernels in one square, in float64, rounded once.
  func folded(_ preparation: Preparation) throws(CheckpointError) -> (weights: [Float], bias: [Float]) {
    if parts.count == 1, parts[0].normalisation == nil {
      return (try preparation.values(weight(parts[0])), try preparation.values(bias(parts[0])))
    }
    var weights = [Double](repeating: 0, count: channels * kernel * kernel)
    var biases = [Double](repeating: 0, count: channels)
    for part in parts {
      let stored = try preparation.values(weight(part))
      let affine: Folding.Affine
      if let normalisation = part.normalisation {
        affine = try preparation.folding.normalisation(normalisation, channels)
      } else {
        affine = Folding.Affine(
          scale: [Double](repeating: 1, count: channels), shift: try preparation.values(bias(part)).map { Double($0) })
      }
      let (top, left) = ((kernel - part.rows) / 2, (kernel - part.columns) / 2)
      for channel in 0..<channels {
        biases[channel] += affine.shift[channel]
        for row in 0..<part.rows {
          let from = (channel * part.rows + row) * part.columns
          let target = (channel * kernel + top + row) * kernel + left
          for column in 0..<part.columns {
            weights[target + column] += Double(stored[from + column]) * affine.scale[channel]
          }
        }
      }
    }
    return (weights.map { Float($0) }, biases.map { Float($0) })
  }
}

private struct PreparedDepthwise: PreparedLayer {
  let layer: DepthwiseLayer
  let from: Graph.Extents
  let hasReLU: Bool

  var byteCount: Int { layer.byteCount }

  func workspaceCount(images: Int) -> Int { layer.scratchCount(height: from.height, width: from.width) }

  func compute(_ work: LayerWork) {
    layer.convolve(
      work.input, count: work.count, height: from.height, width: from.width, relu: hasReLU, scratch: work.workspace,
      into: work.output)
  }
}
