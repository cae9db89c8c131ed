import Shards

/// Decides which worker computes which shard, and whose result is kept. Pure: the same events at the same times give
/// the same actions.
///
/// Times are seconds of any clock that never goes back. An event costs the logarithm of the number of shards, and time
/// in proportion to what it names, so that one thread schedules many thousand shards a second.
public struct Scheduler: Sendable {
  /// How long a lease lives after it was given or a heartbeat named it, in seconds; a worker that was not heard for
  /// as long gets nothing.
  public let leaseSeconds: Double
  /// How long a living worker may leave a lease unnamed before it goes to another, in seconds: the time that a lease
  /// may be on its way.
  public let graceSeconds: Double
  /// How long after the first event a shard waits for the worker that held it under a former coordinator, in seconds.
  public let reclaimSeconds: Double
  /// How many failures set a shard aside, on as many workers; where fewer live, once each of them has failed it.
  public let maximumFailures: Int
  /// How long nobody may compute anything, while workers cannot read what shards need, before ``Action/stalled(reason:)``.
  public let stallSeconds: Double
  /// How long failures of workers that have computed nothing wait for one that has, before they set a shard aside, in seconds.
  public let doubtSeconds: Double
  /// How many shards that a worker failed others must compute, before the worker is rested.
  static let blameBeforeRest = 3
  /// How many rests a worker gets in a row; then it is refused.
  static let maximumRests = 3
  /// How many times the usual time a lease must be old to be given to a second worker.
  static let stragglerFactor = 2.0
  /// Nor is a lease given to a second worker before it is this old, in seconds: short shards are not worth it.
  static let stragglerSeconds = 1.0

  var shards: [Shard]
  var pending: PendingShards
  var leases: [Int: Lease] = [:]
  // Second leases of stragglers; the first is in `leases`.
  var copies: [Int: Lease] = [:]
  var reserved: [Int: ShardLease] = [:]
  var reservedOf: [String: Set<Int>] = [:]
  var reservedUntil: Double?
  /// Seconds from lease to result, a moving average; nil before the first result.
  var usualSeconds: Double?
  // Leases by age, for the stragglers; one whose lease ended stays until it comes to the top.
  var oldest = BinaryHeap<Deadline<Int>>()
  var refusedWorkers: Set<String> = []
  var restDeadlines = BinaryHeap<Deadline<String>>()
  var stores: [Int: Store] = [:]
  var failedWorkers: [Int: Set<String>] = [:]
  /// Of shards that were taken up with a clean slate: who failed them before. It is not known why.
  private var excused: [Int: Set<String>] = [:]
  /// Shards that were handed out as their last chance, or are to be once more because they were not.
  var lastChances: Set<Int> = []
  /// How long shards should take; nil leaves them as they are planned.
  let pieceSizes: PieceSizes?
  var splits: [Int: Split] = [:]
  /// Shards that pieces have replaced.
  var splitCount = 0
  /// Pieces that the ledger does not have yet.
  var waitingPieces = 0
  /// By model, over all workers.
  var paces: [Int: Paces] = [:]
  /// Results by worker, also of workers that are gone.
  var results: [String: Int]
  /// By shard, how often each worker failed it; losses are in ``losses``.
  var failureCounts: [Int: [String: Int]] = [:]
  /// How often each shard was lost with its worker.
  var losses: [Int: Int] = [:]
  /// How often each shard, or what it is a piece of, was lost with its worker.
  var suspicion: [Int: Int] = [:]
  /// Shards that wait for a worker that holds nothing else, by number.
  var alone: [Int] = []
  /// How often each shard was held for too long.
  var overdue: [Int: Int] = [:]
  /// Who had each shard for too long: what it says of it counts no more.
  var expelled: [Int: Set<String>] = [:]
  /// Since when a shard is to be set aside, but for a worker that has computed something.
  var doubts: [Int: Double] = [:]
  /// Of the workers that lost a shard: since when they were silent then.
  var silences: [Int: [String: Double]] = [:]
  var workers: [String: Worker] = [:]
  /// Workers that left while a result of theirs was being stored, or a shard split for them: it counts when they return.
  var departed: [String: UnderWay] = [:]
  var liveWorkers: Set<String> = []
  /// Those of them that are not in trouble.
  var ableWorkers: Set<String> = []
  /// Those of them that have computed something.
  var trustedWorkers: Set<String> = []
  // Workers with credit left, the one that waits longest first.
  var open: [String] = []
  var leaseDeadlines = BinaryHeap<Deadline<Int>>()
  var workerDeadlines = BinaryHeap<Deadline<String>>()
  var serial: UInt64 = 0
  var actions: [Action] = []
  var stall: Stall?
  /// Troubles so far.
  var troubleCount = 0
  var isStalled = false
  private var recordedCount = 0
  private var setAsideCount = 0
  private var exhausted: [Int] = []
  private var wasFinished = false

  /// Told of what should hold after an event and does not, for simulations; nil looks at nothing.
  package var onBrokenInvariant: (@Sendable (String) -> Void)?

  /// A scheduler of shards that are numbered from 0 through all blocks. Lower numbers are leased first.
  ///
  /// It takes about 35 bytes a shard.
  ///
  /// - Parameters:
  ///   - blocks: all shards, pending where nothing else is said.
  ///   - pieces: shards that took the place of planned ones before; they have the numbers after the blocks'.
  ///   - touched: what became of shards that were handed out before; numbers outside the blocks are passed over.
  ///   - recorded: more shards whose result is in the ledger, by number.
  ///   - pieceSizes: how long shards should take; nil leaves them as they are planned.
  ///   - leaseSeconds: positive, several times the interval of heartbeats.
  ///   - maximumFailures: at least 1.
  ///   - graceSeconds: half of `leaseSeconds` if nil.
  ///   - reclaimSeconds: `graceSeconds` if nil; 0 where no worker can have outlived the former coordinator.
  ///   - stallSeconds: how long workers may be in trouble, and nobody compute anything, before the run cannot go on.
  ///   - doubtSeconds: how long failures of workers that have computed nothing wait for one that has; two leases if nil.
  ///   - results: results in the ledger by worker, of those that may come back.
  public init(
    blocks: [ShardBlock], pieces: [ShardBlock] = [], touched: [SchedulerShard] = [],
    recorded: [Int64] = [], pieceSizes: PieceSizes? = nil, leaseSeconds: Double, maximumFailures: Int,
    graceSeconds: Double? = nil, reclaimSeconds: Double? = nil, stallSeconds: Double = .infinity,
    doubtSeconds: Double? = nil, results: [String: Int] = [:]
  ) {
    self.results = results
    self.doubtSeconds = doubtSeconds ?? 2 * leaseSeconds
    self.stallSeconds = stallSeconds
    self.leaseSeconds = leaseSeconds
    self.graceSeconds = graceSeconds ?? leaseSeconds / 2
    self.reclaimSeconds = reclaimSeconds ?? self.graceSeconds
    self.maximumFailures = max(1, maximumFailures)
    self.pieceSizes = pieceSizes
    shards = []
    shards.reserveCapacity((blocks + pieces).reduce(0) { $0 + $1.count })
    for (blocks, isPlanned) in [(blocks, true), (pieces, false)] {
      for block in blocks where block.count > 0 {
        let shard = Shard(block.group, images: block.images, cost: block.cost, isPlanned: isPlanned)
        shards.append(contentsOf: repeatElement(shard, count: block.count - 1))
        shards.append(Shard(block.group, images: block.lastImages, cost: block.cost, isPlanned: isPlanned))
      }
    }
    pending = PendingShards(blocks: blocks + pieces)
    for id in recorded {
      guard let index = index(of: id), shards[index].state == .pending else { continue }
      shards[index].state = .recorded
      recordedCount += 1
      pending.remove(index)
    }
    for shard in touched { begin(with: shard) }
  }

  private mutating func begin(with shard: SchedulerShard) {
    guard let index = index(of: shard.id), pending.contains(index) else { return }
    shards[index].attempts = Int32(clamping: shard.attempts)
    let lost = min(shard.losses, shard.failures)
    shards[index].failures = Int32(clamping: shard.failures - lost)
    shards[index].state = shard.state
    pending.remove(index)
    if !shard.failedWorkers.isEmpty { failedWorkers[index] = shard.failedWorkers }
    if shard.failures > lost { countFailures(shard.failures - lost, of: shard.failedWorkers, index) }
    if lost > 0 { (losses[index], suspicion[index]) = (lost, lost) }
    // Fewer failures than workers: some of them are of before the slate was wiped.
    if shard.failures < shard.failedWorkers.count { excused[index] = shard.failedWorkers }
    switch shard.state {
    case .recorded: recordedCount += 1
    case .setAside: setAsideCount += 1
    case .split: splitCount += 1
    case .pending where isExhaustedByTrusted(index): exhausted.append(index)
    case .pending:
      if let holder = shard.holder, reclaimSeconds > 0 {
        reserved[index] = holder
        reservedOf[holder.worker, default: []].insert(index)
      } else {
        requeue(index)
      }
    }
  }

  /// A shard's place in ``shards``: its number.
  func index(of id: Int64) -> Int? { id >= 0 && id < Int64(shards.count) ? Int(id) : nil }

  /// Whether a result of the shard would be kept: it must be checked before it is told of.
  public func wants(_ shard: Int64) -> Bool {
    guard let index = index(of: shard) else { return false }
    return stores[index] == nil && shards[index].state != .recorded && !isSplit(index)
  }

  /// Whether its worker has the shard.
  public func holds(_ lease: ShardLease) -> Bool {
    index(of: lease.shard).map { leases[$0]?.lease == lease || copies[$0]?.lease == lease } ?? false
  }

  /// When ``Event/tick`` is due at the latest; nil while nothing can expire. It may be early, never late.
  public var nextDeadline: Double? {
    [
      leaseDeadlines.first?.time, workerDeadlines.first?.time, restDeadlines.first?.time,
      reserved.isEmpty ? nil : reservedUntil, stall?.due, doubtsEnd,
    ].compactMap { $0 }.min()
  }

  /// Whether every shard is recorded, set aside or replaced.
  public var isFinished: Bool { recordedCount + setAsideCount + splitCount == shards.count }

  /// Whether there is a worker that was heard in time.
  public var hasLiveWorkers: Bool { !liveWorkers.isEmpty }

  /// How many shards stand where.
  public var counts: Counts {
    Counts(
      pending: pending.count + alone.count + reserved.count + waitingPieces, leased: leases.count,
      storing: stores.count,
      recorded: recordedCount,
      setAside: setAsideCount)
  }

  /// Numbers of shards.
  public struct Counts: Sendable, Equatable {
    /// Shards that wait for a worker, or for the one that held them before the coordinator began again.
    public let pending: Int
    /// Shards that a worker holds.
    public let leased: Int
    /// Shards whose result is being stored.
    public let storing: Int
    /// Shards whose result is in the ledger.
    public let recorded: Int
    /// Shards that failed as often as is allowed.
    public let setAside: Int
  }

  /// Takes in what happened and says what is to be done.
  ///
  /// - Parameter now: seconds, never before the last event's.
  public mutating func handle(_ event: Event, at now: Double) -> [Action] {
    setAsideExhausted()
    if reservedUntil == nil { reservedUntil = now + reclaimSeconds }
    apply(event, now)
    expire(now)
    assign(now)
    if isFinished, !wasFinished { actions.append(.finished) }
    wasFinished = isFinished
    if onBrokenInvariant != nil { checkInvariants() }
    defer { actions.removeAll(keepingCapacity: true) }
    return actions
  }

  private mutating func apply(_ event: Event, _ now: Double) {
    switch event {
    case .joined(let worker, _, _) where refusedWorkers.contains(worker),
      .heartbeat(let worker, _, _) where refusedWorkers.contains(worker):
      actions.append(.refused(worker: worker, reason: Self.refusal))
    case .joined(let worker, let credits, let held):
      join(worker, credits: credits)
      heard(worker, now)
      name(held, by: worker, now)
      releaseReserved(of: worker)
    case .heartbeat(let worker, let held, let passes):
      guard workers[worker] != nil else {
        actions.append(.unknown(worker: worker))
        return
      }
      heard(worker, now)
      note(passes, of: held, by: worker, now)
      name(held, by: worker, now)
    case .resultReceived(let lease, let computeSeconds):
      // As after a restart: once it has said hello it offers what it has again, so nothing is lost by not believing it.
      guard workers[lease.worker] != nil else {
        actions.append(.unknown(worker: lease.worker))
        return
      }
      heard(lease.worker, now)
      receive(lease, computeSeconds, now)
    case .split(let shard): finishSplit(shard, now)
    case .stored(let lease, let isWhole): finishStore(of: lease, isWhole: isWhole, now)
    case .storeRefused(let lease, let reason): refuseStore(of: lease, reason: reason, now)
    case .failed(let lease, let reason):
      heard(lease.worker, now)
      if let index = endLease(lease) {
        setTroubles(0, of: lease.worker)
        distrust(lease.worker, reason: reason, now)
        fail(index, lease, reason: reason, now)
      }
    case .troubled(let lease, let reason):
      heard(lease.worker, now)
      if let index = endLease(lease) { trouble(index, lease, reason: reason, now) }
    case .disconnected(let worker, let undelivered):
      loseSight(of: worker)
      for held in undelivered {
        let lease = ShardLease(shard: held.shard, attempt: held.attempt, worker: worker)
        giveBack(lease, reason: "the lease could not be sent to the worker")
      }
    case .left(let worker): leave(worker)
    case .tick: break
    }
  }

  /// A coordinator may have ended between a shard's last failure and its setting aside.
  private mutating func setAsideExhausted() {
    for index in exhausted {
      setAside(index, reason: "failed \(shards[index].failures) times before the coordinator restarted")
    }
    exhausted.removeAll()
  }
}

// MARK: Results

extension Scheduler {
  private mutating func receive(_ lease: ShardLease, _ computeSeconds: Double?, _ now: Double) {
    guard let index = index(of: lease.shard) else {
      actions.append(.acknowledge(lease, .refused))
      return
    }
    if let store = stores[index] {
      // The same result offered again is answered when it is stored.
      if store.lease != lease { actions.append(.acknowledge(lease, .duplicate)) }
      return
    }
    if shards[index].state == .recorded || isSplit(index) {
      actions.append(.acknowledge(lease, .duplicate))
      return
    }
    noteEnd(of: lease, computeSeconds, now)
    shards[index].attempts = max(shards[index].attempts, Int32(clamping: lease.attempt))
    stores[index] = Store(lease: lease, isOwed: takeForStore(index, lease, now))
    if shards[index].state == .setAside { setAsideCount -= 1 }
    actions.append(.store(lease))
  }

  /// Nobody computes longer than he has the shard.
  private mutating func noteEnd(of lease: ShardLease, _ computeSeconds: Double?, _ now: Double) {
    guard let index = index(of: lease.shard) else { return }
    workers[lease.worker]?.progressedAt = now
    let held = [leases[index], copies[index]].compactMap { $0 }.first { $0.lease == lease }
    guard let computeSeconds else { return }
    notePace(of: lease.worker, at: index, min(computeSeconds, held.map { now - $0.givenAt } ?? computeSeconds))
  }

  private mutating func notePace(of worker: String, at index: Int, _ seconds: Double) {
    let (images, cost) = (Int(shards[index].images), shards[index].cost)
    let model = Int(shards[index].model)
    paces[model, default: Paces()].note(seconds, images: images, cost: cost)
    if workers[worker]?.model == model { workers[worker]?.paces.note(seconds, images: images, cost: cost) }
  }

  /// Takes the shard from whoever has it. Gives whether the result's worker had it and goes on holding it.
  private mutating func takeForStore(_ index: Int, _ lease: ShardLease, _ now: Double) -> Bool {
    stopWaiting(index)
    endReservation(index)
    var isHeld = false
    for current in [leases[index], copies[index]].compactMap({ $0 }) {
      _ = endLease(current.lease)
      if current.lease == lease {
        isHeld = true
        usualSeconds = usualSeconds.map { $0 + (now - current.givenAt - $0) / 16 } ?? now - current.givenAt
        workers[lease.worker]?.storing.insert(index)
      } else {
        actions.append(
          .ended(
            current.lease, .superseded, reason: "the result of attempt \(lease.attempt) on \(lease.worker) came first"))
        actions.append(.revoke(current.lease))
      }
    }
    return isHeld
  }

  private mutating func finishStore(of lease: ShardLease, isWhole: Bool, _ now: Double) {
    guard let index = endStore(of: lease) else { return }
    shards[index].state = .recorded
    recordedCount += 1
    forgetTrials(of: index)
    guard lease.worker != Self.ownName else {
      (silences[index], failedWorkers[index], excused[index]) = (nil, nil, nil)
      return
    }
    actions.append(.acknowledge(lease, .recorded))
    workers[lease.worker]?.blame = 0
    workers[lease.worker]?.rests = 0
    trust(lease.worker)
    endTrouble(of: lease.worker, at: index)
    // The shard can be computed, so who failed it is to blame. Sorted, because a set's order differs.
    let silences = silences.removeValue(forKey: index) ?? [:]
    let failed = failedWorkers.removeValue(forKey: index) ?? []
    let excused = excused.removeValue(forKey: index) ?? []
    lastChances.remove(index)
    for worker in failed.subtracting(excused).sorted() where isWhole && worker != lease.worker {
      blame(worker, silence: silences[worker], now)
    }
  }

  private mutating func refuseStore(of lease: ShardLease, reason: String, _ now: Double) {
    guard let index = index(of: lease.shard), let store = stores[index], endStore(of: lease) != nil else { return }
    actions.append(.acknowledge(lease, .refused))
    if store.isOwed {
      fail(index, lease, reason: reason, now)
    } else if shards[index].state == .setAside {
      setAsideCount += 1
    } else {
      // A late result: the attempt ended before, and counted then if it was to count.
      requeue(index)
    }
  }

  private mutating func endStore(of lease: ShardLease) -> Int? {
    guard let index = index(of: lease.shard), stores[index]?.lease == lease else { return nil }
    stores[index] = nil
    endUnderWay(index, of: lease.worker)
    offer(lease.worker)
    return index
  }
}

// MARK: Ends of attempts

extension Scheduler {
  /// The attempt counts against its shard, which goes to another worker or is set aside.
  mutating func fail(_ index: Int, _ lease: ShardLease, reason: String, _ now: Double) {
    actions.append(.ended(lease, .failed, reason: reason))
    blameLater(lease.worker, for: index)
    shards[index].failures += 1
    failureCounts[index, default: [:]][lease.worker, default: 0] += 1
    guard isExhausted(index), !isDoubted(index, now), !deservesAnother(index) else { return requeue(index) }
    endOther(index, reason: "the shard is set aside")
    setAside(index, reason: "failed \(shards[index].failures) times, most recently on \(lease.worker): \(reason)")
  }

  /// Who failed a shard is to blame once another has computed it.
  mutating func blameLater(_ worker: String, for index: Int) {
    failedWorkers[index, default: []].insert(worker)
    excused[index]?.remove(worker)
  }

  /// Nobody is to go on with the shard.
  mutating func endOther(_ index: Int, reason: String) {
    guard let other = leases[index]?.lease, endLease(other) != nil else { return }
    actions.append(.ended(other, .returned, reason: reason))
    actions.append(.revoke(other))
  }

  /// Whether a shard that would be set aside is handed out once more, because its worker did not know that it was the last
  /// to have it: others that could have computed it left meanwhile, or cannot read what it needs. Whoever has a shard for
  /// the last time gives what it can of it.
  private mutating func deservesAnother(_ index: Int) -> Bool { lastChances.insert(index).inserted }

  /// Whether the shard is set aside if this handing over fails: the worker is to give what it can then.
  public func isLastAttempt(_ lease: ShardLease) -> Bool {
    guard let index = index(of: lease.shard) else { return false }
    return [leases[index], copies[index]].contains { $0?.lease == lease && $0?.isLast == true }
  }

  /// Whether one more failure, of this worker, sets the shard aside.
  func isLastChance(_ index: Int, of worker: String) -> Bool { isExhausted(index, after: worker) }

  /// The attempt does not count, and the shard goes to another worker.
  mutating func giveBack(_ lease: ShardLease, reason: String) {
    guard let index = endLease(lease) else { return }
    // Whoever had it for the last time gave nothing.
    lastChances.remove(index)
    actions.append(.ended(lease, .returned, reason: reason))
    requeue(index)
  }

  /// The shard waits, unless a second worker has it.
  mutating func requeue(_ index: Int) {
    guard leases[index] == nil else { return }
    guard !isToBeAlone(index) else { return waitAlone(index) }
    pending.insert(index, group: shards[index].group, failedWorkers: failedWorkers[index] ?? [])
  }

  /// Whether the shard waits for a worker, whichever.
  func isWaiting(_ index: Int) -> Bool { pending.contains(index) || alone.contains(index) }

  /// The shard does not wait any more, if it did.
  mutating func stopWaiting(_ index: Int) {
    if pending.contains(index) { pending.remove(index) } else { alone.removeAll { $0 == index } }
  }

  mutating func setAside(_ index: Int, reason: String) {
    shards[index].state = .setAside
    setAsideCount += 1
    doubts[index] = nil
    actions.append(.setAside(shard: Int64(index), reason: reason))
  }
}
