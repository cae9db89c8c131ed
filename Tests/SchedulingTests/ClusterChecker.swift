import Scheduling
import Shards

/// The ledger of a ``SimulatedCluster``, and what its coordinator may and must not do, told apart from the scheduler's
/// own view on purpose.
struct ClusterChecker {
  private let blocks: [ShardBlock]
  private let pieceSizes: PieceSizes
  private let leaseSeconds: Double
  private let maximumFailures: Int

  // On disk.
  private let plannedCount: Int
  private var recorded: [Bool]
  private var splitShards: Set<Int64> = []
  private var pieces: [(model: Int, images: Int)] = []
  private var setAside: Set<Int64> = []
  private var attempts: [Int64: Int] = [:]
  private var failures: [Int64: Int] = [:]
  private var losses: [Int64: Int] = [:]
  /// Results by worker.
  private var results: [String: Int] = [:]
  /// Images that were set aside, because they killed those that computed them alone.
  private(set) var imagesSetAside = 0
  private var failedWorkers: [Int64: Set<String>] = [:]
  private var open: [Int64: ShardLease] = [:]
  private var recordedCount = 0
  /// What the coordinator entered since the last commit.
  private var journal: [Scheduler.Action] = []

  // The present coordinator.
  private var holders: [Int64: [ShardLease]] = [:]
  private var storing: [Int64: (lease: ShardLease, isHeld: Bool)] = [:]
  private var ownFailures: [Int64: Int] = [:]
  private var ownLosses: [Int64: Int] = [:]
  private var ownFailedWorkers: [Int64: Set<String>] = [:]
  private var ownSetAside: Set<Int64> = []
  private var heardAt: [String: Double] = [:]
  private var credits: [String: Int] = [:]
  private var held: [String: Int] = [:]
  private var restsUntil: [String: Double] = [:]
  private var isSaidFinished = false
  /// Those of `pieces`, and those that are not on disk yet.
  private var ownPieces: [(model: Int, images: Int)] = []
  private var splitting: [Int64: String] = [:]
  private var ownSplits: Set<Int64> = []

  private var time = 0.0
  private var current = Scheduler.Event.tick
  private(set) var violation: String?
  /// How often the rarer decisions were taken.
  private(set) var tally: [String: Int] = [:]

  init(blocks: [ShardBlock], pieceSizes: PieceSizes, leaseSeconds: Double, maximumFailures: Int) {
    self.blocks = blocks
    self.pieceSizes = pieceSizes
    self.leaseSeconds = leaseSeconds
    self.maximumFailures = maximumFailures
    plannedCount = blocks.reduce(0) { $0 + $1.count }
    recorded = Array(repeating: false, count: plannedCount)
  }

  /// Shards that are recorded or set aside on disk.
  var ended: Int { recordedCount + setAside.count }
  /// Shards that there are on disk, but for those that pieces replaced.
  var shardCount: Int { recorded.count - splitShards.count }

  /// Of a shard that the present coordinator knows.
  func images(of shard: Int64) -> Int? {
    var shard = Int(shard)
    for block in blocks {
      if shard < block.count { return block.images }
      shard -= block.count
    }
    return shard < ownPieces.count ? ownPieces[shard].images : nil
  }
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
    ownLosses = losses
    ownFailedWorkers = failedWorkers
    ownSetAside = setAside
    isSaidFinished = false
    ownPieces = pieces
    splitting.removeAll()
    ownSplits = splitShards
    let touched = Set(attempts.keys).union(failures.keys).union(setAside).union(splitShards).sorted()
    return Scheduler(
      blocks: blocks,
      pieces: pieces.map {
        ShardBlock(count: 1, model: $0.model, images: $0.images, cost: cost(ofModel: $0.model))
      },
      touched: touched.filter { !recorded[Int($0)] }.map { shard in
        SchedulerShard(
          id: shard,
          state: setAside.contains(shard) ? .setAside : splitShards.contains(shard) ? .split : .pending,
          attempts: attempts[shard] ?? 0,
          failures: failures[shard] ?? 0, losses: losses[shard] ?? 0, failedWorkers: failedWorkers[shard] ?? [],
          holder: open[shard])
      }, recorded: recorded.indices.filter { recorded[$0] }.map(Int64.init), pieceSizes: pieceSizes,
      leaseSeconds: leaseSeconds,
      maximumFailures: maximumFailures, results: results)
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
          if outcome == .lost { losses[lease.shard, default: 0] += 1 }
          failedWorkers[lease.shard, default: []].insert(lease.worker)
        }
      case .split(let shard, let images, let firstPiece, _):
        if Int(firstPiece) != recorded.count { violate("numbers pieces from \(firstPiece)") }
        splitShards.insert(shard)
        for count in images { pieces.append((model(of: shard), count)) }
        recorded.append(contentsOf: repeatElement(false, count: images.count))
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
    losses[lease.shard] = nil
    if lease.worker == Scheduler.ownName { imagesSetAside += 1 } else { results[lease.worker, default: 0] += 1 }
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
    let known = plannedCount + ownPieces.count - ownSplits.count - splitting.count
    if all != known { violate("\(all) shards of \(known) are left: \(counts)") }
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
    case .heartbeat(let worker, _, _): if credits[worker] != nil { heardAt[worker] = time }
    case .split(let shard):
      splitting[shard] = nil
      ownSplits.insert(shard)
    case .resultReceived(let lease, _), .failed(let lease, _), .troubled(let lease, _):
      if credits[lease.worker] != nil { heardAt[lease.worker] = time }
    case .disconnected(let worker, _): heardAt[worker] = nil
    case .left(let worker): heardAt[worker] = nil
    case .stored(let lease, _) where lease.worker == Scheduler.ownName: storing[lease.shard] = nil
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
    case .setAsideImage(let lease, _):
      if images(of: lease.shard) != 1 || ownLosses[lease.shard] ?? 0 < maximumFailures || isBusy(lease.shard) {
        violate("sets aside the image of shard \(lease.shard)")
      }
      storing[lease.shard] = (lease, false)
    case .split(let shard, let images, let firstPiece, let worker):
      checkSplit(shard, images, firstPiece, worker)
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
    case .stalled: violate("is stalled")
    case .troubled(let worker, let until, _): restsUntil[worker] = until
    case .distrusted(let worker, let until, _):
      restsUntil[worker] = max(until, restsUntil[worker] ?? 0)
      tally["distrusted", default: 0] += 1
    case .rested(let worker, let until):
      restsUntil[worker] = until
      tally["rested", default: 0] += 1
    case .refused(let worker, _):
      credits[worker] = nil
      heardAt[worker] = nil
      tally["refused", default: 0] += 1
    case .finished:
      if recordedCount + ownSetAside.count != recorded.count - ownSplits.count || !splitting.isEmpty {
        violate("is not finished")
      }
      commit()
      isSaidFinished = true
    }
  }

  private func isBusy(_ shard: Int64) -> Bool {
    guard Int(shard) < recorded.count else { return true }
    return holders[shard] != nil || storing[shard] != nil || recorded[Int(shard)] || ownSetAside.contains(shard)
      || ownSplits.contains(shard) || splitting[shard] != nil
  }

  /// Of an image: all of a model cost the same.
  func cost(of shard: Int64) -> Double { cost(ofModel: model(of: shard)) }

  private func cost(ofModel model: Int) -> Double { Double(blocks.first { $0.model == model }?.cost ?? 1) }

  private func model(of shard: Int64) -> Int {
    var shard = Int(shard)
    for block in blocks {
      if shard < block.count { return block.model }
      shard -= block.count
    }
    return ownPieces.indices.contains(shard) ? ownPieces[shard].model : 0
  }

  private mutating func checkSplit(_ shard: Int64, _ images: [Int], _ firstPiece: Int64, _ worker: String) {
    tally["split", default: 0] += 1
    let isLost = ownLosses[shard] != nil
    if isLost { tally["halved", default: 0] += 1 }
    if isBusy(shard) || !isLost && (Int(shard) >= plannedCount || attempts[shard] != nil) {
      violate("splits shard \(shard)")
    }
    let smallest = isLost ? 1 : max(1, Int(Double(pieceSizes.smallest) / cost(of: shard)))
    if images.count < 2 || isLost && images.count > 2 || images.contains(where: { $0 < smallest })
      || images.reduce(0, +) != self.images(of: shard)
    {
      violate("splits shard \(shard) into \(images)")
    }
    if Int(firstPiece) != plannedCount + ownPieces.count { violate("numbers pieces from \(firstPiece)") }
    if splitting.values.contains(worker) { violate("splits two shards for \(worker)") }
    let model = model(of: shard)
    ownPieces.append(contentsOf: images.map { (model, $0) })
    splitting[shard] = worker
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

  private mutating func checkEnd(_ lease: ShardLease, _ outcome: AttemptOutcome) {
    if case .storeRefused(lease, _) = current {
      if outcome != .failed { violate("a refused result ends as \(outcome)") }
    } else if !release(lease) {
      violate("ends a lease that is none: \(lease)")
    }
    tally["\(outcome)", default: 0] += 1
    if outcome == .failed || outcome == .lost {
      ownFailures[lease.shard, default: 0] += 1
      if outcome == .lost { ownLosses[lease.shard, default: 0] += 1 }
      ownFailedWorkers[lease.shard, default: []].insert(lease.worker)
    }
    journal.append(.ended(lease, outcome, reason: ""))
  }

  private mutating func checkAcknowledgement(_ lease: ShardLease, _ outcome: Acknowledgement) {
    switch (outcome, current) {
    case (.recorded, .stored(lease, _)), (.refused, .storeRefused(lease, _)):
      guard let store = storing.removeValue(forKey: lease.shard), store.lease == lease else {
        return violate("acknowledges what was not stored: \(lease)")
      }
      if store.isHeld { held[lease.worker, default: 0] -= 1 }
      if outcome == .recorded, !recorded[Int(lease.shard)] { violate("acknowledges what is not on disk: \(lease)") }
    case (.duplicate, .resultReceived(lease, _)):
      if ownSplits.contains(lease.shard) || splitting[lease.shard] != nil { break }
      if storing[lease.shard] == nil, !recorded[Int(lease.shard)] {
        violate("calls the first result of shard \(lease.shard) a duplicate")
      }
    default: violate("acknowledges \(outcome) out of turn: \(lease)")
    }
  }
}
