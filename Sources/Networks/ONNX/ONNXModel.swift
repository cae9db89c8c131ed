/// An ONNX model, ready to be computed like a native family.
package struct ONNXModel: Sendable {
  let graph: Graph
  let weights: ProgramWeights
  package let inputHeight: Int
  package let inputWidth: Int
  /// What the model's own output is.
  package let output: ModelOutput

  /// Logits an image.
  package var classCount: Int { graph.extents[graph.logits].count }
  /// How it runs.
  package var executionPlan: ExecutionPlan { ExecutionPlan(graph) }
  /// Attentions that are computed by one kernel.
  package var attentionCount: Int {
    graph.nodes.count { $0.layer is SelfAttention }
  }

  /// Every operator that is known.
  package static var operators: [String] { ONNXTranslation.operators.keys.sorted() }

  /// Reads the model in a file; see `init(_:)`.
  package init(path: String) throws(CheckpointError) { try self.init(ONNXFile(CheckpointFile(path))) }

  /// Reads a model.
  ///
  /// - Throws: `CheckpointError` for a file that is damaged or has an operator that is not supported.
  init(_ file: ONNXFile) throws(CheckpointError) {
    var program = try ONNXTranslation.program(of: file)
    output = program.takeLogits()
    do {
      try program.fuse()
      (graph, weights) = try ProgramLowering.graph(program, origin: file.path)
    } catch let error as CheckpointError {
      throw error
    } catch {
      throw .unsupported(file: file.path, problems: ["\(error)"])
    }
    let shape = program.shape(program.image)
    (inputHeight, inputWidth) = (shape[2], shape[3])
  }
}
