/// What makes a network: where its graph and its weights come from.
package protocol Design: Sendable, Hashable {
  /// Whether it is made for square images of a side, in pixels.
  func takes(side: Int) -> Bool
  /// The network for images of a size, in pixels.
  func graph(height: Int, width: Int, classCount: Int) -> Graph
  /// The network as a checkpoint holds it, and its weights.
  ///
  /// - Throws: `CheckpointError` for a file that is damaged or does not fit.
  func open(_ checkpoint: String, as architecture: Architecture) throws(CheckpointError) -> StoredNetwork
  /// The beginning of the network, whose checkpoint may lack what comes behind.
  ///
  /// - Parameter part: gives the beginning of the whole network's graph.
  /// - Throws: `CheckpointError` for a file that is damaged or does not fit, and what `part` throws.
  func openBeginning(
    _ checkpoint: String, as architecture: Architecture, _ part: (Graph) throws(NetworkViewError) -> Graph
  ) throws -> StoredNetwork
  /// Refuses a checkpoint of which the beginning of the network cannot be opened; no numbers are read.
  func checkBeginning(
    of checkpoint: String, as architecture: Architecture, _ part: (Graph) throws(NetworkViewError) -> Graph
  ) throws
  /// The network with random weights, the same ones each time.
  ///
  /// - Throws: `CheckpointError` where only a file has the weights that it can have.
  ///
  /// - Parameter zeroed: parameters that are 0.
  func drawn(as architecture: Architecture, zeroing zeroed: Set<String>) throws(CheckpointError) -> StoredNetwork
  /// The design that a checkpoint tells; itself where the architecture's name says it all.
  ///
  /// - Throws: `CheckpointError` where the file is damaged or tells none.
  func told(by checkpoint: String, as architecture: Architecture) throws(CheckpointError) -> Self
  /// The design of a checkpoint's tensors, if they are those of this architecture.
  ///
  /// - Throws: `CheckpointError` that lists all that keeps them from fitting.
  func fitted(to checkpoint: Checkpoint, as architecture: Architecture) throws(CheckpointError) -> Self
  /// How many outputs a checkpoint gives it; no numbers are read.
  func classCount(of checkpoint: String, as architecture: Architecture) throws(CheckpointError) -> Int
  /// What the names of those blocks start with that studies of leaving out blocks take.
  var studiedBlocks: String { get }
  /// Refuses a checkpoint that does not fit, or whose weights are not all numbers. Reads them all.
  func check(_ checkpoint: String, as architecture: Architecture) throws(CheckpointError)
}

/// A network before its weights are packed.
package struct StoredNetwork: Sendable {
  let graph: Graph
  let weights: any WeightSource
}

/// The numbers that make one network of a family that is published as named tensors. A family is one file of this folder
/// and one line in `Families.all`.
package protocol Family: Design {
  /// The published sizes, under the names that manifests use.
  static var published: [Architecture] { get }
  /// How pictures were prepared for most of its published weights.
  static var pictures: PictureRecipe { get }
  /// Whether published files differ in design, so that a file tells what a name does not.
  static var isToldByFile: Bool { get }
  /// The name before `.weight` and `.bias` of the layer that gives the logits.
  static var head: String { get }
  /// What the names of those blocks start with that studies of leaving out blocks take; empty: all.
  static var studiedBlocks: String { get }
  /// The same network as a checkpoint holds it; nil where its tensors are none of this family.
  func stored(in weights: any WeightSource) -> Self?
  /// Appends the network's layers and names its blocks.
  func describe(in graph: inout Graph, classCount: Int)
}

/// All families that are published as named tensors.
enum Families {
  static let all: [any Family.Type] = [
    RepLKNetDesign.self, ResNetDesign.self, BigTransferDesign.self, VisionTransformerDesign.self, ConvNeXtDesign.self,
    SwinDesign.self, SLaKDesign.self,
  ]
}

extension Family {
  package static var isToldByFile: Bool { false }
  package static var head: String { "head" }
  package static var studiedBlocks: String { "" }
  package var studiedBlocks: String { Self.studiedBlocks }
  package func takes(side: Int) -> Bool { true }
  package func stored(in weights: any WeightSource) -> Self? { self }

  package func graph(height: Int, width: Int, classCount: Int) -> Graph {
    var graph = Graph(height: height, width: width)
    describe(in: &graph, classCount: classCount)
    return graph
  }

  package func open(_ checkpoint: String, as architecture: Architecture) throws(CheckpointError) -> StoredNetwork {
    let file = try CheckpointReader.open(checkpoint)
    return try fitted(to: file, as: architecture).network(of: file, as: architecture)
  }

  package func openBeginning(
    _ checkpoint: String, as architecture: Architecture, _ part: (Graph) throws(NetworkViewError) -> Graph
  ) throws -> StoredNetwork {
    let (graph, file) = try beginning(of: checkpoint, as: architecture, part)
    return StoredNetwork(graph: graph, weights: file)
  }

  package func checkBeginning(
    of checkpoint: String, as architecture: Architecture, _ part: (Graph) throws(NetworkViewError) -> Graph
  ) throws { _ = try beginning(of: checkpoint, as: architecture, part) }

  private func beginning(
    of checkpoint: String, as architecture: Architecture, _ part: (Graph) throws(NetworkViewError) -> Graph
  ) throws -> (graph: Graph, file: Checkpoint) {
    let file = try CheckpointReader.open(checkpoint)
    let found = stored(in: file) ?? self
    let classes = file.shape(of: Self.head + ".bias")?.first ?? architecture.classCount
    let whole = found.graph(
      height: architecture.inputHeight, width: architecture.inputWidth, classCount: max(1, classes))
    let graph = try part(whole)
    // What comes behind may be missing, as a whole or in part, but nothing may be there that is none of the network's.
    let missing = Set(whole.parameters.filter { !graph.parameters.contains($0) && file.shape(of: $0.name) == nil })
    try file.checkFits(whole.parameters.filter { !missing.contains($0) }, of: architecture)
    return (graph, file)
  }

  package func drawn(
    as architecture: Architecture, zeroing zeroed: Set<String>
  ) throws(CheckpointError) -> StoredNetwork {
    let weights = RandomWeights(head: Self.head, classCount: architecture.classCount, zeroed: zeroed)
    return try (stored(in: weights) ?? self).network(of: weights, as: architecture)
  }

  private func network(
    of weights: any WeightSource, as architecture: Architecture
  ) throws(CheckpointError) -> StoredNetwork {
    guard let classes = weights.shape(of: Self.head + ".bias")?.first, classes > 0 else {
      throw .missing(name: Self.head + ".bias", file: weights.origin)
    }
    return StoredNetwork(
      graph: graph(height: architecture.inputHeight, width: architecture.inputWidth, classCount: classes),
      weights: weights)
  }

  package func told(by checkpoint: String, as architecture: Architecture) throws(CheckpointError) -> Self {
    Self.isToldByFile ? try fitted(to: CheckpointReader.open(checkpoint), as: architecture) : self
  }

  package func fitted(to checkpoint: Checkpoint, as architecture: Architecture) throws(CheckpointError) -> Self {
    let found = stored(in: checkpoint) ?? self
    let classes = checkpoint.shape(of: Self.head + ".bias")?.first ?? architecture.classCount
    let graph = found.graph(
      height: architecture.inputHeight, width: architecture.inputWidth, classCount: max(1, classes))
    try checkpoint.checkFits(graph.parameters, of: architecture)
    return found
  }

  package func classCount(of checkpoint: String, as architecture: Architecture) throws(CheckpointError) -> Int {
    let file = try CheckpointReader.open(checkpoint)
    guard let count = file.shape(of: Self.head + ".bias")?.first, count > 0 else {
      // All that is missing, surplus or of another shape, not this alone.
      _ = try fitted(to: file, as: architecture)
      throw .missing(name: Self.head + ".bias", file: checkpoint)
    }
    return count
  }

  package func check(_ checkpoint: String, as architecture: Architecture) throws(CheckpointError) {
    let file = try CheckpointReader.open(checkpoint)
    _ = try fitted(to: file, as: architecture)
    try file.checkNumbers()
  }
}
