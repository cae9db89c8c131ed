import Kernels

/// Memory that a model takes, in bytes.
public struct MemoryNeeds: Sendable, Hashable {
  /// Of its packed weights, which all threads share.
  public let weights: Int
  /// Of what each thread computes in.
  public let session: Int
}

extension Classifier {
  /// What it takes, with sessions for up to `maximumBatch` images.
  public func memoryNeeds(maximumBatch: Int) -> MemoryNeeds {
    switch network {
    case .graph(let compiled):
      MemoryNeeds(
        weights: compiled.byteCount, session: GraphSession.byteCount(compiled, maximumBatch: max(1, maximumBatch)))
    case .replknet(let replknet, let design):
      MemoryNeeds(
        weights: replknet.byteCount,
        session: RepLKNetSession.Sizes(
          replknet, design, height: inputHeight, width: inputWidth, maximumBatch: max(1, maximumBatch)
        ).byteCount)
    }
  }
}

extension Architecture {
  /// What a model will take, about, without its weights.
  ///
  /// - Parameters:
  ///   - checkpoint: of an ONNX model and a SLaK, which tell their design.
  ///   - maximumBatch: images of a session.
  /// - Throws: `CheckpointError` where the checkpoint tells no design.
  public func estimatedMemory(
    checkpoint: String, maximumBatch: Int, precision: Precision
  ) throws(CheckpointError) -> MemoryNeeds {
    let batch = max(1, maximumBatch)
    switch family {
    case .replknet(let design):
      return MemoryNeeds(
        weights: design.estimatedByteCount(
          height: inputHeight, width: inputWidth, classCount: classCount, precision: precision),
        session: RepLKNetSession.Sizes(design, height: inputHeight, width: inputWidth, maximumBatch: batch).byteCount)
    case .graph(let design):
      return Self.estimatedMemory(
        design.graph(height: inputHeight, width: inputWidth, classCount: classCount), batch, precision)
    case .onnx:
      let model = try ONNXModel(ONNXFile(CheckpointFile(checkpoint)))
      return Self.estimatedMemory(model.graph, batch, precision)
    case .slak:
      guard let found = try Self.named(name, checkpoint: checkpoint), found.family != .slak else {
        throw .unreadable(file: checkpoint, reason: "it tells no design")
      }
      return try found.estimatedMemory(checkpoint: checkpoint, maximumBatch: batch, precision: precision)
    }
  }

  private static func estimatedMemory(_ graph: Graph, _ batch: Int, _ precision: Precision) -> MemoryNeeds {
    let graph = graph.optimised
    let buffers = StoragePlan(graph).buffers.reduce(0) { $0 + $1.count * ($1.isOfOneImage ? 1 : batch) }
    return MemoryNeeds(
      weights: graph.nodes.reduce(0) { $0 + $1.operation.estimatedByteCount(of: $1.from, precision) },
      session: 4 * (buffers + graph.nodes.reduce(0) { max($0, $1.operation.estimatedScratchCount(precision)) }))
  }
}

extension CompiledGraph {
  /// Bytes that its weights take.
  var byteCount: Int { steps.reduce(0) { $0 + $1.byteCount } }
}

extension CompiledGraph.Step {
  fileprivate var byteCount: Int {
    switch self {
    case .linear(let matrix, _), .convolution(let matrix, _, _): matrix.byteCount
    case .grouped(let matrices, _, _): matrices.reduce(0) { $0 + $1.byteCount }
    case .winograd(let layer, _): layer.byteCount
    case .depthwise(let layer, _): layer.byteCount
    case .layerNorm(let weight, let bias, _), .groupNorm(let weight, let bias, _, _, _):
      4 * (weight.count + bias.count)
    case .tokens(let first, let positions): 4 * (first.count + positions.count)
    case .attention(let attention): attention.byteCount
    case .tensor(let step): 4 * step.constant.count
    case .relu, .maxPool, .averagePool, .globalAverage, .firstToken, .mergePatches: 0
    }
  }
}

extension Operation {
  /// Numbers that it works in besides its inputs and output, about.
  fileprivate func estimatedScratchCount(_ precision: Precision) -> Int {
    guard case .convolution(let layer) = self, !layer.shape.isPointwise else { return 0 }
    return isWinograd(precision)
      ? WinogradConvolution.featureCount(inputs: layer.inputs, outputs: layer.outputs)
      : CompiledGraph.patchRows * layer.inputs / layer.groups * layer.shape.taps
  }

  private func isWinograd(_ precision: Precision) -> Bool {
    guard case .convolution(let layer) = self else { return false }
    return layer.groups == 1 && layer.shape.centredSide == 3 && layer.activation != .gelu && precision == .fp32
      && WinogradConvolution.isUsed(inputs: layer.inputs, outputs: layer.outputs)
  }

  /// Bytes that its weights take when they are folded and packed, about.
  fileprivate func estimatedByteCount(of input: Graph.Extents, _ precision: Precision) -> Int {
    switch self {
    case .convolution(let layer):
      if isWinograd(precision) { return 4 * 16 * layer.inputs * layer.outputs }
      return layer.weightShape.reduce(1, *) * precision.byteCount + 4 * layer.outputs
    case .depthwise(_, let channels, let kernel, let stride, _):
      return DepthwiseLayer.estimatedByteCount(
        channels: channels, kernel: kernel, stride: stride, mapSize: (input.height, input.width))
    case .depthwiseSum(let sum):
      return DepthwiseLayer.estimatedByteCount(
        channels: sum.channels, kernel: sum.kernel, mapSize: (input.height, input.width))
    case .attention(let heads, .windows(let window)):
      let size = window.side * window.side
      return 4 * heads * size * size * (window.shift == 0 ? 1 : input.pixels / size)
    default: return 4 * weightCount
    }
  }
}

extension Precision {
  /// Bytes of a packed weight.
  fileprivate var byteCount: Int { self == .bf16 ? 2 : 4 }
}

extension RepLKNet {
  /// Bytes that its weights take.
  fileprivate var byteCount: Int {
    let ofStem =
      stem.dense.byteCount + stem.depthwise.byteCount + stem.pointwise.byteCount + stem.reduction.byteCount
    return stages.reduce(ofStem + head.byteCount) { sum, stage in
      let transition = stage.transition.map { $0.pointwise.byteCount + $0.depthwise.byteCount } ?? 0
      return stage.blocks.reduce(sum + transition) { sum, pair in
        sum + pair.0.expand.byteCount + pair.0.depthwise.byteCount + pair.0.project.byteCount + pair.1.byteCount
      }
    }
  }
}

extension RepLKNetDesign {
  fileprivate func estimatedByteCount(height: Int, width: Int, classCount: Int, precision: Precision) -> Int {
    func half(_ extent: Int) -> Int { (extent - 1) / 2 + 1 }
    var map = (height: half(height), width: half(width))
    var total = 4 * channels[0] * (27 + 9 + channels[0] + 9)
    for (stage, outer) in channels.enumerated() {
      map = (half(map.height), half(map.width))
      let inner = outer * depthwiseHalves / 2
      let block =
        (2 * outer * inner + 8 * outer * outer) * precision.byteCount
        + DepthwiseLayer.estimatedByteCount(channels: inner, kernel: kernels[stage], mapSize: map)
      total += blocks[stage] * block
      if stage + 1 < channels.count { total += channels[stage + 1] * (outer * precision.byteCount + 9 * 4) }
    }
    return total + (channels.last ?? 0) * classCount * precision.byteCount
  }
}
