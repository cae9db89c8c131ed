import KernelInterfaces

/// The passes of backpropagation over rows of numbers; one source for each instruction set, as `RowPasses`: number i of a
/// sum goes into lane i mod 16 and the lanes are added by halves, so every instruction set gives the same bits.
package enum GradientPasses: GradientKernel {
  /// x Φ(x) by the steps of `ErrorFunction.gelu`.
  package static func gelu(
    _ source: UnsafePointer<Float>, count: Int, errorFunction: UnsafePointer<Float>,
    into target: UnsafeMutablePointer<Float>
  ) {
    forEach16(count, source, source, target) { x, _ in
      let half = 0.5 * x
      return half.addingProduct(half.replacing(with: 0 - half, where: x .< 0), erf(x, errorFunction))
    }
  }

  /// The gradient times Φ(x) + x φ(x), the derivative of x Φ(x).
  package static func geluGradient(
    _ gradient: UnsafePointer<Float>, _ source: UnsafePointer<Float>, count: Int,
    errorFunction: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>
  ) {
    forEach16(count, gradient, source, target) { gradient, x in
      let magnitude = erf(x, errorFunction)
      let distribution = 0.5 + 0.5 * magnitude.replacing(with: 0 - magnitude, where: x .< 0)
      // 1 / sqrt(2 pi)
      let density = RowPasses.exponential(-0.5 * x * x) * 0.3989422804
      return gradient * (distribution + x * density)
    }
  }

  /// The gradient where `values` are above 0, else 0.
  package static func mask(
    _ gradient: UnsafePointer<Float>, _ values: UnsafePointer<Float>, count: Int,
    into target: UnsafeMutablePointer<Float>
  ) {
    for index in 0..<count { target[index] = values[index] > 0 ? gradient[index] : 0 }
  }

  /// Adds numbers to others.
  package static func add(
    _ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>, count: Int, into target: UnsafeMutablePointer<Float>
  ) {
    for index in 0..<count { target[index] = left[index] + right[index] }
  }

  /// scale (h - mean(h) - n mean(h n)) + residual, where h is the gradient times the weight, and n = (x - mean) scale.
  package static func layer(
    _ gradient: UnsafePointer<Float>, _ values: UnsafePointer<Float>, channels: Int, weight: UnsafePointer<Float>,
    epsilon: Float, residual: UnsafePointer<Float>?, into target: UnsafeMutablePointer<Float>
  ) {
    let count = Float(channels)
    let mean = RowPasses.sum(values, channels) / count
    let variance = RowPasses.squares(values, channels, around: mean) / count
    let scale = 1 / (variance + epsilon).squareRoot()
    var (first, second) = (SIMD16<Float>(repeating: 0), SIMD16<Float>(repeating: 0))
    let whole = channels / 16 * 16
    for start in stride(from: 0, to: whole, by: 16) {
      let weighted = load(gradient + start) * load(weight + start)
      first += weighted
      second += weighted * (load(values + start) - mean)
    }
    for index in whole..<channels {
      let weighted = gradient[index] * weight[index]
      first[index - whole] += weighted
      second[index - whole] += weighted * (values[index] - mean)
    }
    let shift = RowPasses.halves(first) / count
    let slope = RowPasses.halves(second) / count * scale * scale
    if let residual {
      for index in 0..<channels {
        let inner = gradient[index] * weight[index] - shift - (values[index] - mean) * slope
        target[index] = inner * scale + residual[index]
      }
    } else {
      for index in 0..<channels {
        target[index] = (gradient[index] * weight[index] - shift - (values[index] - mean) * slope) * scale
      }
    }
  }

  /// p (g - the sum of g p), for a row of probabilities.
  package static func softmax(
    _ gradient: UnsafePointer<Float>, _ probabilities: UnsafePointer<Float>, columns: Int,
    into target: UnsafeMutablePointer<Float>
  ) {
    var lanes = SIMD16<Float>(repeating: 0)
    let whole = columns / 16 * 16
    for start in stride(from: 0, to: whole, by: 16) { lanes += load(gradient + start) * load(probabilities + start) }
    for index in whole..<columns { lanes[index - whole] += gradient[index] * probabilities[index] }
    let sum = RowPasses.halves(lanes)
    for index in 0..<columns { target[index] = probabilities[index] * (gradient[index] - sum) }
  }

  /// For each channel, the sums over the pixels of the weighted gradient and of its products with the numbers, in float64.
  package static func addProducts(
    _ gradient: UnsafePointer<Float>, _ source: UnsafePointer<Float>, pixels: Int, channels: Int,
    weight: UnsafePointer<Float>, into sums: UnsafeMutablePointer<Double>
  ) {
    sums.initialize(repeating: 0, count: 2 * channels)
    let products = sums + channels
    for pixel in 0..<pixels {
      let (gradients, values) = (gradient + pixel * channels, source + pixel * channels)
      for channel in 0..<channels {
        let weighted = Double(gradients[channel] * weight[channel])
        sums[channel] += weighted
        products[channel] += weighted * Double(values[channel])
      }
    }
  }

  /// factor x gradient x weight + slope x (value - mean) + shift of each pixel's channels.
  ///
  /// - Parameter factors: of each channel: factors, then means, then slopes, then shifts.
  package static func combine(
    _ gradient: UnsafePointer<Float>, _ source: UnsafePointer<Float>, pixels: Int, channels: Int,
    weight: UnsafePointer<Float>, factors: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>
  ) {
    let (means, slopes, shifts) = (factors + channels, factors + 2 * channels, factors + 3 * channels)
    for pixel in 0..<pixels {
      let start = pixel * channels
      for channel in 0..<channels {
        let weighted = gradient[start + channel] * weight[channel] * factors[channel]
        target[start + channel] =
          weighted + ((source[start + channel] - means[channel]) * slopes[channel] + shifts[channel])
      }
    }
  }

  /// |erf(x / sqrt 2)| by the steps of `ErrorFunction`.
  @inline(__always)
  private static func erf(_ x: SIMD16<Float>, _ table: UnsafePointer<Float>) -> SIMD16<Float> {
    var place = x.replacing(with: 0 - x, where: x .< 0) * table[6 * 16]
    place.replace(with: 15, where: place .>= 15)
    // Adding 2^23 leaves the nearest integer in the last bits.
    let shifted = place + 0x1p23
    let index = unsafeBitCast(shifted, to: SIMD16<UInt32>.self)
    let rest = place - (shifted - 0x1p23)
    var sum = lookUp16(table + 5 * 16, index)
    for power in stride(from: 4, through: 0, by: -1) {
      sum = lookUp16(table + power * 16, index).addingProduct(sum, rest)
    }
    return sum
  }

  @inline(__always)
  private static func load(_ pointer: UnsafePointer<Float>) -> SIMD16<Float> {
    UnsafeRawPointer(pointer).loadUnaligned(as: SIMD16<Float>.self)
  }

  /// A function of pairs, 16 at once; `target` may be either source.
  @inline(__always)
  private static func forEach16(
    _ count: Int, _ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>,
    _ function: (SIMD16<Float>, SIMD16<Float>) -> SIMD16<Float>
  ) {
    let whole = count / 16 * 16
    for start in stride(from: 0, to: whole, by: 16) {
      UnsafeMutableRawPointer(target + start).storeBytes(
        of: function(load(left + start), load(right + start)), as: SIMD16<Float>.self)
    }
    guard whole < count else { return }
    var (a, b) = (SIMD16<Float>(repeating: 0), SIMD16<Float>(repeating: 0))
    for index in whole..<count { (a[index - whole], b[index - whole]) = (left[index], right[index]) }
    let result = function(a, b)
    for index in whole..<count { target[index] = result[index - whole] }
  }
}
