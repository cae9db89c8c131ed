import Kernels
import Tensors

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

extension Raster {
  /// SciPy's `gaussian_filter`: radius int(truncate sigma + 1/2), rows after columns.
  func gaussian(sigma: Double, border: Border = .replicate, truncate: Double = 4) -> Raster {
    let radius = Int(truncate * sigma + 0.5)
    return separated(gaussianWeights(sigma: sigma, radius: radius)[radius...].map(Float.init), border)
  }

  /// Correlates every column and then every row with symmetric weights, of which the middle one and one side are given.
  func separated(_ weights: [Float], _ border: Border) -> Raster {
    let radius = weights.count - 1
    let (count, channels) = (lineCount, channels)
    let kernel = InstructionSet.chosen.pixelKernel
    let outside = Array(-radius..<0) + Array(width..<width + radius)
    var line = [Float](repeating: 0, count: count + 2 * radius * channels)
    var result = Raster(width: width, height: height, channels: channels)
    values.withUnsafeBufferPointer { source in
      result.values.withUnsafeMutableBufferPointer { target in
        line.withUnsafeMutableBufferPointer { line in
          weights.withUnsafeBufferPointer { weights in
            withUnsafeTemporaryAllocation(of: UnsafePointer<Float>.self, capacity: 2 * radius + 1) { lines in
              guard let source = source.baseAddress, let target = target.baseAddress, let first = lines.baseAddress,
                let weights = weights.baseAddress, let line = line.baseAddress
              else { return }
              let middle = line + radius * channels
              for row in 0..<height {
                for tap in 0...2 * radius {
                  (first + tap).initialize(to: source + border.inside(row + tap - radius, height) * count)
                }
                kernel.correlateSymmetric(first, weights: weights, radius: radius, count: count, into: middle)
                for column in outside {
                  (middle + column * channels).update(
                    from: middle + border.inside(column, width) * channels, count: channels)
                }
                for tap in 0...2 * radius { (first + tap).initialize(to: line + tap * channels) }
                kernel.correlateSymmetric(
                  first, weights: weights, radius: radius, count: count, into: target + row * count)
              }
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
  func correlated(_ taps: [Tap], border: Border) -> Raster {
    let reach = taps.reduce(0) { max($0, abs($1.row), abs($1.column)) }
    let padded = padded(by: reach, border)
    var result = Raster(width: width, height: height, channels: channels)
    let (count, stride) = (lineCount, padded.lineCount)
    let kernel = InstructionSet.chosen.rowKernel
    let weights = taps.map(\.weight)
    padded.values.withUnsafeBufferPointer { source in
      result.values.withUnsafeMutableBufferPointer { target in
        weights.withUnsafeBufferPointer { weights in
          withUnsafeTemporaryAllocation(of: UnsafePointer<Float>.self, capacity: taps.count) { lines in
            guard let source = source.baseAddress, let target = target.baseAddress, let first = lines.baseAddress,
              let weights = weights.baseAddress
            else { return }
            for row in 0..<height {
              for (index, tap) in taps.enumerated() {
                let place = (row + reach + tap.row) * stride + (reach + tap.column) * channels
                (first + index).initialize(to: source + place)
              }
              kernel.correlate(first, weights: weights, taps: taps.count, count: count, into: target + row * count)
            }
          }
        }
      }
    }
    return result
  }

  /// With `reach` more pixels on every side.
  private func padded(by reach: Int, _ border: Border) -> Raster {
    var result = Raster(width: width + 2 * reach, height: height + 2 * reach, channels: channels)
    let (count, stride, channels) = (lineCount, result.lineCount, channels)
    let outside = Array(-reach..<0) + Array(width..<width + reach)
    values.withUnsafeBufferPointer { source in
      result.values.withUnsafeMutableBufferPointer { target in
        guard let source = source.baseAddress, let target = target.baseAddress else { return }
        for row in 0..<height + 2 * reach {
          let line = target + row * stride + reach * channels
          line.update(from: source + border.inside(row - reach, height) * count, count: count)
          for column in outside {
            (line + column * channels).update(from: line + border.inside(column, width) * channels, count: channels)
          }
        }
      }
    }
    return result
  }

  /// Without `border` pixels on every side.
  func cropped(by border: Int) -> Raster {
    let (inner, count) = (width - 2 * border, lineCount)
    var kept: [Float] = []
    kept.reserveCapacity(inner * (height - 2 * border) * channels)
    for row in border..<height - border {
      let start = row * count + border * channels
      kept += values[start..<start + inner * channels]
    }
    return Raster(width: inner, height: height - 2 * border, channels: channels, values: kept)
  }
}
