import Shards

extension Scheduler {
  /// What happened.
  public enum Event: Sendable, Equatable {
    /// A worker said hello, for the first time or again, and holds these shards. It never holds more than `credits`.
    case joined(worker: String, credits: Int, held: [ShardAttempt])
    /// A worker lives and holds these shards, waiting, being computed, or computed and not acknowledged. `passes` says of each
    /// how many passes of an image through a network it has computed so far; without, it says nothing of them.
    case heartbeat(worker: String, held: [ShardAttempt], passes: [UInt64] = [])
    /// A result came in. If it is wanted, the answer has `Action.store`.
    /// `computeSeconds` is how long the worker computed it, if that is known.
    case resultReceived(ShardLease, computeSeconds: Double? = nil)
    /// What `Action.store` asked for is on disk and in the ledger.
    /// `isWhole` is false where images are missing from it that nobody could read: then it says nothing of those who
    /// failed the shard before.
    case stored(ShardLease, isWhole: Bool = true)
    /// What `Action.store` asked for is not valid. It counts as a failure of that attempt.
    case storeRefused(ShardLease, reason: String)
    /// What `Action.split` asked for is in the ledger.
    case split(Int64)
    /// A worker could not compute a shard.
    case failed(ShardLease, reason: String)
    /// A worker cannot read what the shard needs, data or checkpoint, nor what lies beside it: a matter of the worker's
    /// machine, which says nothing of the shard.
    case troubled(ShardLease, reason: String)
    /// A worker's connection is gone. It gets no lease until it is heard again; those that it holds go on until their
    /// time is up. `undelivered` are leases that could not be sent to it; they do not count.
    case disconnected(worker: String, undelivered: [ShardAttempt])
    /// A worker said goodbye. Whatever it held is to be done by others and does not count.
    case left(worker: String)
    /// Time went on; see ``Scheduler/nextDeadline``.
    case tick
  }

  /// What is to be done, in this order.
  public enum Action: Sendable, Equatable {
    /// Send the shard to the worker, and journal it.
    case lease(ShardLease)
    /// Journal that the worker holds the shard, which it did before the scheduler knew.
    case adopted(ShardLease)
    /// Tell the worker to forget the shard.
    case revoke(ShardLease)
    /// Journal that the attempt ended without a record. `reason` says why.
    case ended(ShardLease, AttemptOutcome, reason: String)
    /// Journal that the shard failed as often as is allowed.
    case setAside(shard: Int64, reason: String)
    /// Record the shard, which has one image, as one that has no result, for this reason: it ended whoever computed it. Then
    /// say `Event.stored`.
    case setAsideImage(ShardLease, reason: String)
    /// Journal that pieces take the shard's place, which are shards with the numbers from `firstPiece` on and so many images
    /// each, in the images' order; then say `Event.split`. The worker waits for them.
    case split(shard: Int64, into: [Int], firstPiece: Int64, worker: String)
    /// Make the result that just came in durable, then say `Event.stored` or `Event.storeRefused`.
    case store(ShardLease)
    /// Answer the worker's result.
    case acknowledge(ShardLease, Acknowledgement)
    /// A worker that never joined sent a heartbeat or a result, as after a restart of the coordinator: have it say hello.
    case unknown(worker: String)
    /// Say in the log that the worker gets nothing until that time, because others computed what it failed.
    case rested(worker: String, until: Double)
    /// Say in the log that the worker gets nothing until that time, because it cannot read what shards need; then it gets
    /// one shard to try.
    case troubled(worker: String, until: Double, reason: String)
    /// Say in the log that the worker gets nothing until that time, and then one shard to try: it has computed nothing, and
    /// failed several shards or kept one for too long.
    case distrusted(worker: String, until: Double, reason: String)
    /// Nobody has computed anything for ``Scheduler/stallSeconds``, since no worker can read what shards need, or for
    /// ``Scheduler/doubtSeconds``, since workers fail all that they are given; `reason` tells of the last one: the run cannot go on for now. Said once; what waits is still handed out.
    case stalled(reason: String)
    /// Turn the worker away for good, because others computed what it failed, again and again.
    case refused(worker: String, reason: String)
    /// Every shard is recorded or set aside.
    case finished
  }
}
