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
  }

  /// Elements that `convolve` needs to work in, for images of a size.
  public func scratchCount(height: Int, width: Int) -> Int { height * width * lanes }

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
    for image in 0..<count {
      for channel in Swift.stride(from: 0, to: channels, by: lanes) {
        let valid = min(lanes, channels - channel)
        gather(source + image * height * width * channels + channel, pixels: height * width, valid, into: plane)
        convolvePlane(
          plane, group: channel / lanes, relu, target + image * outputPixels * channels + channel, valid, height, width)
      }
    }
  }

  /// Copies a group's channels together, so that neighbouring pixels are neighbouring cache lines.
  private func gather(
    _ source: UnsafePointer<Float>, pixels: Int, _ valid: Int, into plane: UnsafeMutablePointer<Float>
  ) {
    for pixel in 0..<pixels {
      let target = plane + pixel * lanes
      target.update(from: source + pixel * channels, count: valid)
      if valid < lanes { (target + valid).update(repeating: 0, count: lanes - valid) }
    }
  }

  private func convolvePlane(
    _ plane: UnsafePointer<Float>, group: Int, _ relu: Bool, _ output: UnsafeMutablePointer<Float>, _ valid: Int,
    _ height: Int, _ width: Int
  ) {
    let taps = weights.pointer + group * kernel * kernel * lanes
    let addition = bias.pointer + group * lanes
    switch instructionSet {
    case .scalar:
      convolvePlainly(plane, taps, addition.pointee, relu, output, height, width)
    case .avx2:
      KernelsAVX2.DepthwiseTile.convolve(
        input: plane, weights: taps, bias: addition, relu: relu, output: output, step: channels, channels: valid,
        geometry: .init(height: height, width: width, kernel: kernel, stride: stride))
    case .avx512:
      KernelsAVX512.DepthwiseTile.convolve(
        input: plane, weights: taps, bias: addition, relu: relu, output: output, step: channels, channels: valid,
        geometry: .init(height: height, width: width, kernel: kernel, stride: stride))
    }
  }

  private func convolvePlainly(
    _ plane: UnsafePointer<Float>, _ taps: UnsafePointer<Float>, _ bias: Float, _ relu: Bool,
    _ output: UnsafeMutablePointer<Float>, _ height: Int, _ width: Int
  ) {
    let pad = kernel / 2
    var target = output
    for y in Swift.stride(from: 0, to: height, by: stride) {
      for x in Swift.stride(from: 0, to: width, by: stride) {
        var sum: Float = 0
        for v in max(0, pad - y)..<min(kernel, height + pad - y) {
          for u in max(0, pad - x)..<min(kernel, width + pad - x) {
            sum = sum.addingProduct(plane[(y + v - pad) * width + x + u - pad], taps[v * kernel + u])
          }
        }
        let value = sum + bias
        target.pointee = relu ? (value > 0 ? value : 0) : value
        target += channels
      }
    }
  }
}
