import ArgumentParser
import Coordination
import Foundation

extension BenchCommand {
  struct CoordinatorBench: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "coordinator",
      abstract: "Times the coordinator on shards that are empty: leasing, recording, committing, acknowledging.",
      discussion:
        "Keys, encryption and the ledger are those of a real run. Example: gauntlet bench coordinator --workers 4")

    @Option(help: "Workers on this machine.") var workers = 4
    @Option(help: "Empty shards.") var shards = 20_000

    func run() throws {
      try Usage.check(workers, in: 1...1000, option: "--workers")
      try Usage.check(shards, in: 1...10_000_000, option: "--shards")
      let result = try CoordinatorBenchmark.run(shards: shards, workers: workers)
      print(
        String(
          format: "%d empty shards, %d workers: %.0f shards/s (%.2f s)", shards, workers, result.shardsPerSecond,
          result.seconds))
    }
  }
}
