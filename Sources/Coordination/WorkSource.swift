import Foundation
import Planning

/// A result file that is on disk: written, synced and renamed.
public struct StoredPart: Sendable, Hashable {
  /// Path of the file, relative to the run's folder.
  public let path: String
  /// SHA-256 of the file's bytes, lower-case hexadecimal.
  public let sha256: String
  /// Size of the file in bytes.
  public let bytes: Int
  /// Images of the shard that could not be evaluated.
  public let failedImages: Int
  /// Those of them whose files could not be read: another time they may be.
  public let unreadableImages: Int

  /// Describes a file that is already durable.
  public init(path: String, sha256: String, bytes: Int, failedImages: Int, unreadableImages: Int = 0) {
    self.unreadableImages = unreadableImages
    self.path = path
    self.sha256 = sha256
    self.bytes = bytes
    self.failedImages = failedImages
  }
}

/// A result that must not be believed: the attempt counts as failed and the worker is told that it was refused.
///
/// Anything else that ``WorkSource/store(_:for:attempt:worker:)`` throws (a full disk, say) stops the coordinator,
/// because the next shard would meet the same.
public struct InvalidResult: Error, Sendable, Equatable, CustomStringConvertible {
  /// What was found and where, as a sentence.
  public let reason: String

  /// A refusal with its reason.
  public init(reason: String) { self.reason = reason }

  /// The reason, as it was given.
  public var description: String { reason }
}

/// What the shards mean: makes the task that a worker is sent, and keeps what it sends back.
///
/// `task` and `check` are called on the coordinator's thread and `store` on its writer thread, each from one thread at a time.
public protocol WorkSource: Sendable {
  /// Names the run; a worker of another run is turned away.
  var runID: String { get }

  /// The kinds of workers that its shards are for.
  var lanes: WorkerLanes { get }

  /// What an image of a condition costs, in images that are only computed once; models are not compared.
  func cost(model: Int, benchmark: Int, condition: Int) -> Double

  /// The bytes that a worker needs to compute `shard`, as far as it can where this is the last attempt.
  func task(for shard: ShardDefinition, attempt: Int, isLast: Bool) throws -> Data

  /// Checks `payload` and keeps nothing of it, before it ends anybody's lease.
  ///
  /// - Throws: ``InvalidResult`` where ``store(_:for:attempt:worker:)`` would.
  func check(_ payload: Data, for shard: ShardDefinition) throws(InvalidResult)

  /// A result of a shard of which no image has one, all for the same reason, as ``store(_:for:attempt:worker:former:)`` takes it.
  func failing(_ shard: ShardDefinition, reason: String) throws -> Data

  /// Checks `payload` and makes it durable (written, synced, renamed) before it returns.
  ///
  /// - Parameter former: the shard's part that lacks images which could not be read, if there is one. Its file stays as it
  ///   is, so the new one has another path; and it stays the shard's part where the new result lacks as many.
  /// - Returns: the file, or nil when the shard leaves none.
  /// - Throws: ``InvalidResult`` when the payload is wrong; any other error stops the run.
  func store(
    _ payload: Data, for shard: ShardDefinition, attempt: Int, worker: String, former: StoredPart?
  ) throws -> StoredPart?

  /// Another part is in the ledger instead of this one, which is of no use any more.
  func remove(_ part: StoredPart)
}

extension WorkSource {
  /// Any worker computes any shard.
  public var lanes: WorkerLanes { WorkerLanes() }

  /// As much as any other.
  public func cost(model: Int, benchmark: Int, condition: Int) -> Double { 1 }
}
