import Foundation
import Scheduling
import Testing

/// Thousands of courses of events, each with its seed, which a failure prints.
///
/// `GAUNTLET_SIMULATION_BLOCKS` sets how many blocks of 500 seeds are run (`make simulate`), and
/// `GAUNTLET_SIMULATION_SEED` runs one seed alone.
@Suite struct SimulationTests {
  private static let blocks = setting("SEED") == nil ? setting("BLOCKS") ?? 8 : 1

  private static func setting(_ name: String) -> Int? {
    ProcessInfo.processInfo.environment["GAUNTLET_SIMULATION_" + name].flatMap(Int.init)
  }

  @Test("Whatever happens, every invariant holds at every step and every shard comes to its end", arguments: 0..<blocks)
  func survives(block: Int) {
    let seedsPerBlock = 500
    var tally: [String: Int] = [:]
    for seed in Self.setting("SEED").map({ [$0] }) ?? Array(block * seedsPerBlock..<(block + 1) * seedsPerBlock) {
      var run = SimulatedRun(seed: UInt64(seed))
      for _ in 0..<400 where run.violations.isEmpty { run.step() }
      if run.violations.isEmpty { run.settle(rounds: 20_000) }
      #expect(run.violations.isEmpty, "\(run.violations.prefix(3))")
      if !run.violations.isEmpty { return }
      tally.merge(run.tally, uniquingKeysWith: +)
    }
    if Self.setting("SEED") != nil { return }
    for decision in [
      "copied", "first result counted", "rested", "split", "troubled", "halved", "distrusted", "image set aside",
    ] {
      #expect(tally[decision, default: 0] > 0, "no seed of block \(block): \(decision); found \(tally)")
    }
  }

  /// `make simulate` runs it with 10,000 workers and 5,000,000 shards.
  @Test("A cluster that loses workers, messages and coordinators ends, with every shard recorded or rightly set aside")
  func survivesAtScale() {
    let settings = SimulatedCluster.Settings(
      workers: Self.setting("WORKERS") ?? 100, shards: Self.setting("SHARDS") ?? 10_000,
      faultSeconds: Self.setting("WORKERS").map { 1_000 / Double($0) } ?? 1)
    var tally: [String: Int] = [:]
    for seed in Self.setting("SEED").map({ [$0] }) ?? Array(0..<(Self.setting("SHARDS") == nil ? 10 : 1)) {
      var cluster = SimulatedCluster(seed: UInt64(seed), settings: settings)
      let time = ContinuousClock().measure { cluster.run() }
      #expect(cluster.checker.violation == nil, "seed \(seed): \(cluster.checker.violation ?? "")")
      #expect(cluster.checker.ended == cluster.checker.shardCount)
      // Bad shards are set aside; good ones are where all that had them were lost, which is rare.
      #expect(cluster.checker.setAsideShards.count { $0 % 100_003 != 17 } <= 1 + settings.shards / 100_000)
      // What is computed twice: at the end, and what was lost. It must not grow with the cluster.
      #expect(
        Double(cluster.computed) < 1.1 * Double(cluster.checker.shardCount), "seed \(seed) computed \(cluster.computed)"
      )
      tally.merge(cluster.checker.tally, uniquingKeysWith: +)
      if Self.setting("SHARDS") != nil {
        print(
          "seed \(seed): \(settings.shards) shards, \(cluster.events) events, \(Int(cluster.time)) s simulated in \(time)",
          "\(cluster.restarts) restarts, \(cluster.computed) computed, \(cluster.checker.recordedShards) recorded",
          cluster.checker.tally.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "),
          separator: "; ")
      }
    }
    for decision in ["copied", "adopted", "rested", "lost", "superseded", "returned", "failed", "split", "troubled"] {
      #expect(tally[decision, default: 0] > 0, "no seed: \(decision); found \(tally)")
    }
  }

  /// Rarer than the others: a block of 500 seeds may hold none.
  @Test("A coordinator that begins again meets workers that still hold what they had")
  func reclaims() {
    let found = (0..<4_000).first { seed in
      var run = SimulatedRun(seed: UInt64(seed))
      for _ in 0..<400 where run.violations.isEmpty { run.step() }
      return run.tally["reclaimed", default: 0] > 0
    }
    #expect(found != nil)
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
