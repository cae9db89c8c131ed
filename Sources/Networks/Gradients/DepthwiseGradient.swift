import Kernels

extension DepthwiseConvolution {
  func differentiate(_ node: Graph.Node, _ gradient: Graph.Value, in builder: inout GradientBuilder) {
    let extents = builder.extents(node.output)
    var (plain, gradient) = (self, gradient)
    plain.hasReLU = false
    if hasReLU { gradient = builder.append(ReLUGradient(), [gradient, node.output], from: extents) }
    builder.give(
      DepthwiseGradient(convolution: plain, input: node.from), [gradient], from: extents, to: node.inputs[0])
  }
}

/// The gradient of a depthwise convolution's input: a depthwise convolution with the turned kernel, of a map where the
/// gradients lie as far apart as the convolution's steps are wide and all between is zero.
struct DepthwiseGradient: Layer, Hashable {
  let convolution: DepthwiseConvolution
  /// The extents of the convolution's input.
  let input: Graph.Extents

  var parameters: [Parameter] { convolution.parameters }
  func extents(of gradient: Graph.Extents) -> Graph.Extents { input }

  func multiplyAdds(from gradient: Graph.Extents, to output: Graph.Extents) -> Int {
    convolution.multiplyAdds(from: output, to: gradient)
  }

  func estimatedByteCount(of gradient: Graph.Extents, _ precision: Precision) -> Int {
    DepthwiseLayer.estimatedByteCount(
      channels: convolution.channels, kernel: convolution.kernel, mapSize: (input.height, input.width))
  }

  func prepare(_ preparation: Preparation) throws(CheckpointError) -> any PreparedLayer {
    let layer = try preparation.store.shared(self, preparation) { () throws(CheckpointError) in
      let (weights, _) = try convolution.folded(preparation)
      let taps = convolution.kernel * convolution.kernel
      let turned = weights.indices.map { weights[$0 / taps * taps + taps - 1 - $0 % taps] }
      return DepthwiseLayer(
        weights: turned, bias: [Float](repeating: 0, count: convolution.channels), channels: convolution.channels,
        kernel: convolution.kernel, mapSize: (input.height, input.width),
        instructionSet: preparation.options.instructionSet)
    }
    return Prepared(layer: layer, gradient: preparation.from, input: input, step: convolution.stride)
  }

  private struct Prepared: PreparedLayer {
    let layer: DepthwiseLayer
    let gradient: Graph.Extents
    let input: Graph.Extents
    let step: Int

    var byteCount: Int { layer.byteCount }

    private var spreadCount: Int { step == 1 ? 0 : LayerWork.aligned(input.count) }

    func workspaceCount(images: Int) -> Int {
      spreadCount + layer.scratchCount(height: input.height, width: input.width)
    }

    func compute(_ work: LayerWork) {
      guard step > 1 else { return convolve(work.input, work.count, work.workspace, into: work.output) }
      let (spread, scratch) = work.split(at: spreadCount)
      work.forEachImage(gradient, input) { image, output in
        spread.update(repeating: 0)
        for row in 0..<gradient.height {
          for column in 0..<gradient.width {
            let to = (row * step * input.width + column * step) * input.channels
            let from = (row * gradient.width + column) * input.channels
            for channel in 0..<input.channels { spread[to + channel] = image[from + channel] }
          }
        }
        convolve(UnsafeBufferPointer(spread), 1, scratch, into: output)
      }
    }

    private func convolve(
      _ map: UnsafeBufferPointer<Float>, _ count: Int, _ scratch: UnsafeMutableBufferPointer<Float>,
      into output: UnsafeMutableBufferPointer<Float>
    ) {
      layer.convolve(
        map, count: count, height: input.height, width: input.width, relu: false, scratch: scratch, into: output)
    }
  }
}
