import Kernels

/// ResNet (He et al., "Deep Residual Learning", CVPR 2016) with the step in the 3x3 convolution, as torchvision and
/// timm have it, with their names.
package struct ResNetDesign: Family {
  /// Blocks a stage.
  package let blocks: [Int]
  /// Whether a block is 1x1, 3x3, 1x1 with four times the channels, not 3x3, 3x3.
  package let isBottleneck: Bool
  /// Channels of the stem.
  package let stem: Int
  /// Channels of the first stage's 3x3 convolutions; doubled from stage to stage.
  package let width: Int

  package init(blocks: [Int], isBottleneck: Bool, stem: Int = 64, width: Int = 64) {
    self.blocks = blocks
    self.isBottleneck = isBottleneck
    self.stem = stem
    self.width = width
  }

  package static let pictures = PictureRecipe(
    "torchvision's IMAGENET1K_V1 (timm's tv_in1k)", resize: 256, .bilinear)
  package static let head = "fc"

  package func describe(in graph: inout Graph, classCount: Int) {
    var value = convolution("conv1", "bn1", 0, outputs: stem, kernel: 7, stride: 2, relu: true, in: &graph)
    value = graph.append(Pooling(.maximum, WindowShape(kernel: 3, stride: 2, padding: 1), countsPadding: false), value)
    for (stage, count) in blocks.enumerated() {
      for block in 0..<count {
        let stride = stage > 0 && block == 0 ? 2 : 1
        value = self.block("layer\(stage + 1).\(block)", value, width << stage, stride: stride, in: &graph)
      }
    }
    value = graph.append(GlobalAverage(), value)
    graph.outputs = [graph.linear("fc", value, outputs: classCount)]
  }

  private func block(
    _ prefix: String, _ input: Graph.Value, _ channels: Int, stride: Int, in graph: inout Graph
  ) -> Graph.Value {
    let outputs = isBottleneck ? 4 * channels : channels
    var shortcut = input
    if stride != 1 || graph.extents[input].channels != outputs {
      shortcut = convolution(
        prefix + ".downsample.0", prefix + ".downsample.1", input, outputs: outputs, kernel: 1, stride: stride,
        in: &graph)
    }
    func layer(
      _ index: Int, _ value: Graph.Value, _ outputs: Int, kernel: Int, stride: Int = 1, isLast: Bool = false
    ) -> Graph.Value {
      convolution(
        prefix + ".conv\(index)", prefix + ".bn\(index)", value, outputs: outputs, kernel: kernel, stride: stride,
        relu: !isLast,
        residual: isLast ? shortcut : nil, in: &graph)
    }
    var value: Graph.Value
    if isBottleneck {
      value = layer(1, input, channels, kernel: 1)
      value = layer(2, value, channels, kernel: 3, stride: stride)
      value = layer(3, value, outputs, kernel: 1, isLast: true)
    } else {
      value = layer(1, input, channels, kernel: 3, stride: stride)
      value = layer(2, value, outputs, kernel: 3, isLast: true)
    }
    value = graph.append(ReLU(), value)
    graph.nameBlock(prefix, from: input, to: value)
    return value
  }

  private func convolution(
    _ name: String, _ normalisation: String, _ input: Graph.Value, outputs: Int, kernel: Int, stride: Int = 1,
    relu: Bool = false, residual: Graph.Value? = nil, in graph: inout Graph
  ) -> Graph.Value {
    let layer = Convolution(
      name: name, inputs: graph.extents[input].channels, outputs: outputs,
      shape: WindowShape(kernel: kernel, stride: stride, padding: kernel / 2), hasBias: false,
      normalisation: normalisation, activation: relu ? .relu : .none)
    return graph.append(layer, input, residual: residual)
  }
}

extension ResNetDesign {
  /// `resnet-nano` is a rival of `replknet-nano`, trained by `tools/train_miniature.py` on the same pictures.
  package static let published = [
    size("resnet18", [2, 2, 2, 2], isBottleneck: false, lookalikes: ["resnetblur18"]),
    size("resnet34", [3, 4, 6, 3], isBottleneck: false),
    size("resnet50", [3, 4, 6, 3], isBottleneck: true, lookalikes: ["resnetblur50", "resnetaa50"]),
    size("resnet101", [3, 4, 23, 3], isBottleneck: true), size("resnet152", [3, 8, 36, 3], isBottleneck: true),
    Architecture(
      "resnet-nano", side: 64, classCount: 10, ResNetDesign(blocks: [1, 1, 1, 1], isBottleneck: false, width: 24)),
  ]

  private static func size(
    _ name: String, _ blocks: [Int], isBottleneck: Bool, lookalikes: [String] = []
  ) -> Architecture {
    let second = PictureRecipe("torchvision's IMAGENET1K_V2 (tv2_in1k)", resize: 232, .bilinear)
    return Architecture(
      name, ResNetDesign(blocks: blocks, isBottleneck: isBottleneck),
      recipes: [pictures] + (isBottleneck ? [second] : []) + [
        PictureRecipe("timm's a1_in1k and a2_in1k", resize: 235, .bicubic),
        PictureRecipe("timm's gluon_in1k", resize: 256, .bicubic),
      ], lookalikes: lookalikes)
  }
}
