import Scheduling

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
  }

  struct Machine {
    let name: String
    /// Seconds an image.
    var pace = 1.0
    let credits: Int
    var isBroken = false
    var lives = true
    var silentUntil = 0.0
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
    var attempts = 0
    var failures = 0
    var failedWorkers: Set<String> = []
    var openAttempts: [Int: String] = [:]
  }

  /// What a worker looks like from the coordinator: told apart from the scheduler's own view on purpose.
  struct Seen {
    var credits: Int
    var heardAt: Double
    var isConnected = true
  }

  let seed: UInt64
  var random: SeededRandom
  var time = 0.0
  var hasFaults = true
  let pieceSizes: PieceSizes?
  // By shard, pieces included that the ledger does not have yet.
  var natures: [Nature]
  var models: [Int]
  var images: [Int]
  let plannedCount: Int
  let plannedImages: Int
  var scheduler: Scheduler
  var machines: [Machine] = []
  var madeMachines = 0

  // On disk, and not there yet.
  var rows: [Row]
  var journal: [Scheduler.Action] = []

  // The checker's own view of the present coordinator.
  var leases: [Int64: ShardLease] = [:]
  var copies: [Int64: ShardLease] = [:]
  var reserved: [Int64: ShardLease] = [:]
  var reservedUntil = 0.0
  var lastModel: [String: Int] = [:]
  var blame: [String: Int] = [:]
  var restsUntil: [String: Double] = [:]
  var refused: Set<String> = []
  /// How often the rarer decisions were taken: a simulation that never takes them proves nothing of them.
  var tally: [String: Int] = [:]
  /// Shards that are being split, and for whom.
  var splitting: [Int64: (worker: String, pieces: Range<Int>)] = [:]
  var stores: [Int64: (lease: ShardLease, isHeld: Bool)] = [:]
  var failures: [Int]
  var failedWorkers: [Set<String>]
  var ended: Set<Int64> = []
  var seen: [String: Seen] = [:]
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
    lastModel.removeAll()
    blame.removeAll()
    restsUntil.removeAll()
    refused.removeAll()
    reserved.removeAll()
    for (index, row) in rows.enumerated() where !row.isRecorded && !row.isSetAside && !row.isSplit {
      if row.failures < Self.maximumFailures { reserved[Int64(index)] = holder(index) }
    }
    reservedUntil = time + Self.leaseSeconds / 2
    stores.removeAll()
    splitting.removeAll()
    for index in (rows.count..<natures.count).reversed() {
      natures.remove(at: index)
      models.remove(at: index)
      images.remove(at: index)
    }
    seen.removeAll()
    isFinished = false
    ended = Set(
      rows.indices.filter { rows[$0].isRecorded || rows[$0].isSetAside || rows[$0].isSplit }.map(Int64.init))
    failures = rows.map(\.failures)
    failedWorkers = rows.map(\.failedWorkers)
    scheduler = Scheduler(
      blocks: (0..<plannedCount).map { ShardBlock(count: 1, model: models[$0], images: images[$0]) },
      pieces: (plannedCount..<rows.count).map { (models[$0], images[$0]) },
      touched: rows.enumerated().map { index, row in
        SchedulerShard(
          id: Int64(index),
          state: row.isRecorded ? .recorded : row.isSetAside ? .setAside : row.isSplit ? .split : .pending,
          attempts: row.attempts, failures: row.failures, failedWorkers: row.failedWorkers,
          holder: holder(index))
      }, pieceSizes: pieceSizes, leaseSeconds: Self.leaseSeconds, maximumFailures: Self.maximumFailures)
    handle(.tick)
  }

  private func holder(_ shard: Int) -> ShardLease? {
    rows[shard].openAttempts.max { $0.key < $1.key }.map {
      ShardLease(shard: Int64(shard), attempt: $0.key, worker: $0.value)
    }
  }

  mutating func handle(_ event: Scheduler.Event) {
    current = event
    hear(event)
    if time >= reservedUntil { reserved.removeAll() }
    if case .stored(let lease) = event {
      journal.append(.acknowledge(lease, .recorded))
      commit()
    }
    for action in scheduler.handle(event, at: time) { check(action) }
    checkNothingWaits()
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
    case .heartbeat(let worker, _): hear(worker)
    case .resultReceived(let lease, _), .failed(let lease, _): hear(lease.worker)
    case .split(let shard):
      splitting[shard] = nil
      ended.insert(shard)
    case .disconnected(let worker, _): seen[worker]?.isConnected = false
    case .left(let worker):
      seen[worker] = nil
      // Who comes back under its name is another process, with no model loaded.
      lastModel[worker] = nil
      reserved = reserved.filter { $0.value.worker != worker }
    case .stored, .storeRefused, .tick: break
    }
  }

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
        rows[Int(lease.shard)].failedWorkers.insert(lease.worker)
      case .setAside(let shard, _): rows[Int(shard)].isSetAside = !rows[Int(shard)].isRecorded
      case .split(let shard, let sizes, _, _):
        rows[Int(shard)].isSplit = true
        rows.append(contentsOf: sizes.map { _ in Row() })
      case .acknowledge(let lease, .recorded):
        if rows[Int(lease.shard)].isRecorded { violate("shard \(lease.shard) is recorded twice") }
        rows[Int(lease.shard)].isRecorded = true
        rows[Int(lease.shard)].isSetAside = false
      default: break
      }
    }
    journal.removeAll()
  }

  // MARK: Checks

  func isLive(_ worker: String) -> Bool {
    guard let seen = seen[worker] else { return false }
    return seen.isConnected && seen.heardAt + Self.leaseSeconds > time
  }

  func held(by worker: String) -> Int {
    leases.values.count { $0.worker == worker } + copies.values.count { $0.worker == worker }
      + stores.values.count { $0.isHeld && $0.lease.worker == worker }
  }

  private mutating func check(_ action: Scheduler.Action) {
    switch action {
    case .lease(let lease):
      checkLease(lease)
      if leases[lease.shard] == nil { leases[lease.shard] = lease } else { copies[lease.shard] = lease }
      lastModel[lease.worker] = models[Int(lease.shard)]
      checkCredits(lease.worker)
      journal.append(action)
      post(action, to: lease.worker)
    case .adopted(let lease):
      if leases[lease.shard] != nil || stores[lease.shard] != nil || ended.contains(lease.shard) {
        violate("adopts shard \(lease.shard), which does not wait")
      }
      if reserved.removeValue(forKey: lease.shard) != nil { tally["reclaimed", default: 0] += 1 }
      leases[lease.shard] = lease
      lastModel[lease.worker] = models[Int(lease.shard)]
      checkCredits(lease.worker)
      journal.append(action)
    case .revoke(let lease):
      if reserved[lease.shard]?.worker == lease.worker { reserved[lease.shard] = nil }
      if leases[lease.shard] == lease || copies[lease.shard] == lease {
        violate("revokes a lease that goes on: \(lease)")
      }
      post(action, to: lease.worker)
    case .ended(let lease, let outcome, _):
      checkEnd(lease, outcome)
      journal.append(action)
    case .setAside(let shard, _):
      if failures[Int(shard)] < Self.maximumFailures {
        violate("sets shard \(shard) aside after \(failures[Int(shard)]) failures")
      }
      if leases[shard] != nil || !ended.insert(shard).inserted { violate("sets shard \(shard) aside out of turn") }
      journal.append(action)
    case .split(let shard, let sizes, let firstPiece, let worker):
      checkSplit(shard, sizes, firstPiece, worker)
      journal.append(action)
    case .store(let lease):
      if isSplit(lease.shard) { violate("stores shard \(lease.shard), which is split") }
      if rows[Int(lease.shard)].isRecorded { violate("stores shard \(lease.shard), which is recorded") }
      if stores[lease.shard] != nil { violate("stores shard \(lease.shard) twice at once") }
      let isHeld = leases[lease.shard] == lease
      if isHeld { leases[lease.shard] = nil }
      reserved[lease.shard] = nil
      if leases[lease.shard] != nil { violate("stores shard \(lease.shard) while another holds it") }
      stores[lease.shard] = (lease, isHeld)
    case .acknowledge(let lease, let outcome):
      checkAcknowledgement(lease, outcome)
      post(action, to: lease.worker)
    case .unknown(let worker):
      if seen[worker] != nil { violate("does not know \(worker)") }
      post(action, to: worker)
    case .rested(let worker, let until):
      if blame[worker, default: 0] < 3 { violate("rests \(worker), which is not to blame") }
      if until > time + 4 * Self.leaseSeconds { violate("rests \(worker) for too long") }
      blame[worker] = 0
      restsUntil[worker] = until
      tally["rested", default: 0] += 1
    case .refused(let worker, _):
      if refused.insert(worker).inserted, blame[worker, default: 0] < 3 { violate("refuses \(worker) without blame") }
      seen[worker] = nil
      post(action, to: worker)
    case .finished:
      if natures.indices.contains(where: { !ended.contains(Int64($0)) }) || !stores.isEmpty {
        violate("is not finished")
      }
      isFinished = true
    }
  }

  private mutating func checkLease(_ lease: ShardLease) {
    if leases[lease.shard] != nil {
      checkCopy(lease)
    } else if stores[lease.shard] != nil || ended.contains(lease.shard) {
      violate("leases shard \(lease.shard), which does not wait")
    }
    if let holder = reserved[lease.shard] { violate("leases shard \(lease.shard), which \(holder.worker) may hold") }
    if restsUntil[lease.worker] ?? 0 > time { violate("leases to \(lease.worker), which rests") }
    if !isLive(lease.worker) { violate("leases to \(lease.worker), which is not there") }
    let failed = failedWorkers[Int(lease.shard)]
    if leases[lease.shard] == nil, failed.isEmpty, let model = lastModel[lease.worker],
      model != models[Int(lease.shard)],
      let other = natures.indices.first(where: { models[$0] == model && waits($0) && failedWorkers[$0].isEmpty })
    {
      violate("\(lease.worker) changes its model, though shard \(other) of model \(model) waits")
    }
    if failed.contains(lease.worker), let other = seen.keys.first(where: { isLive($0) && !failed.contains($0) }) {
      violate("leases shard \(lease.shard) to \(lease.worker), which failed it, though there is \(other)")
    }
  }

  private func waits(_ shard: Int) -> Bool {
    let id = Int64(shard)
    return leases[id] == nil && stores[id] == nil && !ended.contains(id) && reserved[id] == nil && splitting[id] == nil
      && !splitting.values.contains { $0.pieces.contains(shard) }
  }

  private func isSplit(_ shard: Int64) -> Bool {
    splitting[shard] != nil || (Int(shard) < rows.count && rows[Int(shard)].isSplit)
  }

  /// Only a shard that waits and that nobody was ever given, into pieces that are large enough and leave nothing out; for a
  /// worker that has no other.
  private mutating func checkSplit(_ shard: Int64, _ sizes: [Int], _ firstPiece: Int64, _ worker: String) {
    tally["split", default: 0] += 1
    guard let pieceSizes else { return violate("splits shard \(shard)") }
    if !waits(Int(shard)) { violate("splits shard \(shard), which does not wait") }
    if Int(shard) >= plannedCount || rows[Int(shard)].attempts > 0 { violate("splits shard \(shard) again") }
    if sizes.count < 2 || sizes.reduce(0, +) != images[Int(shard)]
      || sizes.contains(where: { $0 < pieceSizes.smallest })
    {
      violate("splits shard \(shard) of \(images[Int(shard)]) images into \(sizes)")
    }
    if Int(firstPiece) != natures.count { violate("numbers pieces from \(firstPiece)") }
    if splitting.values.contains(where: { $0.worker == worker }) { violate("splits two shards for \(worker)") }
    splitting[shard] = (worker, natures.count..<natures.count + sizes.count)
    for size in sizes {
      natures.append(natures[Int(shard)])
      models.append(models[Int(shard)])
      images.append(size)
      failures.append(0)
      failedWorkers.append([])
    }
  }

  /// A shard goes to a second worker only when nothing waits that this one could do.
  private mutating func checkCopy(_ lease: ShardLease) {
    tally["copied", default: 0] += 1
    if copies[lease.shard] != nil { violate("leases shard \(lease.shard) a third time") }
    if leases[lease.shard]?.worker == lease.worker { violate("leases shard \(lease.shard) to its own worker") }
    let failed = failedWorkers[Int(lease.shard)]
    if failed.contains(lease.worker) { violate("copies shard \(lease.shard) to \(lease.worker), which failed it") }
    if natures.indices.contains(where: waits) { violate("copies shard \(lease.shard) while others wait") }
  }

  private mutating func checkCredits(_ worker: String) {
    guard let credits = seen[worker]?.credits else { return violate("gives a shard to a stranger") }
    if held(by: worker) > credits { violate("\(worker) holds \(held(by: worker)) of \(credits)") }
  }

  private mutating func checkEnd(_ lease: ShardLease, _ outcome: Scheduler.Outcome) {
    if case .storeRefused(lease, _) = current {
      if outcome != .failed { violate("a refused result ends as \(outcome)") }
    } else {
      if copies[lease.shard] == lease {
        copies[lease.shard] = nil
      } else if leases[lease.shard] == lease {
        leases[lease.shard] = copies.removeValue(forKey: lease.shard)
      } else {
        violate("ends a lease that is none: \(lease)")
      }
      if outcome == .superseded, case .resultReceived(let first, _) = current, first.shard == lease.shard,
        leases[lease.shard] == first
      {
        tally["first result counted", default: 0] += 1
      }
    }
    switch outcome {
    case .failed, .lost:
      failures[Int(lease.shard)] += 1
      failedWorkers[Int(lease.shard)].insert(lease.worker)
    case .returned, .superseded: break
    }
  }

  private mutating func checkAcknowledgement(_ lease: ShardLease, _ outcome: Scheduler.Acknowledgement) {
    switch (outcome, current) {
    case (.recorded, .stored(lease)):
      stores[lease.shard] = nil
      ended.insert(lease.shard)
      blame[lease.worker] = 0
      for worker in failedWorkers[Int(lease.shard)] where worker != lease.worker && restsUntil[worker] ?? 0 <= time {
        blame[worker, default: 0] += 1
      }
      if !rows[Int(lease.shard)].isRecorded { violate("acknowledges what is not on disk: \(lease)") }
    case (.refused, .storeRefused(lease, _)):
      stores[lease.shard] = nil
    case (.duplicate, .resultReceived(lease, _)):
      if isSplit(lease.shard) { break }
      if stores[lease.shard] == nil, !rows[Int(lease.shard)].isRecorded {
        violate("calls the first result of shard \(lease.shard) a duplicate")
      }
    default: violate("acknowledges \(outcome) out of turn: \(lease)")
    }
  }

  /// No shard waits that somebody who has not failed it could compute.
  private mutating func checkNothingWaits() {
    for worker in seen.keys
    where isLive(worker) && restsUntil[worker] ?? 0 <= time && held(by: worker) < seen[worker]?.credits ?? 0
      && !splitting.values.contains(where: { $0.worker == worker })
    {
      for shard in natures.indices {
        if waits(shard), !failedWorkers[shard].contains(worker) {
          violate("shard \(shard) waits though \(worker) has credit")
        }
      }
    }
  }

  // MARK: The workers

  mutating func addMachine() {
    madeMachines += 1
    var machine = Machine(name: "w\(madeMachines)", credits: 1 + random.below(4))
    machine.isBroken = random.chance(0.1)
    machine.pace = Double.random(in: 0.1..<3, using: &random)
    machine.outbox.append(.joined(worker: machine.name, credits: machine.credits, held: []))
    machines.append(machine)
  }

  private mutating func post(_ action: Scheduler.Action, to worker: String) {
    guard let index = machines.firstIndex(where: { $0.name == worker && $0.lives }) else { return }
    machines[index].inbox.append(action)
  }

  private static func hello(_ machine: inout Machine) {
    machine.outbox.append(.joined(worker: machine.name, credits: machine.credits, held: claims(machine)))
    for (shard, held) in machine.held.sorted(by: { $0.key < $1.key }) where held.isComputed {
      machine.outbox.append(
        .resultReceived(ShardLease(shard: shard, attempt: held.attempt, worker: machine.name)))
    }
  }

  private static func claims(_ machine: Machine) -> [HeldShard] {
    machine.held.sorted { $0.key < $1.key }.map { HeldShard(shard: $0.key, attempt: $0.value.attempt) }
  }

  /// The worker reads its oldest message.
  mutating func read(_ index: Int) {
    guard !machines[index].inbox.isEmpty else { return }
    switch machines[index].inbox.removeFirst() {
    case .lease(let lease): machines[index].held[lease.shard] = Held(attempt: lease.attempt)
    case .revoke(let lease), .acknowledge(let lease, _):
      if machines[index].held[lease.shard]?.attempt == lease.attempt { machines[index].held[lease.shard] = nil }
    case .unknown: Self.hello(&machines[index])
    case .refused: machines[index].lives = false
    default: break
    }
  }

  /// The worker computes one of its shards, or fails, or dies of it.
  mutating func compute(_ index: Int) {
    let waiting = machines[index].held.filter { !$0.value.isComputed }.keys.sorted()
    guard let shard = waiting.randomElement(using: &random), let held = machines[index].held[shard] else { return }
    let lease = ShardLease(shard: shard, attempt: held.attempt, worker: machines[index].name)
    // A shard that a former coordinator had split and did not bring to disk is unknown to this one.
    let nature = natures.indices.contains(Int(shard)) ? natures[Int(shard)] : .sound
    if nature == .kills {
      machines[index].lives = false
    } else if machines[index].isBroken || nature == .failsAlways || (nature == .failsSometimes && random.chance(0.5)) {
      machines[index].held[shard] = nil
      machines[index].outbox.append(.failed(lease, reason: "not today"))
    } else {
      machines[index].held[shard]?.isComputed = true
      let seconds = machines[index].pace * Double(natures.indices.contains(Int(shard)) ? images[Int(shard)] : 1)
      machines[index].outbox.append(.resultReceived(lease, computeSeconds: seconds))
    }
  }

  mutating func beat(_ index: Int) {
    machines[index].lastHeartbeat = time
    machines[index].outbox.append(
      .heartbeat(worker: machines[index].name, held: Self.claims(machines[index])))
  }

  /// One of the worker's messages arrives: not always the oldest, and not always once.
  mutating func deliver(_ index: Int) {
    guard !machines[index].outbox.isEmpty else { return }
    let position = hasFaults && random.chance(0.2) ? random.below(machines[index].outbox.count) : 0
    let message = machines[index].outbox[position]
    if !(hasFaults && random.chance(0.1)) { machines[index].outbox.remove(at: position) }
    handle(message)
  }

  /// The writer thread is done with a result.
  mutating func finishStore() {
    guard let shard = stores.keys.sorted().randomElement(using: &random), let store = stores[shard] else { return }
    if hasFaults, random.chance(0.1) {
      handle(.storeRefused(store.lease, reason: "the payload is wrong"))
    } else {
      handle(.stored(store.lease))
    }
  }

  /// The writer thread has entered a split.
  mutating func finishSplit() {
    guard let shard = splitting.keys.sorted().randomElement(using: &random) else { return }
    commit()
    handle(.split(shard))
  }

  // MARK: The course of events

  mutating func step() {
    time += random.chance(0.05) ? Double.random(in: 0..<12, using: &random) : Double.random(in: 0..<0.5, using: &random)
    let index = random.below(machines.count)
    let isAwake = machines[index].lives && machines[index].silentUntil <= time
    switch random.below(100) {
    case 0..<25: if isAwake { read(index) }
    case 25..<50: if isAwake { deliver(index) }
    case 50..<65: if isAwake { compute(index) }
    case 65..<75: if isAwake { beat(index) }
    case 75..<83: finishStore()
    case 83..<85: finishSplit()
    case 85..<90: handle(.tick)
    case 90..<92: commit()
    case 92: machines[index].silentUntil = time + Double.random(in: 0..<30, using: &random)
    case 93: handle(.disconnected(worker: machines[index].name, undelivered: dropSent(index)))
    case 94: if isAwake { Self.hello(&machines[index]) }
    case 95: machines[index].lives = false
    case 96: say(goodbye: index)
    case 97: if machines.count < 12 { addMachine() }
    case 98: if random.chance(0.5) { restart() }
    default: if !machines[index].lives { deliver(index) }
    }
  }

  /// Leases at the end of a worker's inbox could not be sent.
  private mutating func dropSent(_ index: Int) -> [HeldShard] {
    guard case .lease(let lease) = machines[index].inbox.last else { return [] }
    machines[index].inbox.removeLast()
    return [HeldShard(shard: lease.shard, attempt: lease.attempt)]
  }

  private mutating func say(goodbye index: Int) {
    guard machines[index].lives else { return }
    machines[index].lives = false
    machines[index].held.removeAll()
    machines[index].outbox.append(.left(worker: machines[index].name))
  }

  private mutating func restart() {
    if random.chance(0.5) { commit() }
    beginCoordinator()
    for index in machines.indices {
      if random.chance(0.5) { machines[index].inbox.removeAll() }
      if machines[index].lives, random.chance(0.7) { Self.hello(&machines[index]) }
    }
  }

  /// No more faults but the shards' own: everything must come to an end.
  mutating func settle(rounds: Int) {
    hasFaults = false
    for index in machines.indices { machines[index].silentUntil = 0 }
    for _ in 0..<rounds where !isFinished {
      time += 0.5
      if machines.count(where: \.lives) < 2 { addMachine() }
      for index in machines.indices where machines[index].lives {
        while !machines[index].inbox.isEmpty { read(index) }
        compute(index)
        if machines[index].lives, machines[index].lastHeartbeat + 2 < time { beat(index) }
        while !machines[index].outbox.isEmpty { deliver(index) }
      }
      while !splitting.isEmpty { finishSplit() }
      while !stores.isEmpty { finishStore() }
      handle(.tick)
    }
    commit()
    if !isFinished { violate("does not end: \(scheduler.counts)") }
    let ends = rows.indices.filter { !rows[$0].isSplit }.reduce(0) { $0 + images[$1] }
    if ends != plannedImages { violate("\(ends) images of \(plannedImages) came to an end") }
    for (shard, row) in rows.enumerated() where !row.isRecorded && !row.isSetAside && !row.isSplit {
      violate("shard \(shard) is neither recorded nor set aside")
    }
    for (shard, nature) in natures.enumerated() where rows[shard].isRecorded {
      if nature == .kills || nature == .failsAlways { violate("shard \(shard) cannot have a result") }
    }
  }
}
