import Shards

extension Scheduler {
  /// A shard's numbers, small because there may be millions; where it is follows from `pending`, `leases` and `stores`.
  struct Shard: Sendable {
    var attempts: Int32 = 0
    var failures: Int32 = 0
    let model: Int32
    let images: Int32
    /// Of each image.
    let cost: Float
    let benchmark: UInt16
    /// It is no piece of another.
    let isPlanned: Bool
    var state = ShardState.pending

    init(_ group: ShardGroup, images: Int, cost: Float, isPlanned: Bool) {
      self.cost = cost
      model = Int32(clamping: group.model)
      benchmark = UInt16(clamping: group.benchmark)
      self.images = Int32(clamping: images)
      self.isPlanned = isPlanned
    }

    var group: ShardGroup { ShardGroup(model: Int(model), benchmark: Int(benchmark)) }
  }

  struct Lease: Sendable {
    let lease: ShardLease
    let serial: UInt64
    let givenAt: Double
    /// It was handed out as the shard's last chance.
    let isLast: Bool
    /// When it was given or last named.
    var namedAt: Double
    /// Passes of an image that its worker said it has computed.
    var passes: UInt64 = 0
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
    /// The model of its last lease.
    var model: Int?
    /// At which it computes that model.
    var paces = Paces()
    /// When it last came further with a shard that it has.
    var progressedAt = -Double.infinity
    /// The shard that it has alone.
    var holdsAlone: Int?
    /// Shards that it failed before it computed any, and those that it kept for too long, three each, since its last result.
    var distrust = 0
    /// Shards that it kept for too long since its last result.
    var overdue = 0
    /// The shard that is being split for it.
    var awaits: Int?
    /// The silence that it was blamed for last: when it had been heard before.
    var blamedSilence: Double?
    /// Shards that it failed and others computed, since its last result or rest.
    var blame = 0
    /// Rests since its last result.
    var rests = 0
    var restsUntil = -Double.infinity
    /// The end of its last rest for that.
    var blamedUntil = -Double.infinity
    /// Rests since its last result because it could not read what shards need.
    var troubles = 0
    /// What it could not read last.
    var suspicion = Suspicion()
  }

  /// What a worker that left is still owed.
  struct UnderWay: Sendable {
    var storing: Set<Int>
    var awaits: Int?
  }

  /// A shard that was being stored or split for a worker is so no more.
  mutating func endUnderWay(_ index: Int, of name: String) {
    workers[name]?.storing.remove(index)
    if workers[name]?.awaits == index { workers[name]?.awaits = nil }
    guard var underWay = departed[name] else { return }
    underWay.storing.remove(index)
    if underWay.awaits == index { underWay.awaits = nil }
    departed[name] = underWay.storing.isEmpty && underWay.awaits == nil ? nil : underWay
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
    guard !open.isEmpty else { return }
    if !alone.isEmpty { assignSuspects(now) }
    guard pending.count > 0 else { return assignCopies(now) }
    var waiting = open
    open.removeAll(keepingCapacity: true)
    var position = 0
    while position < waiting.count, pending.count > 0 {
      let name = waiting[position]
      position += 1
      guard liveWorkers.contains(name), let worker = workers[name], hasCredit(name), worker.restsUntil <= now else {
        workers[name]?.isOpen = false
        continue
      }
      guard
        let index = pending.take(
          for: name, judges: hasTrusted() && !isTrusted(name) ? nil : judges, model: worker.model,
          suspicion: worker.suspicion)
      else {
        open.append(name)
        continue
      }
      if let pieces = pieces(of: index, for: worker) {
        split(index, into: pieces, for: name)
        continue
      }
      give(index, to: name, now)
      waiting.append(name)
    }
    open.append(contentsOf: waiting[position...])
  }

  mutating func give(_ index: Int, to worker: String, _ now: Double) {
    // Workers say attempts of their own, so no number is out of the question.
    shards[index].attempts = min(shards[index].attempts, .max - 1) + 1
    let lease = ShardLease(shard: Int64(index), attempt: Int(shards[index].attempts), worker: worker)
    let isLast = isLastChance(index, of: worker)
    if isLast { lastChances.insert(index) }
    hold(index, lease, isLast: isLast, now)
    load(Int(shards[index].model), on: worker)
    actions.append(.lease(lease))
  }

  private mutating func load(_ model: Int, on worker: String) {
    guard workers[worker]?.model != model else { return }
    workers[worker]?.model = model
    workers[worker]?.paces = Paces()
  }

  // MARK: Stragglers

  /// For how much of a lease's time a worker may be silent before what it has is taken for lost, and no more for late.
  private static let silentShare = 3.0 / 8

  /// Gives leases that take unusually long to a second worker, once nothing else is left to give. The first result
  /// counts, whichever worker it comes from.
  private mutating func assignCopies(_ now: Double) {
    // Before the first result a lease's time is as good a guess as any.
    let latest = now - max(Self.stragglerSeconds, (usualSeconds ?? leaseSeconds / 2) * Self.stragglerFactor)
    guard let first = oldest.first, first.time < latest else { return }
    var waiting = open
    open.removeAll(keepingCapacity: true)
    var position = 0
    while position < waiting.count {
      let name = waiting[position]
      position += 1
      guard liveWorkers.contains(name), let worker = workers[name], hasCredit(name), worker.restsUntil <= now else {
        workers[name]?.isOpen = false
        continue
      }
      guard isTrusted(name) || !hasTrusted(), let index = takeStraggler(for: name, givenBefore: latest, now) else {
        open.append(name)
        if let first = oldest.first, first.time < latest { continue }
        break
      }
      give(index, to: name, now)
      waiting.append(name)
    }
    open.append(contentsOf: waiting[position...])
  }

  /// The oldest lease that `worker` may have as well; a few of the oldest are looked at, so that the cost is bounded.
  private mutating func takeStraggler(for worker: String, givenBefore latest: Double, _ now: Double) -> Int? {
    let looks = 8
    var passed: [Deadline<Int>] = []
    var found: Int?
    while found == nil, passed.count < looks, let entry = oldest.first, entry.time < latest {
      oldest.removeFirst()
      guard let lease = leases[entry.key], lease.serial == entry.serial, copies[entry.key] == nil else { continue }
      if mayCopy(lease, entry.key, to: worker, givenBefore: latest, now) {
        found = entry.key
      } else {
        passed.append(entry)
      }
    }
    for entry in passed { oldest.insert(entry) }
    return found
  }

  /// Only where its worker still says that it has it, though it is late: one that is silent is lost soon, and may have been ended
  /// by what it had. For the same reason what is computed alone is copied late, from one that has computed nothing, to one that
  /// holds nothing.
  private func mayCopy(
    _ lease: Lease, _ index: Int, to worker: String, givenBefore latest: Double, _ now: Double
  ) -> Bool {
    guard lease.lease.worker != worker, failedWorkers[index]?.contains(worker) != true,
      lease.namedAt >= lease.givenAt + (now - latest), lease.namedAt + leaseSeconds * Self.silentShare >= now
    else { return false }
    guard losses[index] == nil else { return false }
    guard isToBeAlone(index) else { return true }
    return !isTrusted(lease.lease.worker) && workers[worker]?.leases.isEmpty == true
      && lease.givenAt + 2 * leaseSeconds <= now
  }

  /// The worker has the shard from now on.
  private mutating func hold(_ index: Int, _ lease: ShardLease, isLast: Bool = false, _ now: Double) {
    serial += 1
    let held = Lease(lease: lease, serial: serial, givenAt: now, isLast: isLast, namedAt: now)
    if leases[index] == nil {
      leases[index] = held
      while let entry = oldest.first, leases[entry.key]?.serial != entry.serial { oldest.removeFirst() }
      oldest.insert(Deadline(time: now, serial: serial, key: index))
    } else {
      copies[index] = held
    }
    workers[lease.worker]?.leases.insert(index)
    if isToBeAlone(index) { workers[lease.worker]?.holdsAlone = index }
    leaseDeadlines.insert(Deadline(time: now + leaseSeconds, serial: serial, key: index))
  }

  /// The worker has the shard no more. Gives the shard's position, or nil if it did not have it.
  mutating func endLease(_ lease: ShardLease) -> Int? {
    guard let index = index(of: lease.shard) else { return nil }
    if copies[index]?.lease == lease {
      copies[index] = nil
      if let first = leases[index] { oldest.insert(Deadline(time: first.givenAt, serial: first.serial, key: index)) }
    } else if leases[index]?.lease == lease {
      leases[index] = copies.removeValue(forKey: index)
      if let second = leases[index] { oldest.insert(Deadline(time: second.givenAt, serial: second.serial, key: index)) }
    } else {
      return nil
    }
    workers[lease.worker]?.leases.remove(index)
    if workers[lease.worker]?.holdsAlone == index { workers[lease.worker]?.holdsAlone = nil }
    offer(lease.worker)
    return index
  }

  /// What a worker says it holds: its leases go on, shards that nobody has become its own, the rest it is to forget.
  mutating func name(_ held: [ShardAttempt], by worker: String, _ now: Double) {
    for claim in held {
      let lease = ShardLease(shard: claim.shard, attempt: claim.attempt, worker: worker)
      guard let index = index(of: claim.shard) else {
        actions.append(.revoke(lease))
        continue
      }
      if leases[index]?.lease == lease {
        leases[index]?.namedAt = now
      } else if copies[index]?.lease == lease {
        copies[index]?.namedAt = now
      } else if stores[index]?.lease == lease {
        continue
      } else if mayAdopt(index, lease) {
        stopWaiting(index)
        endReservation(index)
        load(Int(shards[index].model), on: worker)
        shards[index].attempts = max(shards[index].attempts, Int32(clamping: claim.attempt))
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

  private func mayAdopt(_ index: Int, _ lease: ShardLease) -> Bool {
    if isToBeAlone(index), workers[lease.worker]?.leases.isEmpty == false { return false }
    if expelled[index]?.contains(lease.worker) == true { return false }
    return isWaiting(index) && hasCredit(lease.worker) || isReclaimed(index, by: lease) && hasRoom(lease.worker)
  }

  /// What a worker had under a former coordinator it goes on with, however little it has shown.
  private func hasRoom(_ name: String) -> Bool {
    workers[name].map { $0.leases.count + $0.storing.count < $0.credits } ?? false
  }

  private func leases(of worker: String, where include: (Lease) -> Bool = { _ in true }) -> [ShardLease] {
    guard let held = workers[worker]?.leases, !held.isEmpty else { return [] }
    // Sorted, because a set's order differs from process to process.
    return held.sorted().compactMap { index in
      guard let lease = copies[index]?.lease.worker == worker ? copies[index] : leases[index] else { return nil }
      return include(lease) ? lease.lease : nil
    }
  }

  // MARK: Workers

  mutating func join(_ name: String, credits: Int) {
    if workers[name] == nil {
      serial += 1
      var worker = Worker(serial: serial, credits: credits)
      if let underWay = departed.removeValue(forKey: name) {
        (worker.storing, worker.awaits) = (underWay.storing, underWay.awaits)
      }
      workers[name] = worker
    } else {
      workers[name]?.credits = credits
    }
  }

  /// A sign of life. A worker that never joined has none.
  mutating func heard(_ name: String, _ now: Double) {
    guard let worker = workers[name] else { return }
    workers[name]?.heardAt = now
    liveWorkers.insert(name)
    if worker.troubles == 0 { setAble(name, true) }
    offer(name)
    if !worker.isWatched {
      workers[name]?.isWatched = true
      workerDeadlines.insert(Deadline(time: now + leaseSeconds, serial: worker.serial, key: name))
    }
  }

  /// Lets a worker with credit take its turn.
  mutating func offer(_ name: String) {
    guard let worker = workers[name], !worker.isOpen, hasCredit(name), worker.awaits == nil,
      liveWorkers.contains(name)
    else { return }
    workers[name]?.isOpen = true
    open.append(name)
  }

  /// The worker is not there at present.
  mutating func loseSight(of name: String) {
    liveWorkers.remove(name)
    setAble(name, false)
  }

  mutating func leave(_ name: String) {
    loseSight(of: name)
    for lease in leases(of: name) { giveBack(lease, reason: "the worker left") }
    if let worker = workers.removeValue(forKey: name), !worker.storing.isEmpty || worker.awaits != nil {
      departed[name] = UnderWay(storing: worker.storing, awaits: worker.awaits)
    }
    open.removeAll { $0 == name }
    releaseReserved(of: name)
  }

  static let refusal =
    "other workers repeatedly computed what this one failed; check its machine"

  /// The worker failed a shard that another has computed now: it rests, longer each time, and is refused in the end.
  ///
  /// - Parameter silence: since when the worker was silent, if that is how it lost the shard. All that it lost in one
  ///   silence is one reason to rest: a link that was cut is nobody's fault.
  mutating func blame(_ name: String, silence: Double?, _ now: Double) {
    // What it fails all at once is one reason, too.
    guard let worker = workers[name], worker.blamedUntil <= now else { return }
    if let silence {
      guard silence != worker.blamedSilence else { return }
      workers[name]?.blamedSilence = silence
    }
    workers[name]?.blame += 1
    guard worker.blame + 1 >= Self.blameBeforeRest else { return }
    if worker.rests >= Self.maximumRests {
      refusedWorkers.insert(name)
      leave(name)
      actions.append(.refused(worker: name, reason: Self.refusal))
      return
    }
    let until = now + leaseSeconds * Double(1 << worker.rests)
    workers[name]?.blame = 0
    workers[name]?.rests += 1
    workers[name]?.restsUntil = max(worker.restsUntil, until)
    workers[name]?.blamedUntil = until
    restDeadlines.insert(Deadline(time: until, serial: worker.serial, key: name))
    actions.append(.rested(worker: name, until: until))
  }

  // MARK: Reservations

  /// The worker of the last attempt that the ledger knows, or one of a later attempt that it came too late to know.
  private func isReclaimed(_ index: Int, by lease: ShardLease) -> Bool {
    guard let holder = reserved[index] else { return false }
    return holder.worker == lease.worker || lease.attempt > holder.attempt
  }

  mutating func endReservation(_ index: Int) {
    guard let holder = reserved.removeValue(forKey: index) else { return }
    reservedOf[holder.worker]?.remove(index)
  }

  /// The worker has said what it holds; the rest of what it had may go to others.
  mutating func releaseReserved(of worker: String) {
    for index in (reservedOf.removeValue(forKey: worker) ?? []).sorted() {
      reserved[index] = nil
      requeue(index)
    }
  }

  // MARK: Time

  /// Ends the leases that nobody named in time, and forgets workers that were not heard in time.
  mutating func expire(_ now: Double) {
    if let reservedUntil, reservedUntil <= now, !reserved.isEmpty {
      for index in reserved.keys.sorted() {
        endReservation(index)
        requeue(index)
      }
    }
    while let deadline = restDeadlines.first, deadline.time <= now {
      restDeadlines.removeFirst()
      if workers[deadline.key]?.serial == deadline.serial { offer(deadline.key) }
    }
    checkStall(now)
    endDoubts(now)
    while let deadline = leaseDeadlines.first, deadline.time <= now {
      leaseDeadlines.removeFirst()
      let held = [leases[deadline.key], copies[deadline.key]].compactMap { $0 }
      guard let lease = held.first(where: { $0.serial == deadline.serial }) else { continue }
      let end = end(of: lease, at: deadline.key)
      let time = min(lease.namedAt + leaseSeconds, end)
      if time > now {
        leaseDeadlines.insert(Deadline(time: time, serial: lease.serial, key: deadline.key))
      } else if lease.namedAt + leaseSeconds > now {
        loseOverdue(lease, now)
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
        loseSight(of: deadline.key)
        for lease in leases(of: deadline.key) { lose(lease) }
      }
    }
  }

  private mutating func lose(_ lease: ShardLease) {
    let silence = workers[lease.worker]?.heardAt
    guard let index = endLease(lease) else { return }
    silences[index, default: [:]][lease.worker] = silence
    lose(index, lease, reason: "\(lease.worker) sent no heartbeat for the shard for \(leaseSeconds) s")
  }
}
