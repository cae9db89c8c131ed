import CProcessor

/// Which filter resizes pictures. Names and shapes are Pillow's.
public enum Interpolation: String, Sendable, Hashable, Codable, CaseIterable {
  /// A triangle, one pixel to each side.
  case bilinear
  /// Keys' cubic with a = -0.5, two pixels to each side.
  case bicubic
  /// A box of half a pixel to each side: the mean when shrinking.
  case box

  package var support: Double {
    switch self {
    case .bilinear: 1
    case .bicubic: 2
    case .box: 0.5
    }
  }

  package func weight(_ position: Double) -> Double {
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

  /// A part of a resized picture.
  package struct Window: Sendable, Hashable {
    /// The first column and row, and how many.
    package let left, top, width, height: Int

    package init(left: Int, top: Int, width: Int, height: Int) {
      (self.left, self.top, self.width, self.height) = (left, top, width, height)
    }
  }

  /// Resizes to `width` x `height`, both at least 1, and gives what is in `window`; nothing else is computed.
  ///
  /// - Precondition: the window lies in the resized picture.
  package static func resize(
    _ image: RGBImage, width: Int, height: Int, interpolation: Interpolation, window: Window? = nil
  ) -> RGBImage {
    guard image.width > 0, image.height > 0, width > 0, height > 0 else {
      return RGBImage(width: width, height: height, pixels: [])
    }
    let window = window ?? Window(left: 0, top: 0, width: width, height: height)
    precondition(
      window.left >= 0 && window.top >= 0 && window.left + window.width <= width
        && window.top + window.height <= height, "the window is not in the picture")
    let down = height == image.height ? nil : Taps(image.height, height, window.top, window.height, interpolation)
    // The rows that the vertical pass will read.
    let rows = down?.sources ?? window.top..<window.top + window.height
    let lines =
      width == image.width
      ? cut(image, rows, left: window.left, width: window.width)
      : horizontal(image, rows, Taps(image.width, width, window.left, window.width, interpolation))
    let pixels = down.map { vertical(lines, width: window.width, firstRow: rows.lowerBound, $0) } ?? lines
    return RGBImage(width: window.width, height: window.height, pixels: pixels)
  }

  private static func cut(_ image: RGBImage, _ rows: Range<Int>, left: Int, width: Int) -> [UInt8] {
    if left == 0, width == image.width, rows.count == image.height { return image.pixels }
    var pixels: [UInt8] = []
    pixels.reserveCapacity(rows.count * width * 3)
    for row in rows {
      let start = (row * image.width + left) * 3
      pixels += image.pixels[start..<start + width * 3]
    }
    return pixels
  }

  private static func horizontal(_ image: RGBImage, _ rows: Range<Int>, _ taps: Taps) -> [UInt8] {
    if taps.areCopies { return copiedColumns(image, rows, taps.first) }
    let lineBytes = taps.first.count * 3
    return [UInt8](unsafeUninitializedCapacity: rows.count * lineBytes) { target, count in
      image.pixels.withUnsafeBufferPointer { source in
        taps.weights.withUnsafeBufferPointer { weights in
          for row in rows {
            var place = (row - rows.lowerBound) * lineBytes
            for column in taps.first.indices {
              let start = (row * image.width + taps.first[column]) * 3
              // Two pixels are read as eight bytes each.
              let sum =
                start + taps.pairs * 6 + 5 <= source.count
                ? Self.sum(
                  source, start, UnsafeBufferPointer(rebasing: weights[column * taps.pairs..<(column + 1) * taps.pairs])
                ) : Self.sumOfPixels(source, start, taps, column)
              let bytes = gauntlet_saturate(sum &>> SIMD4(repeating: Int32(precisionBits)))
              target[place] = bytes[0]
              target[place + 1] = bytes[1]
              target[place + 2] = bytes[2]
              place += 3
            }
          }
        }
      }
      count = rows.count * lineBytes
    }
  }

  /// The pixels of some columns of some rows.
  private static func copiedColumns(_ image: RGBImage, _ rows: Range<Int>, _ columns: [Int]) -> [UInt8] {
    let lineBytes = columns.count * 3
    return [UInt8](unsafeUninitializedCapacity: rows.count * lineBytes) { target, count in
      image.pixels.withUnsafeBufferPointer { source in
        var place = 0
        for row in rows {
          let start = row * image.width * 3
          for column in columns {
            let pixel = start + 3 * column
            target[place] = source[pixel]
            target[place + 1] = source[pixel + 1]
            target[place + 2] = source[pixel + 2]
            place += 3
          }
        }
      }
      count = rows.count * lineBytes
    }
  }

  /// The weighted sum of neighbouring pixels, and half a unit of what is kept.
  @inline(__always)
  private static func sum(
    _ source: UnsafeBufferPointer<UInt8>, _ start: Int, _ weights: UnsafeBufferPointer<Taps.Pair>
  ) -> SIMD4<Int32> {
    let bytes = UnsafeRawBufferPointer(source)
    var (high, low) = (SIMD4<Int32>(), SIMD4<Int32>(repeating: 1 << Int32(precisionBits - 1)))
    for (pair, weights) in weights.enumerated() {
      let first = bytes.loadUnaligned(fromByteOffset: start + 6 * pair, as: SIMD8<UInt8>.self)
      let second = bytes.loadUnaligned(fromByteOffset: start + 6 * pair + 3, as: SIMD8<UInt8>.self)
      let values = gauntlet_alternate_low(first, second)
      high &+= gauntlet_multiply_pairs(values, weights.high)
      low &+= gauntlet_multiply_pairs(values, weights.low)
    }
    return (high &<< SIMD4(repeating: Taps.lowBits)) &+ low
  }

  /// The same where eight bytes would reach beyond the picture's end.
  private static func sumOfPixels(
    _ source: UnsafeBufferPointer<UInt8>, _ start: Int, _ taps: Taps, _ column: Int
  ) -> SIMD4<Int32> {
    var sum = SIMD4<Int32>(repeating: 1 << Int32(precisionBits - 1))
    for tap in 0..<taps.count[column] {
      let pixel = start + 3 * tap
      let value = SIMD4<Int32>(Int32(source[pixel]), Int32(source[pixel + 1]), Int32(source[pixel + 2]), 0)
      sum &+= value &* SIMD4(repeating: taps.weight(column, tap))
    }
    return sum
  }

  private static func vertical(_ source: [UInt8], width: Int, firstRow: Int, _ taps: Taps) -> [UInt8] {
    let rowBytes = width * 3
    if taps.areCopies {
      return taps.first.flatMap { row in source[(row - firstRow) * rowBytes..<(row - firstRow + 1) * rowBytes] }
    }
    let whole = rowBytes / 8 * 8
    return [UInt8](unsafeUninitializedCapacity: taps.first.count * rowBytes) { target, count in
      source.withUnsafeBytes { source in
        for row in taps.first.indices {
          let start = (taps.first[row] - firstRow) * rowBytes
          for column in stride(from: 0, to: whole, by: 8) {
            var (high0, high1) = (SIMD4<Int32>(), SIMD4<Int32>())
            var low0 = SIMD4<Int32>(repeating: 1 << Int32(precisionBits - 1))
            var low1 = low0
            for pair in 0..<taps.pairs {
              let weights = taps.weights[row * taps.pairs + pair]
              let place = start + 2 * pair * rowBytes + column
              // The second row of the last pair may lie beyond the picture; its weight is zero.
              let next = place + rowBytes + 8 <= source.count ? place + rowBytes : place
              let first = source.loadUnaligned(fromByteOffset: min(place, source.count - 8), as: SIMD8<UInt8>.self)
              let second = source.loadUnaligned(fromByteOffset: min(next, source.count - 8), as: SIMD8<UInt8>.self)
              let values0 = gauntlet_alternate_low(first, second)
              let values1 = gauntlet_alternate_high(first, second)
              high0 &+= gauntlet_multiply_pairs(values0, weights.high)
              low0 &+= gauntlet_multiply_pairs(values0, weights.low)
              high1 &+= gauntlet_multiply_pairs(values1, weights.high)
              low1 &+= gauntlet_multiply_pairs(values1, weights.low)
            }
            let (bits, lowBits) = (SIMD4(repeating: Int32(precisionBits)), SIMD4(repeating: Taps.lowBits))
            let bytes = SIMD8<UInt8>(
              lowHalf: gauntlet_saturate(((high0 &<< lowBits) &+ low0) &>> bits),
              highHalf: gauntlet_saturate(((high1 &<< lowBits) &+ low1) &>> bits))
            UnsafeMutableRawBufferPointer(target).storeBytes(
              of: bytes, toByteOffset: row * rowBytes + column, as: SIMD8<UInt8>.self)
          }
          for column in whole..<rowBytes {
            var sum: Int32 = 1 << Int32(precisionBits - 1)
            for tap in 0..<taps.count[row] {
              sum &+= Int32(source[start + tap * rowBytes + column]) &* taps.weight(row, tap)
            }
            target[row * rowBytes + column] = UInt8(clamping: sum >> Int32(precisionBits))
          }
        }
      }
      count = taps.first.count * rowBytes
    }
  }

  /// Weights of the source pixels of a range of target pixels along one axis.
  ///
  /// Two weights are multiplied at once as 16-bit numbers, and a weight has 23 bits and a sign: it is taken as a high
  /// part times 2^11 and a low one.
  private struct Taps {
    static let lowBits: Int32 = 11

    /// The weights of a pair of source pixels, four times.
    struct Pair {
      var high = SIMD8<Int16>()
      var low = SIMD8<Int16>()
    }

    /// The first source pixel of each target pixel, and how many there are.
    private(set) var first: [Int] = []
    private(set) var count: [Int] = []
    /// Pairs of weights of a target pixel, no more than one of them needs; missing ones are zero.
    let pairs: Int
    /// Every target pixel is some source pixel.
    let areCopies: Bool
    private(set) var weights: [Pair]

    init(_ source: Int, _ target: Int, _ start: Int, _ length: Int, _ interpolation: Interpolation) {
      let scale = Double(source) / Double(target)
      let filterScale = max(scale, 1)
      let support = interpolation.support * filterScale
      var rows: [[Int32]] = []
      for index in 0..<length {
        let centre = (Double(start + index) + 0.5) * scale
        let low = max(0, Int(centre - support + 0.5))
        let high = min(source, Int(centre + support + 0.5))
        var row = (low..<high).map { interpolation.weight((Double($0) - centre + 0.5) * (1 / filterScale)) }
        // One by one and from the left: the order in which Pillow rounds.
        let sum = row.reduce(0, +)
        if sum != 0 { row = row.map { $0 * (1 / sum) } }
        var rounded = row.map { weight in
          let scaled = weight * Double(1 << Resampler.precisionBits)
          return Int32(scaled < 0 ? scaled - 0.5 : scaled + 0.5)
        }
        // The filter's ends are often zero, and every pair costs time.
        while rounded.count > 1, rounded.last == 0 { rounded.removeLast() }
        let zeros = max(0, min(rounded.prefix { $0 == 0 }.count, rounded.count - 1))
        rows.append(Array(rounded.dropFirst(zeros)))
        first.append(low + zeros)
        count.append(rounded.count - zeros)
      }
      pairs = ((count.max() ?? 1) + 1) / 2
      areCopies = rows.allSatisfy { $0 == [1 << Int32(Resampler.precisionBits)] }
      weights = [Pair](repeating: Pair(), count: pairs * length)
      for (index, row) in rows.enumerated() {
        for (tap, weight) in row.enumerated() {
          for lane in stride(from: tap % 2, to: 8, by: 2) {
            weights[index * pairs + tap / 2].high[lane] = Int16(truncatingIfNeeded: weight >> Self.lowBits)
            weights[index * pairs + tap / 2].low[lane] = Int16(weight & (1 << Self.lowBits - 1))
          }
        }
      }
    }

    func weight(_ index: Int, _ tap: Int) -> Int32 {
      let pair = weights[index * pairs + tap / 2]
      return Int32(pair.high[tap % 2]) << Self.lowBits + Int32(pair.low[tap % 2])
    }

    /// The source pixels that all target pixels together need.
    var sources: Range<Int> {
      let last = zip(first, count).map(+).max() ?? 0
      return (first.min() ?? 0)..<last
    }
  }
}
