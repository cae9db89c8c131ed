import CProcessor
import KernelInterfaces

/// The passes of corruptions over rows of pixels; one source for each instruction set.
///
/// Every number is made by itself, products and sums are rounded apart and whole numbers added exactly, so every
/// instruction set gives the same bits.
package enum PixelPasses: PixelKernel {
  private typealias Numbers = SIMD16<Float>

  package static func shares(
    _ bytes: UnsafePointer<UInt8>, count: Int, into target: UnsafeMutablePointer<Float>
  ) {
    for index in 0..<count { target[index] = Float(bytes[index]) / 255 }
  }

  package static func levels(
    _ values: UnsafePointer<Float>, count: Int, into target: UnsafeMutablePointer<UInt8>
  ) {
    let (from, into) = (UnsafeRawPointer(values), UnsafeMutableRawPointer(target))
    let whole = count / 16 * 16
    for start in stride(from: 0, to: whole, by: 16) {
      let numbers = from.loadUnaligned(fromByteOffset: 4 * start, as: Numbers.self)
      into.storeBytes(of: level(numbers), toByteOffset: start, as: SIMD16<UInt8>.self)
    }
    guard whole < count else { return }
    var rest = Numbers(repeating: 0)
    for index in whole..<count { rest[index - whole] = values[index] }
    let bytes = level(rest)
    for index in whole..<count { target[index] = bytes[index - whole] }
  }

  /// 255 x + 1e-4, clipped and cut off: float32 may end just below the whole number that float64 reaches.
  @inline(__always)
  private static func level(_ value: Numbers) -> SIMD16<UInt8> {
    var scaled = value * 255 + 1e-4
    // What is not above is 0, NaN too.
    scaled = Numbers(repeating: 0).replacing(with: scaled, where: scaled .> 0)
    scaled.replace(with: 255, where: scaled .> 255)
    // Adding 2^23 leaves the nearest whole number in the last bits; one above is too large by 1.
    let rounded = (scaled + 0x1p23) - 0x1p23
    let whole = rounded.replacing(with: rounded - 1, where: rounded .> scaled) + 0x1p23
    return gauntlet_narrow(unsafeBitCast(whole, to: SIMD16<UInt32>.self))
  }

  package static func correlateSymmetric(
    _ sources: UnsafePointer<UnsafePointer<Float>>, weights: UnsafePointer<Float>, radius: Int, count: Int,
    into target: UnsafeMutablePointer<Float>
  ) {
    let into = UnsafeMutableRawPointer(target)
    let middle = sources[radius]
    var start = 0
    while start + 64 <= count {
      @inline(__always) func load(_ line: UnsafePointer<Float>, _ part: Int) -> Numbers {
        UnsafeRawPointer(line + start).loadUnaligned(fromByteOffset: 64 * part, as: Numbers.self)
      }
      var sums = (
        load(middle, 0) * weights[0], load(middle, 1) * weights[0], load(middle, 2) * weights[0],
        load(middle, 3) * weights[0]
      )
      for tap in 1..<radius + 1 {
        let (before, after, weight) = (sources[radius - tap], sources[radius + tap], weights[tap])
        sums.0 += (load(before, 0) + load(after, 0)) * weight
        sums.1 += (load(before, 1) + load(after, 1)) * weight
        sums.2 += (load(before, 2) + load(after, 2)) * weight
        sums.3 += (load(before, 3) + load(after, 3)) * weight
      }
      into.storeBytes(of: sums.0, toByteOffset: 4 * start, as: Numbers.self)
      into.storeBytes(of: sums.1, toByteOffset: 4 * start + 64, as: Numbers.self)
      into.storeBytes(of: sums.2, toByteOffset: 4 * start + 128, as: Numbers.self)
      into.storeBytes(of: sums.3, toByteOffset: 4 * start + 192, as: Numbers.self)
      start += 64
    }
    while start + 16 <= count {
      var sum = UnsafeRawPointer(middle + start).loadUnaligned(as: Numbers.self) * weights[0]
      for tap in 1..<radius + 1 {
        let before = UnsafeRawPointer(sources[radius - tap] + start).loadUnaligned(as: Numbers.self)
        sum += (before + UnsafeRawPointer(sources[radius + tap] + start).loadUnaligned(as: Numbers.self)) * weights[tap]
      }
      into.storeBytes(of: sum, toByteOffset: 4 * start, as: Numbers.self)
      start += 16
    }
    for index in start..<count {
      var sum = middle[index] * weights[0]
      for tap in 1..<radius + 1 {
        sum += (sources[radius - tap][index] + sources[radius + tap][index]) * weights[tap]
      }
      target[index] = sum
    }
  }

  package static func prefixSums(
    _ bytes: UnsafePointer<UInt8>, pixels: Int, into target: UnsafeMutablePointer<Int32>
  ) {
    var (red, green, blue): (Int32, Int32, Int32) = (0, 0, 0)
    for pixel in 0..<pixels {
      target[3 * pixel] = red
      target[3 * pixel + 1] = green
      target[3 * pixel + 2] = blue
      red &+= Int32(bytes[3 * pixel])
      green &+= Int32(bytes[3 * pixel + 1])
      blue &+= Int32(bytes[3 * pixel + 2])
    }
    target[3 * pixels] = red
    target[3 * pixels + 1] = green
    target[3 * pixels + 2] = blue
  }

  package static func addDifferences(
    _ ends: UnsafePointer<UnsafePointer<Int32>>, _ starts: UnsafePointer<UnsafePointer<Int32>>, rows: Int, count: Int,
    scale: Float, into target: UnsafeMutablePointer<Float>
  ) {
    typealias Sums = SIMD16<Int32>
    var start = 0
    while start < count {
      // The last part overlaps the one before it, or is shorter where there is none.
      if start + 32 > count {
        guard count >= 32 else { break }
        start = count - 32
      }
      var (first, second) = (Sums(repeating: 0), Sums(repeating: 0))
      for row in 0..<rows {
        let (end, begin) = (UnsafeRawPointer(ends[row] + start), UnsafeRawPointer(starts[row] + start))
        first &+= end.loadUnaligned(as: Sums.self) &- begin.loadUnaligned(as: Sums.self)
        second &+=
          end.loadUnaligned(fromByteOffset: 64, as: Sums.self)
          &- begin.loadUnaligned(fromByteOffset: 64, as: Sums.self)
      }
      for lane in 0..<16 { target[start + lane] = Float(first[lane]) * scale }
      for lane in 0..<16 { target[start + 16 + lane] = Float(second[lane]) * scale }
      start += 32
    }
    for index in start..<max(start, count) {
      var sum: Int32 = 0
      for row in 0..<rows { sum &+= ends[row][index] &- starts[row][index] }
      target[index] = Float(sum) * scale
    }
  }

  // MARK: - Plasma

  package static func uniforms(_ words: UnsafePointer<UInt32>, count: Int, into target: UnsafeMutablePointer<Float>) {
    for index in 0..<count { target[index] = Float(Int32(truncatingIfNeeded: words[index] >> 8)) * 0x1p-24 }
  }

  package static func grow(
    _ lattice: UnsafePointer<Float>, side: Int, uniforms: UnsafePointer<Float>, swing: Float,
    centres: UnsafeMutablePointer<Float>, into finer: UnsafeMutablePointer<Float>
  ) {
    let mask = side - 1
    for row in 0..<side {
      let (above, below) = (lattice + row * side, lattice + ((row + 1) & mask) * side)
      let (noise, target) = (uniforms + row * side, centres + row * side)
      for column in 0..<mask {
        let sum = above[column] + below[column] + above[column + 1] + below[column + 1]
        target[column] = sum / 4 + swing * (2 * noise[column] - 1)
      }
      let sum = above[mask] + below[mask] + above[0] + below[0]
      target[mask] = sum / 4 + swing * (2 * noise[mask] - 1)
    }
    let rest = uniforms + side * side
    for row in 0..<side {
      let (here, below) = (lattice + row * side, lattice + ((row + 1) & mask) * side)
      let (middle, before) = (centres + row * side, centres + ((row - 1) & mask) * side)
      let noise = rest + 2 * row * side
      let (upper, lower) = (finer + 4 * row * side, finer + (4 * row + 2) * side)
      @inline(__always) func fill(_ column: Int, left: Int, right: Int) {
        upper[2 * column] = here[column]
        upper[2 * column + 1] =
          (middle[column] + before[column] + here[column] + here[right]) / 4 + swing * (2 * noise[2 * column] - 1)
        lower[2 * column] =
          (middle[column] + middle[left] + here[column] + below[column]) / 4 + swing * (2 * noise[2 * column + 1] - 1)
        lower[2 * column + 1] = middle[column]
      }
      fill(0, left: mask, right: 1 & mask)
      guard side > 1 else { continue }
      for column in 1..<mask { fill(column, left: column - 1, right: column + 1) }
      fill(mask, left: mask - 1, right: 0)
    }
  }

  package static func range(_ values: UnsafePointer<Float>, count: Int) -> (smallest: Float, largest: Float) {
    var (low, high) = (Numbers(repeating: values[0]), Numbers(repeating: values[0]))
    let whole = count / 16 * 16
    let raw = UnsafeRawPointer(values)
    for start in stride(from: 0, to: whole, by: 16) {
      let numbers = raw.loadUnaligned(fromByteOffset: 4 * start, as: Numbers.self)
      low.replace(with: numbers, where: numbers .< low)
      high.replace(with: numbers, where: numbers .> high)
    }
    var (smallest, largest) = (low[0], high[0])
    for lane in 1..<16 {
      smallest = low[lane] < smallest ? low[lane] : smallest
      largest = high[lane] > largest ? high[lane] : largest
    }
    for index in whole..<count {
      smallest = values[index] < smallest ? values[index] : smallest
      largest = values[index] > largest ? values[index] : largest
    }
    return (smallest, largest)
  }

  package static func veil(
    _ bytes: UnsafePointer<UInt8>, _ layer: UnsafePointer<Float>, pixels: Int, share: Float,
    tint: (Float, Float, Float), into target: UnsafeMutablePointer<UInt8>
  ) {
    // Sixteen pixels are three registers, whose lanes take the channels in turn.
    var tints = (Numbers(), Numbers(), Numbers())
    for lane in 0..<16 {
      tints.0[lane] = lane % 3 == 0 ? tint.0 : lane % 3 == 1 ? tint.1 : tint.2
      tints.1[lane] = lane % 3 == 2 ? tint.0 : lane % 3 == 0 ? tint.1 : tint.2
      tints.2[lane] = lane % 3 == 1 ? tint.0 : lane % 3 == 2 ? tint.1 : tint.2
    }
    let whole = pixels / 16 * 16
    for pixel in stride(from: 0, to: whole, by: 16) {
      let l = UnsafeRawPointer(layer + pixel).loadUnaligned(as: Numbers.self)
      let (from, into) = (bytes + 3 * pixel, target + 3 * pixel)
      mix(
        from, share,
        Numbers(l[0], l[0], l[0], l[1], l[1], l[1], l[2], l[2], l[2], l[3], l[3], l[3], l[4], l[4], l[4], l[5]),
        tints.0, into)
      mix(
        from + 16, share,
        Numbers(l[5], l[5], l[6], l[6], l[6], l[7], l[7], l[7], l[8], l[8], l[8], l[9], l[9], l[9], l[10], l[10]),
        tints.1, into + 16)
      mix(
        from + 32, share,
        Numbers(
          l[10], l[11], l[11], l[11], l[12], l[12], l[12], l[13], l[13], l[13], l[14], l[14], l[14], l[15], l[15], l[15]
        ),
        tints.2, into + 32)
    }
    for pixel in whole..<pixels {
      for (channel, tint) in [tint.0, tint.1, tint.2].enumerated() {
        let value = share * (Float(bytes[3 * pixel + channel]) / 255) + layer[pixel] * tint
        target[3 * pixel + channel] = level(Numbers(repeating: value))[0]
      }
    }
  }

  @inline(__always)
  private static func mix(
    _ bytes: UnsafePointer<UInt8>, _ share: Float, _ layer: Numbers, _ tint: Numbers,
    _ target: UnsafeMutablePointer<UInt8>
  ) {
    let values = number(gauntlet_widen(UnsafeRawPointer(bytes).loadUnaligned(as: SIMD16<UInt8>.self))) / 255
    UnsafeMutableRawPointer(target).storeBytes(of: level(share * values + layer * tint), as: SIMD16<UInt8>.self)
  }

  @inline(__always)
  private static func number(_ word: SIMD16<UInt32>) -> Numbers {
    unsafeBitCast(word | 0x4B00_0000, to: Numbers.self) - 0x1p23
  }

  // MARK: - Edges, distances and light

  package static func drops(
    _ liquid: UnsafePointer<Float>, threshold: Float, count: Int, into target: UnsafeMutablePointer<UInt8>
  ) {
    for index in 0..<count {
      let value = liquid[index] < threshold ? 0 : liquid[index] * 255
      target[index] = UInt8(truncatingIfNeeded: Int32(value < 255 ? value : 255))
    }
  }

  package static func products(
    _ first: UnsafePointer<UInt8>, _ second: UnsafePointer<UInt8>, count: Int, into target: UnsafeMutablePointer<Float>
  ) {
    for index in 0..<count { target[index] = Float(Int32(first[index]) &* Int32(second[index])) }
  }

  package static func sobel(
    _ above: UnsafePointer<UInt8>, _ here: UnsafePointer<UInt8>, _ below: UnsafePointer<UInt8>, count: Int,
    across: UnsafeMutablePointer<Int16>, down: UnsafeMutablePointer<Int16>, norm: UnsafeMutablePointer<Int16>
  ) {
    for index in 0..<count {
      let (a, b, c) = (Int16(above[index]), Int16(above[index + 1]), Int16(above[index + 2]))
      let (d, f) = (Int16(here[index]), Int16(here[index + 2]))
      let (g, h, i) = (Int16(below[index]), Int16(below[index + 1]), Int16(below[index + 2]))
      let x = (c &- a) &+ 2 &* (f &- d) &+ (i &- g)
      let y = (g &- a) &+ 2 &* (h &- b) &+ (i &- c)
      across[index] = x
      down[index] = y
      norm[index] = (x < 0 ? 0 &- x : x) &+ (y < 0 ? 0 &- y : y)
    }
  }

  package static func thin(
    _ norm: UnsafePointer<Int16>, stride: Int, across: UnsafePointer<Int16>, down: UnsafePointer<Int16>, count: Int,
    low: Int16, high: Int16, into states: UnsafeMutablePointer<UInt8>
  ) {
    let (lowest, highest) = (Int32(low), Int32(high))
    let (upper, lower) = (norm - stride, norm + stride)
    for index in 0..<count {
      let here = Int32(norm[index])
      let (x, y) = (Int32(across[index]), Int32(down[index]))
      let (width, height) = (x < 0 ? 0 &- x : x, (y < 0 ? 0 &- y : y) &<< 15)
      // tan 22.5 degrees in 15 fractional bits, as in OpenCV; tan 67.5 is that plus 2.
      let flat = width &* 13573
      let (isFlat, isSteep) = (height < flat, height > flat &+ (width &<< 16))
      let isRising = (x ^ y) < 0
      let before = isRising ? Int32(upper[index + 1]) : Int32(upper[index - 1])
      let after = isRising ? Int32(lower[index - 1]) : Int32(lower[index + 1])
      // Across, up and down the later neighbour may be as large; along a diagonal both must be smaller.
      let largest =
        isFlat
        ? max(Int32(norm[index - 1]), Int32(norm[index + 1]) &- 1)
        : isSteep ? max(Int32(upper[index]), Int32(lower[index]) &- 1) : max(before, after)
      let isEdge = here > (largest > lowest ? largest : lowest)
      states[index] = isEdge ? (here > highest ? 2 : 1) : 0
    }
  }

  package static func chamfer(
    _ row: UnsafeMutablePointer<Int32>, next: UnsafePointer<Int32>, beyond: UnsafePointer<Int32>, count: Int,
    backwards: Bool
  ) {
    // OpenCV's 1, 1.4 and 2.1969 with 16 fractional bits.
    let (straight, slant, far): (Int32, Int32, Int32) = (65536, 91750, 143_976)
    @inline(__always) func lesser(_ a: Int32, _ b: Int32) -> Int32 { a < b ? a : b }
    for index in 0..<count {
      let beside = lesser(next[index - 1], next[index + 1]) &+ slant
      let knights =
        lesser(
          lesser(next[index - 2], next[index + 2]), lesser(beyond[index - 1], beyond[index + 1])) &+ far
      row[index] = lesser(lesser(row[index], next[index] &+ straight), lesser(beside, knights))
    }
    if backwards {
      var last = row[count]
      for index in stride(from: count - 1, through: 0, by: -1) {
        last = lesser(row[index], last &+ straight)
        row[index] = last
      }
    } else {
      var last = row[-1]
      for index in 0..<count {
        last = lesser(row[index], last &+ straight)
        row[index] = last
      }
    }
  }

  package static func boxOfDistances(
    _ above: UnsafePointer<Int32>, _ here: UnsafePointer<Int32>, _ below: UnsafePointer<Int32>, count: Int,
    largest: Int32, into target: UnsafeMutablePointer<UInt8>
  ) {
    @inline(__always) func bounded(_ value: Int32) -> Int32 { value < largest ? value : largest }
    for index in 0..<count {
      let first = bounded(above[index]) &+ bounded(above[index + 1]) &+ bounded(above[index + 2])
      let second = bounded(here[index]) &+ bounded(here[index + 1]) &+ bounded(here[index + 2])
      let third = bounded(below[index]) &+ bounded(below[index + 1]) &+ bounded(below[index + 2])
      // Nine times 2^16; 7282 / 2^16 is a ninth, large enough and good enough for sums of up to 9 x 255.
      target[index] = UInt8(truncatingIfNeeded: (((first &+ second &+ third) &>> 16) &* 7282) &>> 16)
    }
  }

  package static func emboss(
    _ above: UnsafePointer<UInt8>, _ here: UnsafePointer<UInt8>, _ below: UnsafePointer<UInt8>, count: Int,
    into target: UnsafeMutablePointer<UInt8>
  ) {
    for index in 0..<count {
      let (a, b, d) = (Int16(above[index]), Int16(above[index + 1]), Int16(here[index]))
      let (e, f) = (Int16(here[index + 1]), Int16(here[index + 2]))
      let (h, i) = (Int16(below[index + 1]), Int16(below[index + 2]))
      let sum = 2 &* (i &- a) &+ (e &- b &- d) &+ (f &+ h)
      target[index] = UInt8(truncatingIfNeeded: sum < 0 ? 0 : sum > 255 ? 255 : sum)
    }
  }

  package static func boxOfBytes(
    _ above: UnsafePointer<UInt8>, _ here: UnsafePointer<UInt8>, _ below: UnsafePointer<UInt8>, count: Int,
    into target: UnsafeMutablePointer<UInt8>
  ) {
    for index in 0..<count {
      let first = UInt32(above[index]) &+ UInt32(above[index + 1]) &+ UInt32(above[index + 2])
      let second = UInt32(here[index]) &+ UInt32(here[index + 1]) &+ UInt32(here[index + 2])
      let third = UInt32(below[index]) &+ UInt32(below[index + 1]) &+ UInt32(below[index + 2])
      // (2 sum + 9) / 18: the nearest whole number of a ninth.
      target[index] = UInt8(truncatingIfNeeded: ((first &+ second &+ third &+ 4) &* 7282) &>> 16)
    }
  }
}
