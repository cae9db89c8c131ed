import Kernels

/// BiT (Kolesnikov et al., "Big Transfer", ECCV 2020): ResNet with normalisation before each convolution, GroupNorm of
/// 32 groups and weight standardisation, with timm's names of `resnetv2_*_bit`.
package struct BigTransferDesign: Family {
  /// Blocks a stage.
  package let blocks: [Int]
  /// Channels of the stem, a quarter of the first stage's; doubled from stage to stage. 64 times the paper's factor.
  package let width: Int

  package init(blocks: [Int], width: Int) {
    self.blocks = blocks
    self.width = width
  }

  package static let pictures = PictureRecipe("Google's BiT-M at 224", resize: 224, .bilinear, .half)
  package static let head = "head.fc"

  package func describe(in graph: inout Graph, classCount: Int) {
    // The widest, whose 152 layers make errors some hundredfold, are left those of a plain product.
    graph.takesProductsInBlocks = width < 256
    var value = convolution("stem.conv", 0, width, kernel: 7, stride: 2, in: &graph)
    value = graph.append(Pooling(.maximum, WindowShape(kernel: 3, stride: 2, padding: 1), countsPadding: true), value)
    for (stage, count) in blocks.enumerated() {
      for block in 0..<count {
        let prefix = "stages.\(stage).blocks.\(block)"
        let stride = stage > 0 && block == 0 ? 2 : 1
        let outputs = 4 * width << stage
        let first = normalisation(prefix + ".norm1", value, in: &graph)
        var shortcut = value
        if block == 0 {
          shortcut = convolution(prefix + ".downsample.conv", first, outputs, kernel: 1, stride: stride, in: &graph)
        }
        var inner = convolution(prefix + ".conv1", first, outputs / 4, kernel: 1, in: &graph)
        inner = normalisation(prefix + ".norm2", inner, in: &graph)
        inner = convolution(prefix + ".conv2", inner, outputs / 4, kernel: 3, stride: stride, in: &graph)
        inner = normalisation(prefix + ".norm3", inner, in: &graph)
        let input = value
        value = convolution(prefix + ".conv3", inner, outputs, kernel: 1, residual: shortcut, in: &graph)
        graph.nameBlock(prefix, from: input, to: value)
      }
    }
    value = normalisation("norm", value, in: &graph)
    value = graph.append(GlobalAverage(), value)
    let head = Convolution(name: "head.fc", inputs: graph.extents[value].channels, outputs: classCount)
    graph.outputs = [graph.append(head, value)]
  }

  private func normalisation(_ name: String, _ input: Graph.Value, in graph: inout Graph) -> Graph.Value {
    graph.append(GroupNorm(name: name, channels: graph.extents[input].channels, groups: 32), input)
  }

  private func convolution(
    _ name: String, _ input: Graph.Value, _ outputs: Int, kernel: Int, stride: Int = 1,
    residual: Graph.Value? = nil, in graph: inout Graph
  ) -> Graph.Value {
    let layer = Convolution(
      name: name, inputs: graph.extents[input].channels, outputs: outputs,
      shape: WindowShape(kernel: kernel, stride: stride, padding: kernel / 2), hasBias: false, isStandardised: true)
    return graph.append(layer, input, residual: residual)
  }
}

extension BigTransferDesign {
  package static let published = [
    size(
      "resnetv2_50x1_bit", [3, 4, 6, 3], widening: 1,
      others: [PictureRecipe("timm's goog_distilled_in1k", resize: 256, .bicubic, .half)]),
    size("resnetv2_101x1_bit", [3, 4, 23, 3], widening: 1), size("resnetv2_101x3_bit", [3, 4, 23, 3], widening: 3),
    size("resnetv2_152x4_bit", [3, 8, 36, 3], widening: 4),
  ]

  private static func size(
    _ name: String, _ blocks: [Int], widening: Int, others: [PictureRecipe] = []
  ) -> Architecture {
    Architecture(name, BigTransferDesign(blocks: blocks, width: 64 * widening), recipes: [pictures] + others)
  }
}
