import CProcessor
import KernelInterfaces

/// Random numbers and the noises made of them, 16 blocks of Philox at once; one source for each instruction set.
///
/// Products and sums are rounded apart, so every instruction set gives the same bits. Value i takes word i / 16 mod 4 of
/// block 16 (i / 64) + i mod 16, so that no word changes its lane.
package enum NoisePasses: NoiseKernel {
  private typealias Words = SIMD16<UInt32>
  private typealias Numbers = SIMD16<Float>

  package static func impulse(
    _ pixels: UnsafeMutablePointer<UInt8>, count: Int, white: UInt32, changed: UInt32, _ source: NoiseSource
  ) {
    forEachGroup(pixels, count) { group, part in
      let words = philox(UInt32(truncatingIfNeeded: group) &* 16, source)
      replace(part, words.0, white, changed)
      replace(part + 16, words.1, white, changed)
      replace(part + 32, words.2, white, changed)
      replace(part + 48, words.3, white, changed)
    }
  }

  package static func gaussian(
    _ pixels: UnsafeMutablePointer<UInt8>, count: Int, scale: Float, multiplies: Bool, _ source: NoiseSource
  ) {
    forEachGroup(pixels, count) { group, part in
      let words = philox(UInt32(truncatingIfNeeded: group) &* 16, source)
      let first = normals(words.0, words.1)
      let second = normals(words.2, words.3)
      add(part, first.0 * scale, multiplies)
      add(part + 16, first.1 * scale, multiplies)
      add(part + 32, second.0 * scale, multiplies)
      add(part + 48, second.1 * scale, multiplies)
    }
  }

  package static func words(_ target: UnsafeMutablePointer<UInt32>, groups: Int, _ source: NoiseSource) {
    for group in 0..<groups {
      let words = philox(UInt32(truncatingIfNeeded: group) &* 16, source)
      let part = UnsafeMutableRawPointer(target + 64 * group)
      part.storeBytes(of: words.0, as: Words.self)
      part.storeBytes(of: words.1, toByteOffset: 64, as: Words.self)
      part.storeBytes(of: words.2, toByteOffset: 128, as: Words.self)
      part.storeBytes(of: words.3, toByteOffset: 192, as: Words.self)
    }
  }

  package static func normals(_ target: UnsafeMutablePointer<Float>, groups: Int, _ source: NoiseSource) {
    for group in 0..<groups {
      let words = philox(UInt32(truncatingIfNeeded: group) &* 16, source)
      let (first, second) = (normals(words.0, words.1), normals(words.2, words.3))
      let part = UnsafeMutableRawPointer(target + 64 * group)
      part.storeBytes(of: first.0, as: Numbers.self)
      part.storeBytes(of: first.1, toByteOffset: 64, as: Numbers.self)
      part.storeBytes(of: second.0, toByteOffset: 128, as: Numbers.self)
      part.storeBytes(of: second.1, toByteOffset: 192, as: Numbers.self)
    }
  }

  // MARK: - Pixels

  /// Each 64 bytes with their number; the last, which may be fewer, on a copy.
  @inline(__always)
  private static func forEachGroup(
    _ pixels: UnsafeMutablePointer<UInt8>, _ count: Int, _ body: (Int, UnsafeMutablePointer<UInt8>) -> Void
  ) {
    for group in 0..<count / 64 { body(group, pixels + 64 * group) }
    let rest = count % 64
    guard rest > 0 else { return }
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 64) { copy in
      guard let part = copy.baseAddress else { return }
      part.initialize(repeating: 0, count: 64)
      part.update(from: pixels + (count - rest), count: rest)
      body(count / 64, part)
      (pixels + (count - rest)).update(from: part, count: rest)
    }
  }

  @inline(__always)
  private static func replace(_ pixels: UnsafeMutablePointer<UInt8>, _ word: Words, _ white: UInt32, _ changed: UInt32)
  {
    var values = gauntlet_widen(UnsafeRawPointer(pixels).loadUnaligned(as: SIMD16<UInt8>.self))
    values &= ~isBelow(word, changed)
    values |= isBelow(word, white)
    UnsafeMutableRawPointer(pixels).storeBytes(of: gauntlet_narrow(values), as: SIMD16<UInt8>.self)
  }

  /// All bits where a word is below a limit: the sign of the difference, borrow included.
  @inline(__always)
  private static func isBelow(_ word: Words, _ limit: UInt32) -> Words {
    let limits = Words(repeating: limit)
    let borrow = (~word & limits) | ((~word | limits) & (word &- limits))
    return unsafeBitCast(unsafeBitCast(borrow, to: SIMD16<Int32>.self) &>> 31, to: Words.self)
  }

  /// Cut off at 0 and 255 and to whole numbers, as NumPy's `uint8`.
  @inline(__always)
  private static func add(_ pixels: UnsafeMutablePointer<UInt8>, _ noise: Numbers, _ multiplies: Bool) {
    let bytes = UnsafeRawPointer(pixels).loadUnaligned(as: SIMD16<UInt8>.self)
    let values = number(gauntlet_widen(bytes))
    var sum = multiplies ? values + values * noise : values + noise
    sum.replace(with: 0, where: sum .< 0)
    sum.replace(with: 255, where: sum .> 255)
    // Adding 2^23 leaves the nearest whole number in the last bits; one above the sum is too large by 1.
    let rounded = (sum + 0x1p23) - 0x1p23
    let whole = rounded.replacing(with: rounded - 1, where: rounded .> sum) + 0x1p23
    let result = gauntlet_narrow(unsafeBitCast(whole, to: Words.self))
    UnsafeMutableRawPointer(pixels).storeBytes(of: result, as: SIMD16<UInt8>.self)
  }

  // MARK: - Numbers

  /// A whole number below 2^23: these bits are 2^23 plus it.
  @inline(__always)
  private static func number(_ word: Words) -> Numbers { unsafeBitCast(word | 0x4B00_0000, to: Numbers.self) - 0x1p23 }

  /// A whole number from -2^22 to 2^22.
  @inline(__always)
  private static func signedNumber(_ integer: SIMD16<Int32>) -> Numbers {
    unsafeBitCast(integer &+ 0x4B40_0000, to: Numbers.self) - 0x1.8p23
  }

  /// Ten rounds of Philox4x32 on the counters (first + lane, 0, stream).
  @inline(__always)
  private static func philox(_ first: UInt32, _ source: NoiseSource) -> (Words, Words, Words, Words) {
    var a = Words(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15) &+ first
    var b = Words(repeating: 0)
    var c = Words(repeating: source.stream.0)
    var d = Words(repeating: source.stream.1)
    var key = source.key
    for _ in 0..<10 {
      let (firstHigh, firstLow) = multiply(a, 0xD251_1F53)
      let (secondHigh, secondLow) = multiply(c, 0xCD9E_8D57)
      (a, b, c, d) = (secondHigh ^ b ^ key.0, secondLow, firstHigh ^ d ^ key.1, firstLow)
      key = (key.0 &+ 0x9E37_79B9, key.1 &+ 0xBB67_AE85)
    }
    return (a, b, c, d)
  }

  /// The high and the low halves of products.
  @inline(__always)
  private static func multiply(_ words: Words, _ factor: UInt64) -> (Words, Words) {
    let pairs = unsafeBitCast(words, to: SIMD8<UInt64>.self)
    let even = (pairs & 0xFFFF_FFFF) &* factor
    let odd = (pairs &>> 32) &* factor
    let high = (even &>> 32) | (odd & 0xFFFF_FFFF_0000_0000)
    let low = (even & 0xFFFF_FFFF) | (odd &<< 32)
    return (unsafeBitCast(high, to: Words.self), unsafeBitCast(low, to: Words.self))
  }

  /// Two independent normal numbers from two words (Box and Muller 1958), within 2e-6 of max(1, |x|).
  ///
  /// The radius is sqrt(-2 ln u) with u = (word >> 9 + 1/2) 2^-23, so that it is between 3.4e-4 and 5.8.
  @inline(__always)
  private static func normals(_ radius: Words, _ angle: Words) -> (Numbers, Numbers) {
    let uniform = (number(radius &>> 9) + 0.5) * 0x1p-23
    let length = gauntlet_square_roots(logarithm(uniform) * -2)
    let (sine, cosine) = sineAndCosine(angle)
    return (length * cosine, length * sine)
  }

  /// ln x of normal positive numbers: the exponent times ln 2 plus 2 artanh((m - 1) / (m + 1)) by its series,
  /// m in [sqrt 1/2, sqrt 2).
  @inline(__always)
  private static func logarithm(_ x: Numbers) -> Numbers {
    // Subtracting the bits of sqrt(1/2) makes the exponent of what is below it one less.
    let bits = unsafeBitCast(x, to: Words.self)
    let shifted = bits &- 0x3F35_04F3
    let exponent = signedNumber(unsafeBitCast(shifted, to: SIMD16<Int32>.self) &>> 23)
    let significand = unsafeBitCast((shifted & 0x007F_FFFF) &+ 0x3F35_04F3, to: Numbers.self)
    let ratio = (significand - 1) / (significand + 1)
    let square = ratio * ratio
    var series = Numbers(repeating: 2.0 / 9)
    series = series * square + 2.0 / 7
    series = series * square + 2.0 / 5
    series = series * square + 2.0 / 3
    series = series * square + 2
    return exponent * 0.6931472 + ratio * series
  }

  /// Sine and cosine of word 2^-32 turns: quarter turns by exchange and sign, the rest by Taylor's series.
  @inline(__always)
  private static func sineAndCosine(_ word: Words) -> (Numbers, Numbers) {
    let quadrant = (word &+ 0x2000_0000) &>> 30
    let rest = unsafeBitCast(word &- (quadrant &<< 30), to: SIMD16<Int32>.self)
    // From -1/2 to 1/2 quarter turns.
    let x = signedNumber(rest &>> 7) * (0x1p-23 * 1.5707964)
    let square = x * x
    var sine = Numbers(repeating: -1.0 / 5040)
    sine = sine * square + 1.0 / 120
    sine = sine * square - 1.0 / 6
    sine = x + x * square * sine
    var cosine = Numbers(repeating: 1.0 / 40320)
    cosine = cosine * square - 1.0 / 720
    cosine = cosine * square + 1.0 / 24
    cosine = cosine * square - 0.5
    cosine = cosine * square + 1
    // By masks of bits: Swift compares integers one by one.
    let isSwapped = 0 &- (quadrant & 1)
    let (s, c) = (unsafeBitCast(sine, to: Words.self), unsafeBitCast(cosine, to: Words.self))
    let difference = (s ^ c) & isSwapped
    let first = s ^ difference ^ ((quadrant & 2) &<< 30)
    let second = c ^ difference ^ (((quadrant &+ 1) & 2) &<< 30)
    return (unsafeBitCast(first, to: Numbers.self), unsafeBitCast(second, to: Numbers.self))
  }
}
