import KernelsAVX2
import KernelsAVX512
import Tensors

/// A depthwise convolution's weights and bias, laid out once for one instruction set. Padding is `kernel / 2`.
public final class DepthwiseLayer: Sendable {
  /// Channels of input and output.
  public let channels: Int
  /// The kernel's side; odd.
  public let kernel: Int
  /// The step between outputs, 1 or more, in rows and columns.
  public let stride: Int
  /// What computes the convolution.
  public let instructionSet: InstructionSet
  /// [group of lanes][kernel][kernel][lanes]; the last group is filled up with zeros.
  private let weights: AlignedBuffer
  /// [group of lanes], then the nine products of `PhasedAxis`; nil where no map is computed so.
  private let phasedWeights: AlignedBuffer?
  /// Elements of a group in `phasedWeights`.
  private let phasedCount: Int
  private let bias: AlignedBuffer
  private let lanes: Int

  /// Packs `weights`, [channels, kernel, kernel] as PyTorch stores them, and `bias`, [channels].
  ///
  /// - Precondition: the counts fit the shape, the kernel is odd, and this processor has `instructionSet`.
  public init(
    weights: [Float], bias: [Float], channels: Int, kernel: Int, stride: Int = 1,
    instructionSet: InstructionSet = .best
  ) {
    precondition(channels > 0 && kernel > 0 && kernel % 2 == 1 && stride > 0, "no such convolution")
    precondition(weights.count == channels * kernel * kernel && bias.count == channels, "shape and storage differ")
    precondition(InstructionSet.available.contains(instructionSet), "this processor has no \(instructionSet)")
    self.channels = channels
    self.kernel = kernel
    self.stride = stride
    self.instructionSet = instructionSet
    switch instructionSet {
    case .scalar: lanes = 1
    case .avx2: lanes = KernelsAVX2.DepthwiseTile.lanes
    case .avx512: lanes = KernelsAVX512.DepthwiseTile.lanes
    }
    let groups = (channels + lanes - 1) / lanes
    let taps = kernel * kernel
    self.weights = AlignedBuffer(count: groups * taps * lanes)
    self.bias = AlignedBuffer(count: groups * lanes)
    for channel in 0..<channels {
      let packed = self.weights.pointer + channel / lanes * taps * lanes + channel % lanes
      for tap in 0..<taps { packed[tap * lanes] = weights[channel * taps + tap] }
      self.bias.pointer[channel] = bias[channel]
    }
    guard PhasedAxis.isUsed(height: .max, width: .max, kernel: kernel, stride: stride) else {
      (phasedWeights, phasedCount) = (nil, 0)
      return
    }
    let rows = 2 * ((kernel + 1) / 2) + kernel / 2
    phasedCount = rows * rows * lanes
    let phased = AlignedBuffer(count: groups * phasedCount)
    for channel in 0..<channels {
      let packed = phased.pointer + channel / lanes * phasedCount + channel % lanes
      let filters = ScalarKernels.phasedFilters(
        Array(weights[(channel * taps)..<((channel + 1) * taps)]), kernel: kernel)
      for (index, tap) in filters.joined().enumerated() { packed[index * lanes] = tap }
    }
    phasedWeights = phased
  }

  /// Elements that `convolve` needs to work in, for images of a size.
  public func scratchCount(height: Int, width: Int) -> Int {
    guard PhasedAxis.isUsed(height: height, width: width, kernel: kernel, stride: stride) else {
      return height * width * lanes
    }
    let axes = (PhasedAxis(extent: height, kernel: kernel), PhasedAxis(extent: width, kernel: kernel))
    switch instructionSet {
    case .scalar: return height * width * lanes
    case .avx2: return height * width * lanes + KernelsAVX2.PhasedDepthwise.scratchCount(axes.0, axes.1)
    case .avx512: return height * width * lanes + KernelsAVX512.PhasedDepthwise.scratchCount(axes.0, axes.1)
    }
  }

  /// Writes `activation(convolution + bias)`; the bits do not depend on the instruction set.
  ///
  /// - Parameters:
  ///   - input: [count, height, width, channels].
  ///   - relu: whether max(x, 0) follows.
  ///   - scratch: `scratchCount(height:width:)` elements.
  ///   - output: [count, (height - 1) / stride + 1, (width - 1) / stride + 1, channels]; must not overlap `input`.
  public func convolve(
    _ input: UnsafeBufferPointer<Float>, count: Int, height: Int, width: Int, relu: Bool,
    scratch: UnsafeMutableBufferPointer<Float>, into output: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(count >= 0 && height > 0 && width > 0, "no such image")
    let outputPixels = ((height - 1) / stride + 1) * ((width - 1) / stride + 1)
    precondition(input.count >= count * height * width * channels, "shape and storage differ")
    precondition(output.count >= count * outputPixels * channels, "shape and storage differ")
    precondition(scratch.count >= scratchCount(height: height, width: width), "the scratch is too small")
    guard let source = input.baseAddress, let target = output.baseAddress, let plane = scratch.baseAddress else {
      return
    }
    // A group's weights stay in the cache while all images pass.
    for channel in Swift.stride(from: 0, to: channels, by: lanes) {
      for image in 0..<count {
        let valid = min(lanes, channels - channel)
        gather(source + image * height * width * channels + channel, pixels: height * width, valid, into: plane)
        convolvePlane(
          plane, group: channel / lanes, relu, target + image * outputPixels * channels + channel, valid, height, width)
      }
    }
  }

  /// Copies a group's channels together.
  private func gather(
    _ source: UnsafePointer<Float>, pixels: Int, _ valid: Int, into plane: UnsafeMutablePointer<Float>
  ) {
    switch instructionSet {
    case .scalar: for pixel in 0..<pixels { plane[pixel] = source[pixel * channels] }
    case .avx2:
      KernelsAVX2.DepthwiseTile.gather(source, pixels: pixels, step: channels, channels: valid, into: plane)
    case .avx512:
      KernelsAVX512.DepthwiseTile.gather(source, pixels: pixels, step: channels, channels: valid, into: plane)
    }
  }

  private func convolvePlane(
    _ plane: UnsafeMutablePointer<Float>, group: Int, _ relu: Bool, _ output: UnsafeMutablePointer<Float>,
    _ valid: Int, _ height: Int, _ width: Int
  ) {
    let taps = weights.pointer + group * kernel * kernel * lanes
    let addition = bias.pointer + group * lanes
    let phased = PhasedAxis.isUsed(height: height, width: width, kernel: kernel, stride: stride) ? phasedWeights : nil
    let phasedTaps = phased.map { UnsafePointer($0.pointer + group * phasedCount) }
    switch instructionSet {
    case .scalar:
      convolvePlainly(plane, channel: group, isPhased: phased != nil, relu, output, height, width)
    case .avx2:
      KernelsAVX2.DepthwisePlane(
        plane: plane, weights: taps, phasedWeights: phasedTaps, bias: addition, height: height, width: width,
        kernel: kernel, stride: stride
      ).convolve(relu: relu, into: output, step: channels, channels: valid)
    case .avx512:
      KernelsAVX512.DepthwisePlane(
        plane: plane, weights: taps, phasedWeights: phasedTaps, bias: addition, height: height, width: width,
        kernel: kernel, stride: stride
      ).convolve(relu: relu, into: output, step: channels, channels: valid)
    }
  }

  private func convolvePlainly(
    _ plane: UnsafePointer<Float>, channel: Int, isPhased: Bool, _ relu: Bool,
    _ output: UnsafeMutablePointer<Float>, _ height: Int, _ width: Int
  ) {
    let taps = UnsafePointer(weights.pointer + channel * kernel * kernel)
    let pad = kernel / 2
    let sums =
      isPhased
      ? ScalarKernels.phasedPlane(
        PhasedAxis(extent: height, kernel: kernel), PhasedAxis(extent: width, kernel: kernel),
        Array(UnsafeBufferPointer(start: taps, count: kernel * kernel))
      ) { plane[$0 * width + $1] } : nil
    var target = output
    for y in Swift.stride(from: 0, to: height, by: stride) {
      for x in Swift.stride(from: 0, to: width, by: stride) {
        var sum: Float = 0
        if let sums {
          sum = sums[y * width + x]
        } else {
          for v in max(0, pad - y)..<min(kernel, height + pad - y) {
            for u in max(0, pad - x)..<min(kernel, width + pad - x) {
              sum = sum.addingProduct(plane[(y + v - pad) * width + x + u - pad], taps[v * kernel + u])
            }
          }
        }
        let value = sum + bias.pointer[channel]
        target.pointee = relu ? (value > 0 ? value : 0) : value
        target += channels
      }
    }
  }
}
