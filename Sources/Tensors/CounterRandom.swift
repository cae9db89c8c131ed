import KernelInterfaces

/// Random numbers as a pure function of (key, stream, index), the same bits on every machine and in every order.
///
/// Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC11). The block of
/// four words at position `b` is the cipher of the counter (b low, b high, stream low, stream high).
///
/// Words, uniforms and normals share one underlying sequence: read one kind from one stream.
public struct CounterRandom: Sendable {
  private let key: SIMD2<UInt32>
  private let stream: SIMD2<UInt32>

  /// - Parameters:
  ///   - key: the seed of the whole family of streams.
  ///   - stream: which of 2^64 independent sequences.
  public init(key: UInt64, stream: UInt64) {
    self.key = SIMD2(UInt32(truncatingIfNeeded: key), UInt32(truncatingIfNeeded: key >> 32))
    self.stream = SIMD2(UInt32(truncatingIfNeeded: stream), UInt32(truncatingIfNeeded: stream >> 32))
  }

  /// Another stream of the same key, for a second kind of number.
  package func branch(_ number: UInt32) -> CounterRandom {
    CounterRandom(
      key: UInt64(key[1]) << 32 | UInt64(key[0]),
      stream: UInt64(stream[1] ^ (number &* 0x9E37_79B9)) << 32 | UInt64(stream[0]))
  }

  /// The same numbers for kernels.
  package var noiseSource: NoiseSource { NoiseSource(key: (key[0], key[1]), stream: (stream[0], stream[1])) }

  /// The word at `index`: 32 uniformly distributed bits.
  public func word(at index: UInt64) -> UInt32 {
    block(at: index >> 2)[Int(index & 3)]
  }

  /// A number in [0, 1) with 53 random bits: words `2 index` (high bits) and `2 index + 1`.
  public func uniform(at index: UInt64) -> Double {
    let words = block(at: index >> 1)
    return index & 1 == 0 ? Self.unitInterval(words[0], words[1]) : Self.unitInterval(words[2], words[3])
  }

  /// A number of the standard normal distribution, by Box and Muller's cosine form from the block at `index`.
  ///
  /// Logarithm and cosine are computed here with additions, multiplications, divisions and square roots alone, which
  /// IEEE 754 defines to the bit: the C library's own differ between machines in the last place.
  public func normal(at index: UInt64) -> Double {
    let words = block(at: index)
    let radius = 1 - Self.unitInterval(words[0], words[1])
    return (-2 * ReproducibleMath.logarithm(radius)).squareRoot()
      * ReproducibleMath.cosineOfTurns(Self.unitInterval(words[2], words[3]))
  }

  private func block(at position: UInt64) -> SIMD4<UInt32> {
    Self.philox(
      counter: SIMD4(
        UInt32(truncatingIfNeeded: position), UInt32(truncatingIfNeeded: position >> 32), stream[0], stream[1]),
      key: key)
  }

  private static func unitInterval(_ high: UInt32, _ low: UInt32) -> Double {
    Double((UInt64(high) << 32 | UInt64(low)) >> 11) * 0x1p-53
  }

  /// Ten rounds of Philox4x32 with the published multipliers and Weyl increments.
  package static func philox(counter: SIMD4<UInt32>, key: SIMD2<UInt32>) -> SIMD4<UInt32> {
    var counter = counter
    var key = key
    for _ in 0..<10 {
      let first = UInt64(counter[0]) * 0xD251_1F53
      let second = UInt64(counter[2]) * 0xCD9E_8D57
      counter = SIMD4(
        UInt32(truncatingIfNeeded: second >> 32) ^ counter[1] ^ key[0], UInt32(truncatingIfNeeded: second),
        UInt32(truncatingIfNeeded: first >> 32) ^ counter[3] ^ key[1], UInt32(truncatingIfNeeded: first))
      key = SIMD2(key[0] &+ 0x9E37_79B9, key[1] &+ 0xBB67_AE85)
    }
    return counter
  }
}

/// Reads a `CounterRandom` from the front: a position, and nothing else, is its state.
public struct CounterRandomSequence: Sendable, RandomNumberGenerator {
  private let source: CounterRandom
  private var position: UInt64 = 0

  /// Starts at index 0 of `source`.
  public init(_ source: CounterRandom) {
    self.source = source
  }

  /// Two successive words, the earlier one in the high half.
  public mutating func next() -> UInt64 {
    let high = source.word(at: position)
    let low = source.word(at: position &+ 1)
    position &+= 2
    return UInt64(high) << 32 | UInt64(low)
  }

  /// The next number in [0, 1), 53 bits.
  public mutating func nextUniform() -> Double {
    Double(next() >> 11) * 0x1p-53
  }
}
