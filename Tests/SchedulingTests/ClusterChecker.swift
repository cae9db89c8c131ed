import Scheduling

/// The ledger of a ``SimulatedCluster``, and what its coordinator may and must not do, told apart from the scheduler's
/// own view on purpose.
struct ClusterChecker {
  private let blocks: [ShardBlock]
  private let leaseSeconds: Double
  private let maximumFailures: Int

  // On disk.
  private var recorded: [Bool]
  private var setAside: Set<Int64> = []
  private var attempts: [Int64: Int] = [:]
  private var failures: [Int64: Int] = [:]
  private var failedWorkers: [Int64: Set<String>] = [:]
  private var open: [Int64: ShardLease] = [:]
  private var recordedCount = 0
  /// What the coordinator entered since the last commit.
  private var journal: [Scheduler.Action] = []

  // The present coordinator.
  private var holders: [Int64: [ShardLease]] = [:]
  private var storing: [Int64: (lease: ShardLease, isHeld: Bool)] = [:]
  private var ownFailures: [Int64: Int] = [:]
  private var ownFailedWorkers: [Int64: Set<String>] = [:]
  private var ownSetAside: Set<Int64> = []
  private var heardAt: [String: Double] = [:]
  private var credits: [String: Int] = [:]
  private var held: [String: Int] = [:]
  private var restsUntil: [String: Double] = [:]
  private var isSaidFinished = false

  private var time = 0.0
  private var current = Scheduler.Event.tick
  private(set) var violation: String?
  /// How often the rarer decisions were taken.
  private(set) var tally: [String: Int] = [:]

  init(blocks: [ShardBlock], leaseSeconds: Double, maximumFailures: Int) {
    self.blocks = blocks
    self.leaseSeconds = leaseSeconds
    self.maximumFailures = maximumFailures
    recorded = Array(repeating: false, count: blocks.reduce(0) { $0 + $1.count })
  }

  /// Shards that are recorded or set aside on disk.
  var ended: Int { recordedCount + setAside.count }
  var recordedShards: Int { recordedCount }
  var setAsideShards: Set<Int64> { setAside }
  var isFinished: Bool { isSaidFinished }

  mutating func violate(_ what: String) {
    if violation == nil { violation = "at \(time) s, \(current): \(what)" }
  }

  // MARK: The ledger

  /// A coordinator that knows what is on disk and nothing else.
  mutating func beginCoordinator(at time: Double) -> Scheduler {
    self.time = time
    journal.removeAll()
    holders.removeAll()
    storing.removeAll()
    heardAt.removeAll()
    credits.removeAll()
    held.removeAll()
    restsUntil.removeAll()
    ownFailures = failures
    ownFailedWorkers = failedWorkers
    ownSetAside = setAside
    isSaidFinished = false
    let touched = Set(attempts.keys).union(failures.keys).union(setAside).sorted()
    return Scheduler(
      blocks: blocks,
      touched: touched.filter { !recorded[Int($0)] }.map { shard in
        SchedulerShard(
          id: shard, state: setAside.contains(shard) ? .setAside : .pending, attempts: attempts[shard] ?? 0,
          failures: failures[shard] ?? 0, failedWorkers: failedWorkers[shard] ?? [], holder: open[shard])
      }, recorded: recorded.indices.filter { recorded[$0] }.map(Int64.init), leaseSeconds: leaseSeconds,
      maximumFailures: maximumFailures)
  }

  /// Brings the journal to disk.
  mutating func commit() {
    for action in journal {
      switch action {
      case .lease(let lease), .adopted(let lease):
        attempts[lease.shard] = max(attempts[lease.shard] ?? 0, lease.attempt)
        if !recorded[Int(lease.shard)] { open[lease.shard] = lease }
      case .ended(let lease, let outcome, _):
        if open[lease.shard] == lease { open[lease.shard] = nil }
        if outcome == .failed || outcome == .lost {
          failures[lease.shard, default: 0] += 1
          failedWorkers[lease.shard, default: []].insert(lease.worker)
        }
      case .setAside(let shard, _): if !recorded[Int(shard)] { setAside.insert(shard) }
      default: break
      }
    }
    journal.removeAll(keepingCapacity: true)
  }

  /// Brings a result to disk.
  mutating func record(_ lease: ShardLease) {
    if recorded[Int(lease.shard)] { violate("shard \(lease.shard) is recorded twice") }
    recorded[Int(lease.shard)] = true
    recordedCount += 1
    setAside.remove(lease.shard)
    attempts[lease.shard] = nil
    failures[lease.shard] = nil
    failedWorkers[lease.shard] = nil
    open[lease.shard] = nil
  }

  // MARK: The checks

  mutating func check(
    _ actions: [Scheduler.Action], of event: Scheduler.Event, counts: Scheduler.Counts, at time: Double
  ) {
    self.time = time
    current = event
    note(event)
    for action in actions { check(action) }
    if case .left(let worker) = event {
      credits[worker] = nil
      restsUntil[worker] = nil
    }
    let all = counts.pending + counts.leased + counts.storing + counts.recorded + counts.setAside
    if all != recorded.count { violate("\(all) shards of \(recorded.count) are left: \(counts)") }
    if counts.recorded != recordedCount { violate("\(counts.recorded) recorded, \(recordedCount) on disk") }
    if counts.leased != holders.count || counts.storing != storing.count || counts.setAside != ownSetAside.count {
      violate("\(counts), but \(holders.count) leased, \(storing.count) storing, \(ownSetAside.count) set aside")
    }
  }

  private mutating func note(_ event: Scheduler.Event) {
    switch event {
    case .joined(let worker, let credits, _):
      self.credits[worker] = credits
      heardAt[worker] = time
    case .heartbeat(let worker, _): if credits[worker] != nil { heardAt[worker] = time }
    case .resultReceived(let lease), .failed(let lease, _):
      if credits[lease.worker] != nil { heardAt[lease.worker] = time }
    case .disconnected(let worker, _): heardAt[worker] = nil
    case .left(let worker): heardAt[worker] = nil
    case .stored, .storeRefused, .tick: break
    }
  }

  private mutating func check(_ action: Scheduler.Action) {
    switch action {
    case .lease(let lease):
      checkLease(lease)
      hold(lease)
    case .adopted(let lease):
      if isBusy(lease.shard) { violate("adopts shard \(lease.shard), which does not wait") }
      tally["adopted", default: 0] += 1
      hold(lease)
    case .revoke(let lease):
      if holders[lease.shard]?.contains(lease) == true { violate("revokes a lease that goes on: \(lease)") }
    case .ended(let lease, let outcome, _): checkEnd(lease, outcome)
    case .setAside(let shard, _):
      let count = ownFailures[shard] ?? 0
      if count < maximumFailures { violate("sets shard \(shard) aside after \(count) failures") }
      if isBusy(shard) { violate("sets shard \(shard) aside out of turn") }
      ownSetAside.insert(shard)
      journal.append(action)
    case .store(let lease):
      if recorded[Int(lease.shard)] || storing[lease.shard] != nil { violate("stores \(lease), which is stored") }
      let isHeld = release(lease)
      if holders[lease.shard] != nil { violate("stores shard \(lease.shard) while another holds it") }
      if ownSetAside.remove(lease.shard) != nil { tally["set aside and computed", default: 0] += 1 }
      storing[lease.shard] = (lease, isHeld)
      if isHeld { held[lease.worker, default: 0] += 1 }
    case .acknowledge(let lease, let outcome): checkAcknowledgement(lease, outcome)
    case .unknown(let worker): if credits[worker] != nil { violate("does not know \(worker)") }
    case .rested(let worker, let until):
      restsUntil[worker] = until
      tally["rested", default: 0] += 1
    case .refused(let worker, _):
      credits[worker] = nil
      heardAt[worker] = nil
      tally["refused", default: 0] += 1
    case .finished:
      if recordedCount + ownSetAside.count != recorded.count { violate("is not finished") }
      commit()
      isSaidFinished = true
    }
  }

  private func isBusy(_ shard: Int64) -> Bool {
    holders[shard] != nil || storing[shard] != nil || recorded[Int(shard)] || ownSetAside.contains(shard)
  }

  private mutating func checkLease(_ lease: ShardLease) {
    if let others = holders[lease.shard] {
      tally["copied", default: 0] += 1
      if others.count > 1 || others[0].worker == lease.worker { violate("copies \(lease) beside \(others)") }
      if ownFailedWorkers[lease.shard]?.contains(lease.worker) == true { violate("copies \(lease), which it failed") }
    } else if isBusy(lease.shard) {
      violate("leases shard \(lease.shard), which does not wait")
    }
    if (heardAt[lease.worker] ?? -.infinity) + leaseSeconds <= time { violate("leases to \(lease.worker), not there") }
    if restsUntil[lease.worker] ?? 0 > time { violate("leases to \(lease.worker), which rests") }
  }

  private mutating func hold(_ lease: ShardLease) {
    holders[lease.shard, default: []].append(lease)
    held[lease.worker, default: 0] += 1
    if held[lease.worker, default: 0] > credits[lease.worker] ?? 0 { violate("\(lease.worker) holds too much") }
    journal.append(.lease(lease))
  }

  /// Takes a lease from its holder; false if it did not have it.
  private mutating func release(_ lease: ShardLease) -> Bool {
    guard var others = holders[lease.shard], let position = others.firstIndex(of: lease) else { return false }
    others.remove(at: position)
    holders[lease.shard] = others.isEmpty ? nil : others
    held[lease.worker, default: 0] -= 1
    return true
  }

  private mutating func checkEnd(_ lease: ShardLease, _ outcome: Scheduler.Outcome) {
    if case .storeRefused(lease, _) = current {
      if outcome != .failed { violate("a refused result ends as \(outcome)") }
    } else if !release(lease) {
      violate("ends a lease that is none: \(lease)")
    }
    tally["\(outcome)", default: 0] += 1
    if outcome == .failed || outcome == .lost {
      ownFailures[lease.shard, default: 0] += 1
      ownFailedWorkers[lease.shard, default: []].insert(lease.worker)
    }
    journal.append(.ended(lease, outcome, reason: ""))
  }

  private mutating func checkAcknowledgement(_ lease: ShardLease, _ outcome: Scheduler.Acknowledgement) {
    switch (outcome, current) {
    case (.recorded, .stored(lease)), (.refused, .storeRefused(lease, _)):
      guard let store = storing.removeValue(forKey: lease.shard), store.lease == lease else {
        return violate("acknowledges what was not stored: \(lease)")
      }
      if store.isHeld { held[lease.worker, default: 0] -= 1 }
      if outcome == .recorded, !recorded[Int(lease.shard)] { violate("acknowledges what is not on disk: \(lease)") }
    case (.duplicate, .resultReceived(lease)):
      if storing[lease.shard] == nil, !recorded[Int(lease.shard)] {
        violate("calls the first result of shard \(lease.shard) a duplicate")
      }
    default: violate("acknowledges \(outcome) out of turn: \(lease)")
    }
  }
}
