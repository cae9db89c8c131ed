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
  /// - Parameters:
  ///   - maximumBatch: images of a session.
  ///   - withGradients: whether sessions compute gradients, too; of a network that has none nothing is added.
  public func estimatedMemory(
    maximumBatch: Int, precision: Precision, withGradients: Bool = false
  ) -> MemoryNeeds {
    let batch = max(1, maximumBatch)
    let (plain, forth) = (graph, graph.optimised)
    var (weights, session) = (
      forth.estimatedByteCount(of: forth.nodes[...], precision),
      StoragePlan(forth).count(maximumBatch: batch) + forth.estimatedWorkspaceCount(precision)
    )
    if withGradients, let back = try? plain.withInputGradient() {
      let storage = StoragePlan(back)
      weights += back.estimatedByteCount(of: back.nodes[back.firstUnshared(with: plain)...], precision)
      session +=
        storage.count(maximumBatch: GradientSession.imagesTogether(storage, maximumBatch: batch))
        + back.estimatedWorkspaceCount(precision)
    }
    return MemoryNeeds(weights: weights, session: 4 * session)
  }
}

extension Graph {
  fileprivate func estimatedByteCount(of nodes: ArraySlice<Node>, _ precision: Precision) -> Int {
    nodes.reduce(0) { $0 + $1.layer.estimatedByteCount(of: $1.from, precision) }
  }

  fileprivate func estimatedWorkspaceCount(_ precision: Precision) -> Int {
    nodes.reduce(0) { max($0, $1.layer.estimatedWorkspaceCount(precision)) }
  }

  /// Of a graph with a gradient the first layer whose weights are not those of the network itself: the first on the way back,
  /// or the first of all where products are packed in another way.
  func firstUnshared(with network: Graph) -> Int {
    guard takesProductsInBlocks == network.takesProductsInBlocks else { return 0 }
    return nodes.firstIndex { $0.layer is LossGradient } ?? 0
  }
}

extension Precision {
  /// Bytes of a packed weight.
  var byteCount: Int { self == .bf16 ? 2 : 4 }
}
