import Kernels
import Tensors

/// One channel, float32, `[height][width]`.
struct Plane {
  let width: Int
  let height: Int
  var values: [Float]

  init(width: Int, height: Int, values: [Float]) {
    (self.width, self.height, self.values) = (width, height, values)
  }

  init(width: Int, height: Int, repeating value: Float = 0) {
    self.init(width: width, height: height, values: [Float](repeating: value, count: width * height))
  }

  subscript(row: Int, column: Int) -> Float {
    get { values[row * width + column] }
    set { values[row * width + column] = newValue }
  }

  /// Normal numbers of the kernels' order, see `NoisePasses`.
  static func normal(
    width: Int, height: Int, mean: Double, deviation: Double, _ random: CounterRandom
  ) -> Plane {
    let groups = (width * height + 63) / 64
    var numbers = [Float](repeating: 0, count: 64 * groups)
    numbers.withUnsafeMutableBufferPointer {
      guard let start = $0.baseAddress else { return }
      InstructionSet.best.noiseKernel.normals(start, groups: groups, random.noiseSource)
    }
    return Plane(
      width: width, height: height,
      values: numbers.prefix(width * height).map { Float(mean) + Float(deviation) * $0 })
  }
}

extension CounterRandom {
  /// Words of the kernels' order, see `NoisePasses`, as numbers in [0, 1) with 24 random bits.
  func uniforms(_ count: Int) -> [Float] {
    let groups = (count + 63) / 64
    var words = [UInt32](repeating: 0, count: 64 * groups)
    words.withUnsafeMutableBufferPointer {
      guard let start = $0.baseAddress else { return }
      InstructionSet.best.noiseKernel.words(start, groups: groups, noiseSource)
    }
    return words.prefix(count).map { Float(Int32(truncatingIfNeeded: $0 >> 8)) * 0x1p-24 }
  }
}

/// Where each pixel of a picture comes from, between four pixels: worked out once for all channels.
struct BilinearMap {
  private let width: Int
  private let height: Int
  /// The four pixels: above left and right, below left and right.
  private var pixels: [SIMD4<Int32>] = []
  /// How far below and how far to the right.
  private var shares: [SIMD2<Float>] = []

  /// A map from the position, in pixels, that a function gives for a row and column.
  init(width: Int, height: Int, border: Border, _ position: (Int, Int) -> (row: Float, column: Float)) {
    (self.width, self.height) = (width, height)
    pixels.reserveCapacity(width * height)
    shares.reserveCapacity(width * height)
    for row in 0..<height {
      for column in 0..<width {
        let place = position(row, column)
        let (top, left) = (place.row.rounded(.down), place.column.rounded(.down))
        let above = border.inside(Int(top), height) * width
        let below = border.inside(Int(top) + 1, height) * width
        let (first, second) = (border.inside(Int(left), width), border.inside(Int(left) + 1, width))
        pixels.append(
          SIMD4(Int32(above + first), Int32(above + second), Int32(below + first), Int32(below + second)))
        shares.append(SIMD2(place.row - top, place.column - left))
      }
    }
  }

  /// The plane as the map shows it.
  func apply(_ plane: Plane) -> Plane {
    var result = Plane(width: width, height: height)
    plane.values.withUnsafeBufferPointer { source in
      pixels.withUnsafeBufferPointer { pixels in
        shares.withUnsafeBufferPointer { shares in
          result.values.withUnsafeMutableBufferPointer { target in
            for index in 0..<target.count {
              let (from, share) = (pixels[index], shares[index])
              let upper = source[Int(from[0])] * (1 - share[1]) + source[Int(from[1])] * share[1]
              let lower = source[Int(from[2])] * (1 - share[1]) + source[Int(from[3])] * share[1]
              target[index] = upper * (1 - share[0]) + lower * share[0]
            }
          }
        }
      }
    }
    return result
  }
}

/// What stands beyond the border, as OpenCV and SciPy name it.
package enum Border {
  /// aaa|abc|ccc: SciPy's `nearest`.
  case replicate
  /// cba|abc|cba: SciPy's `reflect`.
  case reflect
  /// cb|abc|ba: OpenCV's `reflect_101`.
  case reflect101

  /// The index within `0..<count` that stands at `index`.
  package func inside(_ index: Int, _ count: Int) -> Int {
    if index >= 0 && index < count { return index }
    switch self {
    case .replicate: return min(max(index, 0), count - 1)
    case .reflect:
      let period = 2 * count
      let phase = ((index % period) + period) % period
      return phase < count ? phase : period - 1 - phase
    case .reflect101:
      guard count > 1 else { return 0 }
      let period = 2 * count - 2
      let phase = ((index % period) + period) % period
      return phase < count ? phase : period - phase
    }
  }
}

/// The weights of a Gaussian at the whole numbers from -radius to radius, with sum 1; the smallest radius is 0.
package func gaussianWeights(sigma: Double, radius: Int) -> [Double] {
  let weights = (-radius...radius).map { offset in
    let exponent = -0.5 * Double(offset * offset) / (sigma * sigma)
    return exponent > -700 ? ReproducibleMath.exponential(exponent) : 0
  }
  let sum = weights.reduce(0, +)
  return weights.map { $0 / sum }
}

extension Plane {
  /// SciPy's `gaussian_filter`: radius int(truncate sigma + 1/2), rows after columns.
  func gaussian(sigma: Double, border: Border = .replicate, truncate: Double = 4) -> Plane {
    let radius = Int(truncate * sigma + 0.5)
    let weights = gaussianWeights(sigma: sigma, radius: radius).map(Float.init)
    return correlatedColumns(weights, border).correlatedRows(weights, border)
  }

  /// Correlates every column with an odd number of weights.
  private func correlatedColumns(_ weights: [Float], _ border: Border) -> Plane {
    let radius = weights.count / 2
    return correlatedLines(of: values, weights) { row, tap in border.inside(row + tap - radius, height) * width }
  }

  /// Correlates every row with an odd number of weights.
  private func correlatedRows(_ weights: [Float], _ border: Border) -> Plane {
    let radius = weights.count / 2
    let stride = width + 2 * radius
    let columns = (0..<stride).map { border.inside($0 - radius, width) }
    var padded = [Float](repeating: 0, count: stride * height)
    for row in 0..<height {
      for column in 0..<stride { padded[row * stride + column] = values[row * width + columns[column]] }
    }
    return correlatedLines(of: padded, weights) { row, tap in row * stride + tap }
  }

  /// Each row as a sum of weights times lines of the numbers, which begin where a function of row and tap says.
  private func correlatedLines(of numbers: [Float], _ weights: [Float], _ start: (Int, Int) -> Int) -> Plane {
    var result = Plane(width: width, height: height)
    let kernel = InstructionSet.best.rowKernel
    numbers.withUnsafeBufferPointer { source in
      result.values.withUnsafeMutableBufferPointer { target in
        weights.withUnsafeBufferPointer { weights in
          withUnsafeTemporaryAllocation(of: UnsafePointer<Float>.self, capacity: weights.count) { lines in
            guard let source = source.baseAddress, let target = target.baseAddress, let first = lines.baseAddress,
              let weight = weights.baseAddress
            else { return }
            for row in 0..<height {
              for tap in 0..<weights.count {
                let place = start(row, tap)
                precondition(place >= 0 && place + width <= numbers.count, "a line lies outside")
                (first + tap).initialize(to: source + place)
              }
              kernel.correlate(
                first, weights: weight, taps: weights.count, count: width, into: target + row * width)
            }
          }
        }
      }
    }
    return result
  }

  /// A weight and where it looks from the pixel that it adds to.
  struct Tap {
    let row: Int
    let column: Int
    let weight: Float
  }

  /// The sum of `weight` times the pixel at (row, column) from here, in the taps' order.
  func correlated(_ taps: [Tap], border: Border) -> Plane {
    let reach = taps.reduce(0) { max($0, abs($1.row), abs($1.column)) }
    let stride = width + 2 * reach
    var padded = [Float](repeating: 0, count: stride * (height + 2 * reach))
    let columns = (0..<stride).map { border.inside($0 - reach, width) }
    for row in 0..<height + 2 * reach {
      let from = border.inside(row - reach, height) * width
      for column in 0..<stride { padded[row * stride + column] = values[from + columns[column]] }
    }
    return correlatedLines(of: padded, taps.map(\.weight)) { row, tap in
      (row + reach + taps[tap].row) * stride + reach + taps[tap].column
    }
  }

  /// SciPy's `zoom` of order 1 of the middle `ceil(side / factor)` pixels each way, cut back to the plane's size.
  ///
  /// The public code takes square pictures; here each side is treated by itself.
  func clippedZoom(_ factor: Double) -> Plane {
    let rows = ZoomAxis(count: height, factor: factor)
    let columns = ZoomAxis(count: width, factor: factor)
    var result = Plane(width: width, height: height)
    for row in 0..<height {
      let (top, down) = (rows.first[row] * width, rows.second[row] * width)
      let share = rows.share[row]
      for column in 0..<width {
        let (left, right, across) = (columns.first[column], columns.second[column], columns.share[column])
        let upper = values[top + left] + (values[top + right] - values[top + left]) * across
        let lower = values[down + left] + (values[down + right] - values[down + left]) * across
        result.values[row * width + column] = upper + (lower - upper) * share
      }
    }
    return result
  }

  /// Which two pixels a zoomed pixel lies between, along one axis.
  private struct ZoomAxis {
    private(set) var first: [Int] = []
    private(set) var second: [Int] = []
    private(set) var share: [Float] = []

    init(count: Int, factor: Double) {
      let crop = min(count, Int((Double(count) / factor).rounded(.up)))
      let origin = (count - crop) / 2
      // Python rounds halves to even, as `zoom` does.
      let zoomed = max(count, Int((Double(crop) * factor).rounded(.toNearestOrEven)))
      let trim = (zoomed - count) / 2
      let step = zoomed > 1 ? Double(crop - 1) / Double(zoomed - 1) : 0
      for index in 0..<count {
        let position = Double(index + trim) * step
        let low = min(Int(position), crop - 1)
        first.append(origin + low)
        second.append(origin + min(low + 1, crop - 1))
        share.append(Float(position - Double(low)))
      }
    }
  }
}

extension Plane {
  /// The numbers with 1 as 255: clipped and cut off. Float32 may end just below the whole number that float64 reaches; an
  /// error of 1e-4 levels is forgiven.
  fileprivate var levels: [UInt8] {
    [UInt8](unsafeUninitializedCapacity: values.count) { target, initialized in
      values.withUnsafeBufferPointer { values in
        for index in 0..<values.count {
          let value = values[index]
          let inside: Float = value > 0 ? (value < 1 ? value : 1) : 0
          let scaled = inside * 255 + 1e-4
          let level: Float = scaled < 255 ? scaled : 255
          // Adding 2^23 leaves the nearest whole number in the last bits; one above is too large by 1.
          let rounded = (level + 0x1p23) - 0x1p23
          let whole = (rounded > level ? rounded - 1 : rounded) + 0x1p23
          target[index] = UInt8(truncatingIfNeeded: whole.bitPattern)
        }
      }
      initialized = values.count
    }
  }
}

extension RGBImage {
  /// The three channels with 255 as 1.
  var planes: [Plane] {
    let shares = (0...255).map { Float($0) / 255 }
    return (0..<3).map { channel in
      let values = [Float](unsafeUninitializedCapacity: width * height) { target, initialized in
        pixels.withUnsafeBufferPointer { pixels in
          shares.withUnsafeBufferPointer { shares in
            for index in 0..<width * height { target[index] = shares[Int(pixels[index &* 3 &+ channel])] }
          }
        }
        initialized = width * height
      }
      return Plane(width: width, height: height, values: values)
    }
  }

  /// From channels with 1 as 255: clipped to 0...1 and cut off as numpy's `np.uint8(255 x)`.
  init(planes: [Plane]) {
    let (width, height) = (planes[0].width, planes[0].height)
    var pixels = [UInt8](repeating: 0, count: width * height * 3)
    for (channel, plane) in planes.enumerated() {
      let levels = plane.levels
      levels.withUnsafeBufferPointer { levels in
        pixels.withUnsafeMutableBufferPointer { pixels in
          for index in 0..<width * height { pixels[index &* 3 &+ channel] = levels[index] }
        }
      }
    }
    self.init(width: width, height: height, pixels: pixels)
  }
}
