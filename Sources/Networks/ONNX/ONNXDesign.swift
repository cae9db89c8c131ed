/// The network that an ONNX model describes; its file tells everything but the weights at once.
struct ONNXDesign: Design {
  private let path: String
  private let graph: Graph

  init(_ model: ONNXModel, path: String) { (graph, self.path) = (model.graph, path) }

  static func == (one: ONNXDesign, other: ONNXDesign) -> Bool { one.path == other.path }
  func hash(into hasher: inout Hasher) { hasher.combine(path) }

  var studiedBlocks: String { "" }

  func takes(side: Int) -> Bool { false }
  func graph(height: Int, width: Int, classCount: Int) -> Graph { graph }
  func told(by checkpoint: String, as architecture: Architecture) -> ONNXDesign { self }
  func classCount(of checkpoint: String, as architecture: Architecture) -> Int { architecture.classCount }

  func open(_ checkpoint: String, as architecture: Architecture) throws(CheckpointError) -> StoredNetwork {
    let model = try ONNXModel(path: checkpoint)
    return StoredNetwork(graph: model.graph, weights: model.weights)
  }

  func openBeginning(
    _ checkpoint: String, as architecture: Architecture, _ part: (Graph) throws(NetworkViewError) -> Graph
  ) throws -> StoredNetwork {
    let network = try open(checkpoint, as: architecture)
    return StoredNetwork(graph: try part(network.graph), weights: network.weights)
  }

  func checkBeginning(
    of checkpoint: String, as architecture: Architecture, _ part: (Graph) throws(NetworkViewError) -> Graph
  ) throws { _ = try openBeginning(checkpoint, as: architecture, part) }

  func drawn(
    as architecture: Architecture, zeroing zeroed: Set<String>
  ) throws(CheckpointError) -> StoredNetwork {
    throw .malformed(file: path, reason: "it defines its own weights")
  }

  func fitted(to checkpoint: Checkpoint, as architecture: Architecture) throws(CheckpointError) -> ONNXDesign {
    throw .malformed(file: checkpoint.path, reason: "it is not an ONNX model")
  }

  func check(_ checkpoint: String, as architecture: Architecture) throws(CheckpointError) {
    try ONNXModel(path: checkpoint).weights.checkNumbers()
  }
}

extension Architecture {
  /// The network that an ONNX model describes.
  ///
  /// - Throws: `CheckpointError` for a file that is damaged, or has an operator that is not supported.
  public static func onnx(_ path: String) throws(CheckpointError) -> Architecture {
    let model = try ONNXModel(path: path)
    // How most convolutional networks are evaluated, since the file does not say.
    return Architecture(
      onnxName, height: model.inputHeight, width: model.inputWidth, classCount: model.classCount,
      ONNXDesign(model, path: path), recipes: [PictureRecipe(resize: 256, .bilinear)], outputNote: model.output.note)
  }
}
