import ArgumentParser
import Benches
import Foundation
import GauntletKit
import Launching

extension BenchCommand {
  struct CoordinatorBench: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "coordinator",
      abstract: "Times the coordinator on empty shards: leasing, recording, committing, acknowledging.",
      discussion:
        """
        Keys, encryption and the ledger are those of a real run. With --idle: the processor time that many connected \
        workers cost an idle coordinator. With --restart: the cost of a large plan, and of a coordinator that \
        resumes it. With --watch: what a live page costs the coordinator of a large run.
        Examples: gauntlet bench coordinator --workers 4
                  gauntlet bench coordinator --idle 5 --workers 200
                  gauntlet bench coordinator --restart --shards 100000
        """)

    @Option(help: "Workers on this machine.") var workers = 4
    @Option(help: "Empty shards.") var shards = 20_000

    @Option(help: "Seconds to stay idle with all workers connected, instead of handing out shards.") var idle: Int?
    @Flag(help: "Watch a run of these shards and workers as a live page does, instead of computing them.")
    var watch = false
    @Flag(help: "Plan the shards, record half of them and restart, instead of computing them.") var restart = false
    @Option(help: .hidden) var connect: String?
    @Option(help: .hidden) var keys: String?

    func run() throws {
      try Usage.check(workers, in: 1...10_000, option: "--workers")
      if let connect, let keys {
        return try CoordinatorBenchmark.idleWorkers(count: workers, address: connect, keys: keys)
      }
      if let idle { return try runIdle(seconds: idle) }
      try Usage.check(shards, in: 1...10_000_000, option: "--shards")
      if restart { return try runRestart() }
      if watch { return try runWatch() }
      let result = try CoordinatorBenchmark.run(shards: shards, workers: workers)
      print(
        String(
          format: "%d empty shards, %d workers: %.0f shards/s (%.2f s)", shards, workers, result.shardsPerSecond,
          result.seconds))
    }

    private func runWatch() throws {
      let figures = try WatchBenchmark.run(shards: shards, workers: workers)
      print(
        String(
          format:
            "%d shards of %d conditions, %d workers\nin the coordinator's loop: %.2f ms\nthe state, of %.0f kB: %.2f ms\n"
            + "once in two seconds that is %.2f %% of one core\nthe ledger's status, watched or not: %.2f ms\n"
            + "to judge an answer: %.3f us an image", figures.shards, figures.conditions, figures.workers,
          figures.sightSeconds * 1e3, Double(figures.stateBytes) / 1e3, figures.stateSeconds * 1e3, figures.share * 100,
          figures.statusSeconds * 1e3, figures.judgeSeconds * 1e6))
    }

    private func runRestart() throws {
      let progress = ProgressLine("recording")
      let figures = try RestartBenchmark.run(shards: shards) {
        progress.report(fraction: $0, remark: "\(shards) shards")
      }
      progress.finish()
      print(
        String(
          format: "%d shards planned and in the ledger: %.2f s\nhalf of them recorded (ledger of %.0f MB), coordinator "
            + "restarted, first lease: %.2f s\npeak memory: %.0f MB", shards, figures.planSeconds,
          Double(figures.ledgerBytes) / 1e6, figures.leaseSeconds, Double(figures.peakBytes) / 1e6))
    }

    /// Workers are processes of their own, a few hundred connections each, so that this one's time is the coordinator's.
    private func runIdle(seconds: Int) throws {
      try Usage.check(seconds, in: 1...3600, option: "--idle")
      let result = try CoordinatorBenchmark.idle(workers: workers, seconds: seconds) { address, keys in
        for first in stride(from: 0, to: workers, by: 250) {
          _ = try CommandRunner().detach(
            [
              OwnExecutable.path, "bench", "coordinator", "--workers", String(min(250, workers - first)), "--connect",
              address, "--keys", keys,
            ], log: "/dev/null")
        }
      }
      print(
        String(
          format: "%d workers joined within %.0f s; idle for %d s: %.1f %% of one core", workers, result.joinSeconds,
          seconds, result.share * 100))
    }
  }
}
