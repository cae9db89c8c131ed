extension Scheduler {
  /// A shard's numbers; where it is follows from `pending`, `leases` and `stores`.
  struct Shard: Sendable {
    enum End: Sendable {
      case none, recorded, setAside

      init(_ state: SchedulerShard.State) {
        switch state {
        case .pending: self = .none
        case .recorded: self = .recorded
        case .setAside: self = .setAside
        }
      }
    }

    let id: Int64
    var attempts: Int
    var failures: Int
    var end: End
  }

  struct Lease: Sendable {
    let lease: ShardLease
    let serial: UInt64
    /// When it was given or last named.
    var namedAt: Double
  }

  /// A result that is being stored.
  struct Store: Sendable {
    let lease: ShardLease
    /// The worker had the lease, so its failure is not counted yet.
    let isOwed: Bool
  }

  struct Worker: Sendable {
    let serial: UInt64
    var credits: Int
    var heardAt = -Double.infinity
    var isOpen = false
    var isWatched = false
    var leases: Set<Int> = []
    var storing: Set<Int> = []

    var hasCredit: Bool { leases.count + storing.count < credits }
  }

  /// When to look at a lease or a worker again. It may have been extended since.
  struct Deadline<Key: Sendable>: Comparable, Sendable {
    let time: Double
    let serial: UInt64
    let key: Key

    static func < (left: Self, right: Self) -> Bool { (left.time, left.serial) < (right.time, right.serial) }
    static func == (left: Self, right: Self) -> Bool { (left.time, left.serial) == (right.time, right.serial) }
  }

  // MARK: Leases

  /// Gives waiting shards to workers with credit, one each in turn.
  mutating func assign(_ now: Double) {
    guard pending.count > 0, !open.isEmpty else { return }
    var waiting = open
    open.removeAll(keepingCapacity: true)
    var position = 0
    while position < waiting.count, pending.count > 0 {
      let name = waiting[position]
      position += 1
      guard liveWorkers.contains(name), let worker = workers[name], worker.hasCredit else {
        workers[name]?.isOpen = false
        continue
      }
      guard let index = pending.take(for: name, live: liveWorkers) else {
        open.append(name)
        continue
      }
      shards[index].attempts += 1
      let lease = ShardLease(shard: shards[index].id, attempt: shards[index].attempts, worker: name)
      hold(index, lease, now)
      actions.append(.lease(lease))
      waiting.append(name)
    }
    open.append(contentsOf: waiting[position...])
  }

  /// The worker has the shard from now on.
  private mutating func hold(_ index: Int, _ lease: ShardLease, _ now: Double) {
    serial += 1
    leases[index] = Lease(lease: lease, serial: serial, namedAt: now)
    workers[lease.worker]?.leases.insert(index)
    leaseDeadlines.insert(Deadline(time: now + leaseSeconds, serial: serial, key: index))
  }

  /// The worker has the shard no more. Gives the shard's position, or nil if it did not have it.
  mutating func endLease(_ lease: ShardLease) -> Int? {
    guard let index = indexes[lease.shard], leases[index]?.lease == lease else { return nil }
    leases[index] = nil
    workers[lease.worker]?.leases.remove(index)
    offer(lease.worker)
    return index
  }

  /// What a worker says it holds: its leases go on, shards that nobody has become its own, the rest it is to forget.
  mutating func name(_ held: [HeldShard], by worker: String, _ now: Double) {
    for claim in held {
      let lease = ShardLease(shard: claim.shard, attempt: claim.attempt, worker: worker)
      guard let index = indexes[claim.shard] else {
        actions.append(.revoke(lease))
        continue
      }
      if leases[index]?.lease == lease {
        leases[index]?.namedAt = now
      } else if stores[index]?.lease == lease {
        continue
      } else if pending.contains(index), workers[worker]?.hasCredit == true {
        pending.remove(index)
        shards[index].attempts = max(shards[index].attempts, claim.attempt)
        hold(index, lease, now)
        actions.append(.adopted(lease))
      } else {
        actions.append(.revoke(lease))
      }
    }
    let forgotten = leases(of: worker) { $0.namedAt + graceSeconds < now }
    for lease in forgotten {
      giveBack(lease, reason: "the worker does not have it")
      actions.append(.revoke(lease))
    }
  }

  private func leases(of worker: String, where include: (Lease) -> Bool = { _ in true }) -> [ShardLease] {
    guard let held = workers[worker]?.leases, !held.isEmpty else { return [] }
    // Sorted, because a set's order differs from process to process.
    return held.filter { leases[$0].map(include) ?? false }.sorted().compactMap { leases[$0]?.lease }
  }

  // MARK: Workers

  mutating func join(_ name: String, credits: Int) {
    if workers[name] == nil {
      serial += 1
      workers[name] = Worker(serial: serial, credits: credits)
    } else {
      workers[name]?.credits = credits
    }
  }

  /// A sign of life. A worker that never joined has none.
  mutating func heard(_ name: String, _ now: Double) {
    guard let worker = workers[name] else { return }
    workers[name]?.heardAt = now
    liveWorkers.insert(name)
    offer(name)
    if !worker.isWatched {
      workers[name]?.isWatched = true
      workerDeadlines.insert(Deadline(time: now + leaseSeconds, serial: worker.serial, key: name))
    }
  }

  /// Lets a worker with credit take its turn.
  mutating func offer(_ name: String) {
    guard let worker = workers[name], !worker.isOpen, worker.hasCredit, liveWorkers.contains(name) else { return }
    workers[name]?.isOpen = true
    open.append(name)
  }

  mutating func leave(_ name: String) {
    liveWorkers.remove(name)
    for lease in leases(of: name) { giveBack(lease, reason: "the worker left") }
    workers[name] = nil
    open.removeAll { $0 == name }
  }

  // MARK: Time

  /// Ends the leases that nobody named in time, and forgets workers that were not heard in time.
  mutating func expire(_ now: Double) {
    while let deadline = leaseDeadlines.first, deadline.time <= now {
      leaseDeadlines.removeFirst()
      guard let lease = leases[deadline.key], lease.serial == deadline.serial else { continue }
      let time = lease.namedAt + leaseSeconds
      if time > now {
        leaseDeadlines.insert(Deadline(time: time, serial: lease.serial, key: deadline.key))
      } else {
        lose(lease.lease)
      }
    }
    while let deadline = workerDeadlines.first, deadline.time <= now {
      workerDeadlines.removeFirst()
      guard let worker = workers[deadline.key], worker.serial == deadline.serial else { continue }
      let time = worker.heardAt + leaseSeconds
      if time > now {
        workerDeadlines.insert(Deadline(time: time, serial: worker.serial, key: deadline.key))
      } else {
        workers[deadline.key]?.isWatched = false
        liveWorkers.remove(deadline.key)
        for lease in leases(of: deadline.key) { lose(lease) }
      }
    }
  }

  private mutating func lose(_ lease: ShardLease) {
    guard let index = endLease(lease) else { return }
    fail(index, lease, .lost, reason: "\(lease.worker) did not say for \(leaseSeconds) s that it still has the shard")
  }
}
