import Scheduling
import Shards

/// The workers, and what happens to them.
extension SimulatedRun {
  mutating func addMachine() {
    madeMachines += 1
    var machine = Machine(name: "w\(madeMachines)", credits: 1 + random.below(4))
    machine.isBroken = random.chance(0.1)
    machine.isHoarder = random.chance(0.07)
    machine.pace = Double.random(in: 0.1..<3, using: &random)
    machine.outbox.append(.joined(worker: machine.name, credits: machine.credits, held: []))
    machines.append(machine)
  }

  mutating func post(_ action: Scheduler.Action, to worker: String) {
    guard let index = machines.firstIndex(where: { $0.name == worker && $0.lives }) else { return }
    machines[index].inbox.append(action)
  }

  static func hello(_ machine: inout Machine) {
    machine.outbox.append(.joined(worker: machine.name, credits: machine.credits, held: claims(machine)))
    for (shard, held) in machine.held.sorted(by: { $0.key < $1.key }) where held.isComputed {
      machine.outbox.append(
        .resultReceived(ShardLease(shard: shard, attempt: held.attempt, worker: machine.name)))
    }
  }

  static func claims(_ machine: Machine) -> [ShardAttempt] {
    machine.held.sorted { $0.key < $1.key }.map { ShardAttempt(shard: $0.key, attempt: $0.value.attempt) }
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
    if machines[index].isHoarder { return }
    let waiting = machines[index].held.filter { !$0.value.isComputed }.keys.sorted()
    guard let shard = waiting.randomElement(using: &random), let held = machines[index].held[shard] else { return }
    let lease = ShardLease(shard: shard, attempt: held.attempt, worker: machines[index].name)
    // A shard that a former coordinator had split and did not bring to disk is unknown to this one.
    let nature = natures.indices.contains(Int(shard)) ? natures[Int(shard)] : .sound
    if machines[index].blindUntil > time {
      machines[index].held[shard] = nil
      machines[index].outbox.append(.troubled(lease, reason: "no such file"))
    } else if nature == .kills {
      machines[index].lives = false
    } else if machines[index].isBroken || nature == .failsAlways || (nature == .failsSometimes && random.chance(0.5)) {
      machines[index].held[shard] = nil
      machines[index].outbox.append(.failed(lease, reason: "not today"))
    } else {
      machines[index].held[shard]?.isComputed = true
      machines[index].held[shard]?.offeredAt = time
      let work = natures.indices.contains(Int(shard)) ? Double(images[Int(shard)]) * costs[Int(shard)] : 1
      let seconds = machines[index].pace * work
      machines[index].outbox.append(.resultReceived(lease, computeSeconds: seconds))
    }
  }

  /// The worker says that it lives, and offers again what was not acknowledged for long.
  mutating func beat(_ index: Int) {
    machines[index].lastHeartbeat = time
    let claims = Self.claims(machines[index])
    // A hoarder says that it has done as much as seconds went by.
    let passes = claims.map { _ in machines[index].isHoarder ? UInt64(time) : 0 }
    machines[index].outbox.append(.heartbeat(worker: machines[index].name, held: claims, passes: passes))
    for (shard, held) in machines[index].held.sorted(by: { $0.key < $1.key })
    where held.isComputed && held.offeredAt + 2 * Self.leaseSeconds < time {
      machines[index].held[shard]?.offeredAt = time
      machines[index].outbox.append(
        .resultReceived(ShardLease(shard: shard, attempt: held.attempt, worker: machines[index].name)))
    }
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
    if hasFaults, store.lease.worker != Scheduler.ownName, random.chance(0.1) {
      handle(.storeRefused(store.lease, reason: "the payload is wrong"))
    } else {
      handle(.stored(store.lease, isWhole: !random.chance(0.1)))
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
    case 92:
      if random.chance(0.5) {
        machines[index].silentUntil = time + Double.random(in: 0..<30, using: &random)
      } else {
        machines[index].blindUntil = time + Double.random(in: 0..<60, using: &random)
      }
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
  mutating func dropSent(_ index: Int) -> [ShardAttempt] {
    guard case .lease(let lease) = machines[index].inbox.last else { return [] }
    machines[index].inbox.removeLast()
    return [ShardAttempt(shard: lease.shard, attempt: lease.attempt)]
  }

  mutating func say(goodbye index: Int) {
    guard machines[index].lives else { return }
    machines[index].lives = false
    machines[index].held.removeAll()
    machines[index].outbox.append(.left(worker: machines[index].name))
  }

  mutating func restart() {
    if random.chance(0.5) { commit() }
    beginCoordinator()
    for index in machines.indices {
      if random.chance(0.5) { machines[index].inbox.removeAll() }
      if machines[index].lives, random.chance(0.7) { Self.hello(&machines[index]) }
    }
  }

  /// What is left of the shards, in words.
  private var unended: String {
    natures.indices.filter { !ended.contains(Int64($0)) }.map { shard in
      let held = [leases[Int64(shard)], copies[Int64(shard)]].compactMap { $0?.worker }
      return
        "\(shard): \(natures[shard]), \(images[shard]) images, lost \(losses[shard]) and \(suspicion[shard]) times, "
        + "failed by \(failedWorkers[shard].sorted()), held by \(held)"
    }.joined(separator: "; ")
      + "; "
      + machines.filter(\.lives).map {
        "\($0.name)\($0.isHoarder ? " hoards" : "")\($0.isBroken ? " is broken" : "") \(results[$0.name] ?? 0) results rests \((restsUntil[$0.name] ?? 0) - time) holds \($0.held.keys.sorted())"
      }.joined(separator: ", ")
  }

  /// No more faults but the shards' own: everything must come to an end.
  mutating func settle(rounds: Int) {
    hasFaults = false
    for index in machines.indices {
      machines[index].silentUntil = 0
      machines[index].blindUntil = 0
    }
    for _ in 0..<rounds where !isFinished {
      time += 0.5
      while machines.count(where: { $0.lives && !$0.isHoarder && !$0.isBroken }) < 2 { addMachine() }
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
    if !isFinished { violate("does not end: \(scheduler.counts), \(unended)") }
    let ends = rows.indices.filter { !rows[$0].isSplit }.reduce(0) { $0 + images[$1] }
    if ends != plannedImages { violate("\(ends) images of \(plannedImages) came to an end") }
    for (shard, row) in rows.enumerated() where !row.isRecorded && !row.isSetAside && !row.isSplit {
      violate("shard \(shard) is neither recorded nor set aside")
    }
    for (shard, nature) in natures.enumerated() where nature == .kills && rows[shard].isSetAside {
      violate("shard \(shard) of \(images[shard]) images is set aside for one that kills")
    }
    for (shard, nature) in natures.enumerated() where rows[shard].isRecorded {
      if rows[shard].isImageSetAside { continue }
      if nature == .kills || nature == .failsAlways { violate("shard \(shard) cannot have a result") }
    }
  }
}
