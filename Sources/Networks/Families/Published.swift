/// The published sizes of the families that are computed as graphs, from each family's paper, under timm's names.
extension Architecture {
  static let resnets = [
    Architecture("resnet18", graph: .resnet(ResNetDesign(blocks: [2, 2, 2, 2], isBottleneck: false))),
    Architecture("resnet34", graph: .resnet(ResNetDesign(blocks: [3, 4, 6, 3], isBottleneck: false))),
    Architecture("resnet50", graph: .resnet(ResNetDesign(blocks: [3, 4, 6, 3], isBottleneck: true))),
    Architecture("resnet101", graph: .resnet(ResNetDesign(blocks: [3, 4, 23, 3], isBottleneck: true))),
    Architecture("resnet152", graph: .resnet(ResNetDesign(blocks: [3, 8, 36, 3], isBottleneck: true))),
  ]

  static let bigTransfers = [
    bigTransfer("resnetv2_50x1_bit", [3, 4, 6, 3], widening: 1),
    bigTransfer("resnetv2_101x1_bit", [3, 4, 23, 3], widening: 1),
    bigTransfer("resnetv2_101x3_bit", [3, 4, 23, 3], widening: 3),
    bigTransfer("resnetv2_152x4_bit", [3, 8, 36, 3], widening: 4),
  ]

  private static func bigTransfer(_ name: String, _ blocks: [Int], widening: Int) -> Architecture {
    Architecture(name, side: 224, graph: .bigTransfer(BigTransferDesign(blocks: blocks, width: 64 * widening)))
  }

  static let transformers: [Architecture] = [
    (name: "tiny", width: 192, depth: 12, heads: 3), (name: "small", width: 384, depth: 12, heads: 6),
    (name: "base", width: 768, depth: 12, heads: 12), (name: "large", width: 1024, depth: 24, heads: 16),
  ].flatMap { size in
    [(16, 224), (16, 384), (32, 224), (32, 384)].map { patch, side in
      Architecture(
        "vit_\(size.name)_patch\(patch)_\(side)", side: side,
        graph: .visionTransformer(
          VisionTransformerDesign(patch: patch, width: size.width, depth: size.depth, heads: size.heads)))
    }
  }

  /// DeiT (Touvron et al., "Training data-efficient image transformers", ICML 2021) without distillation token: ViT's
  /// layers and names.
  static let deits: [Architecture] = [
    (name: "deit_tiny_patch16_224", width: 192, heads: 3, side: 224),
    (name: "deit_small_patch16_224", width: 384, heads: 6, side: 224),
    (name: "deit_base_patch16_224", width: 768, heads: 12, side: 224),
    (name: "deit_base_patch16_384", width: 768, heads: 12, side: 384),
  ].map { size in
    Architecture(
      size.name, side: size.side,
      graph: .visionTransformer(
        VisionTransformerDesign(patch: 16, width: size.width, depth: 12, heads: size.heads)))
  }

  static let convNeXts = [
    Architecture(
      "convnext_tiny", graph: .convNeXt(ConvNeXtDesign(blocks: [3, 3, 9, 3], channels: [96, 192, 384, 768]))),
    Architecture(
      "convnext_small", graph: .convNeXt(ConvNeXtDesign(blocks: [3, 3, 27, 3], channels: [96, 192, 384, 768]))),
    Architecture(
      "convnext_base", graph: .convNeXt(ConvNeXtDesign(blocks: [3, 3, 27, 3], channels: [128, 256, 512, 1024]))),
    Architecture(
      "convnext_large", graph: .convNeXt(ConvNeXtDesign(blocks: [3, 3, 27, 3], channels: [192, 384, 768, 1536]))),
  ]

  static let swins = [
    swin("tiny", SwinDesign(width: 96, blocks: [2, 2, 6, 2], heads: [3, 6, 12, 24])),
    swin("small", SwinDesign(width: 96, blocks: [2, 2, 18, 2], heads: [3, 6, 12, 24])),
    swin("base", SwinDesign(width: 128, blocks: [2, 2, 18, 2], heads: [4, 8, 16, 32])),
    swin("large", SwinDesign(width: 192, blocks: [2, 2, 18, 2], heads: [6, 12, 24, 48])),
  ]

  private static func swin(_ size: String, _ design: SwinDesign) -> Architecture {
    Architecture("swin_\(size)_patch4_window7_224", graph: .swin(design))
  }

  /// The name for every SLaK: its file tells the rest.
  static let slaks = [Architecture("slak", height: 224, width: 224, classCount: 1000, family: .slak)]

  /// The rivals of `replknet-nano`, trained by `tools/train_miniature.py` on the same pictures.
  static let miniatures = [
    Architecture(
      "resnet-nano", side: 64, classCount: 10,
      graph: .resnet(ResNetDesign(blocks: [1, 1, 1, 1], isBottleneck: false, width: 24))),
    Architecture(
      "vit-nano", side: 64, classCount: 10,
      graph: .visionTransformer(VisionTransformerDesign(patch: 8, width: 96, depth: 6, heads: 3))),
  ]
}
