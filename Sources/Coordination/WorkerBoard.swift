import Planning
import Synchronization

/// What one worker does, for whoever watches a run.
public struct WorkerSight: Sendable, Equatable {
  /// What a worker may be doing, what needs a look first.
  public enum State: String, Sendable, CaseIterable {
    /// It was not heard for a lease's time.
    case silent
    /// It gets nothing for a while, because of what it failed or could not read.
    case resting
    /// It has no shard.
    case idle
    /// It has a shard.
    case computing
  }

  /// Its name.
  public let name: String
  /// The machine that it says it runs on.
  public let host: String
  /// What it does.
  public let state: State
  /// Shards that it has.
  public let held: Int
  /// The one that it has come furthest with.
  public let shard: ShardDefinition?
  /// How far it is with that one, 0 to 1.
  public let progress: Double
  /// Images a second of late; nil before its first result.
  public let imagesPerSecond: Double?
  /// Seconds since its last word.
  public let silence: Double

  /// A worker at a moment.
  public init(
    name: String, host: String, state: State, held: Int, shard: ShardDefinition?, progress: Double,
    imagesPerSecond: Double?, silence: Double
  ) {
    (self.name, self.host, self.state, self.held, self.shard) = (name, host, state, held, shard)
    (self.progress, self.imagesPerSecond, self.silence) = (progress, imagesPerSecond, silence)
  }
}

/// All workers of a run at a moment; so many of them one by one.
public struct WorkersSight: Sendable, Equatable {
  /// How many do what.
  public let counts: [WorkerSight.State: Int]
  /// Those that need a look first, then by name.
  public let shown: [WorkerSight]

  /// All that are connected or were lately.
  public var total: Int { counts.values.reduce(0, +) }

  /// The workers at a moment.
  public init(_ workers: [WorkerSight], atMost limit: Int) {
    self.init(states: workers.map { ($0.name, $0.state) }, atMost: limit) { name in
      workers.first { $0.name == name }
    }
  }

  /// The same where it takes time to see what a worker does: those that are shown alone are looked at.
  init(
    states: [(name: String, state: WorkerSight.State)], atMost limit: Int, look: (_ name: String) -> WorkerSight?
  ) {
    let names = Dictionary(grouping: states) { $0.state }.mapValues { $0.map { $0.name } }
    counts = names.mapValues(\.count)
    var chosen: [String] = []
    for state in WorkerSight.State.allCases where chosen.count < limit {
      chosen += (names[state] ?? []).sorted().prefix(limit - chosen.count)
    }
    shown = chosen.compactMap(look)
  }
}

/// Where a coordinator's loop leaves what its workers do, if somebody asked for it: who looks waits for nobody, and sees
/// what was left at the time of the look before.
package final class WorkerBoard: Sendable {
  /// Workers that are told of one by one.
  package static let mostShown = 200

  private let isWanted = Atomic(false)
  private let last = Mutex<WorkersSight?>(nil)

  package init() {}

  /// What was left last; nil at first. Asks for the next.
  package func look() -> WorkersSight? {
    isWanted.store(true, ordering: .releasing)
    return last.withLock { $0 }
  }

  /// Leaves what there is to see, if somebody asked.
  package func leave(_ sight: () -> WorkersSight) {
    guard isWanted.exchange(false, ordering: .acquiringAndReleasing) else { return }
    let new = sight()
    last.withLock { $0 = new }
  }
}
