import Shards

/// Shards that were lost with their workers. A picture may end the process that decodes it, by a fault of a library or for want
/// of memory, and nobody can say which it was. So a shard that was lost comes back in halves, and what was lost again goes to
/// a worker that holds nothing else, so that it takes nothing else with it. In the end the picture is alone; where it ended
/// several workers alone it is set aside by name. Workers that are lost for other reasons cost no more than smaller shards.
extension Scheduler {
  /// Whose results are those that nobody computed.
  public static let ownName = "coordinator"
  /// After how many losses, of the shard and of what it is a piece of, it is computed alone.
  static let lossesBeforeAlone = 2

  /// The worker was lost with the shard.
  mutating func lose(_ index: Int, _ lease: ShardLease, reason: String) {
    actions.append(.ended(lease, .lost, reason: reason))
    blameLater(lease.worker, for: index)
    suspicion[index, default: 0] += 1
    // Whoever likes can be lost; of a shard of one image only those count that have shown that they can compute others, as
    // long as there are such.
    if shards[index].images > 1 || isTrusted(lease.worker) || !hasTrusted(besides: lease.worker) {
      losses[index, default: 0] += 1
    }
    // Who has it as well is not to be lost, too, nor to keep it from coming back in halves.
    if let other = leases[index]?.lease, !isTrusted(other.worker) {
      endOther(index, reason: "another worker was lost with the shard")
    }
    if shards[index].images <= 1, losses[index] ?? 0 >= maximumFailures {
      setAsideImage(index, reason: reason)
    } else {
      requeue(index)
    }
  }

  private mutating func setAsideImage(_ index: Int, reason: String) {
    endOther(index, reason: "the shard is set aside")
    stopWaiting(index)
    shards[index].attempts = min(shards[index].attempts, .max - 1) + 1
    let lease = ShardLease(shard: Int64(index), attempt: Int(shards[index].attempts), worker: Self.ownName)
    stores[index] = Store(lease: lease, isOwed: false)
    actions.append(
      .setAsideImage(
        lease, reason: "it crashed \(losses[index] ?? 0) workers that computed it alone, most recently: \(reason)")
    )
  }

  /// The images of each half of a shard that was lost; nil for one that was not, or that has one image.
  func halves(of index: Int) -> [Int]? {
    let images = Int(shards[index].images)
    guard losses[index] ?? 0 > 0, images > 1 else { return nil }
    return [images - images / 2, images / 2]
  }

  func isToBeAlone(_ index: Int) -> Bool { suspicion[index] ?? 0 >= Self.lossesBeforeAlone }

  mutating func waitAlone(_ index: Int) {
    alone.insert(index, at: alone.firstIndex { $0 > index } ?? alone.endIndex)
  }

  /// A piece is as suspect as what it is a piece of.
  mutating func inherit(_ piece: Int, from whole: Int) {
    suspicion[piece] = suspicion[whole]
  }

  mutating func forgetTrials(of index: Int) {
    (failureCounts[index], losses[index], suspicion[index]) = (nil, nil, nil)
    (overdue[index], doubts[index], expelled[index]) = (nil, nil, nil)
  }

  /// Gives shards that are computed alone to workers that hold nothing.
  mutating func assignSuspects(_ now: Double) {
    for name in open {
      guard !alone.isEmpty else { break }
      guard liveWorkers.contains(name), let worker = workers[name], worker.leases.isEmpty, worker.awaits == nil,
        hasCredit(name), worker.restsUntil <= now, let index = alone.first(where: { mayTry($0, name) })
      else { continue }
      stopWaiting(index)
      if let halves = halves(of: index) { split(index, into: halves, for: name) } else { give(index, to: name, now) }
    }
    open.removeAll { workers[$0]?.isOpen != true }
  }

  /// Who has computed something is asked first, since its loss says something.
  private func mayTry(_ index: Int, _ name: String) -> Bool {
    guard isTrusted(name) || !hasTrusted() else { return false }
    let failed = failedWorkers[index] ?? []
    return !failed.contains(name) || judges.isSubset(of: failed)
  }
}
