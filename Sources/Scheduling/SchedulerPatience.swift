import Shards

/// How long a worker may keep a shard. A heartbeat says that it lives, not that it computes: so a lease also ends where its
/// worker comes no further with anything for long, and, whatever it says, where it has the shard for many times as long as
/// others take for such a one. Both times double with each such end, so that what takes long for all comes to its end.
extension Scheduler {
  /// How many leases' times a worker may come no further.
  static let idleLeases = 8.0
  /// How many leases' times it may have a shard of a kind that nobody has computed yet.
  static let longestLeases = 64.0
  /// How many times as long as others take it may take, for each shard that it has before it, of which that many count.
  static let slowness = 8.0
  static let longestQueue = 4
  /// How often such ends double the times, those of the shard both and the worker's own the second.
  static let mostDoublings = 6
  static let mostOwnDoublings = 3

  /// Takes in how far a worker says it is. More passes than there are in a shard say nothing.
  mutating func note(_ passes: [UInt64], of held: [ShardAttempt], by worker: String, _ now: Double) {
    guard passes.count == held.count else { return }
    for (claim, count) in zip(held, passes) {
      guard let index = index(of: claim.shard) else { continue }
      let lease = ShardLease(claim, worker: worker)
      let isCopy = copies[index]?.lease == lease
      guard let known = isCopy ? copies[index] : leases[index], known.lease == lease else { continue }
      let most = UInt64(2 * Double(shards[index].images) * Double(shards[index].cost) + 2)
      guard count > known.passes, known.passes < most else { continue }
      if isCopy { copies[index]?.passes = min(count, most) } else { leases[index]?.passes = min(count, most) }
      workers[worker]?.progressedAt = now
    }
  }

  /// When a lease ends, however often its worker names it.
  func end(of lease: Lease, at index: Int) -> Double {
    guard let worker = workers[lease.lease.worker] else { return lease.givenAt + leaseSeconds }
    let patience = Double(1 << min(Self.mostDoublings, overdue[index] ?? 0))
    let own = Double(1 << min(Self.mostOwnDoublings, worker.overdue))
    let idle = Self.idleLeases * leaseSeconds * patience
    return min(max(lease.givenAt, worker.progressedAt) + idle, lease.givenAt + longest(index, worker) * patience * own)
  }

  private func longest(_ index: Int, _ worker: Worker) -> Double {
    let shard = shards[index]
    let (own, all) = (worker.model == Int(shard.model) ? worker.paces : nil, paces[Int(shard.model)])
    let known = [own?.known(shard.cost), all?.known(shard.cost) ?? all?.likely(shard.cost)].compactMap { $0 }.max()
    guard let known else { return Self.longestLeases * leaseSeconds }
    let queue = Double(min(Self.longestQueue, max(1, worker.leases.count)))
    return max(Self.idleLeases * leaseSeconds, Self.slowness * queue * known * Double(shard.images))
  }

  /// The worker has the shard for too long.
  mutating func loseOverdue(_ lease: Lease, _ now: Double) {
    guard let index = endLease(lease.lease) else { return }
    // What takes long for those that have computed something takes long.
    if isTrusted(lease.lease.worker) || !hasTrusted(besides: lease.lease.worker) { overdue[index, default: 0] += 1 }
    let reason = "\(lease.lease.worker) had the shard for \(Int(now - lease.givenAt)) s without finishing it"
    expelled[index, default: []].insert(lease.lease.worker)
    if let worker = workers[lease.lease.worker] {
      workers[lease.lease.worker]?.overdue += 1
      workers[lease.lease.worker]?.distrust += Self.failuresBeforeDistrust
      if worker.restsUntil <= now {
        rest(lease.lease.worker, worker, leaseSeconds * Double(1 << min(worker.overdue, 5)), reason: reason, now: now)
      }
    }
    lose(index, lease.lease, reason: reason)
    actions.append(.revoke(lease.lease))
  }
}
