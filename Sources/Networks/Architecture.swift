/// A network that Gauntlet can build, by name.
public struct Architecture: Sendable {
  /// The name that manifests use, such as `replknet-31b`.
  public let name: String
  /// The height of the images that the network takes, in pixels.
  public let inputHeight: Int
  /// The width of the images that the network takes, in pixels.
  public let inputWidth: Int
  /// The number of classes of the published weights; a checkpoint's own head decides when it is loaded.
  public let classCount: Int
  /// How pictures were prepared for its published weights, the usual way first.
  public let recipes: [PictureRecipe]
  /// The architecture that has the same parameters but other pictures, so that names and shapes cannot tell them apart.
  public let twin: String?
  /// Networks of timm's whose tensors have the same names and shapes, and which compute otherwise: they differ in layers
  /// without weights.
  public let lookalikes: [String]
  /// What becomes of an ONNX model's output where that is no plain logits, such as the last softmax that is left out.
  public let outputNote: String?
  /// Whether it is for images of another size than its own, so that a checkpoint's positions are resampled.
  let isResized: Bool
  let design: any Design

  /// A size of a family.
  package init<Member: Family>(
    _ name: String, side: Int = 224, classCount: Int = 1000, _ design: Member, recipes: [PictureRecipe]? = nil,
    twin: String? = nil, lookalikes: [String] = []
  ) {
    self.init(
      name, height: side, width: side, classCount: classCount, design, recipes: recipes ?? [Member.pictures],
      twin: twin,
      lookalikes: lookalikes)
  }

  init(
    _ name: String, height: Int, width: Int, classCount: Int, _ design: any Design, recipes: [PictureRecipe],
    twin: String? = nil, lookalikes: [String] = [], isResized: Bool = false, outputNote: String? = nil
  ) {
    (self.name, inputHeight, inputWidth, self.classCount) = (name, height, width, classCount)
    (self.design, self.recipes, self.twin, self.lookalikes) = (design, recipes, twin, lookalikes)
    (self.isResized, self.outputNote) = (isResized, outputNote)
  }

  /// The same network with another number of classes.
  package func of(classes: Int) -> Architecture {
    Architecture(
      name, height: inputHeight, width: inputWidth, classCount: classes, design, recipes: recipes, twin: twin,
      lookalikes: lookalikes, isResized: isResized, outputNote: outputNote)
  }

  private func with(_ design: any Design) -> Architecture {
    Architecture(
      name, height: inputHeight, width: inputWidth, classCount: classCount, design, recipes: recipes, twin: twin,
      lookalikes: lookalikes, isResized: isResized, outputNote: outputNote)
  }
}

// MARK: - By name

extension Architecture {
  /// Every architecture, family by family; those that timm has carry timm's names.
  public static let all: [Architecture] = Families.all.flatMap { $0.published }

  /// What manifests call the architecture of an ONNX model.
  public static let onnxName = "onnx"

  /// The architecture called `name`, perhaps for images of another size, as in `vit_base_patch16_224@384`; nil if there
  /// is none.
  public static func named(_ name: String) -> Architecture? {
    if let found = all.first(where: { $0.name == name }) { return found }
    let parts = name.split(separator: "@", omittingEmptySubsequences: false)
    guard parts.count == 2, let side = Int(parts[1]), let found = all.first(where: { $0.name == parts[0] }) else {
      return nil
    }
    return found.resized(to: side)
  }

  /// The architecture called `name` for a checkpoint, which tells the design of an ONNX model and of a SLaK.
  ///
  /// - Throws: `CheckpointError` where that model cannot be computed.
  public static func named(_ name: String, checkpoint: String) throws(CheckpointError) -> Architecture? {
    if name == onnxName { return try onnx(checkpoint) }
    guard let found = named(name) else { return nil }
    return try found.told(by: checkpoint)
  }

  private func told(by checkpoint: String) throws(CheckpointError) -> Architecture {
    with(try design.told(by: checkpoint, as: self))
  }

  /// The same network for square images of another side; nil where it takes no such.
  ///
  /// Convolutional networks take any side from 16 on; ViT's patches must fill it, and its positions are resampled. Swin's
  /// windows and position tables are made for one side.
  public func resized(to side: Int) -> Architecture? {
    guard (16...2048).contains(side), design.takes(side: side) else { return nil }
    return Architecture(
      "\(name)@\(side)", height: side, width: side, classCount: classCount, design, recipes: Array(recipes.prefix(1)),
      twin: twin.map { "\($0)@\(side)" }, lookalikes: lookalikes, isResized: true)
  }
}

// MARK: - What it is, and what a checkpoint makes of it

extension Architecture {
  /// Numbers to be learnt, with the published number of classes, before anything is merged.
  public var parameterCount: Int { graph.parameterCount }

  /// Multiply-adds an image, taps outside the image counted as well.
  public var multiplyAdds: Int { graph.multiplyAdds }

  var graph: Graph { design.graph(height: inputHeight, width: inputWidth, classCount: classCount) }

  /// How many outputs a checkpoint gives the network; its own head says so, no numbers are read.
  ///
  /// - Throws: `CheckpointError` for a file that is damaged or does not fit.
  public func classCount(of checkpoint: String) throws(CheckpointError) -> Int {
    try design.classCount(of: checkpoint, as: self)
  }

  /// Refuses a checkpoint that is not one of the architecture, or whose weights are not all numbers. Reads them all.
  public func check(_ checkpoint: String) throws(CheckpointError) { try design.check(checkpoint, as: self) }
}

extension Checkpoint {
  /// The architectures whose parameters the checkpoint holds, judged by names and shapes; merged or not.
  public func matchingArchitectures() -> [Architecture] { Architecture.all.compactMap { try? $0.fitted(to: self) } }

  /// Refuses a checkpoint that lacks a parameter of the architecture, or has one of another shape; reads no numbers.
  public func checkFits(_ architecture: Architecture) throws(CheckpointError) { _ = try architecture.fitted(to: self) }
}

extension Architecture {
  fileprivate func fitted(to checkpoint: Checkpoint) throws(CheckpointError) -> Architecture {
    with(try design.fitted(to: checkpoint, as: self))
  }
}
