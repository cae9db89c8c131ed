import CProcessor
import KernelInterfaces

// What `ResamplingTaps` says; constants of another module are calls here.
private let lowBits: Int32 = 11
private let precisionBits: Int32 = 22

/// Pillow's resampling and torchvision's normalisation; one source for each instruction set.
///
/// Sums are of whole numbers and exact in any order, so every instruction set gives the same bytes.
package enum PreprocessingPasses: PreprocessingKernel {
  private typealias Bytes = gauntlet_bytes
  private typealias Sums = gauntlet_ints

  package static let rowsAtOnce = Bytes.scalarCount / 16
  /// The bytes of pixels 0 and 1 of 16 bytes as 16-bit numbers, channel by channel: r0 r1 g0 g1 b0 b1, and two zeros.
  @inline(__always)
  private static var firstPair: Bytes {
    repeated(SIMD16(0, 255, 3, 255, 1, 255, 4, 255, 2, 255, 5, 255, 255, 255, 255, 255))
  }

  /// The same of pixels 2 and 3.
  @inline(__always)
  private static var secondPair: Bytes {
    repeated(SIMD16(6, 255, 9, 255, 7, 255, 10, 255, 8, 255, 11, 255, 255, 255, 255, 255))
  }

  /// Three bytes of every four.
  @inline(__always)
  private static var withoutFourths: Bytes {
    repeated(SIMD16(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 255, 255, 255, 255))
  }

  /// Half a level.
  @inline(__always)
  private static var half: Sums { Sums(repeating: 1 << (precisionBits - 1)) }

  // MARK: - Rows beside each other, 16 bytes of each in a register

  package static func resampleColumns(
    _ source: UnsafePointer<UInt8>, stride: Int, taps: ResamplingTaps, into target: UnsafeMutablePointer<UInt8>,
    stride targetStride: Int
  ) {
    let last = taps.count - 1
    @inline(__always) func pixel(_ column: Int) -> Sums {
      weighted(source + 3 * Int(taps.first[column]), stride, taps.weights + column * taps.pairs, taps.pairs)
    }
    for column in Swift.stride(from: 0, to: taps.count, by: 4) {
      let bytes = gauntlet_saturate4(
        pixel(column), pixel(min(column + 1, last)), pixel(min(column + 2, last)), pixel(min(column + 3, last)))
      store(gauntlet_arrange(bytes, withoutFourths), target + 3 * column, targetStride)
    }
  }

  /// Red, green, blue and nothing of a pixel in each row, shifted to whole levels.
  @inline(__always)
  private static func weighted(
    _ source: UnsafePointer<UInt8>, _ stride: Int, _ weights: UnsafePointer<ResamplingTaps.Pair>, _ pairs: Int
  ) -> Sums {
    var (high, low) = (Sums(), half)
    var pair = 0
    while pair + 2 <= pairs {
      let bytes = load(source + 6 * pair, stride)
      add(gauntlet_arrange(bytes, firstPair), weights + pair, &high, &low)
      add(gauntlet_arrange(bytes, secondPair), weights + pair + 1, &high, &low)
      pair += 2
    }
    if pair < pairs { add(gauntlet_arrange(load(source + 6 * pair, stride), firstPair), weights + pair, &high, &low) }
    return levels(high, low)
  }

  @inline(__always)
  private static func add(
    _ values: Bytes, _ weights: UnsafePointer<ResamplingTaps.Pair>, _ high: inout Sums, _ low: inout Sums
  ) {
    let numbers = unsafeBitCast(values, to: gauntlet_shorts.self)
    let parts = UnsafeRawPointer(weights)
    high &+= gauntlet_pair_sums(numbers, everywhere(parts.load(as: Int32.self)))
    low &+= gauntlet_pair_sums(numbers, everywhere(parts.load(fromByteOffset: 4, as: Int32.self)))
  }

  /// Two 16-bit numbers in turn.
  @inline(__always)
  private static func everywhere(_ weights: Int32) -> gauntlet_shorts {
    unsafeBitCast(Sums(repeating: weights), to: gauntlet_shorts.self)
  }

  @inline(__always)
  private static func levels(_ high: Sums, _ low: Sums) -> Sums {
    ((high &<< Sums(repeating: lowBits)) &+ low) &>> Sums(repeating: precisionBits)
  }

  // MARK: - Columns

  package static func resampleRows(
    _ source: UnsafePointer<UInt8>, stride: Int, weights: UnsafePointer<ResamplingTaps.Pair>, pairs: Int, count: Int,
    into target: UnsafeMutablePointer<UInt8>
  ) {
    let size = Bytes.scalarCount
    let into = UnsafeMutableRawPointer(target)
    var column = 0
    while column + size <= count {
      into.storeBytes(of: levels(source + column, stride, weights, pairs), toByteOffset: column, as: Bytes.self)
      column += size
    }
    guard column < count else { return }
    withUnsafeBytes(of: levels(source + column, stride, weights, pairs)) {
      if let bytes = $0.baseAddress { (into + column).copyMemory(from: bytes, byteCount: count - column) }
    }
  }

  @inline(__always)
  private static func levels(
    _ source: UnsafePointer<UInt8>, _ stride: Int, _ weights: UnsafePointer<ResamplingTaps.Pair>, _ pairs: Int
  ) -> Bytes {
    var (high0, high1, high2, high3) = (Sums(), Sums(), Sums(), Sums())
    var (low0, low1, low2, low3) = (half, half, half, half)
    for pair in 0..<pairs {
      let place = UnsafeRawPointer(source + 2 * pair * stride)
      let above = place.loadUnaligned(as: Bytes.self)
      let below = place.loadUnaligned(fromByteOffset: stride, as: Bytes.self)
      let (low, high) = (gauntlet_in_turn_low(above, below), gauntlet_in_turn_high(above, below))
      add(gauntlet_in_turn_low(low, Bytes()), weights + pair, &high0, &low0)
      add(gauntlet_in_turn_high(low, Bytes()), weights + pair, &high1, &low1)
      add(gauntlet_in_turn_low(high, Bytes()), weights + pair, &high2, &low2)
      add(gauntlet_in_turn_high(high, Bytes()), weights + pair, &high3, &low3)
    }
    return gauntlet_saturate4(levels(high0, low0), levels(high1, low1), levels(high2, low2), levels(high3, low3))
  }

  // MARK: - Numbers

  package static func normalise(
    _ bytes: UnsafePointer<UInt8>, pixels: Int, mean: SIMD3<Float>, std: SIMD3<Float>,
    into target: UnsafeMutablePointer<Float>
  ) {
    typealias Numbers = SIMD16<Float>
    // Sixteen pixels are three registers, whose lanes take the channels in turn.
    func inTurn(_ values: SIMD3<Float>, from channel: Int) -> Numbers {
      var numbers = Numbers()
      for lane in 0..<16 { numbers[lane] = values[(lane + channel) % 3] }
      return numbers
    }
    let reciprocals = 1 / std
    let whole = pixels / 16 * 16
    let (from, into) = (UnsafeRawPointer(bytes), UnsafeMutableRawPointer(target))
    let (level, share) = (Numbers(repeating: 255), Numbers(repeating: 1 / 255))
    @inline(__always) func quotient(_ x: Numbers, _ divisor: Numbers, _ reciprocal: Numbers) -> Numbers {
      let near = x * reciprocal
      let rest = x.addingProduct(-near, divisor)
      return near.addingProduct(rest, reciprocal)
    }
    @inline(__always) func pass(_ start: Int, _ mean: Numbers, _ std: Numbers, _ reciprocal: Numbers) {
      let word = gauntlet_widen(from.loadUnaligned(fromByteOffset: start, as: SIMD16<UInt8>.self))
      let x = unsafeBitCast(word | 0x4B00_0000, to: Numbers.self) - 0x1p23
      let value = quotient(quotient(x, level, share) - mean, std, reciprocal)
      into.storeBytes(of: value, toByteOffset: 4 * start, as: Numbers.self)
    }
    let means = (inTurn(mean, from: 0), inTurn(mean, from: 1), inTurn(mean, from: 2))
    let stds = (inTurn(std, from: 0), inTurn(std, from: 1), inTurn(std, from: 2))
    let shares = (inTurn(reciprocals, from: 0), inTurn(reciprocals, from: 1), inTurn(reciprocals, from: 2))
    for pixel in stride(from: 0, to: whole, by: 16) {
      pass(3 * pixel, means.0, stds.0, shares.0)
      pass(3 * pixel + 16, means.1, stds.1, shares.1)
      pass(3 * pixel + 32, means.2, stds.2, shares.2)
    }
    for index in 3 * whole..<3 * pixels {
      target[index] = (Float(bytes[index]) / 255 - mean[index % 3]) / std[index % 3]
    }
  }
}
