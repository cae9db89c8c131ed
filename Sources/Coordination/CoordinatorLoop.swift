import Durable
import Foundation
import Logging
import Messaging
import Planning
import Scheduling
import Shards

/// One run of a coordinator: events in, the scheduler's actions out.
struct CoordinatorLoop {
  private let configuration: CoordinatorConfiguration
  private let source: any WorkSource
  private let logger: Logger
  private let router: RouterEndpoint
  private let writer: LedgerWriter
  private let ledger: Ledger
  private let start = ContinuousClock.now
  private var scheduler: Scheduler
  private var workers: Set<String> = []
  /// The key that each of them joined with.
  private var keys: [String: CurvePublicKey] = [:]
  private var isFinished = false
  /// Why no worker can compute anything.
  private var stall: String?
  private var refusedMessages = 0
  /// Failures of each worker.
  private var failures: [String: Int] = [:]
  private var allFailures = 0
  /// Names that joined.
  private var joined = 0
  /// Of failures, and of workers that joined, the log tells each up to so many, whatever their names.
  private static let toldInFull = 20_000
  private var setAsideImages = 0
  private var troubles = 0
  /// When the log told of one last.
  private var troubleSaid = -Double.infinity
  /// The result that the event at hand brought.
  private var payload: (data: Data, nanoseconds: UInt64)?
  private var journal: [LedgerWriter.Task] = []
  private var lastLook = ContinuousClock.now

  init(
    configuration: CoordinatorConfiguration, ledger: Ledger, source: any WorkSource, logger: Logger,
    router: RouterEndpoint
  ) throws {
    self.configuration = configuration
    self.source = source
    self.logger = logger
    self.router = router
    try ledger.interruptOpenAttempts(at: Date().timeIntervalSince1970)
    let failed = try ledger.failedWorkers()
    let open = try ledger.openAttempts()
    let losses = try ledger.losses()
    let standing = try ledger.standing()
    self.ledger = ledger
    scheduler = Scheduler(
      blocks: ledger.shards.cells.map { cell in
        ShardBlock(
          count: cell.shardCount, model: cell.model, benchmark: cell.benchmark, images: cell.shardImages,
          lastImages: cell.imageCount - (cell.shardCount - 1) * cell.shardImages,
          cost: source.cost(model: cell.model, benchmark: cell.benchmark, condition: cell.condition))
      },
      pieces: ledger.allPieces.map {
        ShardBlock(
          count: 1, model: $0.model, benchmark: $0.benchmark, images: $0.imageCount,
          cost: source.cost(model: $0.model, benchmark: $0.benchmark, condition: $0.condition))
      },
      touched: standing.others.map { row in
        SchedulerShard(
          id: row.id, state: row.state, attempts: row.attempts, failures: row.failures,
          losses: losses[row.id] ?? 0, failedWorkers: failed[row.id] ?? [],
          holder: open[row.id].map { ShardLease(shard: row.id, attempt: $0.attempt, worker: $0.worker) })
      }, recorded: standing.recorded, pieceSizes: configuration.pieceSizes,
      leaseSeconds: configuration.leaseSeconds, maximumFailures: configuration.attempts,
      reclaimSeconds: configuration.mayHaveWorkers ? 3 * configuration.heartbeatSeconds : 0,
      stallSeconds: configuration.stallSeconds, doubtSeconds: configuration.doubtSeconds,
      results: try ledger.recentResults())
    writer = LedgerWriter(ledger: ledger, source: source, former: try ledger.formerParts()) { [waker = router.waker] in
      waker.wake()
    }
  }

  private var now: Double {
    let time = (ContinuousClock.now - start).components
    return Double(time.seconds) + Double(time.attoseconds) * 1e-18
  }

  mutating func run(isDraining: () -> Bool) throws -> RunOutcome {
    try handle(.tick)
    while true {
      try lookAtPlace()
      let isEnding = isFinished || stall != nil || isDraining()
      if let received = try router.receive(timeout: isEnding ? .zero : waitingTime) {
        switch received.message {
        case .success(let message): try take(message, from: received.peer, received.key)
        case .failure(let error):
          refuse("refused a message", "\(received.peer)", Self.text(error.sentence))
          try send(.rejection(reason: "\(error)"), to: received.peer)
        }
      } else if isEnding, writer.isIdle {
        for worker in workers where isFinished || stall != nil || !configuration.keepsWorkers {
          try send(
            .shutdown(reason: isFinished ? "the run is done" : "the coordinator ends"), to: PeerID(workerID: worker))
        }
        if let stall, !isFinished { return .stalled(reason: stall) }
        return isFinished ? .finished : .drained
      } else if isEnding {
        // The writer wakes the socket when it is through.
        _ = try router.receive(timeout: .milliseconds(20)).map { try take($0) }
      }
      try takeCompletions()
      if let deadline = scheduler.nextDeadline, deadline <= now { try handle(.tick) }
    }
  }

  /// Whether the run folder is still there and still this process's, once a second, though nothing is written meanwhile.
  private mutating func lookAtPlace() throws {
    guard ContinuousClock.now - lastLook > .seconds(1) else { return }
    lastLook = .now
    try ledger.checkPlace()
    try configuration.checkOwner()
  }

  /// Ends the writer after what it has.
  func end() { writer.end() }

  /// At most as long as the folder may go unlooked at.
  private var waitingTime: Duration {
    let longest = 2.0
    guard let deadline = scheduler.nextDeadline else { return .seconds(longest) }
    return .milliseconds(Int64(max(0, min(longest, deadline - now)) * 1000) + 1)
  }

  private mutating func take(_ received: RouterEndpoint.Received) throws {
    if case .success(let message) = received.message { try take(message, from: received.peer, received.key) }
  }

  /// A name belongs to the key that it joined with, as long as its worker lives.
  private mutating func isOthers(_ worker: String, _ key: CurvePublicKey, _ message: WireMessage) -> Bool {
    guard let owner = keys[worker], owner != key else { return false }
    if case .hello = message, !scheduler.isLive(worker) { return false }
    return true
  }

  private mutating func take(_ message: WireMessage, from peer: PeerID, _ key: CurvePublicKey) throws {
    let worker = peer.workerID
    guard !isOthers(worker, key, message) else {
      refuse("refused one that took another worker's name", worker, "its key is not the one that the name joined with")
      return try send(.rejection(reason: "another worker has this name"), to: peer)
    }
    switch message {
    case .hello(let hello): try welcome(hello, peer, key)
    case .heartbeat(let held, let passes):
      try send(.heartbeatReply, to: peer)
      try handle(.heartbeat(worker: worker, held: held, passes: passes))
    case .result(let shard, let data, let nanoseconds):
      try take(
        data, of: ShardLease(shard, worker: worker), nanoseconds: nanoseconds)
    case .failure(let shard, let reason, let kind):
      try take(failure: reason, kind, of: ShardLease(shard, worker: worker))
    case .goodbye:
      workers.remove(worker)
      keys[worker] = nil
      try handle(.left(worker: worker))
    case .welcome, .lease, .acknowledgement, .revocation, .shutdown, .rejection, .heartbeatReply:
      try send(.rejection(reason: "only a coordinator says this"), to: peer)
    }
  }

  /// A result takes its shard from whoever computes it, so it is checked before: a false one costs others nothing, and its
  /// own worker's attempt failed.
  private mutating func take(_ result: Data, of lease: ShardLease, nanoseconds: UInt64) throws {
    if workers.contains(lease.worker), scheduler.wants(lease.shard), let definition = ledger.definition(of: lease.shard)
    {
      do { try source.check(result, for: definition) } catch {
        let reason = Self.text(error.reason)
        refuse("refused a result", lease.worker, reason)
        try send(.acknowledgement(lease.handingOver, .refused), to: PeerID(workerID: lease.worker))
        return try handle(.failed(lease, reason: reason))
      }
    }
    payload = (result, nanoseconds)
    try handle(.resultReceived(lease, computeSeconds: nanoseconds > 0 ? Double(nanoseconds) / 1e9 : nil))
    payload = nil
  }

  /// A failure counts for a shard that its sender holds.
  private mutating func take(
    failure reason: String, _ kind: WireMessage.FailureKind, of lease: ShardLease
  ) throws {
    // Of one that never said hello nothing counts, and its messages must not fill the disk.
    guard workers.contains(lease.worker) else { return }
    let reason = Self.text(reason)
    guard scheduler.holds(lease) else {
      return refuse("passed over the failure of a shard that its sender does not hold", lease.worker, reason)
    }
    // Of what a worker cannot read the log tells once a rest.
    if kind == .surroundings { return try handle(.troubled(lease, reason: reason)) }
    note(failureOf: lease, reason)
    try handle(.failed(lease, reason: reason))
  }

  /// What a worker says, as it is kept and told.
  private static func text(_ words: String) -> String { words.plain(atMost: 1_024) }

  /// Counts what was refused and says it, less often the more there is: who sends such messages again and again must not
  /// fill the disk.
  private mutating func refuse(_ what: Logger.Message, _ worker: String, _ reason: String) {
    refusedMessages += 1
    guard refusedMessages.nonzeroBitCount == 1 else { return }
    logger.warning(
      what,
      metadata: ["worker": "\(worker.plain)", "reason": "\(reason)", "refused": "\(refusedMessages)"])
  }

  /// Says a worker's failures, less often the more there are.
  private mutating func note(failureOf lease: ShardLease, _ reason: String) {
    failures[lease.worker, default: 0] += 1
    allFailures += 1
    let count = failures[lease.worker, default: 0]
    guard count.nonzeroBitCount == 1, allFailures < Self.toldInFull || allFailures.nonzeroBitCount == 1 else { return }
    logger.warning(
      "a shard failed",
      metadata: [
        "shard": "\(lease.shard)", "worker": "\(lease.worker)", "reason": "\(reason)", "failures": "\(count)",
      ])
  }

  /// Says why a worker rests: less often the more there is of it, but once a minute as long as it goes on.
  private mutating func note(troubleOf worker: String, _ what: Logger.Message, _ until: Double, _ reason: String) {
    troubles += 1
    guard troubles.nonzeroBitCount == 1 || now > troubleSaid + 60 else { return }
    troubleSaid = now
    logger.warning(
      what,
      metadata: [
        "worker": "\(worker)", "seconds": "\(Int((until - now).rounded(.up)))", "reason": "\(reason)",
        "rests of all workers": "\(troubles)",
      ])
  }

  /// Says how many images were set aside, less often the more there are.
  private mutating func note(_ part: StoredPart, of lease: ShardLease) {
    let before = setAsideImages
    setAsideImages += part.failedImages
    guard before.leadingZeroBitCount != setAsideImages.leadingZeroBitCount else { return }
    logger.warning(
      "images were set aside",
      metadata: [
        "images": "\(setAsideImages)", "last shard": "\(lease.shard)", "unreadable in it": "\(part.unreadableImages)",
        "worker": "\(lease.worker)",
      ])
  }

  private mutating func welcome(_ hello: WireMessage.Hello, _ peer: PeerID, _ key: CurvePublicKey) throws {
    guard hello.workerID == peer.workerID else {
      return try send(.rejection(reason: "the worker's name is not its connection's"), to: peer)
    }
    guard Self.isName(hello.workerID) else {
      let rule =
        "a worker's name is no number, not \(Scheduler.ownName), and has no control codes or marks of direction"
      refuse("refused a name", hello.workerID, rule)
      return try send(.rejection(reason: rule), to: peer)
    }
    guard hello.version == configuration.version else {
      return try send(
        .rejection(
          reason: "the worker is gauntlet \(hello.version), the coordinator \(configuration.version); use one version"),
        to: peer)
    }
    keys[hello.workerID] = key
    let isNew = workers.insert(hello.workerID).inserted
    if isNew { joined += 1 }
    if isNew, joined < Self.toldInFull || joined.nonzeroBitCount == 1 {
      logger.info(
        "a worker joined",
        metadata: [
          "worker": "\(hello.workerID)", "host": "\(Self.text(hello.host))",
          "instruction_set": "\(Self.text(hello.instructionSet))", "version": "\(hello.version)",
        ])
    }
    try send(
      .welcome(
        .init(
          runID: source.runID, heartbeatMilliseconds: max(1, Int(configuration.heartbeatSeconds * 1000)),
          coordinatorVersion: configuration.version)), to: peer)
    let held = hello.runID.isEmpty || hello.runID == source.runID ? hello.held : []
    try handle(
      .joined(
        worker: hello.workerID, credits: hello.credits,
        held: held))
  }

  /// Names are told in logs, and in `gauntlet mend --reject` beside numbers of shards.
  private static func isName(_ name: String) -> Bool {
    name.plain == name && Int64(name) == nil && name != Scheduler.ownName
  }

  private mutating func takeCompletions() throws {
    for completion in writer.takeCompletions() {
      switch completion {
      case .stored(let lease, let part):
        if let part { note(part, of: lease) }
        try handle(.stored(lease, isWhole: part?.unreadableImages ?? 0 == 0))
      case .refused(let lease, let reason): try handle(.storeRefused(lease, reason: reason))
      case .split(let shard): try handle(.split(shard))
      case .broken(let error): throw error
      }
    }
  }

  private mutating func handle(_ event: Scheduler.Event) throws {
    var events = [event]
    while let event = events.popLast() {
      for action in scheduler.handle(event, at: now) {
        if let undelivered = try perform(action) { events.append(undelivered) }
      }
    }
    writer.add(journal)
    journal.removeAll(keepingCapacity: true)
  }

  /// Does what the scheduler decided; gives an event where a lease did not reach its worker.
  private mutating func perform(_ action: Scheduler.Action) throws -> Scheduler.Event? {
    let time = Date().timeIntervalSince1970
    switch action {
    case .lease(let lease): return try deliver(lease, time)
    case .adopted(let lease):
      enter(.leased(shard: lease.shard, attempt: lease.attempt, worker: lease.worker, time: time))
    case .revoke(let lease): try send(.revocation(lease.handingOver), to: PeerID(workerID: lease.worker))
    case .ended(let lease, let outcome, let reason):
      enter(
        .ended(
          shard: lease.shard, attempt: lease.attempt, worker: lease.worker,
          outcome: outcome, reason: reason, time: time))
    case .setAside(let shard, let reason):
      logger.error("a shard was set aside", metadata: ["shard": "\(shard)", "reason": "\(reason)"])
      enter(.setAside(shard: shard, reason: reason, time: time))
    case .setAsideImage(let lease, let reason):
      guard let definition = ledger.definition(of: lease.shard) else { return nil }
      logger.error("an image was set aside", metadata: ["shard": "\(lease.shard)", "reason": "\(reason)"])
      journal.append(
        .store(lease, definition, payload: try source.failing(definition, reason: reason), computeNanoseconds: 0))
    case .split(let shard, let images, let firstPiece, _): enterSplit(shard, images, firstPiece)
    case .store(let lease):
      guard let payload, let definition = ledger.definition(of: lease.shard) else {
        return .storeRefused(lease, reason: "the ledger has no such shard")
      }
      journal.append(.store(lease, definition, payload: payload.data, computeNanoseconds: payload.nanoseconds))
    case .acknowledge(let lease, let acknowledgement):
      try send(.acknowledgement(lease.handingOver, acknowledgement), to: PeerID(workerID: lease.worker))
    case .unknown(let worker):
      // A worker that is welcomed without having asked says hello again, with what it holds.
      try send(
        .welcome(
          .init(
            runID: source.runID, heartbeatMilliseconds: max(1, Int(configuration.heartbeatSeconds * 1000)),
            coordinatorVersion: configuration.version)), to: PeerID(workerID: worker))
    case .rested(let worker, let until):
      logger.warning(
        "a worker rests: others computed what it failed",
        metadata: ["worker": "\(worker)", "seconds": "\(Int((until - now).rounded()))"])
    case .troubled(let worker, let until, let reason):
      note(troubleOf: worker, "a worker cannot read what its shards need, and rests", until, reason)
    case .distrusted(let worker, let until, let reason):
      note(troubleOf: worker, "a worker has computed nothing of what it was given, and rests", until, reason)
    case .stalled(let reason):
      logger.error("no worker can compute anything; the coordinator ends", metadata: ["reason": "\(reason)"])
      stall = reason
    case .refused(let worker, let reason):
      if workers.remove(worker) != nil {
        logger.error("a worker is refused", metadata: ["worker": "\(worker)", "reason": "\(reason)"])
      }
      try send(.rejection(reason: reason), to: PeerID(workerID: worker))
    case .finished: isFinished = true
    }
    return nil
  }

  private mutating func deliver(_ lease: ShardLease, _ time: Double) throws -> Scheduler.Event? {
    guard let definition = ledger.definition(of: lease.shard) else { return nil }
    enter(.leased(shard: lease.shard, attempt: lease.attempt, worker: lease.worker, time: time))
    let message = WireMessage.lease(
      lease.handingOver,
      task: try source.task(
        for: definition, attempt: lease.attempt, isLast: scheduler.isLastAttempt(lease)))
    guard try router.send(message, to: PeerID(workerID: lease.worker)) != .sent else { return nil }
    return .disconnected(
      worker: lease.worker, undelivered: [lease.handingOver])
  }

  private mutating func enterSplit(_ shard: Int64, _ images: [Int], _ firstPiece: Int64) {
    guard let whole = ledger.definition(of: shard) else { return }
    var firstImage = whole.firstImage
    var pieces: [ShardDefinition] = []
    for count in images {
      pieces.append(
        ShardDefinition(
          id: firstPiece + Int64(pieces.count), model: whole.model, benchmark: whole.benchmark,
          condition: whole.condition, firstImage: firstImage, imageCount: count))
      firstImage += count
    }
    enter(.split(shard: shard, into: pieces))
  }

  private mutating func enter(_ entry: LedgerEntry) { journal.append(.enter(entry)) }

  /// What does not arrive is said again when the worker is heard the next time.
  private func send(_ message: WireMessage, to peer: PeerID) throws { _ = try router.send(message, to: peer) }
}
