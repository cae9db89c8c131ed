/// Normalisations over channels and groups, and softmax: one order of addition, the same on every processor.
///
/// A sum over n numbers puts number i into lane i mod 16, each lane one chain from +0, and adds the lanes by halves:
/// lane i and i + 8, then i + 4, i + 2, i + 1. Products and sums are rounded apart.
public enum Normalisation {
  /// (x - mean) / sqrt(variance + epsilon) x weight + bias over each row; the variance is that of the population.
  ///
  /// - Parameters:
  ///   - input: [rows, channels]; may be `output`.
  ///   - weight, bias: [channels].
  public static func layer(
    _ input: UnsafeBufferPointer<Float>, rows: Int, channels: Int, weight: [Float], bias: [Float], epsilon: Float,
    instructionSet: InstructionSet, into output: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(channels > 0 && weight.count == channels && bias.count == channels, "shape and storage differ")
    precondition(input.count >= rows * channels && output.count >= rows * channels, "shape and storage differ")
    guard let source = input.baseAddress, let target = output.baseAddress else { return }
    weight.withUnsafeBufferPointer { weight in
      bias.withUnsafeBufferPointer { bias in
        guard let weight = weight.baseAddress, let bias = bias.baseAddress else { return }
        let kernel = instructionSet.rowKernel
        for row in 0..<rows {
          kernel.layer(
            source + row * channels, channels: channels, weight: weight, bias: bias, epsilon: epsilon,
            into: target + row * channels)
        }
      }
    }
  }

  /// The same over each image's groups of neighbouring channels and all its pixels, then max(x, 0) if `relu`.
  ///
  /// Each channel's numbers and their squares are added pixel by pixel in float64, where both are exact, then the
  /// channels of a group in their order; the variance is the mean square less the squared mean.
  /// - Parameter input: [count, pixels, channels]; may be `output`.
  public static func group(
    _ input: UnsafeBufferPointer<Float>, count: Int, pixels: Int, channels: Int, groups: Int, weight: [Float],
    bias: [Float], epsilon: Float, relu: Bool, instructionSet: InstructionSet,
    into output: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(groups > 0 && pixels > 0 && channels % groups == 0, "the groups do not divide the channels")
    precondition(weight.count == channels && bias.count == channels, "shape and storage differ")
    let total = count * pixels * channels
    precondition(input.count >= total && output.count >= total, "shape and storage differ")
    guard let source = input.baseAddress, let target = output.baseAddress, channels > 0 else { return }
    let kernel = instructionSet.rowKernel
    withUnsafeTemporaryAllocation(of: Double.self, capacity: 2 * channels) { totals in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: 4 * channels) { numbers in
        guard let sums = totals.baseAddress, let moments = numbers.baseAddress else { return }
        let (weights, biases) = (moments + 2 * channels, moments + 3 * channels)
        for channel in 0..<channels { (weights[channel], biases[channel]) = (weight[channel], bias[channel]) }
        for image in 0..<count {
          let start = image * pixels * channels
          kernel.addMoments(source + start, pixels: pixels, channels: channels, into: sums)
          for group in 0..<groups {
            momentsOfGroup(group, width: channels / groups, pixels, channels, sums, epsilon, moments)
          }
          kernel.scale(
            source + start, pixels: pixels, channels: channels, moments: moments, weight: weights, bias: biases,
            relu: relu, into: target + start)
        }
      }
    }
  }

  /// The group's mean for each of its channels, and 1 / sqrt(variance + epsilon) behind the means of all channels.
  private static func momentsOfGroup(
    _ group: Int, width: Int, _ pixels: Int, _ channels: Int, _ sums: UnsafePointer<Double>, _ epsilon: Float,
    _ means: UnsafeMutablePointer<Float>
  ) {
    var (sum, square) = (0.0, 0.0)
    for channel in group * width..<(group + 1) * width {
      sum += sums[channel]
      square += sums[channels + channel]
    }
    let mean = sum / Double(pixels * width)
    let variance = max(0, square / Double(pixels * width) - mean * mean)
    let scale = 1 / (Float(variance) + epsilon).squareRoot()
    for channel in group * width..<(group + 1) * width {
      means[channel] = Float(mean)
      means[channels + channel] = scale
    }
  }

  /// exp(x - max) / sum over each row, in place.
  ///
  /// - Parameter values: [rows, columns].
  public static func softmax(
    _ values: UnsafeMutableBufferPointer<Float>, rows: Int, columns: Int, instructionSet: InstructionSet
  ) {
    precondition(values.count >= rows * columns, "shape and storage differ")
    guard columns > 0, let start = values.baseAddress else { return }
    let kernel = instructionSet.rowKernel
    for row in 0..<rows { kernel.softmax(start + row * columns, columns: columns) }
  }

  /// e^x for x <= 0, within 2 units in the last place above the normal range's end; 0 below -87; NaN for NaN.
  ///
  /// 2^n times Taylor's polynomial of degree 7 on |r| <= ln 2 / 2, with ln 2 in two parts as Cody and Waite have it.
  package static func exponential(_ x: Float) -> Float {
    if x < -87 { return 0 }
    if x.isNaN { return x }
    // Adding 1.5 x 2^23 leaves the nearest integer in the last bits.
    let shifted = x * 1.44269504 + 0x1.8p23
    let power = shifted - 0x1.8p23
    let rest = (x - power * 0.693359375) - power * -2.12194440e-4
    var sum = taylor[0]
    for index in 1..<taylor.count { sum = sum * rest + taylor[index] }
    return sum * Float(bitPattern: (shifted.bitPattern &- 0x4B40_0000 &+ 127) << 23)
  }

  /// The same of 16 numbers, with the same bits.
  package static func exponential(_ x: SIMD16<Float>) -> SIMD16<Float> { RowPasses.exponential(x) }

  private static let taylor: [Float] = [1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1, 1]
}
