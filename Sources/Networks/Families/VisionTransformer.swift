/// ViT (Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021) and DeiT without distillation token, with timm's
/// names: a class token, learnt positions, normalisation before each half of a block, the head on the class token.
package struct VisionTransformerDesign: Family {
  /// The side of a patch, in pixels.
  package let patch: Int
  /// Channels of a token.
  package let width: Int
  package let depth: Int
  package let heads: Int

  package init(patch: Int, width: Int, depth: Int, heads: Int) {
    self.patch = patch
    self.width = width
    self.depth = depth
    self.heads = heads
  }

  package static let pictures = PictureRecipe(resize: 248, .bicubic, .half)

  package func takes(side: Int) -> Bool { side % patch == 0 }

  package func describe(in graph: inout Graph, classCount: Int) {
    let epsilon: Float = 1e-6
    var value = graph.patches("patch_embed.proj", 0, side: patch, outputs: width)
    let count = graph.extents[value].pixels + 1
    value = graph.append(Tokens(token: "cls_token", position: "pos_embed", count: count, channels: width), value)
    for block in 0..<depth {
      let (name, input) = ("blocks.\(block)", value)
      value = graph.selfAttention(name, value, heads: heads, epsilon: epsilon)
      value = graph.perceptron(name, value, epsilon: epsilon)
      graph.nameBlock(name, from: input, to: value)
    }
    // The class token alone goes on: the last normalisation works on each token for itself.
    value = graph.append(FirstToken(), value)
    value = graph.layerNorm("norm", value, epsilon: epsilon)
    graph.outputs = [graph.linear("head", value, outputs: classCount)]
  }
}

extension VisionTransformerDesign {
  package static let published =
    transformers + deits + [
      Architecture(
        "vit-nano", side: 64, classCount: 10, VisionTransformerDesign(patch: 8, width: 96, depth: 6, heads: 3))
    ]

  private static let transformers: [Architecture] = [
    (name: "tiny", width: 192, depth: 12, heads: 3), (name: "small", width: 384, depth: 12, heads: 6),
    (name: "base", width: 768, depth: 12, heads: 12), (name: "large", width: 1024, depth: 24, heads: 16),
  ].flatMap { size in
    [(16, 224), (16, 384), (32, 224), (32, 384)].map { patch, side in
      let rest = "_\(size.name)_patch\(patch)_\(side)"
      return Architecture(
        "vit" + rest, side: side,
        VisionTransformerDesign(patch: patch, width: size.width, depth: size.depth, heads: size.heads),
        twin: deits.first { $0.name == "deit" + rest }?.name)
    }
  }

  /// DeiT (Touvron et al., "Training data-efficient image transformers", ICML 2021) without distillation token: ViT's
  /// layers and names.
  private static let deits: [Architecture] = [
    (rest: "_tiny_patch16_224", width: 192, heads: 3, side: 224),
    (rest: "_small_patch16_224", width: 384, heads: 6, side: 224),
    (rest: "_base_patch16_224", width: 768, heads: 12, side: 224),
    (rest: "_base_patch16_384", width: 768, heads: 12, side: 384),
  ].map { size in
    Architecture(
      "deit" + size.rest, side: size.side,
      VisionTransformerDesign(patch: 16, width: size.width, depth: 12, heads: size.heads),
      recipes: [PictureRecipe(resize: 248, .bicubic)], twin: "vit" + size.rest)
  }
}
