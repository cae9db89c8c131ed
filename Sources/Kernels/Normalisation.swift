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
    into output: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(channels > 0 && weight.count == channels && bias.count == channels, "shape and storage differ")
    precondition(input.count >= rows * channels && output.count >= rows * channels, "shape and storage differ")
    guard let source = input.baseAddress, let target = output.baseAddress else { return }
    weight.withUnsafeBufferPointer { weight in
      bias.withUnsafeBufferPointer { bias in
        for row in 0..<rows {
          let values = source + row * channels
          let result = target + row * channels
          let mean = sum(values, channels) / Float(channels)
          let variance = squares(values, channels, around: mean) / Float(channels)
          let scale = 1 / (variance + epsilon).squareRoot()
          for channel in 0..<channels {
            result[channel] = (values[channel] - mean) * scale * weight[channel] + bias[channel]
          }
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
    bias: [Float], epsilon: Float, relu: Bool, into output: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(groups > 0 && pixels > 0 && channels % groups == 0, "the groups do not divide the channels")
    precondition(weight.count == channels && bias.count == channels, "shape and storage differ")
    let total = count * pixels * channels
    precondition(input.count >= total && output.count >= total, "shape and storage differ")
    guard let source = input.baseAddress, let target = output.baseAddress, channels > 0 else { return }
    withUnsafeTemporaryAllocation(of: Double.self, capacity: 2 * channels) { totals in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * channels) { moments in
        guard let sums = totals.baseAddress, let means = moments.baseAddress else { return }
        for image in 0..<count {
          let start = image * pixels * channels
          add(source + start, pixels, channels, sums)
          for group in 0..<groups {
            momentsOfGroup(group, width: channels / groups, pixels, channels, sums, epsilon, means)
          }
          scale(source + start, pixels, channels, means, weight, bias, relu, into: target + start)
        }
      }
    }
  }

  /// Each channel's sum, then each channel's sum of squares.
  private static func add(
    _ source: UnsafePointer<Float>, _ pixels: Int, _ channels: Int, _ sums: UnsafeMutablePointer<Double>
  ) {
    sums.initialize(repeating: 0, count: 2 * channels)
    let squares = sums + channels
    for pixel in 0..<pixels {
      let values = source + pixel * channels
      for channel in 0..<channels {
        let value = Double(values[channel])
        sums[channel] += value
        squares[channel] += value * value
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

  private static func scale(
    _ source: UnsafePointer<Float>, _ pixels: Int, _ channels: Int, _ means: UnsafePointer<Float>, _ weight: [Float],
    _ bias: [Float], _ relu: Bool, into target: UnsafeMutablePointer<Float>
  ) {
    let scales = means + channels
    let floor: Float = relu ? 0 : -.infinity
    weight.withUnsafeBufferPointer { weight in
      bias.withUnsafeBufferPointer { bias in
        for pixel in 0..<pixels {
          let (values, results) = (source + pixel * channels, target + pixel * channels)
          for channel in 0..<channels {
            let value = (values[channel] - means[channel]) * scales[channel] * weight[channel] + bias[channel]
            results[channel] = value > floor ? value : floor
          }
        }
      }
    }
  }

  /// exp(x - max) / sum over each row, in place.
  ///
  /// - Parameter values: [rows, columns].
  public static func softmax(_ values: UnsafeMutableBufferPointer<Float>, rows: Int, columns: Int) {
    precondition(values.count >= rows * columns, "shape and storage differ")
    guard columns > 0, let start = values.baseAddress else { return }
    for row in 0..<rows {
      let line = start + row * columns
      var largest = line[0]
      for column in 1..<max(1, columns) { largest = line[column] > largest ? line[column] : largest }
      let whole = columns / 16 * 16
      for start in stride(from: 0, to: whole, by: 16) {
        let place = UnsafeMutableRawPointer(line + start)
        let values = exponential(place.loadUnaligned(as: SIMD16<Float>.self) - largest)
        place.storeBytes(of: values, as: SIMD16<Float>.self)
      }
      for column in whole..<columns { line[column] = exponential(line[column] - largest) }
      let scale = 1 / sum(line, columns)
      for column in 0..<columns { line[column] *= scale }
    }
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
  package static func exponential(_ x: SIMD16<Float>) -> SIMD16<Float> {
    let shifted = x * 1.44269504 + 0x1.8p23
    let power = shifted - 0x1.8p23
    let rest = (x - power * 0.693359375) - power * -2.12194440e-4
    var sum = SIMD16<Float>(repeating: 1.0 / 5040)
    sum = sum * rest + 1.0 / 720
    sum = sum * rest + 1.0 / 120
    sum = sum * rest + 1.0 / 24
    sum = sum * rest + 1.0 / 6
    sum = sum * rest + 0.5
    sum = sum * rest + 1
    sum = sum * rest + 1
    let bits = unsafeBitCast(shifted, to: SIMD16<UInt32>.self)
    let scale = unsafeBitCast((bits &- 0x4B40_0000 &+ 127) &<< 23, to: SIMD16<Float>.self)
    var result = sum * scale
    result.replace(with: 0, where: x .< -87)
    // Not equal to itself: NaN.
    result.replace(with: x, where: x .!= x)
    return result
  }

  private static let taylor: [Float] = [1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1, 1]

  private static func sum(_ values: UnsafePointer<Float>, _ count: Int) -> Float {
    var lanes = SIMD16<Float>(repeating: 0)
    let raw = UnsafeRawPointer(values)
    let whole = count / 16 * 16
    for start in stride(from: 0, to: whole, by: 16) {
      lanes += raw.loadUnaligned(fromByteOffset: start * 4, as: SIMD16<Float>.self)
    }
    for index in whole..<count { lanes[index - whole] += values[index] }
    return halves(lanes)
  }

  private static func squares(_ values: UnsafePointer<Float>, _ count: Int, around mean: Float) -> Float {
    var lanes = SIMD16<Float>(repeating: 0)
    let raw = UnsafeRawPointer(values)
    let whole = count / 16 * 16
    for start in stride(from: 0, to: whole, by: 16) {
      let difference = raw.loadUnaligned(fromByteOffset: start * 4, as: SIMD16<Float>.self) - mean
      lanes += difference * difference
    }
    for index in whole..<count {
      let difference = values[index] - mean
      lanes[index - whole] += difference * difference
    }
    return halves(lanes)
  }

  private static func halves(_ lanes: SIMD16<Float>) -> Float {
    let eight = lanes.lowHalf + lanes.highHalf
    let four = eight.lowHalf + eight.highHalf
    let two = four.lowHalf + four.highHalf
    return two[0] + two[1]
  }
}
