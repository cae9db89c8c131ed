import Durable
import Foundation
import Logging
import Messaging
import Planning
import Scheduling
import Shards

/// One run of a coordinator: events in, the scheduler's actions out.
package struct CoordinatorLoop {
  private let configuration: CoordinatorConfiguration
  private let source: any WorkSource
  private let logger: Logger
  private let line: any WorkerLine
  let clock: any CoordinatorClock
  private let writer: LedgerWriter
  let ledger: Ledger
  private(set) var scheduler: LaneScheduler
  private(set) var members = Members()
  private let board: WorkerBoard
  private var isFinished = false
  /// Lanes whose workers were sent home.
  private var dismissedLanes: Set<Int> = []
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
  private var lastLook: Double

  package init(
    configuration: CoordinatorConfiguration, ledger: Ledger, source: any WorkSource, logger: Logger,
    surroundings: CoordinatorSurroundings, board: WorkerBoard = WorkerBoard()
  ) throws {
    self.configuration = configuration
    self.board = board
    self.source = source
    self.logger = logger
    line = surroundings.line
    clock = surroundings.clock
    lastLook = clock.now
    try ledger.interruptOpenAttempts(at: clock.date)
    let failed = try ledger.failedWorkers()
    let open = try ledger.openAttempts()
    let losses = try ledger.losses()
    let standing = try ledger.standing()
    self.ledger = ledger
    let reclaimSeconds = configuration.mayHaveWorkers ? 3 * configuration.heartbeatSeconds : 0
    let results = try ledger.recentResults()
    scheduler = LaneScheduler(
      laneOfModel: source.lanes.ofModel,
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
      }, recorded: standing.recorded
    ) { blocks, pieces, touched, recorded in
      Scheduler(
        blocks: blocks, pieces: pieces, touched: touched, recorded: recorded, pieceSizes: configuration.pieceSizes,
        leaseSeconds: configuration.leaseSeconds, maximumFailures: configuration.attempts,
        reclaimSeconds: reclaimSeconds, stallSeconds: configuration.stallSeconds,
        doubtSeconds: configuration.doubtSeconds, results: results)
    }
    writer = LedgerWriter(
      ledger: ledger, source: source, former: try ledger.formerParts(), surroundings: surroundings)
  }

  private var now: Double { clock.now }

  package mutating func run(isDraining: () -> Bool) throws -> RunOutcome {
    try handle(.tick)
    while true {
      try lookAtPlace()
      board.leave(workersSight)
      let isEnding = isFinished || stall != nil || isDraining()
      if let received = try line.receive(timeout: isEnding ? .zero : waitingTime) {
        switch received.message {
        case .success(let message): try take(message, from: received.peer, received.key)
        case .failure(let error):
          refuse(
            "refused a message", members.name(of: received.peer, received.key) ?? "\(received.peer)",
            Self.text(error.sentence))
          try send(.rejection(reason: "\(error)"), to: received.peer)
        }
      } else if isEnding, writer.isIdle {
        for worker in members.all where isFinished || stall != nil || !configuration.keepsWorkers {
          try send(.shutdown(reason: isFinished ? "the run is done" : "the coordinator is stopping"), to: worker)
        }
        if let stall, !isFinished { return .stalled(reason: stall) }
        return isFinished ? .finished : .drained
      } else if isEnding {
        // The writer wakes the socket when it is through.
        _ = try line.receive(timeout: .milliseconds(20)).map { try take($0) }
      }
      try takeCompletions()
      if let deadline = scheduler.nextDeadline, deadline <= now { try handle(.tick) }
    }
  }

  /// Whether the run folder is still there and still this process's, once a second, though nothing is written meanwhile.
  private mutating func lookAtPlace() throws {
    guard now - lastLook > 1 else { return }
    lastLook = now
    try ledger.checkPlace()
    try configuration.checkOwner()
  }

  /// Ends the writer after what it has.
  package func end() { writer.end() }

  /// At most as long as the folder may go unlooked at.
  private var waitingTime: Duration {
    let longest = 2.0
    guard let deadline = scheduler.nextDeadline else { return .seconds(longest) }
    return .milliseconds(Int64(max(0, min(longest, deadline - now)) * 1000) + 1)
  }

  private mutating func take(_ received: RouterEndpoint.Received) throws {
    if case .success(let message) = received.message { try take(message, from: received.peer, received.key) }
  }

  private mutating func take(_ message: WireMessage, from peer: PeerID, _ key: CurvePublicKey) throws {
    if case .hello(let hello) = message { return try welcome(hello, peer, key) }
    guard let worker = members.hear(peer, key, at: now) else { return try ask(peer) }
    switch message {
    case .heartbeat(let held, let passes):
      try send(.heartbeatReply, to: peer)
      try handle(.heartbeat(worker: worker, held: held, passes: passes))
    case .result(let shard, let data, let nanoseconds):
      try take(
        data, of: ShardLease(shard, worker: worker), nanoseconds: nanoseconds)
    case .failure(let shard, let reason, let kind):
      try take(failure: reason, kind, of: ShardLease(shard, worker: worker))
    case .goodbye:
      members.remove(worker)
      try handle(.left(worker: worker))
    case .hello, .welcome, .lease, .acknowledgement, .revocation, .shutdown, .rejection, .heartbeatReply:
      try send(.rejection(reason: "only a coordinator may send this"), to: peer)
    }
  }

  /// A result takes its shard from whoever computes it, so it is checked before: a false one costs others nothing, and its
  /// own worker's attempt failed.
  private mutating func take(_ result: Data, of lease: ShardLease, nanoseconds: UInt64) throws {
    if scheduler.wants(lease.shard), let definition = ledger.definition(of: lease.shard) {
      do { try source.check(result, for: definition) } catch {
        let reason = Self.text(error.reason)
        refuse("refused a result", lease.worker, reason)
        try send(.acknowledgement(lease.handingOver, .refused), to: lease.worker)
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
    let reason = Self.text(reason)
    guard scheduler.holds(lease) else {
      return refuse("ignored a failure report for a shard that its sender does not hold", lease.worker, reason)
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
    if let name = members.name(of: peer, key), name != hello.workerID {
      return try send(.rejection(reason: "this connection belongs to another worker"), to: peer)
    }
    guard !members.isOthers(hello.workerID, key, at: now, leaseSeconds: configuration.leaseSeconds) else {
      refuse(
        "refused a worker that took another worker's name", Self.text(hello.workerID),
        "its key is not the one that this name joined with")
      return try send(.rejection(reason: "another worker has this name"), to: peer)
    }
    guard Self.isName(hello.workerID) else {
      let rule =
        "a worker's name must not be a number or \(Scheduler.ownName), nor contain a slash, control characters or direction marks"
      refuse("refused a name", hello.workerID, rule)
      return try send(.rejection(reason: rule), to: peer)
    }
    guard hello.version == configuration.version else {
      return try send(
        .rejection(
          reason:
            "the worker is gauntlet \(hello.version), the coordinator \(configuration.version); use the same version"),
        to: peer)
    }
    let lane: Int
    do { lane = try source.lanes.lane(of: hello.kind) } catch {
      refuse("refused a worker of the wrong kind", Self.text(hello.workerID), Self.text(error.description))
      return try send(.rejection(reason: error.description), to: peer)
    }
    scheduler.enrol(hello.workerID, lane: lane)
    let isNew = members.join(hello.workerID, peer, key, at: now, host: Self.text(hello.host))
    if isNew {
      joined += 1
      configuration.onJoin(joined)
    }
    if isNew, joined < Self.toldInFull || joined.nonzeroBitCount == 1 {
      logger.info(
        "a worker joined",
        metadata: [
          "worker": "\(hello.workerID)", "host": "\(Self.text(hello.host))",
          "instruction_set": "\(Self.text(hello.instructionSet))", "version": "\(hello.version)",
        ])
    }
    try send(.welcome(greeting), to: peer)
    if scheduler.idleLanes.contains(lane) { return try send(.shutdown(reason: Self.nothingLeft), to: peer) }
    let held = hello.runID.isEmpty || hello.runID == source.runID ? hello.held : []
    try handle(
      .joined(
        worker: hello.workerID, credits: hello.credits,
        held: held))
  }

  private var greeting: WireMessage.Welcome {
    .init(
      runID: source.runID, heartbeatMilliseconds: max(1, Int(configuration.heartbeatSeconds * 1000)),
      coordinatorVersion: configuration.version)
  }

  /// Asks a connection who it is: a worker that is welcomed without having asked says hello again, with what it holds. Until
  /// then nothing that it says counts.
  private mutating func ask(_ peer: PeerID) throws {
    guard members.isToBeAsked(peer, at: now, seconds: configuration.heartbeatSeconds) else { return }
    try send(.welcome(greeting), to: peer)
  }

  /// Names are told in logs, and in `gauntlet mend --reject` beside numbers of shards.
  private static func isName(_ name: String) -> Bool {
    name.plain == name && Int64(name) == nil && name != Scheduler.ownName && !name.contains("/")
  }

  private mutating func takeCompletions() throws {
    for completion in writer.takeCompletions() {
      switch completion {
      case .stored(let lease, let part):
        if let part { note(part, of: lease) }
        members.note(ledger.definition(of: lease.shard)?.imageCount ?? 0, of: lease.worker, at: now)
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
    try dismissIdle()
  }

  /// Sends workers home for whom nothing is left, though there is for others.
  private mutating func dismissIdle() throws {
    let idle = scheduler.idleLanes.subtracting(dismissedLanes)
    guard !idle.isEmpty else { return }
    dismissedLanes.formUnion(idle)
    for worker in members.all where idle.contains(scheduler.lane(of: worker)) {
      try send(.shutdown(reason: Self.nothingLeft), to: worker)
    }
  }

  private static let nothingLeft = "everything this worker can compute is done"

  /// Does what the scheduler decided; gives an event where a lease did not reach its worker.
  private mutating func perform(_ action: Scheduler.Action) throws -> Scheduler.Event? {
    let time = clock.date
    switch action {
    case .lease(let lease): return try deliver(lease, time)
    case .adopted(let lease):
      enter(.leased(shard: lease.shard, attempt: lease.attempt, worker: lease.worker, time: time))
    case .revoke(let lease): try send(.revocation(lease.handingOver), to: lease.worker)
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
      try send(.acknowledgement(lease.handingOver, acknowledgement), to: lease.worker)
    case .unknown(let worker):
      if let peer = members.peer(of: worker) { try ask(peer) }
    case .rested(let worker, let until):
      logger.warning(
        "a worker is resting: others computed what it failed",
        metadata: ["worker": "\(worker)", "seconds": "\(Int((until - now).rounded()))"])
    case .troubled(let worker, let until, let reason):
      note(troubleOf: worker, "a worker cannot read the data or model of its shards, and is resting", until, reason)
    case .distrusted(let worker, let until, let reason):
      note(troubleOf: worker, "a worker has computed none of its shards, and is resting", until, reason)
    case .stalled(let reason):
      logger.error("no worker can compute anything; the coordinator is stopping", metadata: ["reason": "\(reason)"])
      stall = reason
    case .refused(let worker, let reason):
      try send(.rejection(reason: reason), to: worker)
      if members.remove(worker) {
        logger.error("refused a worker", metadata: ["worker": "\(worker)", "reason": "\(reason)"])
      }
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
    if let peer = members.peer(of: lease.worker), try line.send(message, to: peer) == .sent { return nil }
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
  private func send(_ message: WireMessage, to peer: PeerID) throws { _ = try line.send(message, to: peer) }

  private func send(_ message: WireMessage, to worker: String) throws {
    if let peer = members.peer(of: worker) { try send(message, to: peer) }
  }
}
