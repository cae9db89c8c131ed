import Kernels

/// RepLKNet (Ding et al., "Scaling Up Your Kernels to 31x31: Revisiting Large Kernel Design in CNNs", CVPR 2022) with the
/// names of its authors' code; one entry a stage.
package struct RepLKNetDesign: Family {
  /// The side of each stage's large depthwise kernel; odd.
  package let kernels: [Int]
  /// The pairs of a large-kernel block and a feed-forward block in each stage.
  package let blocks: [Int]
  /// The channels of each stage.
  package let channels: [Int]
  /// The side of the small kernel trained beside each large one; nil if there is none.
  package let smallKernel: Int?
  /// Twice the ratio of a large-kernel block's inner channels to its outer ones, so that 1.5 is a whole number.
  package let depthwiseHalves: Int
  /// Whether the checkpoint holds each large kernel with the small one and their normalisations merged in.
  var isMerged = false

  package static let pictures = PictureRecipe(resize: 256, .bicubic)
  /// The third stage holds most blocks.
  package static let studiedBlocks = "stages.2."

  /// The same network as a checkpoint holds it.
  package func stored(in weights: any WeightSource) -> RepLKNetDesign? {
    var result = self
    result.isMerged = weights.contains("stages.0.blocks.0.large_kernel.lkb_reparam.weight")
    return result
  }

  /// A design with one entry a stage in each list.
  package init(
    kernels: [Int], blocks: [Int], channels: [Int], smallKernel: Int?, depthwiseHalves: Int = 2
  ) {
    precondition(!channels.isEmpty && kernels.count == channels.count && blocks.count == channels.count)
    self.kernels = kernels
    self.blocks = blocks
    self.channels = channels
    self.smallKernel = smallKernel
    self.depthwiseHalves = depthwiseHalves
  }

  package func describe(in graph: inout Graph, classCount: Int) {
    var value = stem(in: &graph)
    for (stage, width) in channels.enumerated() {
      for pair in 0..<blocks[stage] {
        let input = value
        value = largeKernelBlock("stages.\(stage).blocks.\(2 * pair)", value, stage, in: &graph)
        value = feedForwardBlock("stages.\(stage).blocks.\(2 * pair + 1)", value, width, in: &graph)
        graph.nameBlock("stages.\(stage).units.\(pair)", from: input, to: value)
      }
      guard stage + 1 < channels.count else { continue }
      let wider = channels[stage + 1]
      value = pointwise("transitions.\(stage).0", value, wider, activation: .relu, in: &graph)
      graph.landmarks.append(("transitions.\(stage).0", value))
      value = depthwise("transitions.\(stage).1", value, stride: 2, in: &graph)
      graph.landmarks.append(("transitions.\(stage).1", value))
    }
    value = graph.append(BatchNorm(name: "norm", channels: channels.last ?? 0), value)
    value = graph.append(GlobalAverage(), value)
    graph.outputs = [graph.linear("head", value, outputs: classCount)]
  }

  /// 3x3 of step 2, depthwise, pointwise, depthwise of step 2. Its maps are the largest by far, so that its products are
  /// small ones: they are not taken in blocks.
  private func stem(in graph: inout Graph) -> Graph.Value {
    let first = Convolution(
      name: "stem.0.conv", inputs: 3, outputs: channels[0], shape: WindowShape(kernel: 3, stride: 2, padding: 1),
      hasBias: false, normalisation: "stem.0.bn", activation: .relu, mayBeInBlocks: false)
    var value = graph.append(first, 0)
    graph.landmarks.append(("stem.0", value))
    value = depthwise("stem.1", value, in: &graph)
    graph.landmarks.append(("stem.1", value))
    value = pointwise("stem.2", value, channels[0], activation: .relu, mayBeInBlocks: false, in: &graph)
    graph.landmarks.append(("stem.2", value))
    value = depthwise("stem.3", value, stride: 2, in: &graph)
    graph.landmarks.append(("stem.3", value))
    return value
  }

  /// x + pw2(relu(large kernel(relu(pw1(norm(x)))))).
  private func largeKernelBlock(
    _ name: String, _ input: Graph.Value, _ stage: Int, in graph: inout Graph
  ) -> Graph.Value {
    let inner = channels[stage] * depthwiseHalves / 2
    var value = graph.append(BatchNorm(name: name + ".prelkb_bn", channels: channels[stage]), input)
    value = pointwise(name + ".pw1", value, inner, activation: .relu, in: &graph)
    value = graph.append(largeKernel(name + ".large_kernel.", inner, stage), value)
    value = pointwise(name + ".pw2", value, channels[stage], residual: input, in: &graph)
    graph.nameBlock(name, from: input, to: value, isHalf: true)
    return value
  }

  /// The large kernel with the small one beside it, or both merged.
  private func largeKernel(_ prefix: String, _ inner: Int, _ stage: Int) -> DepthwiseConvolution {
    let side = kernels[stage]
    if isMerged { return DepthwiseConvolution(prefix + "lkb_reparam", channels: inner, kernel: side, hasReLU: true) }
    func part(_ name: String, _ side: Int) -> DepthwiseConvolution.Part {
      .init(name: prefix + name + ".conv", rows: side, columns: side, normalisation: prefix + name + ".bn")
    }
    return DepthwiseConvolution(
      channels: inner, kernel: side,
      parts: [part("lkb_origin", side)] + (smallKernel.map { [part("small_conv", $0)] } ?? []), hasReLU: true)
  }

  /// x + pw2(gelu(pw1(norm(x)))), four times as wide within.
  private func feedForwardBlock(
    _ name: String, _ input: Graph.Value, _ width: Int, in graph: inout Graph
  ) -> Graph.Value {
    var value = graph.append(BatchNorm(name: name + ".preffn_bn", channels: width), input)
    value = pointwise(name + ".pw1", value, 4 * width, activation: .gelu, in: &graph)
    value = pointwise(name + ".pw2", value, width, residual: input, in: &graph)
    graph.nameBlock(name, from: input, to: value, isHalf: true)
    return value
  }

  /// `NAME.conv` and `NAME.bn`.
  private func pointwise(
    _ name: String, _ input: Graph.Value, _ outputs: Int, activation: Activation = .none, mayBeInBlocks: Bool = true,
    residual: Graph.Value? = nil, in graph: inout Graph
  ) -> Graph.Value {
    let layer = Convolution(
      name: name + ".conv", inputs: graph.extents[input].channels, outputs: outputs, hasBias: false,
      normalisation: name + ".bn", activation: activation, mayBeInBlocks: mayBeInBlocks)
    return graph.append(layer, input, residual: residual)
  }

  private func depthwise(_ name: String, _ input: Graph.Value, stride: Int = 1, in graph: inout Graph) -> Graph.Value {
    graph.append(
      DepthwiseConvolution(
        name + ".conv", channels: graph.extents[input].channels, kernel: 3, stride: stride, normalisation: name + ".bn",
        hasReLU: true), input)
  }
}

extension RepLKNetDesign {
  /// The sizes of the paper's table 5 and section 4. `replknet-nano` is the miniature's, trained by
  /// `tools/train_miniature.py`.
  package static let published = [
    Architecture(
      "replknet-31b",
      RepLKNetDesign(
        kernels: [31, 29, 27, 13], blocks: [2, 2, 18, 2], channels: [128, 256, 512, 1024], smallKernel: 5)),
    Architecture(
      "replknet-31l", side: 384,
      RepLKNetDesign(
        kernels: [31, 29, 27, 13], blocks: [2, 2, 18, 2], channels: [192, 384, 768, 1536], smallKernel: 5)),
    Architecture(
      "replknet-xl", side: 320,
      RepLKNetDesign(
        kernels: [27, 27, 27, 13], blocks: [2, 2, 18, 2], channels: [256, 512, 1024, 2048], smallKernel: nil,
        depthwiseHalves: 3)),
    Architecture(
      "replknet-nano", side: 64, classCount: 10,
      RepLKNetDesign(kernels: [13, 9, 7, 5], blocks: [2, 2, 2, 2], channels: [32, 64, 96, 128], smallKernel: 3)),
  ]
}
