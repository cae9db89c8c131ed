import Coordination
import Foundation
import Logging
import Messaging
import Planning
import Shards
import Synchronization
import TestSupport
import Testing
import Working

/// A coordinator and workers in one process, over real sockets, with tasks that are small.
@Suite struct CoordinatorTests {
  /// Keeps what was stored, and refuses what the test says.
  private final class Source: WorkSource {
    let runID = "run-1"
    let stored = Mutex<[Int64: [Data]]>([:])
    let refused: Int64?
    let lanes: WorkerLanes
    init(refused: Int64? = nil, lanes: WorkerLanes = WorkerLanes()) { (self.refused, self.lanes) = (refused, lanes) }
    func task(for shard: ShardDefinition, attempt: Int, isLast: Bool) -> Data { Data("\(shard.id)".utf8) }
    func check(_ payload: Data, for shard: ShardDefinition) throws(InvalidResult) {
      if shard.id == refused || payload.isEmpty { throw InvalidResult(reason: "not believed") }
    }
    func failing(_ shard: ShardDefinition, reason: String) -> Data { Data(reason.utf8) }
    func store(
      _ payload: Data, for shard: ShardDefinition, attempt: Int, worker: String, former: StoredPart?
    ) throws -> StoredPart? {
      try check(payload, for: shard)
      stored.withLock { $0[shard.id, default: []].append(payload) }
      return nil
    }
    func remove(_ part: StoredPart) {}
  }

  private struct Doubler: ShardComputer {
    struct Broken: Error {}
    var broken: Int?
    func compute(task: Data) throws -> Data {
      guard let number = Int(String(decoding: task, as: UTF8.self)), number != broken else { throw Broken() }
      return Data("\(2 * number)".utf8)
    }
  }

  private final class Place {
    let folder = ScratchFolder.freshPath()
    let keys: KeyStore
    let ledger: Ledger

    /// Shards of one model, of 1 image each; after them those of a second model.
    init(shards: Int, ofSecond: Int = 0) throws {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      keys = KeyStore(folder: folder + "/keys")
      try keys.create()
      ledger = try Ledger.create(
        at: folder + "/ledger.sqlite", run: ["id": "run-1"],
        shards: ShardTable(
          cells: [shards, ofSecond].enumerated().map {
            ShardCell(model: $0, benchmark: 0, condition: 0, imageCount: $1, shardImages: 1)
          }))
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func coordinator(
      _ source: any WorkSource, leaseSeconds: Double = 20, keepsWorkers: Bool = false, logger: Logger = silent
    ) throws -> Coordinator {
      try Coordinator(
        configuration: CoordinatorConfiguration(
          listen: "tcp://127.0.0.1:*", security: keys.serverSecurity(), runFolder: nil, leaseSeconds: leaseSeconds,
          attempts: 3, version: "1", keepsWorkers: keepsWorkers), ledger: ledger, source: source, logger: logger)
    }

    func worker(
      _ address: String, _ computer: any ShardComputer, version: String = "1", kind: WorkerKind = .native,
      locate: (@Sendable () -> Whereabouts?)? = nil
    ) throws -> WorkerDaemon {
      try WorkerDaemon(
        connect: address, security: keys.clientSecurity(),
        configuration: WorkerConfiguration(
          streams: 2, prefetch: 2, version: version, runID: "run-1", patience: .seconds(600), kind: kind,
          locate: locate),
        computer: computer, logger: Self.silent)
    }

    static let silent = Logger.silent
  }

  private func runWorkers(_ daemons: [WorkerDaemon]) -> DispatchGroup {
    let group = DispatchGroup()
    for daemon in daemons {
      group.enter()
      Thread.detachNewThread {
        _ = try? daemon.run()
        group.leave()
      }
    }
    return group
  }

  @Test(.hangLimit) func everyShardIsStoredAndRecordedOnce() throws {
    let place = try Place(shards: 300)
    // Its end removes the folder, which the ledger may still be reading.
    defer { withExtendedLifetime(place) {} }
    let source = Source()
    let coordinator = try place.coordinator(source)
    let group = runWorkers(try (0..<3).map { _ in try place.worker(coordinator.boundAddress, Doubler()) })
    #expect(try coordinator.run() == .finished)
    group.wait()
    let stored = source.stored.withLock { $0 }
    #expect(stored.count == 300)
    #expect(stored.allSatisfy { $0.value == [Data("\(2 * $0.key)".utf8)] })
    #expect(try place.ledger.status(now: 0).total.recorded == 300)
  }

  @Test(arguments: [true, false], [2]) func aBrokenShardIsSetAsideAndTheRestGoesOn(isRefused: Bool, broken: Int) throws
  {
    let place = try Place(shards: 20)
    defer { withExtendedLifetime(place) {} }
    let source = Source(refused: isRefused ? Int64(broken) : nil)
    let coordinator = try place.coordinator(source)
    let computer = Doubler(broken: isRefused ? nil : broken)
    let group = runWorkers(try (0..<2).map { _ in try place.worker(coordinator.boundAddress, computer) })
    #expect(try coordinator.run() == .finished)
    group.wait()
    let status = try place.ledger.status(now: 0)
    #expect(status.total.recorded == 19)
    #expect(status.total.setAside == 1)
    // One more where the second worker comes while the first is at its third attempt.
    #expect([3, 4].contains(status.recentErrors.filter { $0.kind == "failed" }.count))
  }

  /// A worker whose machine does not see the data.
  private struct Blind: ShardComputer {
    func compute(task: Data) throws -> Data { throw WorkerTrouble("cannot read /data/1.jpg: no such file") }
  }

  @Test(.hangLimit) func aWorkerThatSeesNoDataCostsNoShardAnAttempt() throws {
    let place = try Place(shards: 200)
    defer { withExtendedLifetime(place) {} }
    let coordinator = try place.coordinator(Source())
    let group = runWorkers([try place.worker(coordinator.boundAddress, Blind())])
    let able = try place.worker(coordinator.boundAddress, Doubler())
    group.enter()
    Thread.detachNewThread { [ledger = place.ledger] in
      // It is alone for a while.
      try? waitUntil("four errors are recorded") { try ledger.errors(limit: 9).count >= 4 }
      _ = try? able.run()
      group.leave()
    }
    #expect(try coordinator.run() == .finished)
    group.wait()
    let status = try place.ledger.status(now: Date().timeIntervalSince1970)
    #expect(status.isWhole && status.total.recorded == 200)
    #expect(try place.ledger.errors(limit: 100).allSatisfy { $0.kind == "troubled" })
  }

  @Test(.hangLimit) func whereNoWorkerSeesTheDataTheRunEndsAndNothingIsSetAside() throws {
    let place = try Place(shards: 20)
    defer { withExtendedLifetime(place) {} }
    let coordinator = try place.coordinator(Source(), leaseSeconds: 0.3, keepsWorkers: true)
    let group = runWorkers(try (0..<2).map { _ in try place.worker(coordinator.boundAddress, Blind()) })
    #expect(try coordinator.run() == .stalled(reason: "cannot read /data/1.jpg: no such file"))
    // Nobody takes over, so they are sent home.
    group.wait()
    let status = try place.ledger.status(now: Date().timeIntervalSince1970)
    #expect(status.total.pending == 20 && status.total.setAside == 0)
    #expect(status.troubles.first?.reason == "cannot read /data/1.jpg: no such file" && status.troubles.count == 2)
  }

  @Test func anotherVersionIsTurnedAway() throws {
    let place = try Place(shards: 1)
    defer { withExtendedLifetime(place) {} }
    let coordinator = try place.coordinator(Source())
    let stranger = try place.worker(coordinator.boundAddress, Doubler(), version: "2")
    let group = DispatchGroup()
    group.enter()
    Thread.detachNewThread {
      #expect(throws: WorkerError.self) { try stranger.run() }
      coordinator.drain()
      group.leave()
    }
    #expect(try coordinator.run() == .drained)
    group.wait()
    #expect(try place.ledger.status(now: 0).total.pending == 1)
  }

  /// Ends the coordinator at the fifth computation, holds later ones until `open`, and counts.
  private final class Ender: ShardComputer {
    let coordinator = Mutex<Coordinator?>(nil)
    let computed = Mutex<[String: Int]>([:])

    func compute(task: Data) throws -> Data {
      let count = computed.withLock { computed in
        computed[String(decoding: task, as: UTF8.self), default: 0] += 1
        return computed.count
      }
      if count == 5 { coordinator.withLock { $0?.drain() } }
      if count > 5 {
        gate.wait()
        gate.signal()
      }
      return task
    }

    private let gate = DispatchSemaphore(value: 0)
    func open() { gate.signal() }
  }

  @Test(
    "A coordinator that comes back at another address is found, and gets the results that waited for it",
    .hangLimit)
  func aCoordinatorThatMovesIsFoundAgain() throws {
    let place = try Place(shards: 60)
    defer { withExtendedLifetime(place) {} }
    let source = Source()
    let computer = Ender()
    final class Location: Sendable {
      let whereabouts = Mutex<Whereabouts?>(nil)
    }
    let location = Location()
    let first = try place.coordinator(source, leaseSeconds: 2, keepsWorkers: true)
    computer.coordinator.withLock { $0 = first }
    let group = runWorkers(
      try (0..<2).map { _ in
        try place.worker(first.boundAddress, computer) { location.whereabouts.withLock { $0 } }
      })
    #expect(try first.run() == .drained)
    #expect(try place.ledger.status(now: 0).total.pending > 0)
    computer.open()

    let second = try place.coordinator(source, leaseSeconds: 2)
    #expect(second.boundAddress != first.boundAddress)
    location.whereabouts.withLock { $0 = .listening(second.boundAddress) }
    #expect(try second.run() == .finished)
    group.wait()
    let stored = source.stored.withLock { $0 }
    #expect(stored.count == 60 && stored.allSatisfy { $0.value.count == 1 })
    #expect(computer.computed.withLock { $0.count } == 60)
  }

  /// Holds every computation until `open`, and counts them by shard.
  private final class Holder: ShardComputer {
    let computed = Mutex<[String: Int]>([:])
    private let gate = DispatchSemaphore(value: 0)

    func compute(task: Data) throws -> Data {
      computed.withLock { $0[String(decoding: task, as: UTF8.self), default: 0] += 1 }
      gate.wait()
      gate.signal()
      return task
    }

    func open() { gate.signal() }
  }

  /// How many workers, and how often each looks in vain for a coordinator; more by the environment, for the record.
  private static let loss = (
    workers: Int(ProcessInfo.processInfo.environment["GAUNTLET_LOSS_WORKERS"] ?? "") ?? 12,
    looks: Int(ProcessInfo.processInfo.environment["GAUNTLET_LOSS_LOOKS"] ?? "") ?? 1
  )

  @Test(
    "Results that workers hold while nobody coordinates are neither lost nor computed again", .hangLimit)
  func aLossOfTheCoordinatorCostsNothing() throws {
    let workers = Self.loss.workers
    let place = try Place(shards: workers * 4)
    defer { withExtendedLifetime(place) {} }
    let source = Source()
    let computer = Holder()
    final class Location: Sendable {
      let whereabouts = Mutex<Whereabouts?>(nil)
      let looks = Mutex(0)
    }
    let location = Location()
    let first = try place.coordinator(source, leaseSeconds: 16, keepsWorkers: true)
    let group = runWorkers(
      try (0..<workers).map { _ in
        try place.worker(first.boundAddress, computer) {
          location.looks.withLock { $0 += 1 }
          return location.whereabouts.withLock { $0 }
        }
      })
    Thread.detachNewThread {
      // Every stream of every worker has a shard.
      try? waitUntil("every stream has a shard") { computer.computed.withLock { $0.count } >= workers * 2 }
      first.drain()
    }
    #expect(try first.run() == .drained)
    computer.open()
    #expect(try place.ledger.status(now: 0).total.recorded == 0)
    let looks = location.looks.withLock { $0 }
    try waitUntil("the workers have looked for a coordinator") {
      location.looks.withLock { $0 } >= looks + workers * Self.loss.looks
    }

    let second = try place.coordinator(source, leaseSeconds: 16)
    location.whereabouts.withLock { $0 = .listening(second.boundAddress) }
    #expect(try second.run() == .finished)
    group.wait()
    #expect(source.stored.withLock { $0.count == workers * 4 && $0.allSatisfy { $0.value.count == 1 } })
    let computed = computer.computed.withLock { $0 }
    #expect(
      computed.count == workers * 4 && computed.allSatisfy { $0.value == 1 }, "\(computed.filter { $0.value > 1 })")
  }

  @Test("A false result for what another computes is refused, and the other goes on", .hangLimit)
  func aFalseResultCostsNobodyAShard() throws {
    let place = try Place(shards: 2)
    defer { withExtendedLifetime(place) {} }
    let source = Source()
    let coordinator = try place.coordinator(source)
    let computer = Holder()
    let group = runWorkers([try place.worker(coordinator.boundAddress, computer)])
    let answers = Mutex<[WireMessage]>([])
    let failure = Mutex<(any Error)?>(nil)
    let stranger = try DealerEndpoint(
      connect: coordinator.boundAddress, security: place.keys.clientSecurity())
    Thread.detachNewThread {
      defer { computer.open() }
      do {
        // Both shards are being computed, so nothing is left for the stranger.
        try? waitUntil("two are computed") { computer.computed.withLock { $0.count } >= 2 }
        _ = try stranger.send(
          .hello(.init(workerID: "stranger", host: "h", credits: 1, version: "1", instructionSet: "")))
        for attempt in [1, 2] {
          _ = try stranger.send(
            .result(ShardAttempt(shard: 0, attempt: attempt), payload: Data(), computeNanoseconds: 1))
        }
        for _ in 0..<3 {
          guard let answer = try stranger.receive(timeout: .seconds(60))?.get() else { break }
          answers.withLock { $0.append(answer) }
        }
      } catch { failure.withLock { $0 = error } }
    }
    #expect(try coordinator.run() == .finished)
    group.wait()
    #expect(failure.withLock { $0 } == nil)
    let refusals = [1, 2].map { WireMessage.acknowledgement(ShardAttempt(shard: 0, attempt: $0), .refused) }
    #expect(Array(answers.withLock { $0 }.dropFirst()) == refusals)
    #expect(source.stored.withLock { $0 } == [0: [Data("0".utf8)], 1: [Data("1".utf8)]])
    #expect(computer.computed.withLock { $0 } == ["0": 1, "1": 1])
    let attempts = try place.ledger.attempts()
    #expect(attempts.count == 2 && attempts.allSatisfy { $0.outcome == .recorded && $0.worker != "stranger" })
  }

  /// Says of which shards a computer was asked.
  private final class Listing: ShardComputer {
    let shards = Mutex<Set<String>>([])
    func compute(task: Data) throws -> Data {
      shards.withLock { _ = $0.insert(String(decoding: task, as: UTF8.self)) }
      return task
    }
  }

  @Test("A worker that can compute nothing of what is left is sent home, and so is one that comes later")
  func idleKind() throws {
    let place = try Place(shards: 2, ofSecond: 1)
    defer { withExtendedLifetime(place) {} }
    let source = Source(lanes: WorkerLanes(models: ["torch"], ofModel: [0, 1]))
    let coordinator = try place.coordinator(source)
    let address = coordinator.boundAddress
    let outcomes = Mutex<[WorkerOutcome]>([])
    let daemons = try (0..<2).map { _ in try place.worker(address, Listing()) }
    let python = try place.worker(address, Listing(), kind: .python(model: nil))
    Thread.detachNewThread {
      for daemon in daemons {
        if let outcome = try? daemon.run() { outcomes.withLock { $0.append(outcome) } }
      }
      // Only now, so that the others cannot have been dismissed by the end of the run.
      _ = try? python.run()
    }
    #expect(try coordinator.run() == .finished)
    let dismissed = WorkerOutcome.dismissed(reason: "everything this worker can compute is done")
    #expect(outcomes.withLock { $0 } == [dismissed, dismissed])
  }

  @Test(
    "A worker that computes one model by Python is given that model's shards alone; one of no such model is refused")
  func kindsOfWorkers() throws {
    let place = try Place(shards: 3, ofSecond: 4)
    defer { withExtendedLifetime(place) {} }
    let source = Source(lanes: WorkerLanes(models: ["torch"], ofModel: [0, 1]))
    let coordinator = try place.coordinator(source)
    let address = coordinator.boundAddress
    let refused = Mutex<String?>(nil)
    let stranger = try place.worker(address, Doubler(), kind: .python(model: "jax"))
    let (native, python) = (Listing(), Listing())
    let workers = Mutex<DispatchGroup?>(nil)
    let daemons = [
      try place.worker(address, native), try place.worker(address, python, kind: .python(model: "torch")),
    ]
    Thread.detachNewThread {
      // First, so that there is something left that it could be given.
      do { _ = try stranger.run() } catch { refused.withLock { $0 = "\(error)" } }
      workers.withLock { $0 = runWorkers(daemons) }
    }
    #expect(try coordinator.run() == .finished)
    workers.withLock { $0 }?.wait()
    #expect(refused.withLock { $0 }?.contains("has no model jax with engine: python; it has torch") == true)
    #expect(native.shards.withLock { $0 } == ["0", "1", "2"])
    #expect(python.shards.withLock { $0 } == ["3", "4", "5", "6"])
  }

  /// Receives until a message is one that is waited for; a worker that is sent home or refused meanwhile throws.
  private static func await(
    _ dealer: DealerEndpoint, _ isAwaited: (WireMessage) -> Bool
  ) throws {
    while let message = try dealer.receive(timeout: .seconds(20))?.get() {
      if isAwaited(message) { return }
      switch message {
      case .rejection, .shutdown, .revocation: throw Unexpected(message: message)
      default: break
      }
    }
    throw Unexpected(message: nil)
  }

  private struct Unexpected: Error { let message: WireMessage? }

  /// Runs a coordinator to its end, beside peers that are played on another thread.
  private static func run(_ coordinator: Coordinator, _ peers: @escaping @Sendable () throws -> Void) throws {
    let outcome = Mutex<Result<Void, any Error>?>(nil)
    let group = DispatchGroup()
    group.enter()
    Thread.detachNewThread {
      let result = Result { try peers() }
      outcome.withLock { $0 = result }
      coordinator.drain()
      group.leave()
    }
    #expect(try coordinator.run() == .finished)
    group.wait()
    #expect(throws: Never.self) { try outcome.withLock { try $0?.get() } }
  }

  @Test(
    "Who says a living worker's name with another key is refused, and the worker notices nothing",
    .hangLimit)
  func namesBelongToKeys() throws {
    let place = try Place(shards: 2)
    defer { withExtendedLifetime(place) {} }
    let source = Source()
    let coordinator = try place.coordinator(source)
    let security = try place.keys.clientSecurity()
    let other = try KeyBundle.read(from: place.keys.add("other")).clientSecurity
    let address = coordinator.boundAddress
    let hello = WireMessage.hello(.init(workerID: "w", host: "h", credits: 2, version: "1", instructionSet: ""))
    try Self.run(coordinator) {
      let worker = try DealerEndpoint(connect: address, security: security)
      _ = try worker.send(hello)
      var leases: [ShardAttempt] = []
      try Self.await(worker) {
        if case .lease(let shard, _) = $0 { leases.append(shard) }
        return leases.count == 2
      }
      let intruder = try DealerEndpoint(connect: address, security: other)
      // What comes before a name counts for nothing, and neither does what comes after one that is refused.
      for message in [
        .heartbeat(held: []), hello, .heartbeat(held: []), .goodbye,
        .result(leases[0], payload: Data("forged".utf8), computeNanoseconds: 1),
      ] { _ = try intruder.send(message) }
      let answer = #expect(throws: Unexpected.self) { try Self.await(intruder) { _ in false } }
      guard case .rejection = answer?.message else { throw answer ?? Unexpected(message: nil) }
      _ = try worker.send(.heartbeat(held: leases))
      try Self.await(worker) { $0 == .heartbeatReply }
      for lease in leases {
        _ = try worker.send(.result(lease, payload: Data("mine".utf8), computeNanoseconds: 1))
        try Self.await(worker) { $0 == .acknowledgement(lease, .recorded) }
      }
    }
    #expect(source.stored.withLock { $0 } == [0: [Data("mine".utf8)], 1: [Data("mine".utf8)]])
    #expect(try place.ledger.attempts().allSatisfy { $0.outcome == .recorded && $0.worker == "w" && $0.attempt == 1 })
  }

  @Test(
    "A worker that connects again says hello and goes on with what it has; its former connection counts no more",
    .hangLimit)
  func anotherConnection() throws {
    let place = try Place(shards: 2)
    defer { withExtendedLifetime(place) {} }
    let source = Source()
    let coordinator = try place.coordinator(source)
    let security = try place.keys.clientSecurity()
    let address = coordinator.boundAddress
    let hello = WireMessage.Hello(workerID: "w", host: "h", credits: 2, version: "1", instructionSet: "")
    try Self.run(coordinator) {
      let former = try DealerEndpoint(connect: address, security: security)
      _ = try former.send(.hello(hello))
      var leases: [ShardAttempt] = []
      try Self.await(former) {
        if case .lease(let shard, _) = $0 { leases.append(shard) }
        return leases.count == 2
      }
      let worker = try DealerEndpoint(connect: address, security: security)
      _ = try worker.send(.result(leases[0], payload: Data("early".utf8), computeNanoseconds: 1))
      // Not taken for anybody's: who it is is asked.
      try Self.await(worker) { if case .welcome = $0 { true } else { false } }
      var again = hello
      again.held = leases
      _ = try worker.send(.hello(again))
      try Self.await(worker) { if case .welcome = $0 { true } else { false } }
      _ = try former.send(.goodbye)
      _ = try former.send(.heartbeat(held: []))
      try Self.await(former) { if case .welcome = $0 { true } else { false } }
      for lease in leases {
        _ = try worker.send(.result(lease, payload: Data("mine".utf8), computeNanoseconds: 1))
        try Self.await(worker) { $0 == .acknowledgement(lease, .recorded) }
      }
    }
    #expect(source.stored.withLock { $0 } == [0: [Data("mine".utf8)], 1: [Data("mine".utf8)]])
    #expect(try place.ledger.attempts().allSatisfy { $0.outcome == .recorded && $0.attempt == 1 })
  }

  @Test(
    "Failures of shards that their sender does not hold count for nothing; the log tells few, and nothing that a terminal acts on",
    .hangLimit)
  func failuresOfOthersShards() throws {
    let place = try Place(shards: 2)
    defer { withExtendedLifetime(place) {} }
    let log = KeptLog()
    let coordinator = try place.coordinator(Source(), logger: log.logger)
    let computer = Holder()
    let group = runWorkers([try place.worker(coordinator.boundAddress, computer)])
    let failure = Mutex<(any Error)?>(nil)
    let rejected = Mutex(0)
    let security = try place.keys.clientSecurity()
    let address = coordinator.boundAddress
    Thread.detachNewThread {
      defer { computer.open() }
      do {
        try? waitUntil("two are computed") { computer.computed.withLock { $0.count } >= 2 }
        for name in ["17", "evil\n2026 info: every shard recorded", "red\u{1B}[31m"] {
          let peer = try DealerEndpoint(connect: address, security: security)
          _ = try peer.send(.hello(.init(workerID: name, host: "h", credits: 1, version: "1", instructionSet: "")))
          if case .rejection = try peer.receive(timeout: .seconds(60))?.get() { rejected.withLock { $0 += 1 } }
        }
        let stranger = try DealerEndpoint(connect: address, security: security)
        _ = try stranger.send(
          .hello(
            .init(
              workerID: "stranger", host: "\u{1B}]0;owned\u{7}\nforged", credits: 1, version: "1", instructionSet: "")))
        for index in 0..<1_000 {
          let lease = ShardAttempt(shard: index % 2 == 0 ? 0 : 1 << 40, attempt: 1)
          _ = try stranger.send(
            .failure(lease, reason: "because\n\u{1B}[2J", kind: index % 3 == 0 ? .surroundings : .computation))
          // Answered in order, so that nothing is lost on the way.
          _ = try stranger.send(.heartbeat(held: []))
          var isAnswered = false
          while !isAnswered { isAnswered = try stranger.receive(timeout: .seconds(60))?.get() == .heartbeatReply }
        }
      } catch { failure.withLock { $0 = error } }
    }
    #expect(try coordinator.run() == .finished)
    group.wait()
    #expect(failure.withLock { $0 } == nil && rejected.withLock { $0 } == 3)
    #expect(try place.ledger.errors(limit: 9).isEmpty)
    #expect(try place.ledger.attempts().count == 2)
    let told = log.lines
    #expect(told.count < 30, "\(told)")
    #expect(
      told.contains { $0.contains("ignored a failure report") && $0.contains("because\\u{A}\\u{1B}[2J") }, "\(told)")
    #expect(!told.contains { $0.unicodeScalars.contains { $0.value < 32 } }, "\(told)")
  }

  @Test(
    "A worker whose result is refused failed that attempt, and another one computes the shard", .hangLimit
  )
  func aHoldersFalseResult() throws {
    let place = try Place(shards: 3)
    defer { withExtendedLifetime(place) {} }
    let source = Source()
    let coordinator = try place.coordinator(source)
    let failure = Mutex<(any Error)?>(nil)
    let answers = Mutex<[WireMessage]>([])
    let liar = try DealerEndpoint(
      connect: coordinator.boundAddress, security: place.keys.clientSecurity())
    let honest = try place.worker(coordinator.boundAddress, Doubler())
    let group = DispatchGroup()
    group.enter()
    Thread.detachNewThread {
      defer { group.leave() }
      do {
        _ = try liar.send(.hello(.init(workerID: "liar", host: "h", credits: 1, version: "1", instructionSet: "")))
        var isTold = false
        while !isTold, let message = try liar.receive(timeout: .seconds(60))?.get() {
          if case .lease(let shard, _) = message {
            _ = try liar.send(.result(shard, payload: Data(), computeNanoseconds: 1))
          }
          if case .acknowledgement = message {
            answers.withLock { $0.append(message) }
            isTold = true
          }
        }
        _ = try honest.run()
      } catch { failure.withLock { $0 = error } }
    }
    #expect(try coordinator.run() == .finished)
    group.wait()
    #expect(failure.withLock { $0 } == nil)
    #expect(answers.withLock { $0 } == [.acknowledgement(ShardAttempt(shard: 0, attempt: 1), .refused)])
    #expect(source.stored.withLock { $0.count } == 3)
    let failed = try place.ledger.attempts().filter { $0.outcome == .failed }
    #expect(failed.allSatisfy { $0.worker == "liar" } && failed.first?.shard == 0)
  }

  @Test("A worker whose coordinator went away after the end learns it from the run folder", .hangLimit)
  func aWorkerThatMissedTheEnd() throws {
    let place = try Place(shards: 1)
    defer { withExtendedLifetime(place) {} }
    let address: String
    do { address = try place.coordinator(Source()).boundAddress }
    let worker = try place.worker(address, Doubler()) { .done }
    #expect(try worker.run() == .dismissed(reason: "the run is done"))
  }

  /// Drains its own worker in the middle of a shard, and counts what is computed.
  private final class Leaver: ShardComputer {
    let worker = Mutex<WorkerDaemon?>(nil)
    let computed = Mutex(0)

    func compute(task: Data) throws -> Data {
      let count = computed.withLock { count in
        count += 1
        return count
      }
      if count == 5 { worker.withLock { $0?.drain() } }
      return task
    }
  }

  @Test(.hangLimit) func aDrainingWorkerTakesNothingNew() throws {
    let place = try Place(shards: 2000)
    defer { withExtendedLifetime(place) {} }
    let coordinator = try place.coordinator(Source())
    let leaver = Leaver()
    let daemon = try place.worker(coordinator.boundAddress, leaver)
    leaver.worker.withLock { $0 = daemon }
    let outcome = Mutex<WorkerOutcome?>(nil)
    let group = DispatchGroup()
    DispatchQueue.global().async(group: group) {
      let ended = try? daemon.run()
      outcome.withLock { $0 = ended }
      coordinator.drain()
    }
    #expect(try coordinator.run() == .drained)
    group.wait()
    leaver.worker.withLock { $0 = nil }
    #expect(outcome.withLock { $0 } == .drained)
    // What its four credits stand for, and a lease that is read before the drain is heard, may still be begun.
    #expect(leaver.computed.withLock { $0 } <= 5 + 5)
    // Nothing is left leased: the goodbye gave back what was on its way.
    #expect(try place.ledger.status(now: 0).total.setAside == 0)
  }

  @Test(
    "An address tells whether the coordinator is on another machine",
    arguments: [
      ("tcp://node7:5757", "node7"), ("tcp://127.0.0.1:1", nil), ("tcp://\(ProcessInfo.processInfo.hostName):9", nil),
      ("tcp://[::ffff:127.0.0.1]:1", nil), ("tcp://[::1]:1", nil), ("tcp://[::ffff:192.0.2.7]:1", "192.0.2.7"),
      ("tcp://[2001:db8::7]:1", "2001:db8::7"), ("ipc:///tmp/x", nil), ("tcp://nothing", nil),
    ] as [(String, String?)])
  func otherHosts(address: String, host: String?) throws {
    let place = try Place(shards: 1)
    let folder = RunFolder(place.folder)
    try Data(#"{"address":"\#(address)","runID":"r"}"#.utf8).write(to: URL(fileURLWithPath: folder.endpoint))
    #expect(try #require(CoordinatorEndpoint(in: folder)).otherHost == host)
    withExtendedLifetime(place) {}
  }

  @Test func aSecondCoordinatorIsKeptOff() throws {
    let place = try Place(shards: 1)
    defer { withExtendedLifetime(place) {} }
    let lock = try RunLock(folder: place.folder)
    #expect(throws: CoordinationError.locked(folder: place.folder)) { try RunLock(folder: place.folder) }
    withExtendedLifetime(lock) {}
  }

  /// A descriptor that is closed twice may be another thread's file by the second time.
  @Test func aLockThatIsRefusedClosesNothingButItsOwnFile() throws {
    let place = try Place(shards: 1)
    defer { withExtendedLifetime(place) {} }
    let lock = try RunLock(folder: place.folder)
    defer { withExtendedLifetime(lock) {} }
    let folder = place.folder
    let refused = Atomic(0)
    let isOver = Atomic(false)
    Thread.detachNewThread {
      for _ in 0..<20_000 where (try? RunLock(folder: folder)) == nil { refused.add(1, ordering: .relaxed) }
      isOver.store(true, ordering: .releasing)
    }
    var lost = 0
    while !isOver.load(ordering: .acquiring) {
      let mine = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      if close(mine) != 0 { lost += 1 }
    }
    #expect(refused.load(ordering: .relaxed) == 20_000)
    #expect(lost == 0, "files that another thread closed")
  }
}
