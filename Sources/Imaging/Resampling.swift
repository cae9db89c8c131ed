/// Which filter resizes pictures. Names and shapes are Pillow's.
public enum Interpolation: String, Sendable, Hashable, Codable, CaseIterable {
  /// A triangle, one pixel to each side.
  case bilinear
  /// Keys' cubic with a = -0.5, two pixels to each side.
  case bicubic
  /// A box of half a pixel to each side: the mean when shrinking.
  case box

  var support: Double {
    switch self {
    case .bilinear: 1
    case .bicubic: 2
    case .box: 0.5
    }
  }

  func weight(_ position: Double) -> Double {
    let distance = abs(position)
    switch self {
    case .bilinear: return distance < 1 ? 1 - distance : 0
    case .bicubic:
      let a = -0.5
      if distance < 1 { return ((a + 2) * distance - (a + 3)) * distance * distance + 1 }
      if distance < 2 { return (((distance - 5) * distance + 8) * distance - 4) * a }
      return 0
    case .box: return position > -0.5 && position <= 0.5 ? 1 : 0
    }
  }
}

/// Pillow's resampling, bit for bit: horizontal, then vertical, each rounded to 8 bits, in 22-bit fixed point.
package enum Resampler {
  private static let precisionBits = 32 - 8 - 2

  /// Weights of the source pixels of every target pixel along one axis.
  private struct Taps {
    let first: [Int]
    let count: [Int]
    let stride: Int
    let weights: [Int32]

    init(source: Int, target: Int, interpolation: Interpolation) {
      let scale = Double(source) / Double(target)
      let filterScale = max(scale, 1)
      let support = interpolation.support * filterScale
      stride = Int(support.rounded(.up)) * 2 + 1
      var first: [Int] = []
      var count: [Int] = []
      var weights = [Int32](repeating: 0, count: stride * target)
      for index in 0..<target {
        let centre = (Double(index) + 0.5) * scale
        let low = max(0, Int(centre - support + 0.5))
        let high = min(source, Int(centre + support + 0.5))
        var row = (low..<high).map { interpolation.weight((Double($0) - centre + 0.5) * (1 / filterScale)) }
        // One by one and from the left: the order in which Pillow rounds.
        let sum = row.reduce(0, +)
        if sum != 0 { row = row.map { $0 * (1 / sum) } }
        for (offset, weight) in row.enumerated() {
          let scaled = weight * Double(1 << Resampler.precisionBits)
          weights[index * stride + offset] = Int32(scaled < 0 ? scaled - 0.5 : scaled + 0.5)
        }
        first.append(low)
        count.append(row.count)
      }
      (self.first, self.count, self.weights) = (first, count, weights)
    }
  }

  /// Resizes to `width` x `height`; both at least 1.
  package static func resize(_ image: RGBImage, width: Int, height: Int, interpolation: Interpolation) -> RGBImage {
    guard image.width > 0, image.height > 0, width > 0, height > 0 else {
      return RGBImage(width: width, height: height, pixels: [])
    }
    var pixels = image.pixels
    if width != image.width {
      let taps = Taps(source: image.width, target: width, interpolation: interpolation)
      pixels = horizontal(pixels, rows: image.height, sourceWidth: image.width, width: width, taps)
    }
    if height != image.height {
      let taps = Taps(source: image.height, target: height, interpolation: interpolation)
      pixels = vertical(pixels, width: width, height: height, taps)
    }
    return RGBImage(width: width, height: height, pixels: pixels)
  }

  private static func horizontal(
    _ source: [UInt8], rows: Int, sourceWidth: Int, width: Int, _ taps: Taps
  ) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: rows * width * 3) { target, count in
      source.withUnsafeBufferPointer { source in
        taps.weights.withUnsafeBufferPointer { weights in
          for row in 0..<rows {
            for column in 0..<width {
              var sum = SIMD4<Int32>(repeating: 1 << (precisionBits - 1))
              var pixel = (row * sourceWidth + taps.first[column]) * 3
              for tap in 0..<taps.count[column] {
                let weight = weights[column * taps.stride + tap]
                let value = SIMD4<Int32>(
                  Int32(source[pixel]), Int32(source[pixel + 1]), Int32(source[pixel + 2]), 0)
                sum = sum &+ value &* weight
                pixel += 3
              }
              store(sum, at: (row * width + column) * 3, in: target)
            }
          }
        }
      }
      count = rows * width * 3
    }
  }

  private static func vertical(_ source: [UInt8], width: Int, height: Int, _ taps: Taps) -> [UInt8] {
    let rowBytes = width * 3
    return [UInt8](unsafeUninitializedCapacity: height * rowBytes) { target, count in
      source.withUnsafeBufferPointer { source in
        var sums = [Int32](repeating: 0, count: rowBytes)
        for row in 0..<height {
          sums.withUnsafeMutableBufferPointer { sums in
            sums.update(repeating: 1 << (precisionBits - 1))
            for tap in 0..<taps.count[row] {
              let weight = taps.weights[row * taps.stride + tap]
              let start = (taps.first[row] + tap) * rowBytes
              for index in 0..<rowBytes { sums[index] &+= Int32(source[start + index]) &* weight }
            }
            for index in 0..<rowBytes { target[row * rowBytes + index] = clipped(sums[index]) }
          }
        }
      }
      count = height * rowBytes
    }
  }

  private static func store(_ sum: SIMD4<Int32>, at index: Int, in target: UnsafeMutableBufferPointer<UInt8>) {
    for channel in 0..<3 { target[index + channel] = clipped(sum[channel]) }
  }

  private static func clipped(_ sum: Int32) -> UInt8 {
    UInt8(clamping: sum >> Int32(precisionBits))
  }
}
