import CProcessor
import KernelInterfaces

/// One group of channels of one image, as wide as a register, and its depthwise convolution; one source for each
/// instruction set.
package struct DepthwisePlane: DepthwiseKernel {
  /// [height, width, lanes], and `PhasedDepthwise.scratchCount` elements behind it where there are phased weights.
  let plane: UnsafeMutablePointer<Float>
  /// [kernel, kernel, lanes].
  let weights: UnsafePointer<Float>
  /// Of the nine products of `PhasedAxis`; nil where the direct method is used.
  let phasedWeights: UnsafePointer<Float>?
  /// [lanes].
  let bias: UnsafePointer<Float>
  let height, width, kernel, stride: Int
  /// The first pixel of what is gathered after this plane; nil after the last one.
  let next: UnsafePointer<Float>?
  /// Phased weights that are used after this plane; empty where there are none.
  let nextWeights: UnsafeBufferPointer<Float>

  package init(
    plane: UnsafeMutablePointer<Float>, weights: UnsafePointer<Float>, phasedWeights: UnsafePointer<Float>?,
    bias: UnsafePointer<Float>, height: Int, width: Int, kernel: Int, stride: Int, next: UnsafePointer<Float>?,
    nextWeights: UnsafeBufferPointer<Float>
  ) {
    (self.plane, self.weights, self.phasedWeights, self.bias) = (plane, weights, phasedWeights, bias)
    (self.height, self.width, self.kernel, self.stride) = (height, width, kernel, stride)
    (self.next, self.nextWeights) = (next, nextWeights)
  }

  /// Channels of a group.
  package static var lanes: Int { DepthwiseTile.lanes }

  /// Elements that the phased method needs behind the plane.
  package static func phasedScratchCount(_ rows: PhasedAxis, _ columns: PhasedAxis) -> Int {
    PhasedDepthwise.scratchCount(rows, columns)
  }

  /// Copies `channels` of each pixel together, so that neighbouring pixels are neighbouring registers; lanes beyond them
  /// become zeros. `step` elements lie between pixels of `source`.
  package static func gather(
    _ source: UnsafePointer<Float>, pixels: Int, step: Int, channels: Int, into plane: UnsafeMutablePointer<Float>
  ) {
    DepthwiseTile.gather(source, pixels: pixels, step: step, channels: channels, into: plane)
  }

  /// Writes `activation(convolution + bias)`, `channels` of each pixel's lanes, pixels `step` elements apart.
  package func convolve(relu: Bool, into output: UnsafeMutablePointer<Float>, step: Int, channels: Int) {
    let (rows, columns) = ((height - 1) / stride + 1, (width - 1) / stride + 1)
    var ahead = LinesAhead(
      next: next, pixels: height * width, output: output, outputs: rows * columns, step: step, weights: nextWeights)
    if let phasedWeights {
      PhasedDepthwise.convolve(
        input: plane, weights: phasedWeights, bias: bias, relu: relu,
        scratch: plane + height * width * DepthwiseTile.lanes, output: output, step: step, channels: channels,
        rows: PhasedAxis(extent: height, kernel: kernel), columns: PhasedAxis(extent: width, kernel: kernel), &ahead)
    } else {
      DepthwiseTile.convolve(
        input: plane, weights: weights,
        geometry: .init(
          height: height, width: width, rowTaps: kernel, columnTaps: kernel, top: kernel / 2, left: kernel / 2,
          rows: rows, columns: columns, stride: stride),
        into: .init(output: output, step: step, columns: columns, channels: channels, bias: bias, relu: relu), &ahead)
    }
  }
}

/// The lines of memory that are wanted after what is computed now: those of the next plane, to be read, and those of
/// the outputs, to be written. A pixel's lines lie far apart, so that the processor does not see what comes; they are
/// asked for a few at a time. So are the next group's weights, which few images use.
struct LinesAhead {
  private let next: UnsafePointer<Float>?
  private let output: UnsafeMutablePointer<Float>
  private let pixels, outputs, step: Int
  private var place = 0
  private var portion = 0
  private let weights: UnsafeBufferPointer<Float>
  private var weightsPlace = 0
  private var weightsPortion = 0

  init(
    next: UnsafePointer<Float>?, pixels: Int, output: UnsafeMutablePointer<Float>, outputs: Int, step: Int,
    weights: UnsafeBufferPointer<Float>
  ) {
    (self.next, self.pixels, self.output, self.outputs, self.step) = (next, pixels, output, outputs, step)
    self.weights = weights
  }

  /// Says how often `ask` will be called; without it, nothing is asked for.
  mutating func share(among calls: Int) {
    portion = (max(pixels, outputs) + calls - 1) / max(1, calls)
    weightsPortion = (weights.count / 16 + max(1, calls)) / max(1, calls) * 16
  }

  @inline(__always)
  mutating func ask() {
    guard portion > 0 else { return }
    let end = place + portion
    if let next {
      for pixel in place..<max(place, min(end, pixels)) { gauntlet_prefetch_for_reading(next + pixel * step) }
    }
    for pixel in place..<max(place, min(end, outputs)) { gauntlet_prefetch_for_writing(output + pixel * step) }
    place = end
    guard let start = weights.baseAddress else { return }
    let weightsEnd = min(weights.count, weightsPlace + weightsPortion)
    for line in stride(from: weightsPlace, to: weightsEnd, by: 16) { gauntlet_prefetch_for_later(start + line) }
    weightsPlace = weightsEnd
  }
}
