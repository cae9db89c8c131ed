import Planning
import Shards

/// A shard that was handed out, and where it stands.
struct ShardRow: Sendable, Hashable {
  let id: Int64
  let state: ShardState
  /// Attempts handed out so far.
  let attempts: Int
  /// Attempts that count against the shard.
  let failures: Int
}

/// What became of the shards that were handed out; all others are pending.
struct LedgerStanding: Sendable, Equatable {
  /// Those whose result is on disk, by number.
  var recorded: [Int64] = []
  /// The others.
  var others: [ShardRow] = []
}

/// One line of the journal. Times are seconds since 1970.
public enum LedgerEntry: Sendable, Equatable {
  /// `shard` was handed to `worker`.
  case leased(shard: Int64, attempt: Int, worker: String, time: Double)
  /// The attempt ended without a record. `reason` is entered among the errors for `failed`, `lost` and
  /// `troubled`.
  case ended(shard: Int64, attempt: Int, worker: String, outcome: AttemptOutcome, reason: String, time: Double)
  /// The result is on disk; `part` is nil for a shard that leaves no file.
  case recorded(
    shard: Int64, attempt: Int, worker: String, part: StoredPart?, computeNanoseconds: UInt64, time: Double)
  /// The shard failed as often as is allowed.
  case setAside(shard: Int64, reason: String, time: Double)
  /// Pieces take the place of a shard that was never handed out; they are shards with the next numbers.
  case split(shard: Int64, into: [ShardDefinition])
  /// The shard's file is damaged or gone, so it is to be computed anew.
  case discarded(shard: Int64, reason: String, time: Double)
  /// The shard's result is not to be believed, so it is to be computed anew; the attempt that gave it is kept as withdrawn.
  case withdrawn(shard: Int64, attempt: Int, worker: String, reason: String, time: Double)
}

/// A recorded shard's file and the attempt that it came from.
public struct PartRow: Sendable, Hashable {
  /// What the shard is.
  public let definition: ShardDefinition
  /// The file; nil for a shard that leaves none.
  public let part: StoredPart?
  /// The worker that computed it.
  public let worker: String
  /// The attempt that was recorded.
  public let attempt: Int
  /// Time that the worker computed, in nanoseconds.
  public let computeNanoseconds: UInt64
  /// When it was recorded, in seconds since 1970.
  public let recordedAt: Double
}

/// One handing over of a shard, for the archive's provenance.
public struct AttemptRow: Sendable, Hashable {
  /// The shard's number.
  public let shard: Int64
  /// The attempt's number, from 1.
  public let attempt: Int
  /// The worker that it was handed to.
  public let worker: String
  /// When it was handed over, in seconds since 1970.
  public let leasedAt: Double
  /// When it ended, in seconds since 1970; nil while it runs.
  public let endedAt: Double?
  /// How it ended; nil while it runs.
  public let outcome: AttemptOutcome?
}

/// A failure or a loss, a shard's setting aside, or a result that was found damaged or taken back.
public struct ErrorRow: Sendable, Hashable, Codable {
  /// The shard's number.
  public let shard: Int64
  /// The attempt's number; 0 when the shard was set aside or its result discarded.
  public let attempt: Int
  /// The worker; empty when the shard was set aside or its result discarded.
  public let worker: String
  /// `failed`, `lost`, `troubled`, `setAside`, `discarded` or `withdrawn`.
  public let kind: String
  /// What went wrong, as the worker told it.
  public let reason: String
  /// When, in seconds since 1970.
  public let time: Double
}
