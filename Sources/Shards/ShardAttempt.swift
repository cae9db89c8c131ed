/// One handing over of a shard.
public struct ShardAttempt: Sendable, Hashable {
  /// The shard's number in the plan, not negative.
  public let shard: Int64
  /// Which handing over of the shard, from 1.
  public let attempt: Int

  /// An attempt at a shard.
  public init(shard: Int64, attempt: Int) {
    self.shard = shard
    self.attempt = attempt
  }
}

/// One handing over of a shard to a worker.
public struct ShardLease: Sendable, Hashable {
  /// The shard's number in the plan.
  public let shard: Int64
  /// Which handing over of the shard, from 1.
  public let attempt: Int
  /// The worker's name.
  public let worker: String

  /// A handing over.
  public init(shard: Int64, attempt: Int, worker: String) {
    self.shard = shard
    self.attempt = attempt
    self.worker = worker
  }

  /// An attempt that a worker has.
  public init(_ attempt: ShardAttempt, worker: String) {
    self.init(shard: attempt.shard, attempt: attempt.attempt, worker: worker)
  }

  /// The handing over, whoever has it.
  public var handingOver: ShardAttempt { ShardAttempt(shard: shard, attempt: attempt) }
}
