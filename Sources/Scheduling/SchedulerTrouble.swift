import Shards

/// Workers that cannot read what shards need: data that are not mounted, a file server that is away, a checkpoint that is
/// missing. None of it is held against a shard. Such a worker rests, longer each time, and then tries one shard; with its
/// first result it is a worker as any other.
extension Scheduler {
  /// A rest's share of the lease's time, the first time; it doubles up to the lease's time.
  private static let firstRest = 1.0 / 16

  /// Since when nobody has computed anything, and some worker was in trouble.
  struct Stall: Sendable {
    let since: Double
    /// When to look whether all are in trouble.
    var due: Double
    /// What the last one could not read.
    let reason: String
  }

  /// The attempt does not count; the worker rests.
  mutating func trouble(_ index: Int, _ lease: ShardLease, reason: String, _ now: Double) {
    lastChances.remove(index)
    actions.append(.ended(lease, .troubled, reason: reason))
    let since = stall?.since ?? now
    stall = Stall(since: since, due: since + stallSeconds, reason: reason)
    troubleCount += 1
    workers[lease.worker]?.suspicion.note(shards[index].group, troubleCount)
    // What it fails all at once is one reason to rest.
    if let worker = workers[lease.worker], worker.restsUntil <= now {
      let until = now + leaseSeconds * min(1, Self.firstRest * Double(1 << min(worker.troubles, 10)))
      setTroubles(worker.troubles + 1, of: lease.worker)
      workers[lease.worker]?.restsUntil = until
      restDeadlines.insert(Deadline(time: until, serial: worker.serial, key: lease.worker))
      actions.append(.troubled(worker: lease.worker, until: until, reason: reason))
    }
    requeue(index)
  }

  /// How often in a row the worker was in trouble; 0 where it could read what a shard needs.
  mutating func setTroubles(_ count: Int, of name: String) {
    guard let worker = workers[name], worker.troubles != count else { return }
    workers[name]?.troubles = count
    if count > 0 {
      setAble(name, false)
    } else {
      if liveWorkers.contains(name) { setAble(name, true) }
      offer(name)
    }
  }

  /// The worker computed a shard.
  mutating func endTrouble(of worker: String, at index: Int) {
    stall = nil
    isStalled = false
    setTroubles(0, of: worker)
    if workers[worker]?.suspicion.isEmpty == false { workers[worker]?.suspicion.clear(shards[index].group) }
  }

  /// Says so where nobody has computed anything for too long because all who live are in trouble.
  mutating func checkStall(_ now: Double) {
    guard let stall, stall.due <= now else { return }
    self.stall?.due = now + leaseSeconds
    guard !isStalled, !liveWorkers.isEmpty, liveWorkers.allSatisfy({ isStuck($0, stall, now) }) else { return }
    isStalled = true
    actions.append(.stalled(reason: stall.reason))
  }

  /// Whether the worker was in trouble last and computes nothing. What it holds it may be computing, which may take long;
  /// where nobody came to an end of anything for three times as long as is allowed, what it was given lately is one more
  /// of many trials.
  private func isStuck(_ name: String, _ stall: Stall, _ now: Double) -> Bool {
    guard let worker = workers[name], worker.storing.isEmpty,
      worker.troubles > 0 || worker.distrust >= Self.failuresBeforeDistrust
    else { return false }
    let trialsSince = now >= stall.since + 3 * stallSeconds ? now - stallSeconds : .infinity
    return worker.leases.allSatisfy { index in
      let held = copies[index]?.lease.worker == name ? copies[index] : leases[index]
      return held.map { $0.givenAt > trialsSince } ?? true
    }
  }
}

/// What a worker could not read of late: it is asked for something else first, and then for what it was not asked for
/// longest. A model's checkpoint may be away as well as a benchmark's data, so both are suspected until it computes
/// something of one of them.
struct Suspicion: Sendable {
  /// When each was in the last trouble, counted in troubles.
  private var models: [Int: Int] = [:]
  private var benchmarks: [Int: Int] = [:]

  /// How little a worker is to be asked for something; the least for what is not suspected.
  struct Rank: Sendable, Comparable {
    static let none = Rank(later: 0, earlier: 0)
    let later: Int
    let earlier: Int

    static func < (left: Rank, right: Rank) -> Bool {
      (left.later, left.earlier) < (right.later, right.earlier)
    }
  }

  var isEmpty: Bool { models.isEmpty && benchmarks.isEmpty }

  /// A shard of this group was in trouble, the `count`-th of all troubles.
  mutating func note(_ group: ShardGroup, _ count: Int) {
    models[group.model] = count
    benchmarks[group.benchmark] = count
  }

  /// A shard of this group was computed.
  mutating func clear(_ group: ShardGroup) {
    models[group.model] = nil
    benchmarks[group.benchmark] = nil
  }

  func rank(of group: ShardGroup) -> Rank {
    guard !isEmpty else { return .none }
    let (model, benchmark) = (models[group.model] ?? 0, benchmarks[group.benchmark] ?? 0)
    return Rank(later: max(model, benchmark), earlier: min(model, benchmark))
  }
}
