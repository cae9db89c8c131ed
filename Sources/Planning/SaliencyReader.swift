import Benchmarks
import Imaging
import Networks

/// Networks in a manifest that say which patches of an image are salient.
extension ManifestReader {
  /// One of the manifest's models by its name, or a mapping of a network of its own.
  ///
  /// - Throws: `ManifestError` for a name that no model has, and a network without a class token or whose checkpoint does not fit.
  func saliencyNetwork(_ node: ManifestNode, _ models: [ModelSpecification]) throws -> SaliencyNetwork {
    if let name = node.node.string {
      guard let model = models.first(where: { $0.name == name }) else {
        throw node.failure(
          "\(node.path) is \"\(name.prefix(60))\", but must be gradient, the name of one of the models, or a mapping with "
            + "architecture and checkpoint")
      }
      guard model.python == nil else {
        throw node.failure(
          "\(node.path) is \"\(name)\", which is computed by Python: its attention is unknown; name another model")
      }
      let found = try named(model.architecture, model.checkpoint, node)
      return try network(
        found, model.checkpoint, head: nil, node, mean: model.preprocessing.mean, std: model.preprocessing.std)
    }
    let keys = try node.mapping(known: ["architecture", "checkpoint", "head", "preprocess"])
    let checkpointNode = try required("checkpoint", in: keys, of: node)
    let checkpoint = try existing(checkpointNode, folder: false)
    let found = try architecture(keys["architecture"], of: checkpoint, checkpointNode, in: node)
    let preprocessing = try preprocessing(keys["preprocess"], for: found, beside: checkpointNode, checkpoint)
    return try network(
      found, checkpoint, head: keys["head"], node, mean: preprocessing.mean, std: preprocessing.std)
  }

  private func named(_ name: String, _ checkpoint: String, _ node: ManifestNode) throws -> Architecture {
    guard let found = try Architecture.named(name, checkpoint: checkpoint) else {
      throw node.failure("\(node.path) has the unknown architecture \(name)")
    }
    return found
  }

  private func network(
    _ architecture: Architecture, _ checkpoint: String, head: ManifestNode?, _ node: ManifestNode, mean: [Float],
    std: [Float]
  ) throws -> SaliencyNetwork {
    let shape: (rows: Int, columns: Int, heads: Int)
    do { shape = try architecture.classAttention() } catch {
      throw node.failure("\(node.path) cannot provide saliency: \(error); name a ViT, or write gradient")
    }
    do { try AttentionNetwork.check(architecture, checkpoint: checkpoint) } catch {
      throw node.failure("\(node.path): \(error)")
    }
    var chosen: Int?
    if let head, head.node.string != "mean" { chosen = try head.integer(in: 0...(shape.heads - 1)) }
    return SaliencyNetwork(
      architecture: architecture.name, checkpoint: checkpoint,
      checkpointDigest: try FileDigest.checkpoint(checkpoint), head: chosen,
      grid: PatchGrid(rows: shape.rows, columns: shape.columns), mean: mean, std: std)
  }
}
