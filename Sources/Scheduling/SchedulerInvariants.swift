import Shards

/// What holds after every event, whatever came before. The simulation asks for it; see ``Scheduler/onBrokenInvariant``.
extension Scheduler {
  /// Tells of each invariant that does not hold. It costs what is leased, stored and split, and the workers, not the shards.
  func checkInvariants() {
    guard let tell = onBrokenInvariant else { return }
    checkPlaces(tell)
    checkLeases(tell)
    checkStores(tell)
    checkWorkers(tell)
  }

  /// Every shard is in one place.
  private func checkPlaces(_ tell: (String) -> Void) {
    let counts = counts
    let placed =
      counts.pending + counts.leased + counts.storing + counts.recorded + counts.setAside + splitCount + splits.count
    if placed != shards.count { tell("\(placed) shards have a place, of \(shards.count): \(counts)") }
    let pieces = splits.values.reduce(0) { $0 + $1.pieces.count }
    if pieces != waitingPieces { tell("\(waitingPieces) pieces wait for the ledger, but \(pieces) were announced") }
    if !zip(alone, alone.dropFirst()).allSatisfy({ $0 < $1 }) { tell("shards to be computed alone are not in order") }
    for index in alone where pending.contains(index) { tell("shard \(index) waits twice") }
    for index in splits.keys where isWaiting(index) { tell("shard \(index) waits, but is being split") }
    for (index, holder) in reserved {
      if isWaiting(index) { tell("shard \(index) waits, but is kept for \(holder.worker)") }
      if reservedOf[holder.worker]?.contains(index) != true { tell("shard \(index) is kept for a worker without it") }
    }
  }

  /// Whoever has a shard knows it, and nothing else is done with it meanwhile.
  private func checkLeases(_ tell: (String) -> Void) {
    for (index, lease) in leases {
      if shards[index].state != .pending { tell("shard \(index) is leased, but \(shards[index].state)") }
      if isWaiting(index) || stores[index] != nil || splits[index] != nil || reserved[index] != nil {
        tell("shard \(index) is leased, and elsewhere as well")
      }
      check(lease, of: index, tell)
    }
    for (index, copy) in copies {
      guard let first = leases[index] else {
        tell("shard \(index) has a second lease and no first")
        continue
      }
      if first.lease.worker == copy.lease.worker { tell("shard \(index) is leased twice to \(copy.lease.worker)") }
      check(copy, of: index, tell)
    }
    let held = workers.values.reduce(0) { $0 + $1.leases.count }
    if held != leases.count + copies.count {
      tell("workers have \(held) shards, of \(leases.count + copies.count) leases")
    }
  }

  private func check(_ lease: Lease, of index: Int, _ tell: (String) -> Void) {
    if lease.lease.shard != Int64(index) { tell("the lease of shard \(index) is of \(lease.lease.shard)") }
    if workers[lease.lease.worker]?.leases.contains(index) != true {
      tell("shard \(index) is leased to \(lease.lease.worker), which does not have it")
    }
  }

  /// A result that is being stored is nobody's any more, and not stored yet.
  private func checkStores(_ tell: (String) -> Void) {
    for index in stores.keys where shards[index].state == .recorded || shards[index].state == .split {
      tell("shard \(index) is being stored, but \(shards[index].state)")
    }
    for index in stores.keys where isWaiting(index) { tell("shard \(index) waits, but is being stored") }
  }

  /// Who is able is live, who is live has joined; the queue of those with credit has each once.
  private func checkWorkers(_ tell: (String) -> Void) {
    for name in liveWorkers where workers[name] == nil { tell("\(name) is live, but has not joined") }
    if !ableWorkers.isSubset(of: liveWorkers) { tell("of the able workers some are not live") }
    if !trustedWorkers.isSubset(of: liveWorkers) { tell("of the trusted workers some are not live") }
    if Set(open).count != open.count { tell("a worker waits twice for a shard") }
    let waiting = workers.lazy.filter(\.value.isOpen).count
    if waiting != open.count || !open.allSatisfy({ workers[$0]?.isOpen == true }) {
      tell("\(open.count) workers wait for a shard, but \(waiting) say so")
    }
    for (name, worker) in workers {
      if let index = worker.holdsAlone, !worker.leases.contains(index) {
        tell("\(name) has shard \(index) alone, and not")
      }
      for index in worker.storing where stores[index]?.lease.worker != name {
        tell("\(name) has a result of shard \(index) stored, which is not")
      }
    }
  }
}
