import Kernels

/// Two pointwise layers around a GELU with all that surrounds them, computed a few rows at a time; `fusingFeedForwards`
/// makes it of layers that families describe. The second input is the residual.
struct FeedForwardLayer: Layer {
  var normalisation: LayerNorm?
  var expand: Convolution
  var project: Convolution

  var parameters: [Parameter] { (normalisation?.parameters ?? []) + expand.parameters + project.parameters }

  func multiplyAdds(from input: Graph.Extents, to output: Graph.Extents) -> Int {
    2 * output.pixels * expand.inputs * expand.outputs
  }

  func estimatedByteCount(of input: Graph.Extents, _ precision: Precision) -> Int {
    [expand, project].reduce(4 * (normalisation?.weightCount ?? 0)) { $0 + $1.estimatedByteCount(of: input, precision) }
  }

  /// The hidden features of some hundred rows.
  func estimatedWorkspaceCount(_ precision: Precision) -> Int { precision == .bf16 ? 1 << 18 : 384 * expand.outputs }

  /// A group of rows is read before it is written.
  var overwritableInputs: Set<Int> { [0, 1] }

  func prepare(_ preparation: Preparation) throws(CheckpointError) -> any PreparedLayer {
    var hidden = preparation
    hidden.from.channels = expand.outputs
    let before = try normalisation.map { (layer) throws(CheckpointError) in try layer.prepared(preparation) }
    return Prepared(
      block: FeedForward(
        normalisation: before.map { .init(weight: $0.weight, bias: $0.bias, epsilon: $0.epsilon) },
        expand: try expand.matrix(preparation), project: try project.matrix(hidden)), rows: preparation.from.rows)
  }

  private struct Prepared: PreparedLayer {
    let block: FeedForward
    let rows: Int

    var byteCount: Int { block.byteCount }

    func workspaceCount(images: Int) -> Int { block.scratchCount(rows: images * rows) }

    func compute(_ work: LayerWork) {
      block.compute(
        work.input, residual: work.inputs[1], rows: work.count * rows, scratch: work.workspace, into: work.output)
    }
  }
}
