/// Workers that cannot read what shards need: data that are not mounted, a file server that is away, a checkpoint that is
/// missing. None of it is held against a shard. Such a worker rests, longer each time, and then tries one shard; with its
/// first result it is a worker as any other.
extension Scheduler {
  /// A rest's share of the lease's time, the first time; it doubles up to the lease's time.
  private static let firstRest = 1.0 / 16

  /// Since when nobody has computed anything, and some worker was in trouble.
  struct Stall: Sendable {
    /// When to look whether all are in trouble.
    var due: Double
    /// What the last one could not read.
    var reason: String
  }

  /// The attempt does not count; the worker rests.
  mutating func trouble(_ index: Int, _ lease: ShardLease, reason: String, _ now: Double) {
    actions.append(.ended(lease, .troubled, reason: reason))
    stall = Stall(due: stall?.due ?? now + stallSeconds, reason: reason)
    workers[lease.worker]?.avoided.insert(Int(shards[index].model))
    // What it fails all at once is one reason to rest.
    if let worker = workers[lease.worker], worker.restsUntil <= now {
      let until = now + leaseSeconds * min(1, Self.firstRest * Double(1 << min(worker.troubles, 10)))
      setTroubles(worker.troubles + 1, of: lease.worker)
      workers[lease.worker]?.restsUntil = until
      restDeadlines.insert(Deadline(time: until, serial: worker.serial, key: lease.worker))
      actions.append(.troubled(worker: lease.worker, until: until, reason: reason))
    }
    requeueTroubled(index)
  }

  /// How often in a row the worker was in trouble; 0 where it could read what a shard needs.
  mutating func setTroubles(_ count: Int, of name: String) {
    guard let worker = workers[name], worker.troubles != count else { return }
    workers[name]?.troubles = count
    if count > 0 {
      ableWorkers.remove(name)
    } else {
      if liveWorkers.contains(name) { ableWorkers.insert(name) }
      offer(name)
    }
  }

  /// The worker computed a shard.
  mutating func endTrouble(of worker: String, at index: Int) {
    stall = nil
    isStalled = false
    setTroubles(0, of: worker)
    if workers[worker]?.avoided.isEmpty == false { workers[worker]?.avoided.remove(Int(shards[index].model)) }
  }

  /// Says so where nobody has computed anything for too long because all who live are in trouble.
  mutating func checkStall(_ now: Double) {
    guard let stall, stall.due <= now else { return }
    let isTrouble = !liveWorkers.isEmpty && liveWorkers.allSatisfy { workers[$0]?.troubles ?? 0 > 0 }
    self.stall?.due = now + leaseSeconds
    guard isTrouble, !isStalled else { return }
    isStalled = true
    actions.append(.stalled(reason: stall.reason))
  }
}
