import Foundation

/// Computes shards. Any number of threads may call it at once.
public protocol ShardComputer: Sendable {
  /// The output of an encoded task; what it throws makes the attempt fail, with the error as the reason.
  func compute(task: Data) throws -> Data

  /// The same, counting passes while it goes on.
  func compute(task: Data, counting passes: PassCounter) throws -> Data
}

extension ShardComputer {
  /// Counts none.
  public func compute(task: Data, counting passes: PassCounter) throws -> Data { try compute(task: task) }
}
