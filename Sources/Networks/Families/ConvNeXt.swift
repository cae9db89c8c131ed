/// ConvNeXt (Liu et al., "A ConvNet for the 2020s", CVPR 2022) with timm's names.
package struct ConvNeXtDesign: Family {
  /// Blocks and channels a stage.
  package let blocks: [Int]
  package let channels: [Int]

  package init(blocks: [Int], channels: [Int]) {
    precondition(blocks.count == channels.count, "one entry a stage")
    self.blocks = blocks
    self.channels = channels
  }

  package static let pictures = PictureRecipe(resize: 256, .bicubic)
  package static let head = "head.fc"

  package func describe(in graph: inout Graph, classCount: Int) {
    let epsilon: Float = 1e-6
    var value = graph.patches("stem.0", 0, side: 4, outputs: channels[0])
    value = graph.layerNorm("stem.1", value, epsilon: epsilon)
    for (stage, width) in channels.enumerated() {
      let prefix = "stages.\(stage)"
      if stage > 0 {
        value = graph.layerNorm(prefix + ".downsample.0", value, epsilon: epsilon)
        value = graph.patches(prefix + ".downsample.1", value, side: 2, outputs: width)
      }
      for block in 0..<blocks[stage] {
        let name = prefix + ".blocks.\(block)"
        let inner = graph.append(DepthwiseConvolution(name + ".conv_dw", channels: width, kernel: 7), value)
        value = graph.invertedBottleneck(name, inner, names: ("mlp.fc1", "mlp.fc2"), residual: value, epsilon: epsilon)
      }
    }
    value = graph.append(GlobalAverage(), value)
    value = graph.layerNorm("head.norm", value, epsilon: epsilon)
    graph.outputs = [graph.linear("head.fc", value, outputs: classCount)]
  }
}

extension ConvNeXtDesign {
  package static let published = [
    size("tiny", [3, 3, 9, 3], [96, 192, 384, 768], recipes: severalRecipes),
    size("small", [3, 3, 27, 3], [96, 192, 384, 768], recipes: severalRecipes),
    size("base", [3, 3, 27, 3], [128, 256, 512, 1024]), size("large", [3, 3, 27, 3], [192, 384, 768, 1536]),
  ]

  private static let severalRecipes = [
    PictureRecipe("the authors' (timm's fb_in1k)", resize: 256, .bicubic),
    PictureRecipe("timm's in12k_ft_in1k", resize: 235, .bicubic),
  ]

  private static func size(
    _ name: String, _ blocks: [Int], _ channels: [Int], recipes: [PictureRecipe]? = nil
  ) -> Architecture {
    Architecture("convnext_" + name, ConvNeXtDesign(blocks: blocks, channels: channels), recipes: recipes)
  }
}
