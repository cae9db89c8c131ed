import Kernels

/// Memory that a model takes, in bytes.
public struct MemoryNeeds: Sendable, Hashable {
  /// Of its packed weights, which all threads share.
  public let weights: Int
  /// Of what each thread computes in.
  public let session: Int
}

extension Classifier {
  /// What it takes, with sessions for up to `maximumBatch` images.
  public func memoryNeeds(maximumBatch: Int) -> MemoryNeeds {
    let batch = max(1, maximumBatch)
    return MemoryNeeds(
      weights: program.layers.reduce(0) { $0 + $1.byteCount },
      session: 4 * (program.storage.count(maximumBatch: batch) + program.workspaceCount(maximumBatch: batch)))
  }
}

extension Architecture {
  /// What a model will take, about, without its weights.
  ///
  /// - Parameter maximumBatch: images of a session.
  public func estimatedMemory(maximumBatch: Int, precision: Precision) -> MemoryNeeds {
    let graph = graph.optimised
    let workspace = graph.nodes.reduce(0) { max($0, $1.layer.estimatedWorkspaceCount(precision)) }
    return MemoryNeeds(
      weights: graph.nodes.reduce(0) { $0 + $1.layer.estimatedByteCount(of: $1.from, precision) },
      session: 4 * (StoragePlan(graph).count(maximumBatch: max(1, maximumBatch)) + workspace))
  }
}

extension Precision {
  /// Bytes of a packed weight.
  var byteCount: Int { self == .bf16 ? 2 : 4 }
}
