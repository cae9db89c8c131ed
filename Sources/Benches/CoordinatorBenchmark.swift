import Durable
import Foundation
import Messaging
import Shards
import Synchronization

/// Times the coordinator alone: shards whose task and result are empty, workers that answer at once.
public enum CoordinatorBenchmark {
  /// Runs `shards` empty shards over encrypted TCP on this machine, journal and commits as in a real run.
  public static func run(shards: Int, workers: Int) throws -> (shardsPerSecond: Double, seconds: Double) {
    let place = try EmptyRun(shards: shards)
    defer { withExtendedLifetime(place) {} }
    let coordinator = try place.coordinator()
    let security = try place.keys.clientSecurity()
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
    let seconds = try clock.measure { _ = try coordinator.run() }.inSeconds
    group.wait()
    let recorded = try place.ledger.status(now: 0).total.recorded
    return (Double(recorded) / seconds, seconds)
  }

  /// Keeps a coordinator idle for a while with many workers connected, all of which say every few seconds that they live.
  ///
  /// - Parameters:
  ///   - workers: how many; `connect` must bring them.
  ///   - seconds: how long is measured once all have joined.
  ///   - connect: given the address and the key bundle's file, starts workers that stay until they are dismissed.
  /// - Returns: the coordinator's processor time as a share of one core, and how long the workers took to join.
  public static func idle(
    workers: Int, seconds: Int, connect: (_ address: String, _ keys: String) throws -> Void
  ) throws -> (share: Double, joinSeconds: Double) {
    let place = try EmptyRun(shards: 1)
    defer { withExtendedLifetime(place) {} }
    let joined = Mutex(0)
    let allJoined = DispatchSemaphore(value: 0)
    let coordinator = try place.coordinator { count in
      joined.withLock { $0 = count }
      if count == workers { allJoined.signal() }
    }
    let outcome = Mutex<Result<(share: Double, joinSeconds: Double), any Error>>(.success((.nan, .nan)))
    let clock = ContinuousClock()
    let start = clock.now
    try connect(coordinator.boundAddress, place.keys.bundlePath)
    Thread.detachNewThread {
      _ = allJoined.wait(timeout: .now() + 300)
      let joinTime = clock.now - start
      let before = processorTime()
      usleep(UInt32(seconds) * 1_000_000)
      let share = (processorTime() - before) / Double(seconds)
      outcome.withLock { result in
        let count = joined.withLock { $0 }
        result =
          count >= workers
          ? .success((share, Double(joinTime.components.seconds)))
          : .failure(Missing(description: "only \(count) of \(workers) workers joined within 300 s"))
      }
      coordinator.drain()
    }
    _ = try coordinator.run()
    return try outcome.withLock { try $0.get() }
  }

  private struct Missing: Error, CustomStringConvertible { let description: String }

  /// Seconds of processor time that this process has used.
  private static func processorTime() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  /// Connects workers that compute nothing, on one thread, until the coordinator dismisses them all.
  public static func idleWorkers(count: Int, address: String, keys: String) throws {
    let security = try KeyBundle.read(from: keys).clientSecurity
    let process = ProcessInfo.processInfo.processIdentifier
    var dealers: [DealerEndpoint] = []
    for index in 0..<count {
      let name = "idle-\(process)-\(index)"
      let dealer = try DealerEndpoint(connect: address, security: security)
      _ = try dealer.send(
        .hello(
          .init(workerID: name, host: "", credits: 1, version: "benchmark", instructionSet: "scalar")))
      dealers.append(dealer)
    }
    var held: [Int: [ShardAttempt]] = [:]
    while !dealers.isEmpty {
      for (index, dealer) in dealers.enumerated() {
        while let message = try dealer.receive(timeout: .zero) {
          switch try message.get() {
          case .lease(let shard, _): held[index, default: []].append(shard)
          case .shutdown: return
          default: break
          }
        }
        _ = try dealer.send(.heartbeat(held: held[index] ?? []))
        // All of them in the heartbeat's ten seconds.
        usleep(UInt32(10_000_000 / count))
      }
    }
  }

  private static func answer(_ address: String, _ name: String, _ security: ClientSecurity) throws {
    let dealer = try DealerEndpoint(connect: address, security: security)
    defer { dealer.close() }
    _ = try dealer.send(
      .hello(
        .init(workerID: name, host: "", credits: 4, version: "benchmark", instructionSet: "scalar")))
    while let message = try dealer.receive(timeout: .seconds(30)) {
      switch try message.get() {
      case .lease(let shard, _): _ = try dealer.send(.result(shard, payload: Data(), computeNanoseconds: 0))
      case .shutdown: return
      default: break
      }
    }
  }
}
