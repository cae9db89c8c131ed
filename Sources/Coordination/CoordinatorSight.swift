import Scheduling
import Shards

/// What a coordinator's loop shows of its workers.
extension CoordinatorLoop {
  /// All workers now. In proportion to them and to what they have.
  package func workersSight() -> WorkersSight {
    let now = clock.now
    return WorkersSight(
      members.sights(at: now).compactMap { member in
        guard let sight = scheduler.sight(of: member.name, at: now) else { return nil }
        let state: WorkerSight.State =
          !sight.isLive ? .silent : sight.isResting ? .resting : sight.held == 0 ? .idle : .computing
        return WorkerSight(
          name: member.name, host: member.host, state: state, held: sight.held,
          shard: sight.shard.flatMap { ledger.definition(of: $0) }, progress: sight.progress,
          imagesPerSecond: member.imagesPerSecond, silence: member.silence)
      }, atMost: WorkerBoard.mostShown)
  }
}
