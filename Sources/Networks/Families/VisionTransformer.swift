/// ViT (Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021) and DeiT without distillation token, with timm's
/// names: a class token, learnt positions, normalisation before each half of a block, the head on the class token.
package struct VisionTransformerDesign: Sendable, Hashable {
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

  func describe(in graph: inout Graph, classCount: Int) {
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
