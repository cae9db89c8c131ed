import Kernels

/// A disk of sum 1 on a grid of 17x17 (radius <= 8, else 2 radius + 1), blurred with a Gaussian of 3x3 (else 5x5), as
/// OpenCV blurs a small picture: reflected at the grid's border.
///
/// A picture is correlated with the sharp disk first, in whole numbers: the sum over a row of the disk is a difference of
/// two sums from the row's start. The Gaussian follows, and what the grid's border changes is added.
package struct AntialiasedDisk {
  /// Of the sharp disk, in pixels.
  package let radius: Int
  /// The Gaussian, from -blur to blur.
  private let weights: [Double]
  private let blur: Int
  /// Half the grid's side, its middle left out.
  private let reach: Int
  /// Pixels of the sharp disk.
  private let count: Int

  package init(radius: Int, sigma: Double) {
    self.radius = radius
    blur = radius <= 8 ? 1 : 2
    reach = max(radius, 8)
    weights = gaussianWeights(sigma: sigma, radius: blur)
    count = (-radius...radius).reduce(0) { $0 + 2 * Self.halfWidth($1, radius) + 1 }
  }

  /// How far a row of the disk reaches from its middle.
  private static func halfWidth(_ row: Int, _ radius: Int) -> Int {
    var half = 0
    while (half + 1) * (half + 1) + row * row <= radius * radius { half += 1 }
    return half
  }

  /// The weight at a place: what ``blur(_:)`` amounts to, and is compared with.
  package func weight(_ row: Int, _ column: Int) -> Double {
    guard abs(row) <= reach, abs(column) <= reach else { return 0 }
    return sum(row, column) { Border.reflect101.inside($0 + reach, 2 * reach + 1) - reach } / Double(count)
  }

  /// The Gaussian over the disk around a place, whose coordinates a function may move.
  private func sum(_ row: Int, _ column: Int, _ moved: (Int) -> Int) -> Double {
    var sum = 0.0
    for (down, vertical) in weights.enumerated() {
      for (across, horizontal) in weights.enumerated() {
        let (y, x) = (moved(row + down - blur), moved(column + across - blur))
        if y * y + x * x <= radius * radius { sum += vertical * horizontal }
      }
    }
    return sum
  }

  /// What the grid's border adds to the weights of the disk and the Gaussian.
  private var corrections: [Raster.Tap] {
    var taps: [Raster.Tap] = []
    let far = radius + blur
    guard far > reach else { return [] }
    for row in -far...far {
      for column in -far...far {
        let plain = sum(row, column) { $0 } / Double(count)
        let difference = Float(weight(row, column) - plain)
        if difference != 0 { taps.append(Raster.Tap(row: row, column: column, weight: difference)) }
      }
    }
    return taps
  }

  /// The picture under the disk, border reflect-101.
  package func blur(_ image: RGBImage) -> RGBImage {
    let half = weights[blur...].map(Float.init)
    var raster = sums(image, scale: Float(1 / (255 * Double(count)))).separated(half, .replicate).cropped(by: blur)
    let corrections = corrections
    if !corrections.isEmpty {
      let more = Raster(image).correlated(corrections, border: .reflect101)
      for index in raster.values.indices { raster.values[index] += more.values[index] }
    }
    return RGBImage(raster)
  }

  /// The sums over the sharp disk around every pixel and `blur` more on each side, times a scale.
  private func sums(_ image: RGBImage, scale: Float) -> Raster {
    let (width, height, border) = (image.width, image.height, radius + blur)
    let kernel = InstructionSet.chosen.pixelKernel
    // Each row with its border, and the sums of each channel from its start.
    let stride = 3 * (width + 2 * border + 1)
    var rows = [Int32](repeating: 0, count: stride * height)
    let columns = (-border..<width + border).map { Border.reflect101.inside($0, width) }
    let outside = Array(columns.indices.prefix(border)) + columns.indices.suffix(border)
    var line = [UInt8](repeating: 0, count: 3 * columns.count)
    for row in 0..<height {
      let start = 3 * row * width
      line.replaceSubrange(3 * border..<3 * (border + width), with: image.pixels[start..<start + 3 * width])
      for index in outside {
        for channel in 0..<3 { line[3 * index + channel] = image.pixels[start + 3 * columns[index] + channel] }
      }
      rows.withUnsafeMutableBufferPointer { rows in
        line.withUnsafeBufferPointer { line in
          guard let rows = rows.baseAddress, let line = line.baseAddress else { return }
          kernel.prefixSums(line, pixels: columns.count, into: rows + row * stride)
        }
      }
    }
    let halves = (-radius...radius).map { Self.halfWidth($0, radius) }
    var result = Raster(width: width + 2 * blur, height: height + 2 * blur, channels: 3)
    let count = result.lineCount
    rows.withUnsafeBufferPointer { rows in
      result.values.withUnsafeMutableBufferPointer { target in
        withUnsafeTemporaryAllocation(of: UnsafePointer<Int32>.self, capacity: 2 * halves.count) { lines in
          guard let rows = rows.baseAddress, let target = target.baseAddress, let ends = lines.baseAddress else {
            return
          }
          let starts = ends + halves.count
          for row in 0..<height + 2 * blur {
            for (index, half) in halves.enumerated() {
              let source = Border.reflect101.inside(row - blur + index - radius, height)
              let middle = rows + source * stride + 3 * radius
              (ends + index).initialize(to: middle + 3 * (half + 1))
              (starts + index).initialize(to: middle - 3 * half)
            }
            kernel.addDifferences(
              ends, starts, rows: halves.count, count: count, scale: scale, into: target + row * count)
          }
        }
      }
    }
    return result
  }
}
