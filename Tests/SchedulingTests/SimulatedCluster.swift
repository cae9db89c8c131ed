import Scheduling
import Shards
import TestSupport

/// Thousands of workers and millions of shards around one scheduler, by a seed: messages that come late, twice, in
/// another order or not at all; workers that join, die, fall silent, are slow or broken; coordinators that begin
/// again with what the ledger has. Every action is checked in constant time by ``ClusterChecker``.
///
/// Beside it stands ``SimulatedRun``, a few workers whose every promise is looked at in full.
struct SimulatedCluster {
  /// What there is, and how often something goes wrong.
  struct Settings {
    var workers: Int
    var shards: Int
    var models = 7
    /// Seconds between restarts of the coordinator.
    var restartSeconds = 90.0
    /// Seconds between losses, joins, partitions and so on.
    var faultSeconds = 0.1
    var isHarmless = false
    /// Beside the workers: those that hold what they get and say that they come further, and those that fail all of it, under
    /// a new name after each twenty.
    var hoarders = 0
    var failers = 0
  }

  private enum Lie { case hoards, fails }

  static let leaseSeconds = 20.0
  static let heartbeatSeconds = 5.0
  static let maximumFailures = 5

  private struct Machine {
    let name: String
    let credits: Int
    /// Seconds that an image takes.
    var pace: Double
    var isBroken: Bool
    var lie: Lie?
    var failed = 0
    var lives = true
    /// It computes, but nothing comes in or goes out before.
    var cutUntil = 0.0
    /// It cannot read what shards need before.
    var blindUntil = 0.0
    var held: [Int64: (attempt: Int, sentAt: Double?)] = [:]
    var queue: [ShardLease] = []
    var atWork: ShardLease?
    var beganAt = 0.0
  }

  private enum Happening {
    case said(Scheduler.Event, by: Int)
    case answered(Scheduler.Action, to: Int)
    case computed(ShardLease, by: Int)
    case beat(Int)
    case stored(ShardLease, epoch: Int)
    case split(Int64, epoch: Int)
    case fault
    case restart
    case begin
    case tick(epoch: Int)
  }

  let settings: Settings
  private var random: SeededRandom
  private var queue = TimingWheel<Happening>()
  private var machines: [Machine] = []
  private var numbers: [String: Int] = [:]
  private var scheduler: Scheduler
  private var epoch = 0
  private var isUp = false
  private(set) var checker: ClusterChecker
  /// Shards computed, those included whose result was not needed.
  private(set) var computed = 0
  private(set) var events = 0
  private(set) var restarts = 0

  var time: Double { queue.time }

  init(seed: UInt64, settings: Settings) {
    self.settings = settings
    random = SeededRandom(seed: seed)
    let share = max(1, settings.shards / settings.models)
    let blocks = (0..<settings.models).map { model in
      // Most models are quick enough; one has ten times as many images, and images of another cost more.
      ShardBlock(
        count: model == settings.models - 1 ? settings.shards - share * model : share, model: model,
        images: model == 3 ? 40 : 4, cost: model == 5 ? 8 : 1)
    }
    checker = ClusterChecker(
      blocks: blocks, pieceSizes: PieceSizes(seconds: 2, smallest: 4), leaseSeconds: Self.leaseSeconds,
      maximumFailures: Self.maximumFailures)
    scheduler = Scheduler(blocks: [], leaseSeconds: 1, maximumFailures: 1)
    // Who means ill comes first.
    for _ in 0..<settings.hoarders { addMachine(.hoards) }
    for _ in 0..<settings.failers { addMachine(.fails) }
    for _ in 0..<settings.workers { addMachine() }
    queue.add(.begin, after: 0)
    if !settings.isHarmless {
      queue.add(.fault, after: settings.faultSeconds)
      queue.add(.restart, after: settings.restartSeconds)
    }
  }

  /// Runs to the end, or until a promise is broken, or nothing has been recorded for long.
  mutating func run() {
    var lastProgress = (recorded: 0, time: 0.0)
    while !(checker.isFinished && isUp), checker.violation == nil {
      let happening = queue.next()
      events += 1
      happen(happening)
      if checker.ended > lastProgress.recorded { lastProgress = (checker.ended, time) }
      if time - lastProgress.time > 1_000 { checker.violate("nothing came to its end for 1,000 s") }
    }
  }

  private mutating func happen(_ happening: Happening) {
    switch happening {
    case .said(let event, let machine): if isUp, isReachable(machine) { handle(event) }
    case .answered(let action, let machine): if isReachable(machine) { take(action, machine) }
    case .computed(let lease, let machine): finish(lease, machine)
    case .beat(let machine): beat(machine)
    case .stored(let lease, let epoch): if epoch == self.epoch, isUp { finishStore(lease) }
    case .split(let shard, let epoch):
      if epoch == self.epoch, isUp {
        checker.commit()
        handle(.split(shard))
      }
    case .fault:
      fault()
      queue.add(.fault, after: settings.faultSeconds)
    case .restart:
      isUp = false
      epoch += 1
      restarts += 1
      queue.add(.begin, after: random.chance(0.3) ? Self.leaseSeconds * 2 : 1)
      queue.add(.restart, after: settings.restartSeconds)
    case .begin:
      isUp = true
      scheduler = checker.beginCoordinator(at: time)
      handle(.tick)
    case .tick(let epoch): if epoch == self.epoch, isUp { handle(.tick) }
    }
  }

  private func isReachable(_ machine: Int) -> Bool { machines[machine].lives && machines[machine].cutUntil <= time }

  // MARK: The coordinator

  private mutating func handle(_ event: Scheduler.Event) {
    let before = scheduler.nextDeadline
    let actions = scheduler.handle(event, at: time)
    checker.check(actions, of: event, counts: scheduler.counts, at: time)
    for action in actions {
      switch action {
      case .lease(let lease), .revoke(let lease), .acknowledge(let lease, _): post(action, to: lease.worker)
      case .unknown(let worker), .refused(let worker, _): post(action, to: worker)
      case .setAsideImage(let lease, _): queue.add(.stored(lease, epoch: epoch), after: 0.01)
      case .store(let lease): queue.add(.stored(lease, epoch: epoch), after: 0.005 + 0.02 * random.unit())
      case .split(let shard, _, _, _): queue.add(.split(shard, epoch: epoch), after: 0.005 + 0.02 * random.unit())
      case .adopted, .ended, .setAside, .rested, .troubled, .distrusted, .stalled, .finished: break
      }
    }
    if let deadline = scheduler.nextDeadline, deadline != before {
      queue.add(.tick(epoch: epoch), after: max(0, deadline - time))
    }
  }

  private mutating func finishStore(_ lease: ShardLease) {
    // What goes before a result in the journal is committed with it.
    checker.commit()
    if !settings.isHarmless, lease.worker != Scheduler.ownName, random.chance(0.000_1) {
      handle(.storeRefused(lease, reason: "the payload is wrong"))
    } else {
      checker.record(lease)
      handle(.stored(lease))
    }
  }

  private mutating func post(_ action: Scheduler.Action, to worker: String) {
    guard let machine = numbers[worker] else { return checker.violate("speaks to \(worker), which never was") }
    for _ in 0..<copies() { queue.add(.answered(action, to: machine), after: latency()) }
  }

  private mutating func say(_ event: Scheduler.Event, _ machine: Int) {
    for _ in 0..<copies() { queue.add(.said(event, by: machine), after: latency()) }
  }

  /// How often a message arrives.
  private mutating func copies() -> Int {
    if settings.isHarmless { return 1 }
    let chance = random.unit()
    return chance < 0.001 ? 0 : chance < 0.002 ? 2 : 1
  }

  private mutating func latency() -> Double {
    0.001 + 0.01 * random.unit() + (random.chance(0.001) ? 5 * random.unit() : 0)
  }

  // MARK: The workers

  private mutating func addMachine(_ lie: Lie? = nil) {
    let name = "w\(machines.count)"
    numbers[name] = machines.count
    // One in a hundred is twenty times slower, one in five hundred fails whatever it is given.
    let pace = 0.25 * (0.5 + random.unit()) * (random.chance(0.01) ? 20 : 1)
    machines.append(
      Machine(
        name: name, credits: lie == nil ? 2 + random.below(3) : 65_536, pace: pace,
        isBroken: lie == nil && !settings.isHarmless && random.chance(0.002), lie: lie))
    let machine = machines.count - 1
    hello(machine)
    queue.add(.beat(machine), after: Self.heartbeatSeconds * random.unit())
  }

  private mutating func hello(_ machine: Int) {
    say(.joined(worker: machines[machine].name, credits: machines[machine].credits, held: claims(machine)), machine)
    offer(machine, sentBefore: .infinity)
  }

  private func claims(_ machine: Int) -> [ShardAttempt] {
    machines[machine].held.map { ShardAttempt(shard: $0.key, attempt: $0.value.attempt) }.sorted { $0.shard < $1.shard }
  }

  /// How far it says it is. Who hoards says as much as may be.
  private func passes(of claim: ShardAttempt, _ machine: Int) -> UInt64 {
    let machine = machines[machine]
    if machine.lie == .hoards { return UInt64(time) }
    guard let lease = machine.atWork, lease.handingOver == claim else { return 0 }
    return UInt64((time - machine.beganAt) / machine.pace)
  }

  /// Offers what is computed and not acknowledged, in the shards' order, because a dictionary's differs.
  private mutating func offer(_ machine: Int, sentBefore: Double) {
    let now = time
    for (shard, held) in machines[machine].held.sorted(by: { $0.key < $1.key }) {
      guard let sentAt = held.sentAt, sentAt < sentBefore else { continue }
      machines[machine].held[shard]?.sentAt = now
      say(
        .resultReceived(ShardLease(shard: shard, attempt: held.attempt, worker: machines[machine].name)), machine)
    }
  }

  private mutating func beat(_ machine: Int) {
    guard machines[machine].lives else { return }
    queue.add(.beat(machine), after: Self.heartbeatSeconds)
    let claims = claims(machine)
    say(
      .heartbeat(worker: machines[machine].name, held: claims, passes: claims.map { passes(of: $0, machine) }), machine)
    offer(machine, sentBefore: time - 3 * Self.heartbeatSeconds)
  }

  private mutating func take(_ action: Scheduler.Action, _ machine: Int) {
    switch action {
    case .lease(let lease):
      guard machines[machine].held[lease.shard] == nil else { return }
      if machines[machine].lie == .fails { return lieAbout(lease, machine) }
      machines[machine].held[lease.shard] = (lease.attempt, nil)
      machines[machine].queue.append(lease)
      work(machine)
    case .revoke(let lease), .acknowledge(let lease, _):
      guard machines[machine].held[lease.shard]?.attempt == lease.attempt else { return }
      machines[machine].held[lease.shard] = nil
      machines[machine].queue.removeAll { $0 == lease }
    case .unknown: hello(machine)
    case .refused: machines[machine].lives = false
    default: break
    }
  }

  private mutating func lieAbout(_ lease: ShardLease, _ machine: Int) {
    say(.failed(lease, reason: "no"), machine)
    machines[machine].failed += 1
    guard machines[machine].failed == 20 else { return }
    machines[machine].lives = false
    addMachine(.fails)
  }

  private mutating func work(_ machine: Int) {
    guard machines[machine].atWork == nil, machines[machine].lie == nil, !machines[machine].queue.isEmpty else {
      return
    }
    let lease = machines[machine].queue.removeFirst()
    machines[machine].atWork = lease
    machines[machine].beganAt = time
    queue.add(.computed(lease, by: machine), after: computeSeconds(lease.shard, machine) * (0.8 + 0.4 * random.unit()))
  }

  /// A shard that no coordinator knows any more takes as long as one of its size.
  private func computeSeconds(_ shard: Int64, _ machine: Int) -> Double {
    machines[machine].pace * Double(checker.images(of: shard) ?? 4) * checker.cost(of: shard)
  }

  private mutating func finish(_ lease: ShardLease, _ machine: Int) {
    guard machines[machine].lives, machines[machine].atWork == lease else { return }
    let now = time
    machines[machine].atWork = nil
    defer { work(machine) }
    if machines[machine].blindUntil > now {
      guard machines[machine].held.removeValue(forKey: lease.shard) != nil else { return }
      return say(.troubled(lease, reason: "no such file"), machine)
    }
    computed += 1
    guard machines[machine].held[lease.shard]?.attempt == lease.attempt else { return }
    let isBad = !settings.isHarmless && lease.shard % 100_003 == 17
    if machines[machine].isBroken || isBad {
      machines[machine].held[lease.shard] = nil
      say(.failed(lease, reason: "not today"), machine)
    } else {
      machines[machine].held[lease.shard]?.sentAt = now
      say(.resultReceived(lease, computeSeconds: computeSeconds(lease.shard, machine)), machine)
    }
  }

  // MARK: Faults

  private mutating func fault() {
    let machine = random.below(machines.count)
    switch random.below(9) {
    case 8 where random.chance(0.05):
      // A file server: a twentieth of all machines.
      let first = random.below(machines.count)
      let end = time + 4 * Self.leaseSeconds * random.unit()
      for offset in 0..<machines.count / 20 { machines[(first + offset) % machines.count].blindUntil = end }
    case 0, 1:
      machines[machine].lives = false
      addMachine()
    case 2:
      // Sent home: it says so.
      if machines[machine].lives {
        say(.left(worker: machines[machine].name), machine)
        machines[machine].cutUntil = 0
        queue.add(.answered(.refused(worker: machines[machine].name, reason: ""), to: machine), after: 1)
        addMachine()
      }
    case 3: machines[machine].cutUntil = time + 2 * Self.leaseSeconds * random.unit()
    case 4 where random.chance(0.05):
      // A switch: a twentieth of all machines.
      let first = random.below(machines.count)
      let end = time + 2 * Self.leaseSeconds * random.unit()
      for offset in 0..<machines.count / 20 { machines[(first + offset) % machines.count].cutUntil = end }
    case 5: machines[machine].pace *= 10
    case 6: say(.disconnected(worker: machines[machine].name, undelivered: []), machine)
    default: if machines[machine].lives { hello(machine) }
    }
  }
}

/// What is to happen, by time in milliseconds, in constant time; what happens in the same millisecond in the order in
/// which it was added.
struct TimingWheel<Element> {
  private static var size: Int { 1 << 16 }
  private var slots: [[(millisecond: Int, element: Element)]] = Array(repeating: [], count: size)
  private var millisecond = 0
  private var position = 0

  var time: Double { Double(millisecond) / 1000 }

  mutating func add(_ element: Element, after seconds: Double) {
    let due = millisecond + Int((seconds * 1000).rounded(.up))
    slots[due % Self.size].append((due, element))
  }

  /// The next element; there must be one.
  mutating func next() -> Element {
    while true {
      let slot = millisecond % Self.size
      while position < slots[slot].count {
        defer { position += 1 }
        if slots[slot][position].millisecond == millisecond { return slots[slot][position].element }
      }
      slots[slot].removeAll { $0.millisecond == millisecond }
      millisecond += 1
      position = 0
    }
  }
}

extension SeededRandom {
  mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }
}
