import Shards

/// Shards with consecutive numbers that one model computes over one benchmark.
public struct ShardBlock: Sendable, Equatable {
  /// How many.
  public let count: Int
  /// The model, as its position in the plan: a worker that has loaded it is preferred.
  public let model: Int
  /// The benchmark, as its position in the plan: where its data cannot be read, those of others may.
  public let benchmark: Int
  /// Images of each but the last.
  public let images: Int
  /// Images of the last.
  public let lastImages: Int
  /// What an image costs of these, in images that cost as little as may be: an attacked image costs hundreds.
  public let cost: Float

  /// `count` shards of a model and a benchmark, of `images` images each, the last one of `lastImages`, as many as the
  /// others if nil.
  ///
  /// - Parameter cost: what an image costs; 1 if less, or no number.
  public init(
    count: Int, model: Int = 0, benchmark: Int = 0, images: Int = 1, lastImages: Int? = nil, cost: Double = 1
  ) {
    self.cost = cost > 1 ? Float(min(cost, 1e9)) : 1
    self.count = max(0, count)
    self.model = max(0, model)
    self.benchmark = min(max(0, benchmark), Int(UInt16.max))
    self.images = max(0, images)
    self.lastImages = max(0, lastImages ?? images)
  }
}

extension ShardBlock {
  var group: ShardGroup { ShardGroup(model: model, benchmark: benchmark) }
}

/// What shards need to be readable: a model's checkpoint and a benchmark's data.
struct ShardGroup: Sendable, Hashable {
  let model: Int
  let benchmark: Int
}

/// What a scheduler needs to know of a shard that was handed out before it began: the ledger's view of it.
public struct SchedulerShard: Sendable, Equatable {
  /// The shard's number.
  public var id: Int64
  /// Where it stands; whoever holds a pending one from before a restart says so when it joins.
  public var state: ShardState
  /// Attempts handed out so far; the next one has this number and one.
  public var attempts: Int
  /// Failures that count against the shard.
  public var failures: Int
  /// Those of them where its worker fell silent.
  public var losses: Int
  /// The workers that failed or lost it.
  public var failedWorkers: Set<String>
  /// The handing over that a former coordinator left open. Its worker may hold the shard, or its result.
  public var holder: ShardLease?

  /// A shard as the ledger knows it.
  public init(
    id: Int64, state: ShardState = .pending, attempts: Int = 0, failures: Int = 0, losses: Int = 0,
    failedWorkers: Set<String> = [],
    holder: ShardLease? = nil
  ) {
    self.id = id
    self.state = state
    self.attempts = attempts
    self.failures = failures
    self.losses = losses
    self.failedWorkers = failedWorkers
    self.holder = holder
  }
}
