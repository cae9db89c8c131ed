/// An ONNX model, ready to be computed like a native family.
struct ONNXModel: Sendable {
  let graph: Graph
  let weights: ProgramWeights
  let inputHeight: Int
  let inputWidth: Int

  /// Logits an image.
  var classCount: Int { graph.extents[graph.output].count }

  /// Reads a model.
  ///
  /// - Throws: `CheckpointError` for a file that is damaged or has an operator that is not supported.
  init(_ file: ONNXFile) throws(CheckpointError) {
    var program = try ONNXTranslation.program(of: file)
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
