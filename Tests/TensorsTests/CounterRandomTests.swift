import Foundation
import Tensors
import Testing

@Suite("Counter-based random numbers")
struct CounterRandomTests {
  struct Vector: Sendable {
    let counter: SIMD4<UInt32>
    let key: SIMD2<UInt32>
    let expected: SIMD4<UInt32>
  }

  /// The known answers of Random123's `kat_vectors` for philox4x32, 10 rounds.
  static let published = [
    Vector(
      counter: .zero, key: .zero, expected: SIMD4(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8)),
    Vector(
      counter: SIMD4(repeating: .max), key: SIMD2(repeating: .max),
      expected: SIMD4(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd)),
    Vector(
      counter: SIMD4(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344), key: SIMD2(0xa409_3822, 0x299f_31d0),
      expected: SIMD4(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1)),
  ]

  @Test("Philox4x32-10 gives the published answers", arguments: published)
  func publishedAnswers(vector: Vector) {
    #expect(CounterRandom.philox(counter: vector.counter, key: vector.key) == vector.expected)
  }

  @Test("Key, stream and index take their places in the published vector")
  func layout() {
    let random = CounterRandom(key: 0x299f_31d0_a409_3822, stream: 0x0370_7344_1319_8a2e)
    let first: UInt64 = 0x85a3_08d3_243f_6a88 &* 4
    // The block index keeps 62 bits: an index addresses words, four to a block.
    let expected = CounterRandom.philox(
      counter: SIMD4(0x243f_6a88, 0x05a3_08d3, 0x1319_8a2e, 0x0370_7344), key: SIMD2(0xa409_3822, 0x299f_31d0))
    for lane in 0..<4 {
      #expect(random.word(at: first &+ UInt64(lane)) == expected[lane])
    }
  }

  @Test("Uniform numbers fill [0, 1) evenly")
  func uniformMoments() {
    let random = CounterRandom(key: 7, stream: 1)
    let values = (0..<40_000).map { random.uniform(at: $0) }
    #expect(values.allSatisfy { $0 >= 0 && $0 < 1 })
    let mean = values.reduce(0, +) / 40_000
    #expect(abs(mean - 0.5) < 0.006)
    #expect(abs(values.reduce(0) { $0 + ($1 - 0.5) * ($1 - 0.5) } / 40_000 - 1.0 / 12) < 0.002)
  }

  @Test("Normal numbers have the normal distribution's moments")
  func normalMoments() {
    let random = CounterRandom(key: 7, stream: 2)
    let values = (0..<40_000).map { random.normal(at: $0) }
    func moment(_ power: Double) -> Double { values.reduce(0) { $0 + pow($1, power) } / 40_000 }
    #expect(abs(moment(1)) < 0.02)
    #expect(abs(moment(2) - 1) < 0.03)
    #expect(abs(moment(3)) < 0.06)
    #expect(abs(moment(4) - 3) < 0.2)
  }

  @Test("The logarithm and the cosine agree with the C library's to a few units in the last place")
  func elementaryFunctions() {
    let random = CounterRandom(key: 3, stream: 3)
    for index in 0..<20_000 as Range<UInt64> {
      let value = 1 - random.uniform(at: index)
      #expect(abs(ReproducibleMath.logarithm(value) - log(value)) <= 1e-15 * max(1, abs(log(value))))
      #expect(abs(ReproducibleMath.cosineOfTurns(value - 0x1p-53) - cos(2 * .pi * (value - 0x1p-53))) < 2e-15)
    }
    for step in -7000...7000 {
      let value = Double(step) * 0.1 + 0.003
      #expect(abs(ReproducibleMath.exponential(value) - exp(value)) <= 4 * exp(value).ulp)
    }
    #expect(ReproducibleMath.exponential(0) == 1)
    #expect(ReproducibleMath.exponential(-.infinity) == 0 && ReproducibleMath.exponential(.infinity) == .infinity)
    #expect(ReproducibleMath.exponential(.nan).isNaN)
    #expect(ReproducibleMath.logarithm(1) == 0)
    #expect(ReproducibleMath.logarithm(0x1p-53) == -53 * 0.6931471805599453)
  }

  @Test("A sequence reads the words in order")
  func sequence() {
    let random = CounterRandom(key: 9, stream: 4)
    var sequence = CounterRandomSequence(random)
    #expect(sequence.next() == UInt64(random.word(at: 0)) << 32 | UInt64(random.word(at: 1)))
    #expect(sequence.nextUniform() == random.uniform(at: 1))
  }
}
