import Shards

extension Scheduler {
  /// What a worker does at a moment, for whoever watches a run.
  public struct Sight: Sendable, Equatable {
    /// Shards that it has.
    public let held: Int
    /// The one of them that it has come furthest with, of several the one that it has had longest; nil where it has none.
    public let shard: Int64?
    /// How far it is with that one, 0 to 1, as its last heartbeat said.
    public let progress: Double

    /// A worker at a moment.
    public init(held: Int, shard: Int64?, progress: Double) {
      (self.held, self.shard, self.progress) = (held, shard, progress)
    }
  }

  /// How many shards a worker has, whether it was heard within a lease's time, and whether it gets nothing for a while; nil of
  /// one that has not joined or has left.
  public func standing(of name: String, at now: Double) -> (held: Int, isLive: Bool, isResting: Bool)? {
    workers[name].map { ($0.leases.count, liveWorkers.contains(name), $0.restsUntil > now) }
  }

  /// What a worker does now; nil of one that has not joined or has left. In proportion to the shards that it has.
  public func sight(of name: String) -> Sight? {
    guard let worker = workers[name] else { return nil }
    var first: (index: Int, progress: Double, serial: UInt64)?
    for index in worker.leases {
      let held = copies[index]?.lease.worker == name ? copies[index] : leases[index]
      guard let held else { continue }
      let all = Double(shards[index].images) * Double(shards[index].cost)
      let progress = all > 0 ? min(1, Double(held.passes) / all) : 0
      let isNext = first.map { progress > $0.progress || (progress == $0.progress && held.serial < $0.serial) } ?? true
      if isNext { first = (index, progress, held.serial) }
    }
    return Sight(
      held: worker.leases.count, shard: first.map { Int64($0.index) }, progress: first?.progress ?? 0)
  }
}
