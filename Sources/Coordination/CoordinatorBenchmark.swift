import Foundation
import Logging
import Messaging
import Synchronization

/// Times the coordinator alone: shards whose task and result are empty, workers that answer at once.
public enum CoordinatorBenchmark {
  private struct EmptyShards: WorkSource {
    let runID = "benchmark"
    func task(for shard: ShardDefinition, attempt: Int) -> Data { Data() }
    func store(_ payload: Data, for shard: ShardDefinition, attempt: Int, worker: String) -> StoredPart? { nil }
  }

  /// Runs `shards` empty shards over encrypted TCP on this machine, journal and commits as in a real run.
  public static func run(shards: Int, workers: Int) throws -> (shardsPerSecond: Double, seconds: Double) {
    let folder = NSTemporaryDirectory() + "gauntlet-benchmark-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let keys = KeyStore(folder: folder + "/keys")
    try keys.create()
    let ledger = try Ledger.create(
      at: folder + "/ledger.sqlite", run: ["id": "benchmark"],
      shards: (0..<shards).map {
        ShardDefinition(id: Int64($0), model: 0, benchmark: 0, condition: 0, firstImage: $0, imageCount: 1)
      })
    let coordinator = try Coordinator(
      configuration: CoordinatorConfiguration(
        listen: "tcp://127.0.0.1:*", security: keys.serverSecurity(), runFolder: nil, leaseSeconds: 60, attempts: 3,
        version: "benchmark"), ledger: ledger, source: EmptyShards(), logger: Logger(label: "gauntlet.benchmark"))
    let security = try keys.clientSecurity()
    let address = coordinator.boundAddress
    let group = DispatchGroup()
    for index in 0..<workers {
      group.enter()
      Thread.detachNewThread {
        defer { group.leave() }
        try? answer(address, "worker-\(index)", security)
      }
    }
    let clock = ContinuousClock()
    let time = try clock.measure { _ = try coordinator.run() }.components
    group.wait()
    let recorded = try ledger.status(now: 0).total.recorded
    let seconds = Double(time.seconds) + Double(time.attoseconds) * 1e-18
    return (Double(recorded) / seconds, seconds)
  }

  private static func answer(_ address: String, _ name: String, _ security: ClientSecurity) throws {
    let dealer = try DealerEndpoint(connect: address, workerID: name, security: security)
    defer { dealer.close() }
    _ = try dealer.send(
      .hello(
        .init(workerID: name, host: "", processID: 1, credits: 4, version: "benchmark", instructionSet: "scalar")))
    while let message = try dealer.receive(timeout: .seconds(30)) {
      switch try message.get() {
      case .lease(let shard, _, _): _ = try dealer.send(.result(shard, payload: Data(), computeNanoseconds: 0))
      case .shutdown: return
      default: break
      }
    }
  }
}
