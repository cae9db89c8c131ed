import Scheduling
import Shards

/// What a coordinator's loop shows of its workers.
extension CoordinatorLoop {
  /// All workers now. In proportion to them, and to what those have that are shown one by one.
  package func workersSight() -> WorkersSight {
    let now = clock.now
    let states = members.unsorted.compactMap { name in
      scheduler.standing(of: name, at: now).map { standing -> (name: String, state: WorkerSight.State) in
        (
          name, !standing.isLive ? .silent : standing.isResting ? .resting : standing.held == 0 ? .idle : .computing
        )
      }
    }
    let stateOfName = Dictionary(uniqueKeysWithValues: states.map { ($0.name, $0.state) })
    return WorkersSight(states: states, atMost: WorkerBoard.mostShown) { name in
      guard let member = members.sight(of: name, at: now), let sight = scheduler.sight(of: name) else { return nil }
      return WorkerSight(
        name: name, host: member.host, state: stateOfName[name] ?? .idle, held: sight.held,
        shard: sight.shard.flatMap { ledger.definition(of: $0) }, progress: sight.progress,
        imagesPerSecond: member.imagesPerSecond, silence: member.silence)
    }
  }
}
