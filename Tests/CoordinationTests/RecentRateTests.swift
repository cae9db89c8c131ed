import Coordination
import Testing

/// The rate of a worker.
@Suite struct RecentRateTests {
  @Test("It is the rate since the beginning at first, and follows the last minute later")
  func follows() throws {
    var rate = RecentRate(from: 100)
    #expect(rate.value(at: 101) == nil)
    // Ten images a second, in shards of twenty.
    for second in stride(from: 102.0, through: 160, by: 2) { rate.note(20, at: second) }
    #expect(abs(try #require(rate.value(at: 160)) - 10) < 0.5)
    for second in stride(from: 162.0, through: 1_000, by: 2) { rate.note(2, at: second) }
    #expect(abs(try #require(rate.value(at: 1_000)) - 1) < 0.05)
    // Nothing any more: after a minute it is e times less.
    let last = try #require(rate.value(at: 1_000))
    #expect(abs(try #require(rate.value(at: 1_060)) - last * 0.36788) < 1e-3)
  }
}
