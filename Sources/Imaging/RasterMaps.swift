/// Rasters seen through maps, between four pixels.
extension Raster {
  /// Each pixel of three channels from where a function of its row and column says, in pixels, between the four around it.
  @inline(__always)
  func warped(border: Border, _ position: (Int, Int) -> (row: Float, column: Float)) -> Raster {
    precondition(channels == 3, "a picture has three channels")
    // A pixel is read and written as four numbers; the fourth is the next pixel's, and beyond the last there is room.
    let source = values + [0]
    let result = [Float](unsafeUninitializedCapacity: source.count) { target, initialized in
      source.withUnsafeBytes { source in
        let into = UnsafeMutableRawBufferPointer(target)
        @inline(__always) func pixel(_ row: Int, _ column: Int) -> SIMD4<Float> {
          source.loadUnaligned(fromByteOffset: 12 * (row * width + column), as: SIMD4<Float>.self)
        }
        for row in 0..<height {
          for column in 0..<width {
            let place = position(row, column)
            let (top, left) = (Self.floor(place.row), Self.floor(place.column))
            let (above, below) = (border.inside(top, height), border.inside(top + 1, height))
            let (before, after) = (border.inside(left, width), border.inside(left + 1, width))
            let (down, across) = (place.row - Float(top), place.column - Float(left))
            let upper = pixel(above, before) * (1 - across) + pixel(above, after) * across
            let lower = pixel(below, before) * (1 - across) + pixel(below, after) * across
            into.storeBytes(
              of: upper * (1 - down) + lower * down, toByteOffset: 12 * (row * width + column), as: SIMD4<Float>.self)
          }
        }
      }
      initialized = source.count
    }
    return Raster(width: width, height: height, channels: 3, values: Array(result.dropLast()))
  }

  private static func floor(_ value: Float) -> Int {
    let whole = Int(value)
    return Float(whole) > value ? whole - 1 : whole
  }

  /// SciPy's `zoom` of order 1 of the middle `ceil(side / factor)` pixels each way, cut back to the raster's size.
  ///
  /// The public code takes square pictures; here each side is treated by itself.
  func clippedZoom(_ factor: Double) -> Raster {
    let rows = ZoomAxis(count: height, factor: factor)
    let columns = ZoomAxis(count: width, factor: factor)
    let (count, channels) = (lineCount, channels)
    var result = Raster(width: width, height: height, channels: channels)
    values.withUnsafeBufferPointer { values in
      result.values.withUnsafeMutableBufferPointer { target in
        for row in 0..<height {
          let (top, down) = (rows.first[row] * count, rows.second[row] * count)
          let share = rows.share[row]
          for column in 0..<width {
            let (left, right) = (columns.first[column] * channels, columns.second[column] * channels)
            let across = columns.share[column]
            for channel in 0..<channels {
              let upper = values[top + left + channel]
              let upperMean = upper + (values[top + right + channel] - upper) * across
              let lower = values[down + left + channel]
              let lowerMean = lower + (values[down + right + channel] - lower) * across
              target[row * count + column * channels + channel] = upperMean + (lowerMean - upperMean) * share
            }
          }
        }
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
