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
  ///   - checkpoint: of an ONNX model and a SLaK, which tell their design.
  ///   - maximumBatch: images of a session.
  /// - Throws: `CheckpointError` where the checkpoint tells no design.
  public func estimatedMemory(
    checkpoint: String, maximumBatch: Int, precision: Precision
  ) throws(CheckpointError) -> MemoryNeeds {
    let batch = max(1, maximumBatch)
    switch family {
    case .graph(let design):
      return Self.estimatedMemory(
        design.graph(height: inputHeight, width: inputWidth, classCount: classCount), batch, precision)
    case .onnx:
      let model = try ONNXModel(ONNXFile(CheckpointFile(checkpoint)))
      return Self.estimatedMemory(model.graph, batch, precision)
    case .slak:
      guard let found = try Self.named(name, checkpoint: checkpoint), found.family != .slak else {
        throw .unreadable(file: checkpoint, reason: "it tells no design")
      }
      return try found.estimatedMemory(checkpoint: checkpoint, maximumBatch: batch, precision: precision)
    }
  }

  private static func estimatedMemory(_ graph: Graph, _ batch: Int, _ precision: Precision) -> MemoryNeeds {
    let graph = graph.optimised
    let workspace = graph.nodes.reduce(0) { max($0, $1.layer.estimatedWorkspaceCount(precision)) }
    return MemoryNeeds(
      weights: graph.nodes.reduce(0) { $0 + $1.layer.estimatedByteCount(of: $1.from, precision) },
      session: 4 * (StoragePlan(graph).count(maximumBatch: batch) + workspace))
  }
}

extension Precision {
  /// Bytes of a packed weight.
  var byteCount: Int { self == .bf16 ? 2 : 4 }
}
