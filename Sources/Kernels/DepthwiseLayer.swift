import KernelInterfaces
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
  /// The size of the only maps that it is for; nil if it is for any.
  private let mapSize: MapSize?
  /// [group of lanes][kernel][kernel][lanes]; the last group is filled up with zeros. Empty where no map needs it.
  private let weights: AlignedBuffer
  /// [group of lanes], then the nine products of `PhasedAxis`; nil where no map is computed so.
  private let phasedWeights: AlignedBuffer?
  /// Elements of a group in `phasedWeights`.
  private let phasedCount: Int
  private let bias: AlignedBuffer
  private let lanes: Int

  /// Packs `weights`, [channels, kernel, kernel] as PyTorch stores them, and `bias`, [channels].
  ///
  /// - Parameter mapSize: of the only maps that it will be given, if that is known: it then keeps one form of its weights.
  /// - Precondition: the counts fit the shape, the kernel is odd, and this processor has `instructionSet`.
  public init(
    weights: [Float], bias: [Float], channels: Int, kernel: Int, stride: Int = 1,
    mapSize: (height: Int, width: Int)? = nil, instructionSet: InstructionSet
  ) {
    precondition(channels > 0 && kernel > 0 && kernel % 2 == 1 && stride > 0, "no such convolution")
    precondition(weights.count == channels * kernel * kernel && bias.count == channels, "shape and storage differ")
    precondition(InstructionSet.available.contains(instructionSet), "this processor has no \(instructionSet)")
    self.channels = channels
    self.kernel = kernel
    self.stride = stride
    self.instructionSet = instructionSet
    lanes = instructionSet.depthwiseKernel?.lanes ?? 1
    self.mapSize = mapSize.map { MapSize(height: $0.height, width: $0.width) }
    let (height, width) = mapSize ?? (.max, .max)
    let isPhased = PhasedAxis.isUsed(height: height, width: width, kernel: kernel, stride: stride)
    let groups = (channels + lanes - 1) / lanes
    let size = kernel * kernel * lanes
    let side = 2 * ((kernel + 1) / 2) + kernel / 2
    phasedCount = isPhased ? side * side * lanes : 0
    let keepsPlain = !isPhased || mapSize == nil || instructionSet == .scalar
    let plain = AlignedBuffer(count: keepsPlain ? groups * size : 0)
    let phased = isPhased ? AlignedBuffer(count: groups * phasedCount) : nil
    let packed = AlignedBuffer(count: size)
    for group in 0..<groups {
      let target = keepsPlain ? plain.pointer + group * size : packed.pointer
      Self.pack(weights, from: group * lanes, channels: channels, taps: kernel * kernel, lanes: lanes, into: target)
      if let phased {
        Self.spread(target, kernel: kernel, lanes: lanes, into: phased.pointer + group * phasedCount)
      }
    }
    self.weights = plain
    phasedWeights = phased
    self.bias = AlignedBuffer(count: groups * lanes)
    for channel in 0..<channels { self.bias.pointer[channel] = bias[channel] }
  }

  /// Bytes that it takes.
  public var byteCount: Int { weights.byteCount + (phasedWeights?.byteCount ?? 0) + bias.byteCount }

  /// Bytes that a layer for maps of one size takes, about.
  public static func estimatedByteCount(
    channels: Int, kernel: Int, stride: Int = 1, mapSize: (height: Int, width: Int)
  ) -> Int {
    let isPhased = PhasedAxis.isUsed(height: mapSize.height, width: mapSize.width, kernel: kernel, stride: stride)
    let side = isPhased ? 2 * ((kernel + 1) / 2) + kernel / 2 : kernel
    return channels * (side * side + 1) * MemoryLayout<Float>.stride
  }

  private struct MapSize: Sendable, Equatable {
    let height, width: Int
  }

  /// Turns a group's [lanes, taps] into [taps, lanes], with zeros for channels that there are not.
  private static func pack(
    _ weights: [Float], from channel: Int, channels: Int, taps: Int, lanes: Int,
    into target: UnsafeMutablePointer<Float>
  ) {
    let valid = min(lanes, channels - channel)
    weights.withUnsafeBufferPointer { weights in
      for tap in 0..<taps {
        for lane in 0..<valid { target[tap * lanes + lane] = weights[(channel + lane) * taps + tap] }
        for lane in valid..<lanes { target[tap * lanes + lane] = 0 }
      }
    }
  }

  /// The taps of the nine products of a group, as `ScalarKernels.phasedFilters` has them: columns are added first.
  private static func spread(
    _ taps: UnsafePointer<Float>, kernel: Int, lanes: Int, into target: UnsafeMutablePointer<Float>
  ) {
    let axis = PhasedAxis(extent: 0, kernel: kernel)
    var place = target
    for rows in PhasedAxis.Product.allCases {
      for columns in PhasedAxis.Product.allCases {
        for v in 0..<axis.taps(rows) {
          let (row, nextRow) = axis.sources(rows, v)
          for u in 0..<axis.taps(columns) {
            let (column, nextColumn) = axis.sources(columns, u)
            for lane in 0..<lanes {
              func along(_ row: Int) -> Float {
                let first = taps[(row * kernel + column) * lanes + lane]
                return nextColumn.map { first + taps[(row * kernel + $0) * lanes + lane] } ?? first
              }
              place[lane] = nextRow.map { along(row) + along($0) } ?? along(row)
            }
            place += lanes
          }
        }
      }
    }
  }

  /// Elements that `convolve` needs to work in, for images of a size.
  public func scratchCount(height: Int, width: Int) -> Int {
    guard PhasedAxis.isUsed(height: height, width: width, kernel: kernel, stride: stride) else {
      return height * width * lanes
    }
    let axes = (PhasedAxis(extent: height, kernel: kernel), PhasedAxis(extent: width, kernel: kernel))
    return height * width * lanes + (instructionSet.depthwiseKernel?.phasedScratchCount(axes.0, axes.1) ?? 0)
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
    precondition(
      mapSize == nil || mapSize == MapSize(height: height, width: width), "it was prepared for maps of another size")
    let outputPixels = ((height - 1) / stride + 1) * ((width - 1) / stride + 1)
    precondition(input.count >= count * height * width * channels, "shape and storage differ")
    precondition(output.count >= count * outputPixels * channels, "shape and storage differ")
    precondition(scratch.count >= scratchCount(height: height, width: width), "the scratch is too small")
    guard let source = input.baseAddress, let target = output.baseAddress, let plane = scratch.baseAddress else {
      return
    }
    let kernel = instructionSet.depthwiseKernel
    let isPhased = PhasedAxis.isUsed(height: height, width: width, kernel: self.kernel, stride: stride)
    let phased = isPhased ? phasedWeights : nil
    // A group's weights stay in the cache while all images pass.
    for channel in Swift.stride(from: 0, to: channels, by: lanes) {
      for image in 0..<count {
        let valid = min(lanes, channels - channel)
        let pixels = source + image * height * width * channels + channel
        if let kernel {
          kernel.gather(pixels, pixels: height * width, step: channels, channels: valid, into: plane)
        } else {
          for pixel in 0..<height * width { plane[pixel] = pixels[pixel * channels] }
        }
        let next =
          image + 1 < count
          ? pixels + height * width * channels : channel + lanes < channels ? source + channel + lanes : nil
        convolvePlane(
          plane, group: channel / lanes, phased: phased, relu, target + image * outputPixels * channels + channel,
          valid, height, width, next: next,
          nextWeights: share(of: phased, after: channel / lanes, image: image, of: count))
      }
    }
  }

  /// An image's share of the phased weights of the group after `group`, which come into the cache meanwhile.
  private func share(
    of phased: AlignedBuffer?, after group: Int, image: Int, of count: Int
  ) -> UnsafeBufferPointer<Float> {
    guard let phased, (group + 1) * lanes < channels else { return UnsafeBufferPointer(start: nil, count: 0) }
    let (start, end) = (phasedCount * image / count, phasedCount * (image + 1) / count)
    return UnsafeBufferPointer(start: phased.pointer + (group + 1) * phasedCount + start, count: end - start)
  }

  private func convolvePlane(
    _ plane: UnsafeMutablePointer<Float>, group: Int, phased: AlignedBuffer?, _ relu: Bool,
    _ output: UnsafeMutablePointer<Float>,
    _ valid: Int, _ height: Int, _ width: Int, next: UnsafePointer<Float>?,
    nextWeights: UnsafeBufferPointer<Float>
  ) {
    let taps = weights.pointer + (weights.count > 0 ? group * kernel * kernel * lanes : 0)
    let addition = bias.pointer + group * lanes
    let phasedTaps = phased.map { UnsafePointer($0.pointer + group * phasedCount) }
    guard let kernel = instructionSet.depthwiseKernel else {
      return convolvePlainly(plane, channel: group, isPhased: phased != nil, relu, output, height, width)
    }
    kernel.init(
      plane: plane, weights: taps, phasedWeights: phasedTaps, bias: addition, height: height, width: width,
      kernel: self.kernel, stride: stride, next: next, nextWeights: nextWeights
    ).convolve(relu: relu, into: output, step: channels, channels: valid)
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
