import Coordination
import Durable
import Foundation
import Messaging
import Planning
import Synchronization

/// Times what a large plan costs: entering it, and going on with it after the coordinator ended.
public enum RestartBenchmark {
  /// What was measured.
  public struct Figures: Sendable {
    /// From the list of cells to a ledger on disk.
    public let planSeconds: Double
    /// From opening the ledger, half of its shards recorded, to a worker's first lease over encrypted TCP.
    public let leaseSeconds: Double
    /// How large the ledger is then, in bytes.
    public let ledgerBytes: Int
    /// The most memory that this process ever had, in bytes.
    public let peakBytes: Int
  }

  /// Plans `shards` empty shards of ten models, a hundred conditions each, records every other one and begins again.
  public static func run(shards: Int, progress: (Double) -> Void) throws -> Figures {
    let clock = ContinuousClock()
    let begin = clock.now
    let place = try EmptyRun(shards: table(shards))
    defer { withExtendedLifetime(place) {} }
    let planSeconds = (clock.now - begin).inSeconds

    let batch = 20_000
    for first in stride(from: 0, to: shards, by: batch) {
      progress(Double(first) / Double(shards))
      try place.ledger.commit(
        stride(from: first, to: min(shards, first + batch), by: 2).flatMap { shard -> [LedgerEntry] in
          let part = StoredPart(
            path: "parts/\(shard).h5", sha256: String(repeating: "0", count: 64), bytes: 1, failedImages: 0)
          return [
            .leased(shard: Int64(shard), attempt: 1, worker: "worker", time: 0),
            .recorded(
              shard: Int64(shard), attempt: 1, worker: "worker", part: part, computeNanoseconds: 1, time: Double(shard)),
          ]
        })
    }
    try place.ledger.close()
    let size = try FileManager.default.attributesOfItem(atPath: place.ledgerPath)[.size] as? Int ?? 0

    progress(1)
    let restart = clock.now
    let coordinator = try place.coordinator(ledger: try Ledger.open(at: place.ledgerPath))
    let security = try place.keys.clientSecurity()
    let leaseSeconds = Mutex<Result<Double, any Error>>(.success(.nan))
    Thread.detachNewThread {
      leaseSeconds.withLock { result in
        result = Result {
          try waitForLease(coordinator.boundAddress, security)
          return (clock.now - restart).inSeconds
        }
      }
      coordinator.drain()
    }
    _ = try coordinator.run()
    return Figures(
      planSeconds: planSeconds, leaseSeconds: try leaseSeconds.withLock { try $0.get() }, ledgerBytes: size,
      peakBytes: peakMemory())
  }

  private static func table(_ shards: Int) -> ShardTable {
    let models = 10
    let conditions = 100
    let share = max(1, shards / (models * conditions))
    var left = shards
    return ShardTable(
      cells: (0..<models * conditions).map { cell in
        let count = cell == models * conditions - 1 ? left : min(left, share)
        left -= count
        return ShardCell(
          model: cell / conditions, benchmark: 0, condition: cell % conditions, imageCount: 10 * count, shardImages: 10)
      })
  }

  private static func waitForLease(_ address: String, _ security: ClientSecurity) throws {
    let dealer = try DealerEndpoint(connect: address, security: security)
    defer { dealer.close() }
    _ = try dealer.send(
      .hello(
        .init(workerID: "first", host: "", credits: 1, version: "benchmark", instructionSet: "scalar")))
    while let message = try dealer.receive(timeout: .seconds(600)) {
      if case .lease = try message.get() { return }
    }
    throw Silence()
  }

  private struct Silence: Error, CustomStringConvertible {
    let description = "no lease came within 600 s"
  }

  private static func peakMemory() -> Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss * 1024
  }
}
