import Kernels

/// SLaK (Liu et al., "More ConvNets in the 2020s: Scaling up Kernels Beyond 51x51 using Sparsity", ICLR 2023): ConvNeXt
/// with large kernels as a sum of an upright, a lying and a small one, each with a batch normalisation, under the names
/// of its authors' code.
///
/// Published weights differ in width (the paper widens by 1.3, and sparsity fills the rest with zeros) and in what the
/// long kernels are called, so that the design is read from the file.
package struct SLaKDesign: Family {
  /// Blocks, channels and the long side of the kernels, a stage.
  package let blocks: [Int]
  package let channels: [Int]
  package let kernels: [Int]
  /// The short side of the long kernels, and the side of the small one.
  package let smallKernel: Int
  /// What the two long kernels are called before a 1 and a 2: "LoRA" or "Decom".
  package let branches: String

  package init(blocks: [Int], channels: [Int], kernels: [Int], smallKernel: Int, branches: String) {
    precondition(blocks.count == channels.count && kernels.count == channels.count, "one entry a stage")
    (self.blocks, self.channels, self.kernels) = (blocks, channels, kernels)
    (self.smallKernel, self.branches) = (smallKernel, branches)
  }

  package static let pictures = PictureRecipe(resize: 256, .bicubic)
  package static let isToldByFile = true

  /// The design of the weights in a checkpoint; nil where they are none of a SLaK.
  package func stored(in weights: any WeightSource) -> SLaKDesign? {
    func long(_ stage: Int, _ block: Int, _ name: String) -> [Int]? {
      weights.shape(of: "stages.\(stage).\(block).large_kernel.\(name)1.conv.weight")
    }
    guard let name = ["LoRA", "Decom"].first(where: { long(0, 0, $0) != nil }) else { return nil }
    var (blocks, channels, kernels): ([Int], [Int], [Int]) = ([], [], [])
    var small = 0
    for stage in 0..<4 {
      guard let shape = long(stage, 0, name), shape.count == 4, (1...8192).contains(shape[0]),
        shape[2...].allSatisfy({ $0 % 2 == 1 && $0 < 200 })
      else { return nil }
      blocks.append((0..<1000).first { long(stage, $0, name) == nil } ?? 0)
      channels.append(shape[0])
      kernels.append(shape[2])
      small = shape[3]
    }
    guard kernels.allSatisfy({ $0 >= small }) else { return nil }
    return SLaKDesign(blocks: blocks, channels: channels, kernels: kernels, smallKernel: small, branches: name)
  }

  package func describe(in graph: inout Graph, classCount: Int) {
    let epsilon: Float = 1e-6
    var value: Graph.Value = 0
    for (stage, width) in channels.enumerated() {
      let prefix = "downsample_layers.\(stage)"
      if stage == 0 {
        value = graph.patches(prefix + ".0", value, side: 4, outputs: width)
        value = graph.layerNorm(prefix + ".1", value, epsilon: epsilon)
      } else {
        value = graph.layerNorm(prefix + ".0", value, epsilon: epsilon)
        value = graph.patches(prefix + ".1", value, side: 2, outputs: width)
      }
      for block in 0..<blocks[stage] {
        let name = "stages.\(stage).\(block)"
        let inner = graph.append(kernels(name, stage), value)
        value = graph.invertedBottleneck(name, inner, names: ("pwconv1", "pwconv2"), residual: value, epsilon: epsilon)
      }
    }
    value = graph.append(GlobalAverage(), value)
    value = graph.layerNorm("norm", value, epsilon: epsilon)
    graph.outputs = [graph.linear("head", value, outputs: classCount)]
  }

  private func kernels(_ name: String, _ stage: Int) -> DepthwiseConvolution {
    let large = name + ".large_kernel."
    let side = kernels[stage]
    func part(_ name: String, _ rows: Int, _ columns: Int) -> DepthwiseConvolution.Part {
      .init(name: large + name + ".conv", rows: rows, columns: columns, normalisation: large + name + ".bn")
    }
    var parts = [part(branches + "1", side, smallKernel), part(branches + "2", smallKernel, side)]
    if smallKernel < side { parts.append(part("small_conv", smallKernel, smallKernel)) }
    return DepthwiseConvolution(channels: channels[stage], kernel: side, parts: parts)
  }
}

extension SLaKDesign {
  /// The name for every SLaK. Unless a file says otherwise it is SLaK-T with the paper's kernels, widened by 1.3.
  package static let published = [
    Architecture(
      "slak",
      SLaKDesign(
        blocks: [3, 3, 9, 3], channels: [124, 249, 499, 998], kernels: [51, 49, 47, 13], smallKernel: 5,
        branches: "LoRA"))
  ]
}
