/// SplitMix64 (Steele, Lea, Flood 2014): the same seed gives the same test.
public struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  /// Mixed, because a multiple of the step would begin the same stream one number later for every next seed.
  public init(seed: UInt64) { state = Self.mixed(seed &+ 1) }

  /// 64 random bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    return Self.mixed(state)
  }

  private static func mixed(_ number: UInt64) -> UInt64 {
    var value = number
    value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
    return value ^ (value >> 31)
  }

  /// Whether something of this probability happens.
  public mutating func chance(_ probability: Double) -> Bool { Double.random(in: 0..<1, using: &self) < probability }

  /// A whole number from 0 to `bound - 1`.
  public mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }
}
