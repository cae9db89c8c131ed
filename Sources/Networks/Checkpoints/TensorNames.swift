/// Names of tensors without what wrappers put before or into them.
enum TensorNames {
  /// Put before every name by data-parallel training and by `torch.compile`.
  private static let wrappers = ["module.", "_orig_mod.", "_forward_module."]
  /// Put before the names of a network that is a member of something else, as in Lightning; only taken away from most.
  private static let members = ["model.", "network.", "net."]
  /// Put into names by `torch.compile`, FSDP and checkpointed activations of parts.
  private static let insertions = ["_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module."]

  /// The tensors under the network's own names. Where two would then have one name, the names stay as they are.
  static func unwrapped(_ tensors: [CheckpointTensor]) -> [CheckpointTensor] {
    // What `AveragedModel` counts.
    let tensors = tensors.filter { $0.name != "n_averaged" }
    var names = tensors.map { unwrapped($0.name) }
    for _ in 0..<4 {
      guard let prefix = members.first(where: { isOfMost(names, $0) }) else { break }
      let shorter = names.map { $0.hasPrefix(prefix) ? unwrapped(String($0.dropFirst(prefix.count))) : $0 }
      guard Set(shorter).count == shorter.count else { break }
      names = shorter
    }
    return zip(tensors, names).map { tensor, name in
      var result = tensor
      result.name = name
      return result
    }
  }

  private static func isOfMost(_ names: [String], _ prefix: String) -> Bool {
    !names.isEmpty && 2 * names.count(where: { $0.hasPrefix(prefix) }) > names.count
  }

  private static func unwrapped(_ name: String) -> String {
    var rest = name[...]
    while let wrapper = wrappers.first(where: { rest.hasPrefix($0) }) { rest = rest.dropFirst(wrapper.count) }
    guard rest.contains("_") else { return String(rest) }
    var result = String(rest)
    for insertion in insertions where result.contains("." + insertion) || result.hasPrefix(insertion) {
      result = result.replacing(insertion, with: "")
    }
    return result
  }

  /// Whose names tensors have that fit no architecture, and what to do; nil where they are not known.
  static func origin(_ names: [String]) -> String? {
    let all = Set(names)
    func begins(_ prefixes: String...) -> Bool { names.contains { name in prefixes.contains { name.hasPrefix($0) } } }
    func holds(_ parts: String...) -> Bool { names.contains { name in parts.contains { name.contains($0) } } }
    let export = "export the network to ONNX (docs/models.md)"
    if holds("_flat_param") {
      return "its tensors are flattened by FSDP: save it with StateDictType.FULL_STATE_DICT"
    }
    if holds("lora_A.", "lora_B.") { return "it holds only LoRA adapters: merge them, and \(export)" }
    if holds(".qweight", "_packed_params", ".zero_point") { return "it is quantised: \(export)" }
    if begins("encoder.layers.encoder_layer_0.") || all.contains("features.0.0.weight") {
      return "its names are torchvision's: \(export)"
    }
    if begins("vit.", "deit.", "convnext.", "swin.", "resnet.embedder", "bit.") || holds("embedder.embedder")
      || begins("embeddings.patch_embeddings")
    {
      return "its names are those of Hugging Face's Transformers: \(export), or take timm's file"
    }
    if all.contains("dist_token") || all.contains("head_dist.weight") {
      return "it is distilled, with two heads: \(export)"
    }
    if begins("visual.") { return "its names are CLIP's, which has no classes of its own: \(export) with a head" }
    if begins("backbone.", "teacher.", "student.") {
      return "its names are those of a backbone inside another network: \(export)"
    }
    if holds("ls1.gamma") { return "it scales its layers, as DeiT III and DINOv2 do: \(export)" }
    if begins("Transformer/", "params/") { return "its names are those of JAX: \(export)" }
    return nil
  }
}

/// Names that families were published with by their authors, in timm's terms.
enum PublishedNames {
  static func renamed(_ tensors: [CheckpointTensor]) -> [CheckpointTensor] {
    let names = Set(tensors.map(\.name))
    if names.contains("stages.0.0.dwconv.weight"), names.contains("downsample_layers.0.0.weight") {
      return renamed(tensors, convNeXt)
    }
    // Of the last stage timm has the layer that merges patches; the authors have it in the stage before.
    if names.contains("layers.0.downsample.reduction.weight"), names.contains("layers.0.blocks.0.attn.qkv.weight") {
      return renamed(tensors, swin)
    }
    return tensors
  }

  private static func renamed(_ tensors: [CheckpointTensor], _ rename: (String) -> String) -> [CheckpointTensor] {
    tensors.map { tensor in
      var result = tensor
      result.name = rename(tensor.name)
      return result
    }
  }

  /// Liu et al., github.com/facebookresearch/ConvNeXt.
  private static func convNeXt(_ name: String) -> String {
    let parts = name.split(separator: ".").map(String.init)
    switch parts.first {
    case "downsample_layers" where parts.count > 2:
      let rest = parts.dropFirst(2).joined(separator: ".")
      return parts[1] == "0" ? "stem.\(rest)" : "stages.\(parts[1]).downsample.\(rest)"
    case "stages" where parts.count > 3:
      let layers = ["dwconv": "conv_dw", "pwconv1": "mlp.fc1", "pwconv2": "mlp.fc2"]
      return (["stages", parts[1], "blocks", parts[2], layers[parts[3]] ?? parts[3]] + parts.dropFirst(4))
        .joined(separator: ".")
    case "norm": return "head." + name
    case "head" where parts.count == 2: return "head.fc." + parts[1]
    default: return name
    }
  }

  /// Liu et al., github.com/microsoft/Swin-Transformer, and timm before 0.9.
  private static func swin(_ name: String) -> String {
    let parts = name.split(separator: ".").map(String.init)
    if parts.count > 3, parts[0] == "layers", parts[2] == "downsample", let stage = Int(parts[1]), stage < 1000 {
      return (["layers", "\(stage + 1)"] + parts.dropFirst(2)).joined(separator: ".")
    }
    return parts.count == 2 && parts[0] == "head" ? "head.fc." + parts[1] : name
  }
}

/// The names of Google's published ViT weights (Dosovitskiy et al., ICLR 2021; AugReg), whose linear layers are
/// [inputs, outputs] with heads apart, in timm's terms.
enum VisionTransformerNames {
  static func isUsed(by tensors: [CheckpointTensor]) -> Bool {
    tensors.contains { $0.name.hasPrefix("Transformer/encoderblock_0/") }
  }

  static func renamed(_ tensors: [CheckpointTensor]) -> [CheckpointTensor] {
    var result: [CheckpointTensor] = []
    // Queries, keys and values of a block, by the name of what they are together.
    var projections: [String: [String: CheckpointTensor]] = [:]
    for tensor in tensors {
      let parts = tensor.name.split(separator: "/").map(String.init)
      guard var found = inPlace(tensor, parts) else {
        result.append(tensor)
        continue
      }
      found.name = name(of: parts) ?? tensor.name
      if found.name.contains(".qkv."), parts.count == 5 {
        projections[found.name, default: [:]][parts[3]] = found
      } else {
        result.append(found)
      }
    }
    for (name, parts) in projections {
      let joined = ["query", "key", "value"].compactMap { parts[$0] }
      guard joined.count == 3, Set(joined.map(\.shape)).count == 1, joined[0].shape[0] <= 1 << 20 else {
        // They fit nothing, under names that tell why.
        for (part, tensor) in parts {
          var tensor = tensor
          tensor.name = name + "." + part
          result.append(tensor)
        }
        continue
      }
      let shape = [3 * joined[0].shape[0]] + joined[0].shape.dropFirst()
      result.append(
        CheckpointTensor(
          name: name, shape: shape, elementType: joined[0].elementType, offset: 0,
          strides: TensorShape.strides(shape), joined: joined))
    }
    return result
  }

  private static func name(of parts: [String]) -> String? {
    let last = ["kernel": "weight", "scale": "weight", "bias": "bias"][parts.last ?? ""] ?? ""
    switch parts.first {
    case "cls": return "cls_token"
    case "embedding": return "patch_embed.proj." + last
    case "head": return "head." + last
    case "Transformer":
      guard parts.count > 2 else { return nil }
      if parts[1] == "posembed_input" { return "pos_embed" }
      if parts[1] == "encoder_norm" { return "norm." + last }
      guard parts[1].hasPrefix("encoderblock_"), let block = Int(parts[1].dropFirst("encoderblock_".count)) else {
        return nil
      }
      let layers = [
        "LayerNorm_0": "norm1", "LayerNorm_2": "norm2", "MlpBlock_3/Dense_0": "mlp.fc1",
        "MlpBlock_3/Dense_1": "mlp.fc2",
        "MultiHeadDotProductAttention_1/out": "attn.proj", "MultiHeadDotProductAttention_1/query": "attn.qkv",
        "MultiHeadDotProductAttention_1/key": "attn.qkv", "MultiHeadDotProductAttention_1/value": "attn.qkv",
      ]
      return layers[parts[2..<parts.count - 1].joined(separator: "/")].map { "blocks.\(block).\($0).\(last)" }
    default: return nil
    }
  }

  /// The tensor with its axes in PyTorch's order; nil for one that no network of these has.
  private static func inPlace(_ tensor: CheckpointTensor, _ parts: [String]) -> CheckpointTensor? {
    let isHeadsLast = ["query", "key", "value"].contains(parts.dropLast().last)
    var found = tensor
    func order(_ axes: [Int]) {
      found.shape = axes.map { tensor.shape[$0] }
      found.strides = axes.map { tensor.strides[$0] }
    }
    // Two axes as one, which they are where the first steps over the second.
    func merge(_ axis: Int) -> Bool {
      guard tensor.strides[axis] == tensor.shape[axis + 1] * tensor.strides[axis + 1] else { return false }
      found.shape[axis + 1] = tensor.shape[axis] * tensor.shape[axis + 1]
      found.shape.remove(at: axis)
      found.strides.remove(at: axis)
      return true
    }
    guard tensor.shape.allSatisfy({ $0 <= 1 << 20 }) else { return nil }
    switch (parts.last, tensor.shape.count) {
    case ("kernel", 4): order([3, 2, 0, 1])
    case ("kernel", 3):
      guard merge(isHeadsLast ? 1 : 0) else { return nil }
      (found.shape, found.strides) = (found.shape.reversed(), found.strides.reversed())
    case ("kernel", 2): order([1, 0])
    case ("bias", 2) where isHeadsLast: guard merge(0) else { return nil }
    default: break
    }
    return found
  }
}
