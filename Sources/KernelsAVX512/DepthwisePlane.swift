import Tensors

/// One group of channels of one image, as wide as a register, and its depthwise convolution; one source for each
/// instruction set.
package struct DepthwisePlane {
  /// [height, width, lanes], and `PhasedDepthwise.scratchCount` elements behind it where there are phased weights.
  let plane: UnsafeMutablePointer<Float>
  /// [kernel, kernel, lanes].
  let weights: UnsafePointer<Float>
  /// Of the nine products of `PhasedAxis`; nil where the direct method is used.
  let phasedWeights: UnsafePointer<Float>?
  /// [lanes].
  let bias: UnsafePointer<Float>
  let height, width, kernel, stride: Int

  package init(
    plane: UnsafeMutablePointer<Float>, weights: UnsafePointer<Float>, phasedWeights: UnsafePointer<Float>?,
    bias: UnsafePointer<Float>, height: Int, width: Int, kernel: Int, stride: Int
  ) {
    (self.plane, self.weights, self.phasedWeights, self.bias) = (plane, weights, phasedWeights, bias)
    (self.height, self.width, self.kernel, self.stride) = (height, width, kernel, stride)
  }

  /// Writes `activation(convolution + bias)`, `channels` of each pixel's lanes, pixels `step` elements apart.
  package func convolve(relu: Bool, into output: UnsafeMutablePointer<Float>, step: Int, channels: Int) {
    if let phasedWeights {
      PhasedDepthwise.convolve(
        input: plane, weights: phasedWeights, bias: bias, relu: relu,
        scratch: plane + height * width * DepthwiseTile.lanes, output: output, step: step, channels: channels,
        rows: PhasedAxis(extent: height, kernel: kernel), columns: PhasedAxis(extent: width, kernel: kernel))
    } else {
      let (rows, columns) = ((height - 1) / stride + 1, (width - 1) / stride + 1)
      DepthwiseTile.convolve(
        input: plane, weights: weights,
        geometry: .init(
          height: height, width: width, rowTaps: kernel, columnTaps: kernel, top: kernel / 2, left: kernel / 2,
          rows: rows, columns: columns, stride: stride),
        into: .init(output: output, step: step, columns: columns, channels: channels, bias: bias, relu: relu))
    }
  }
}
