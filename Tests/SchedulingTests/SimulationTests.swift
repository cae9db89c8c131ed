import Scheduling
import Testing

/// Thousands of courses of events, each with its seed; a red one is run alone by its seed.
@Suite struct SimulationTests {
  @Test("Whatever happens, every invariant holds at every step and every shard comes to its end", arguments: 0..<8)
  func survives(block: Int) {
    let seedsPerBlock = 500
    for seed in block * seedsPerBlock..<(block + 1) * seedsPerBlock {
      var run = SimulatedRun(seed: UInt64(seed))
      for _ in 0..<400 where run.violations.isEmpty { run.step() }
      if run.violations.isEmpty { run.settle(rounds: 2_000) }
      #expect(run.violations.isEmpty, "\(run.violations.prefix(3))")
      if !run.violations.isEmpty { return }
    }
  }

  @Test("The same seed gives the same course of events")
  func repeats() {
    func course() -> [String] {
      var run = SimulatedRun(seed: 42)
      return (0..<400).map { _ in
        run.step()
        return "\(run.time) \(run.current) \(run.leases.count)"
      }
    }
    #expect(course() == course())
  }
}
