import KernelInterfaces

/// The passes of normalisations, softmax and pooling over rows of numbers; one source for each instruction set.
///
/// Sums over a row put number i into lane i mod 16 whatever the registers' width, and products and sums are rounded
/// apart, so every instruction set gives the same bits; see `Normalisation`.
package enum RowPasses: RowKernel {
  /// (x - mean) / sqrt(variance + epsilon) x weight + bias.
  package static func layer(
    _ values: UnsafePointer<Float>, channels: Int, weight: UnsafePointer<Float>, bias: UnsafePointer<Float>,
    epsilon: Float, into result: UnsafeMutablePointer<Float>
  ) {
    let mean = sum(values, channels) / Float(channels)
    let variance = squares(values, channels, around: mean) / Float(channels)
    let scale = 1 / (variance + epsilon).squareRoot()
    for channel in 0..<channels {
      result[channel] = (values[channel] - mean) * scale * weight[channel] + bias[channel]
    }
  }

  /// Each channel's sum over the pixels, then each channel's sum of squares.
  package static func addMoments(
    _ source: UnsafePointer<Float>, pixels: Int, channels: Int, into sums: UnsafeMutablePointer<Double>
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

  /// (x - mean) x scale x weight + bias of each pixel, or zero where that is negative and `relu`.
  ///
  /// - Parameter moments: each channel's mean, then each channel's scale.
  package static func scale(
    _ source: UnsafePointer<Float>, pixels: Int, channels: Int, moments: UnsafePointer<Float>,
    weight: UnsafePointer<Float>, bias: UnsafePointer<Float>, relu: Bool, into target: UnsafeMutablePointer<Float>
  ) {
    let scales = moments + channels
    let floor: Float = relu ? 0 : -.infinity
    for pixel in 0..<pixels {
      let (values, results) = (source + pixel * channels, target + pixel * channels)
      for channel in 0..<channels {
        let value = (values[channel] - moments[channel]) * scales[channel] * weight[channel] + bias[channel]
        results[channel] = value > floor ? value : floor
      }
    }
  }

  /// exp(x - max) / sum, in place.
  package static func softmax(_ line: UnsafeMutablePointer<Float>, columns: Int) {
    let whole = columns / 16 * 16
    let raw = UnsafeMutableRawPointer(line)
    var largest = line[0]
    if whole > 0 {
      var lanes = SIMD16<Float>(repeating: line[0])
      for start in stride(from: 0, to: whole, by: 16) {
        let values = raw.loadUnaligned(fromByteOffset: start * 4, as: SIMD16<Float>.self)
        lanes.replace(with: values, where: values .> lanes)
      }
      for lane in 0..<16 where lanes[lane] > largest { largest = lanes[lane] }
    }
    for column in whole..<columns { largest = line[column] > largest ? line[column] : largest }
    for start in stride(from: 0, to: whole, by: 16) {
      let values = raw.loadUnaligned(fromByteOffset: start * 4, as: SIMD16<Float>.self)
      raw.storeBytes(of: exponential(values - largest), toByteOffset: start * 4, as: SIMD16<Float>.self)
    }
    if whole < columns {
      var rest = SIMD16<Float>(repeating: 0)
      for column in whole..<columns { rest[column - whole] = line[column] - largest }
      rest = exponential(rest)
      for column in whole..<columns { line[column] = rest[column - whole] }
    }
    let scale = 1 / sum(line, columns)
    for column in 0..<columns { line[column] *= scale }
  }

  /// The sum of weights times lines of numbers, in the lines' order from +0; products and sums are rounded apart.
  package static func correlate(
    _ sources: UnsafePointer<UnsafePointer<Float>>, weights: UnsafePointer<Float>, taps: Int, count: Int,
    into target: UnsafeMutablePointer<Float>
  ) {
    let into = UnsafeMutableRawPointer(target)
    var start = 0
    while start + 64 <= count {
      var sums = (
        SIMD16<Float>(repeating: 0), SIMD16<Float>(repeating: 0), SIMD16<Float>(repeating: 0),
        SIMD16<Float>(repeating: 0)
      )
      for tap in 0..<taps {
        let (line, weight) = (UnsafeRawPointer(sources[tap] + start), weights[tap])
        sums.0 += line.loadUnaligned(as: SIMD16<Float>.self) * weight
        sums.1 += line.loadUnaligned(fromByteOffset: 64, as: SIMD16<Float>.self) * weight
        sums.2 += line.loadUnaligned(fromByteOffset: 128, as: SIMD16<Float>.self) * weight
        sums.3 += line.loadUnaligned(fromByteOffset: 192, as: SIMD16<Float>.self) * weight
      }
      into.storeBytes(of: sums.0, toByteOffset: 4 * start, as: SIMD16<Float>.self)
      into.storeBytes(of: sums.1, toByteOffset: 4 * start + 64, as: SIMD16<Float>.self)
      into.storeBytes(of: sums.2, toByteOffset: 4 * start + 128, as: SIMD16<Float>.self)
      into.storeBytes(of: sums.3, toByteOffset: 4 * start + 192, as: SIMD16<Float>.self)
      start += 64
    }
    while start + 16 <= count {
      var sum = SIMD16<Float>(repeating: 0)
      for tap in 0..<taps {
        sum += UnsafeRawPointer(sources[tap] + start).loadUnaligned(as: SIMD16<Float>.self) * weights[tap]
      }
      into.storeBytes(of: sum, toByteOffset: 4 * start, as: SIMD16<Float>.self)
      start += 16
    }
    for index in start..<count {
      var sum: Float = 0
      for tap in 0..<taps { sum += sources[tap][index] * weights[tap] }
      target[index] = sum
    }
  }

  /// The function of each number; `target` may be `source`.
  package static func map(
    _ function: RowFunction, _ source: UnsafePointer<Float>, count: Int, into target: UnsafeMutablePointer<Float>
  ) {
    switch function {
    case .relu: map(source, count, target) { $0.replacing(with: 0, where: $0 .< 0) }
    case .sigmoid: map(source, count, target) { sigmoid($0) }
    case .silu: map(source, count, target) { $0 * sigmoid($0) }
    case .tanh: map(source, count, target) { tanh($0) }
    case .exponential:
      // As a square, so that a scale of 2^128 is not needed.
      map(source, count, target) {
        let root = exponential(0.5 * $0.replacing(with: 90, where: $0 .> 90))
        return root * root
      }
    case .hardSigmoid(let scale, let shift):
      map(source, count, target) { clip($0 * scale + shift, 0, 1) }
    case .hardSwish: map(source, count, target) { $0 * clip($0 * (1.0 / 6) + 0.5, 0, 1) }
    case .clip(let low, let high): map(source, count, target) { clip($0, low, high) }
    case .leakyReLU(let slope): map(source, count, target) { $0.replacing(with: $0 * slope, where: $0 .< 0) }
    case .affine(let scale, let shift): map(source, count, target) { $0 * scale + shift }
    }
  }

  @inline(__always)
  private static func map(
    _ source: UnsafePointer<Float>, _ count: Int, _ target: UnsafeMutablePointer<Float>,
    _ function: (SIMD16<Float>) -> SIMD16<Float>
  ) {
    let (from, into) = (UnsafeRawPointer(source), UnsafeMutableRawPointer(target))
    let whole = count / 16 * 16
    for start in stride(from: 0, to: whole, by: 16) {
      let values = from.loadUnaligned(fromByteOffset: start * 4, as: SIMD16<Float>.self)
      into.storeBytes(of: function(values), toByteOffset: start * 4, as: SIMD16<Float>.self)
    }
    guard whole < count else { return }
    var rest = SIMD16<Float>(repeating: 0)
    for index in whole..<count { rest[index - whole] = source[index] }
    rest = function(rest)
    for index in whole..<count { target[index] = rest[index - whole] }
  }

  @inline(__always)
  private static func clip(_ x: SIMD16<Float>, _ low: Float, _ high: Float) -> SIMD16<Float> {
    x.replacing(with: low, where: x .< low).replacing(with: high, where: x .> high)
  }

  /// 1 / (1 + e^-|x|), or that less 1, so that no power is above 1.
  @inline(__always)
  private static func sigmoid(_ x: SIMD16<Float>) -> SIMD16<Float> {
    let isNegative = x .< 0
    let power = exponential((0 - x).replacing(with: x, where: isNegative))
    return SIMD16<Float>(repeating: 1).replacing(with: power, where: isNegative) / (1 + power)
  }

  /// (1 - e^-2|x|) / (1 + e^-2|x|) with the sign of x.
  @inline(__always)
  private static func tanh(_ x: SIMD16<Float>) -> SIMD16<Float> {
    let isNegative = x .< 0
    let doubled = x + x
    let power = exponential((0 - doubled).replacing(with: doubled, where: isNegative))
    let value = (1 - power) / (1 + power)
    return value.replacing(with: 0 - value, where: isNegative)
  }

  /// The larger of each two numbers, in `target`; a NaN of `source` is taken.
  package static func raise(_ target: UnsafeMutablePointer<Float>, to source: UnsafePointer<Float>, count: Int) {
    for index in 0..<count { target[index] = source[index] <= target[index] ? target[index] : source[index] }
  }

  /// The steps of `Normalisation.exponential`, 16 numbers at once.
  @inline(__always)
  static func exponential(_ x: SIMD16<Float>) -> SIMD16<Float> {
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

  static func sum(_ values: UnsafePointer<Float>, _ count: Int) -> Float {
    var lanes = SIMD16<Float>(repeating: 0)
    let raw = UnsafeRawPointer(values)
    let whole = count / 16 * 16
    for start in stride(from: 0, to: whole, by: 16) {
      lanes += raw.loadUnaligned(fromByteOffset: start * 4, as: SIMD16<Float>.self)
    }
    for index in whole..<count { lanes[index - whole] += values[index] }
    return halves(lanes)
  }

  static func squares(_ values: UnsafePointer<Float>, _ count: Int, around mean: Float) -> Float {
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

  static func halves(_ lanes: SIMD16<Float>) -> Float {
    let eight = lanes.lowHalf + lanes.highHalf
    let four = eight.lowHalf + eight.highHalf
    let two = four.lowHalf + four.highHalf
    return two[0] + two[1]
  }
}
