/// A network that Gauntlet can build, by name.
public struct Architecture: Sendable, Hashable {
  /// The name that manifests use, such as `replknet-31b`.
  public let name: String
  /// The height of the images that the network takes, in pixels.
  public let inputHeight: Int
  /// The width of the images that the network takes, in pixels.
  public let inputWidth: Int
  /// The number of classes of the published weights; a checkpoint's own head decides when it is loaded.
  public let classCount: Int
  package let family: ModelFamily
  /// What becomes of an ONNX model's output where that is no plain logits, such as the last softmax that is left out.
  public let outputNote: String?
  /// Whether it is for images of another size than its own, so that a checkpoint's positions are resampled.
  let isResized: Bool

  package init(_ name: String, side: Int, classCount: Int, design: RepLKNetDesign) {
    self.init(name, side: side, classCount: classCount, family: .graph(.replknet(design)))
  }

  package init(_ name: String, side: Int = 224, classCount: Int = 1000, graph design: GraphDesign) {
    self.init(name, side: side, classCount: classCount, family: .graph(design))
  }

  private init(_ name: String, side: Int, classCount: Int, family: ModelFamily) {
    self.init(name, height: side, width: side, classCount: classCount, family: family)
  }

  init(
    _ name: String, height: Int, width: Int, classCount: Int, family: ModelFamily, isResized: Bool = false,
    outputNote: String? = nil
  ) {
    self.outputNote = outputNote
    self.isResized = isResized
    self.name = name
    inputHeight = height
    inputWidth = width
    self.classCount = classCount
    self.family = family
  }

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
    guard let found = named(name), found.family == .slak else { return named(name) }
    guard let design = SLaKDesign(try CheckpointReader.open(checkpoint)) else {
      throw .unfit(
        architecture: name, problems: ["stages.0.0.large_kernel.LoRA1.conv.weight is missing"], file: checkpoint)
    }
    return Architecture(
      name, height: found.inputHeight, width: found.inputWidth, classCount: found.classCount,
      family: .graph(.slak(design)), isResized: found.isResized)
  }

  /// What manifests call the architecture of an ONNX model.
  public static let onnxName = "onnx"

  /// The network that an ONNX model describes.
  ///
  /// - Throws: `CheckpointError` for a file that is damaged, or has an operator that is not supported.
  public static func onnx(_ path: String) throws(CheckpointError) -> Architecture {
    let model = try ONNXModel(ONNXFile(CheckpointFile(path)))
    return Architecture(
      onnxName, height: model.inputHeight, width: model.inputWidth, classCount: model.classCount, family: .onnx,
      outputNote: model.output.note)
  }

  /// The same network for square images of another side; nil where it takes no such.
  ///
  /// Convolutional networks take any side from 16 on; ViT's patches must fill it, and its positions are resampled. Swin's
  /// windows and position tables are made for one side.
  public func resized(to side: Int) -> Architecture? {
    guard (16...2048).contains(side) else { return nil }
    switch family {
    case .slak, .graph(.replknet), .graph(.resnet), .graph(.bigTransfer), .graph(.convNeXt), .graph(.slak): break
    case .graph(.visionTransformer(let design)): guard side % design.patch == 0 else { return nil }
    case .graph(.swin), .onnx: return nil
    }
    return Architecture(
      "\(name)@\(side)", height: side, width: side, classCount: classCount, family: family, isResized: true)
  }

  /// Every architecture, family by family; those that timm has carry timm's names.
  public static let all: [Architecture] =
    replknets + resnets + bigTransfers + transformers + deits + convNeXts + swins + slaks + miniatures

  /// The published sizes are those of Ding et al., "Scaling Up Your Kernels to 31x31: Revisiting Large Kernel Design
  /// in CNNs", CVPR 2022, table 5 and section 4. `replknet-nano` is the miniature's, trained by
  /// `tools/train_miniature.py`.
  private static let replknets: [Architecture] = [
    Architecture(
      "replknet-31b", side: 224, classCount: 1000,
      design: RepLKNetDesign(
        kernels: [31, 29, 27, 13], blocks: [2, 2, 18, 2], channels: [128, 256, 512, 1024], smallKernel: 5)),
    Architecture(
      "replknet-31l", side: 384, classCount: 1000,
      design: RepLKNetDesign(
        kernels: [31, 29, 27, 13], blocks: [2, 2, 18, 2], channels: [192, 384, 768, 1536], smallKernel: 5)),
    Architecture(
      "replknet-xl", side: 320, classCount: 1000,
      design: RepLKNetDesign(
        kernels: [27, 27, 27, 13], blocks: [2, 2, 18, 2], channels: [256, 512, 1024, 2048], smallKernel: nil,
        depthwiseHalves: 3)),
    Architecture(
      "replknet-nano", side: 64, classCount: 10,
      design: RepLKNetDesign(
        kernels: [13, 9, 7, 5], blocks: [2, 2, 2, 2], channels: [32, 64, 96, 128], smallKernel: 3)),
  ]
}
