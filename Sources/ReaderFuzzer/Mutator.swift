/// Damages bytes the way that disks, networks and enemies do; the same seed damages alike.
struct Mutator {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  /// A pseudo-random number below a bound (xorshift64*, Vigna 2016).
  mutating func number(below bound: Int) -> Int {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return bound <= 1 ? 0 : Int((state &* 0x2545_F491_4F6C_DD1D) >> 33) % bound
  }

  private static let boundaries: [UInt64] = [
    0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 32, 1 << 40, 1 << 62,
    UInt64(Int64.max), 1 << 63, .max, .max - 1,
  ]

  /// The bytes with one to six changes; `other` lends parts.
  mutating func mutate(_ bytes: [UInt8], other: [UInt8]) -> [UInt8] {
    var result = bytes
    for _ in 0...number(below: 6) { change(&result, other) }
    return result
  }

  private mutating func change(_ bytes: inout [UInt8], _ other: [UInt8]) {
    guard !bytes.isEmpty else {
      bytes = other
      return
    }
    let place = number(below: bytes.count)
    // Headers are where the decisions are.
    let early = number(below: 2) == 0 ? number(below: min(bytes.count, 256)) : place
    switch number(below: 9) {
    case 0: bytes[early] ^= 1 << UInt8(number(below: 8))
    case 1: bytes[early] = UInt8(number(below: 256))
    case 2: bytes[early] = bytes[early] &+ UInt8(number(below: 9)) &- 4
    case 3:
      let value = Self.boundaries[number(below: Self.boundaries.count)]
      let width = [1, 2, 4, 8][number(below: 4)]
      for byte in 0..<width where early + byte < bytes.count {
        bytes[early + byte] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(byte)))
      }
    case 4: bytes.removeSubrange(place..<min(bytes.count, place + 1 + number(below: 32)))
    case 5: bytes.removeLast(number(below: bytes.count))
    case 6:
      let length = min(bytes.count - place, 1 + number(below: 64))
      bytes.insert(contentsOf: Array(bytes[place..<place + length]), at: number(below: bytes.count))
    case 7 where !other.isEmpty:
      let from = number(below: other.count)
      let length = min(other.count - from, 1 + number(below: 64))
      bytes.replaceSubrange(place..<min(bytes.count, place + length), with: other[from..<from + length])
    default:
      // Digits, of which texts such as JSON tables and pickles of protocol 0 make numbers.
      if let digit = bytes[early...].firstIndex(where: { (48...57).contains($0) }) {
        bytes[digit] = UInt8(48 + number(below: 10))
      }
    }
  }
}
