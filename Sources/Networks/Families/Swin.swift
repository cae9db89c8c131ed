/// Swin (Liu et al., "Swin Transformer", ICCV 2021) with timm's names.
package struct SwinDesign: Family {
  /// Channels of the first stage; doubled from stage to stage.
  package let width: Int
  /// Blocks and heads a stage.
  package let blocks: [Int]
  package let heads: [Int]
  /// The side of a window, in tokens.
  package let window: Int

  package init(width: Int, blocks: [Int], heads: [Int], window: Int = 7) {
    precondition(blocks.count == heads.count, "one entry a stage")
    self.width = width
    self.blocks = blocks
    self.heads = heads
    self.window = window
  }

  package static let pictures = PictureRecipe(resize: 248, .bicubic)
  package static let head = "head.fc"

  /// Windows and position tables are made for one side.
  package func takes(side: Int) -> Bool { false }

  package func describe(in graph: inout Graph, classCount: Int) {
    let epsilon: Float = 1e-5
    var value = graph.patches("patch_embed.proj", 0, side: 4, outputs: width)
    value = graph.layerNorm("patch_embed.norm", value, epsilon: epsilon)
    for stage in blocks.indices {
      let prefix = "layers.\(stage)"
      if stage > 0 {
        value = graph.append(MergePatches(), value)
        value = graph.layerNorm(prefix + ".downsample.norm", value, epsilon: epsilon)
        value = graph.linear(prefix + ".downsample.reduction", value, outputs: width << stage, hasBias: false)
      }
      // A map no larger than a window is one window, which nothing is shifted in.
      let side = min(window, graph.extents[value].height)
      for block in 0..<blocks[stage] {
        let name = prefix + ".blocks.\(block)"
        let shift = block % 2 == 1 && graph.extents[value].height > window ? window / 2 : 0
        let layout = SelfAttention.Window(
          side: side, shift: shift, table: name + ".attn.relative_position_bias_table")
        let input = value
        value = graph.selfAttention(name, value, heads: heads[stage], window: layout, epsilon: epsilon)
        value = graph.perceptron(name, value, epsilon: epsilon)
        graph.nameBlock(name, from: input, to: value)
      }
    }
    value = graph.layerNorm("norm", value, epsilon: epsilon)
    value = graph.append(GlobalAverage(), value)
    graph.outputs = [graph.linear("head.fc", value, outputs: classCount)]
  }
}

extension SwinDesign {
  package static let published = [
    size("tiny", SwinDesign(width: 96, blocks: [2, 2, 6, 2], heads: [3, 6, 12, 24])),
    size("small", SwinDesign(width: 96, blocks: [2, 2, 18, 2], heads: [3, 6, 12, 24])),
    size("base", SwinDesign(width: 128, blocks: [2, 2, 18, 2], heads: [4, 8, 16, 32])),
    size("large", SwinDesign(width: 192, blocks: [2, 2, 18, 2], heads: [6, 12, 24, 48])),
  ]

  private static func size(_ name: String, _ design: SwinDesign) -> Architecture {
    Architecture("swin_\(name)_patch4_window7_224", design)
  }
}
