import Scheduling
import Shards
import Synchronization
import TestSupport

/// A world of unreliable workers around one scheduler and its ledger, driven by a seed, that checks every action
/// against what it knows itself.
struct SimulatedRun {
  static let leaseSeconds = 10.0
  static let maximumFailures = 3

  /// How a shard behaves.
  enum Nature { case sound, failsSometimes, failsAlways, kills }

  struct Held {
    let attempt: Int
    var isComputed = false
    var offeredAt = 0.0
  }

  struct Machine {
    let name: String
    /// Seconds an image.
    var pace = 1.0
    let credits: Int
    var isBroken = false
    /// It takes what it gets, says that it comes further, and computes nothing.
    var isHoarder = false
    var lives = true
    var silentUntil = 0.0
    /// It cannot read what shards need until then.
    var blindUntil = 0.0
    var lastHeartbeat = 0.0
    var held: [Int64: Held] = [:]
    var inbox: [Scheduler.Action] = []
    var outbox: [Scheduler.Event] = []
  }

  /// What the ledger has of a shard.
  struct Row {
    var isRecorded = false
    var isSetAside = false
    var isSplit = false
    /// Its one image was set aside, because it killed those that computed it alone.
    var isImageSetAside = false
    var attempts = 0
    var failures = 0
    var losses = 0
    var failedWorkers: Set<String> = []
    var openAttempts: [Int: String] = [:]
  }

  /// What a worker looks like from the coordinator: told apart from the scheduler's own view on purpose.
  struct Seen {
    var credits: Int
    var heardAt: Double
    var isConnected = true
  }

  /// What the scheduler says of itself that should not be.
  final class Broken: Sendable { let all = Mutex<[String]>([]) }

  let seed: UInt64
  let broken = Broken()
  var random: SeededRandom
  var time = 0.0
  var hasFaults = true
  let pieceSizes: PieceSizes?
  // By shard, pieces included that the ledger does not have yet.
  var natures: [Nature]
  /// Which image of each shard kills.
  var killers: [Int]
  /// How often each shard was lost, and how often what it is a piece of was, too.
  var losses: [Int]
  var suspicion: [Int]
  var models: [Int]
  var images: [Int]
  /// Of an image.
  var costs: [Double]
  let plannedCount: Int
  let plannedImages: Int
  var scheduler: Scheduler
  var machines: [Machine] = []
  var madeMachines = 0

  // On disk, and not there yet.
  var rows: [Row]
  /// Results by worker.
  var results: [String: Int] = [:]
  var journal: [Scheduler.Action] = []

  // The checker's own view of the present coordinator.
  var leases: [Int64: ShardLease] = [:]
  var copies: [Int64: ShardLease] = [:]
  /// Leases that are their workers' only ones.
  var aloneLeases: Set<ShardLease> = []
  var reserved: [Int64: ShardLease] = [:]
  var reservedUntil = 0.0
  var lastModel: [String: Int] = [:]
  var blame: [String: Int] = [:]
  var restsUntil: [String: Double] = [:]
  var blamedUntil: [String: Double] = [:]
  var refused: Set<String> = []
  /// Workers that could not read what a shard needs, and have computed nothing since.
  var troubled: Set<String> = []
  /// Workers that lost a shard, and have computed nothing since.
  var losers: Set<String> = []
  /// Models of such shards.
  var avoided: [String: Set<Int>] = [:]
  /// How often the rarer decisions were taken: a simulation that never takes them proves nothing of them.
  var tally: [String: Int] = [:]
  /// Shards that are being split, and for whom.
  var splitting: [Int64: (worker: String, pieces: Range<Int>)] = [:]
  var stores: [Int64: (lease: ShardLease, isHeld: Bool)] = [:]
  var failures: [Int]
  var failedWorkers: [Set<String>]
  var ended: Set<Int64> = []
  var seen: [String: Seen] = [:]
  /// When the scheduler last looked who is silent.
  var lookedAt = 0.0
  var isFinished = false
  var violations: [String] = []
  var current: Scheduler.Event = .tick

  init(seed: UInt64) {
    self.seed = seed
    var random = SeededRandom(seed: seed)
    let count = 1 + random.below(16)
    natures = (0..<count).map { _ in
      switch random.below(20) {
      case 0: .kills
      case 1: .failsAlways
      case 2...5: .failsSometimes
      default: .sound
      }
    }
    models = (0..<count).map { _ in random.below(3) }
    images = (0..<count).map { _ in 1 + random.below(9) }
    killers = images.map { random.below($0) }
    losses = Array(repeating: 0, count: count)
    suspicion = losses
    costs = (0..<count).map { _ in [1, 1, 1, 2.5, 40][random.below(5)] }
    plannedCount = count
    plannedImages = images.reduce(0, +)
    pieceSizes = random.chance(0.5) ? PieceSizes(seconds: 4, smallest: 1 + random.below(3)) : nil
    rows = Array(repeating: Row(), count: count)
    failures = Array(repeating: 0, count: count)
    failedWorkers = Array(repeating: [], count: count)
    scheduler = Scheduler(blocks: [], leaseSeconds: 1, maximumFailures: 1)
    self.random = random
    beginCoordinator()
    for _ in 0..<(1 + self.random.below(4)) { addMachine() }
  }

  mutating func violate(_ what: String) {
    violations.append("seed \(seed), \(time) s, \(current): \(what)")
  }

  // MARK: The coordinator

  mutating func beginCoordinator() {
    journal.removeAll()
    leases.removeAll()
    copies.removeAll()
    aloneLeases.removeAll()
    lastModel.removeAll()
    blame.removeAll()
    restsUntil.removeAll()
    blamedUntil.removeAll()
    refused.removeAll()
    troubled.removeAll()
    losers.removeAll()
    avoided.removeAll()
    reserved.removeAll()
    for (index, row) in rows.enumerated() where !row.isRecorded && !row.isSetAside && !row.isSplit {
      if min(row.failures - row.losses, row.failedWorkers.count(where: isTrusted)) < Self.maximumFailures {
        reserved[Int64(index)] = holder(index)
      }
    }
    reservedUntil = time + Self.leaseSeconds / 2
    stores.removeAll()
    splitting.removeAll()
    for index in (rows.count..<natures.count).reversed() {
      natures.remove(at: index)
      killers.remove(at: index)
      losses.remove(at: index)
      suspicion.remove(at: index)
      models.remove(at: index)
      images.remove(at: index)
      costs.remove(at: index)
    }
    seen.removeAll()
    isFinished = false
    ended = Set(
      rows.indices.filter { rows[$0].isRecorded || rows[$0].isSetAside || rows[$0].isSplit }.map(Int64.init))
    failures = rows.map(\.failures)
    losses = rows.map(\.losses)
    suspicion = losses
    failedWorkers = rows.map(\.failedWorkers)
    scheduler = Scheduler(
      blocks: (0..<plannedCount).map { block($0) },
      pieces: (plannedCount..<rows.count).map { block($0) },
      touched: rows.enumerated().map { index, row in
        SchedulerShard(
          id: Int64(index),
          state: row.isRecorded ? .recorded : row.isSetAside ? .setAside : row.isSplit ? .split : .pending,
          attempts: row.attempts, failures: row.failures, losses: row.losses, failedWorkers: row.failedWorkers,
          holder: holder(index))
      }, pieceSizes: pieceSizes, leaseSeconds: Self.leaseSeconds, maximumFailures: Self.maximumFailures,
      results: results)
    scheduler.onBrokenInvariant = { [broken] what in broken.all.withLock { $0.append(what) } }
    handle(.tick)
  }

  private func block(_ shard: Int) -> ShardBlock {
    ShardBlock(count: 1, model: models[shard], images: images[shard], cost: costs[shard])
  }

  func holder(_ shard: Int) -> ShardLease? {
    rows[shard].openAttempts.max { $0.key < $1.key }.map {
      ShardLease(shard: Int64(shard), attempt: $0.key, worker: $0.value)
    }
  }

  mutating func handle(_ event: Scheduler.Event) {
    current = event
    hear(event)
    if time >= reservedUntil { reserved.removeAll() }
    if case .stored(let lease, _) = event {
      journal.append(.acknowledge(lease, .recorded))
      commit()
    }
    for action in scheduler.handle(event, at: time) { check(action) }
    for what in broken.all.withLock({ all in
      defer { all.removeAll() }
      return all
    }) { violate(what) }
    checkNothingWaits()
    lookedAt = time
    if let deadline = scheduler.nextDeadline, deadline <= time { violate("the next deadline is in the past") }
  }

  private mutating func hear(_ event: Scheduler.Event) {
    switch event {
    case .joined(let worker, _, _) where refused.contains(worker): break
    case .joined(let worker, let credits, let held):
      // What it claims, it keeps; the rest of what was kept for it is free.
      let claimed = Set(held.map(\.shard))
      reserved = reserved.filter { $0.value.worker != worker || claimed.contains($0.key) }
      seen[worker] = Seen(credits: credits, heardAt: time)
    case .heartbeat(let worker, _, _): hear(worker)
    case .resultReceived(let lease, _), .failed(let lease, _), .troubled(let lease, _): hear(lease.worker)
    case .split(let shard):
      splitting[shard] = nil
      ended.insert(shard)
    case .disconnected(let worker, _): seen[worker]?.isConnected = false
    case .left(let worker):
      seen[worker] = nil
      // Who comes back under its name is another process, with no model loaded.
      lastModel[worker] = nil
      troubled.remove(worker)
      avoided[worker] = nil
      reserved = reserved.filter { $0.value.worker != worker }
    case .stored(let lease, _) where lease.worker == Scheduler.ownName:
      stores[lease.shard] = nil
      ended.insert(lease.shard)
    case .stored, .storeRefused, .tick: break
    }
  }

  func isTrusted(_ worker: String) -> Bool { results[worker, default: 0] > 0 }

  private mutating func hear(_ worker: String) {
    seen[worker]?.heardAt = time
    seen[worker]?.isConnected = true
  }

  /// Writes the journal to disk, as the coordinator's writer thread does now and then.
  mutating func commit() {
    for entry in journal {
      switch entry {
      case .lease(let lease), .adopted(let lease):
        rows[Int(lease.shard)].attempts = max(rows[Int(lease.shard)].attempts, lease.attempt)
        rows[Int(lease.shard)].openAttempts[lease.attempt] = lease.worker
      case .ended(let lease, let outcome, _):
        rows[Int(lease.shard)].openAttempts[lease.attempt] = nil
        guard outcome == .failed || outcome == .lost else { break }
        rows[Int(lease.shard)].failures += 1
        if outcome == .lost { rows[Int(lease.shard)].losses += 1 }
        rows[Int(lease.shard)].failedWorkers.insert(lease.worker)
      case .setAside(let shard, _): rows[Int(shard)].isSetAside = !rows[Int(shard)].isRecorded
      case .split(let shard, let sizes, _, _):
        rows[Int(shard)].isSplit = true
        rows.append(contentsOf: sizes.map { _ in Row() })
      case .acknowledge(let lease, .recorded):
        if rows[Int(lease.shard)].isRecorded { violate("shard \(lease.shard) is recorded twice") }
        rows[Int(lease.shard)].isRecorded = true
        if lease.worker == Scheduler.ownName {
          rows[Int(lease.shard)].isImageSetAside = true
        } else {
          results[lease.worker, default: 0] += 1
        }
        rows[Int(lease.shard)].isSetAside = false
      default: break
      }
    }
    journal.removeAll()
  }
}
