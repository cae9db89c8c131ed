import Kernels
import Tensors

/// A transformer of which only the class token's attention in the last block is wanted; its checkpoint may lack what comes
/// behind, as those of transformers that were trained without labels do.
public final class AttentionNetwork: Sendable {
  /// Patches down.
  public let rows: Int
  /// Patches across.
  public let columns: Int
  /// Heads of the last block.
  public let heads: Int
  /// The height of its images, in pixels.
  public let inputHeight: Int
  /// The width of its images, in pixels.
  public let inputWidth: Int
  private let program: Program

  /// Reads what it needs of a checkpoint.
  ///
  /// - Throws: `NetworkViewError` for a network without a class token, `CheckpointError` for a file that is damaged or does
  ///   not fit.
  public init(_ architecture: Architecture, checkpoint: String, options: ComputeOptions = ComputeOptions()) throws {
    (rows, columns, heads) = try architecture.classAttention()
    (inputHeight, inputWidth) = (architecture.inputHeight, architecture.inputWidth)
    let network = try architecture.design.openBeginning(checkpoint, as: architecture) {
      graph throws(NetworkViewError) in
      try graph.showing(.classAttention)
    }
    program = try Program(network.graph, weights: network.weights, options: options, store: WeightStore())
  }

  /// Refuses a checkpoint that lacks what the attention needs, or holds what is none of the network's; no numbers are read.
  public static func check(_ architecture: Architecture, checkpoint: String) throws {
    try architecture.design.checkBeginning(of: checkpoint, as: architecture) { graph throws(NetworkViewError) in
      try graph.showing(.classAttention)
    }
  }

  /// Bytes that its weights take.
  public var byteCount: Int { program.layers.reduce(0) { $0 + $1.byteCount } }

  /// Memory to compute in, for up to `maximumBatch` images at once. One thread uses it at a time.
  public func makeObserver(maximumBatch: Int) -> Observer {
    Observer(program, maximumBatch: max(1, maximumBatch), isAlone: false)
  }
}
