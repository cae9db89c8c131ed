import Foundation

/// Computes shards. Any number of threads may call it at once.
public protocol ShardComputer: Sendable {
  /// The output of an encoded task; what it throws makes the attempt fail, with the error as the reason.
  func compute(task: Data) throws -> Data
}
