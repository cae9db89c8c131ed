import Kernels

/// How a network is computed.
public struct ComputeOptions: Sendable, Hashable {
  /// Who multiplies matrices.
  public var gemm: GEMMBackend
  /// Which instruction set; the bits do not depend on it.
  public var instructionSet: InstructionSet
  /// What products are computed in.
  public var precision: Precision

  /// The fastest kernels of Gauntlet's own, unless told otherwise.
  public init(gemm: GEMMBackend = .native, instructionSet: InstructionSet = .best, precision: Precision = .fp32) {
    self.gemm = gemm
    self.instructionSet = instructionSet
    self.precision = precision
  }
}

/// The layers of a RepLKNet as they are computed: batch normalisations folded, small kernels merged, weights packed.
struct RepLKNet: Sendable {
  struct LargeKernelBlock: Sendable {
    let expand: PackedMatrix
    let depthwise: DepthwiseLayer
    let project: PackedMatrix
  }

  struct Transition: Sendable {
    let pointwise: PackedMatrix
    let depthwise: DepthwiseLayer
  }

  struct Stage: Sendable {
    let blocks: [(LargeKernelBlock, FeedForward)]
    /// To the next stage; nil in the last one.
    let transition: Transition?
  }

  /// The 3x3 convolution of step 2 as a product with its patches, then a depthwise, a pointwise and a depthwise one.
  struct Stem: Sendable {
    let dense: PackedMatrix
    let depthwise: DepthwiseLayer
    let pointwise: PackedMatrix
    let reduction: DepthwiseLayer
  }

  let stem: Stem
  let stages: [Stage]
  let head: PackedMatrix

  /// - Parameter inputSize: height and width of the images that it will be given, in pixels.
  init(
    design: RepLKNetDesign, weights: some WeightSource, inputSize: (height: Int, width: Int), options: ComputeOptions
  ) throws(CheckpointError) {
    let builder = Builder(folding: Folding(source: weights), inputSize: inputSize, options: options)
    stem = try builder.stem(channels: design.channels[0])
    // The blocks are independent; folding and packing them is most of the time that a start takes.
    let places = design.blocks.indices.flatMap { stage in (0..<design.blocks[stage]).map { (stage, $0) } }
    let blocks = try computeTogether(places.count) { (index) throws(CheckpointError) in
      try builder.blocks(places[index].0, places[index].1, design)
    }
    var stages: [Stage] = []
    for index in design.channels.indices {
      let own = zip(places, blocks).filter { $0.0.0 == index }.map(\.1)
      stages.append(
        Stage(blocks: own, transition: try builder.transition(index, design)))
    }
    self.stages = stages
    head = try builder.head(channels: design.channels[design.channels.count - 1])
  }

  private struct Builder<Source: WeightSource>: Sendable {
    let folding: Folding<Source>
    let inputSize: (height: Int, width: Int)
    let options: ComputeOptions

    /// The size of a stage's maps.
    private func map(_ stage: Int) -> (height: Int, width: Int) {
      func side(_ extent: Int) -> Int { (0..<stage + 2).reduce(extent) { extent, _ in (extent - 1) / 2 + 1 } }
      return (side(inputSize.height), side(inputSize.width))
    }

    private func pixels(_ stage: Int) -> Int { map(stage).height * map(stage).width }

    func matrix(_ linear: Folding<Source>.Linear, rowsTogether: Int = 1) -> PackedMatrix {
      PackedMatrix(
        weights: linear.roundedWeights, bias: linear.roundedBias, inner: linear.inner, columns: linear.outputs,
        rowsTogether: rowsTogether, precision: options.precision, instructionSet: options.instructionSet,
        backend: options.gemm)
    }

    func depthwise(
      _ linear: Folding<Source>.Linear, kernel: Int, stride: Int = 1, stage: Int? = nil
    ) -> DepthwiseLayer {
      DepthwiseLayer(
        weights: linear.roundedWeights, bias: linear.roundedBias, channels: linear.outputs, kernel: kernel,
        stride: stride, mapSize: stage.map { map($0) }, instructionSet: options.instructionSet)
    }

    func stem(channels: Int) throws(CheckpointError) -> Stem {
      var dense = try folding.convolution("stem.0", [channels, 3, 3, 3])
      // From PyTorch's [output, channel, row, column] to the patches' [output, row, column, channel].
      dense.weights = (0..<channels * 27).map { index in
        let (output, tap, channel) = (index / 27, index % 27 / 3, index % 3)
        return dense.weights[output * 27 + channel * 9 + tap]
      }
      return Stem(
        dense: matrix(dense),
        depthwise: depthwise(try folding.convolution("stem.1", [channels, 1, 3, 3]), kernel: 3),
        pointwise: matrix(try folding.convolution("stem.2", [channels, channels, 1, 1])),
        reduction: depthwise(try folding.convolution("stem.3", [channels, 1, 3, 3]), kernel: 3, stride: 2))
    }

    /// The large-kernel block and the feed-forward block of a stage's pair.
    func blocks(
      _ index: Int, _ pair: Int, _ design: RepLKNetDesign
    ) throws(CheckpointError) -> (LargeKernelBlock, FeedForward) {
      let channels = design.channels[index]
      let inner = channels * design.depthwiseHalves / 2
      let pixels = pixels(index)
      let large = "stages.\(index).blocks.\(2 * pair)"
      let feedForward = "stages.\(index).blocks.\(2 * pair + 1)"
      let kernel = design.kernels[index]
      return (
        LargeKernelBlock(
          expand: try normalisedPointwise(large, "prelkb_bn", channels, inner, pixels),
          depthwise: depthwise(
            try folding.largeKernel(
              large + ".large_kernel", channels: inner, kernel: kernel, smallKernel: design.smallKernel),
            kernel: kernel, stage: index),
          project: matrix(try folding.convolution(large + ".pw2", [channels, inner, 1, 1]), rowsTogether: pixels)),
        FeedForward(
          expand: try normalisedPointwise(feedForward, "preffn_bn", channels, 4 * channels, pixels),
          project: matrix(
            try folding.convolution(feedForward + ".pw2", [channels, 4 * channels, 1, 1]), rowsTogether: pixels))
      )
    }

    func transition(_ index: Int, _ design: RepLKNetDesign) throws(CheckpointError) -> Transition? {
      guard index + 1 < design.channels.count else { return nil }
      let (channels, wider) = (design.channels[index], design.channels[index + 1])
      return Transition(
        pointwise: matrix(
          try folding.convolution("transitions.\(index).0", [wider, channels, 1, 1]), rowsTogether: pixels(index)),
        depthwise: depthwise(
          try folding.convolution("transitions.\(index).1", [wider, 1, 3, 3]), kernel: 3, stride: 2))
    }

    /// The batch normalisation before a block's first convolution goes into that convolution, which has no padding.
    private func normalisedPointwise(
      _ prefix: String, _ normalisation: String, _ channels: Int, _ outputs: Int, _ rowsTogether: Int
    ) throws(CheckpointError) -> PackedMatrix {
      let before = try folding.normalisation(prefix + "." + normalisation, channels)
      return matrix(
        folding.absorbing(before, into: try folding.convolution(prefix + ".pw1", [outputs, channels, 1, 1])),
        rowsTogether: rowsTogether)
    }

    /// The last batch normalisation commutes with the mean over pixels and goes into the head.
    func head(channels: Int) throws(CheckpointError) -> PackedMatrix {
      guard let classes = folding.source.shape(of: "head.bias")?.first, classes > 0 else {
        throw .missing(name: "head.bias", file: folding.source.origin)
      }
      let head = Folding<Source>.Linear(
        weights: try folding.source.values("head.weight", shape: [classes, channels]),
        outputScale: [Double](repeating: 1, count: classes),
        bias: try folding.values("head.bias", [classes]))
      return matrix(folding.absorbing(try folding.normalisation("norm", channels), into: head))
    }
  }
}
