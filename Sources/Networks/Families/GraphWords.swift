import Kernels

// What the families' descriptions are written in.
extension Graph {
  /// A linear layer with bias, as PyTorch's `Linear` stores it.
  mutating func linear(
    _ name: String, _ input: Value, outputs: Int, gelu: Bool = false, hasBias: Bool = true, scale: String? = nil,
    residual: Value? = nil
  ) -> Value {
    let layer = Convolution(
      name: name, inputs: extents[input].channels, outputs: outputs, hasBias: hasBias, isLinear: true, scale: scale,
      activation: gelu ? .gelu : .none)
    return append(layer, input, residual: residual)
  }

  mutating func layerNorm(_ name: String, _ input: Value, epsilon: Float) -> Value {
    append(LayerNorm(name: name, channels: extents[input].channels, epsilon: epsilon), input)
  }

  /// Non-overlapping patches of a side as tokens or pixels, with bias.
  mutating func patches(_ name: String, _ input: Value, side: Int, outputs: Int) -> Value {
    append(
      Convolution(
        name: name, inputs: extents[input].channels, outputs: outputs, shape: WindowShape(kernel: side, stride: side)),
      input)
  }

  /// x + fc2(gelu(fc1(norm(x)))), four times as wide within: `PREFIX.norm2` and `PREFIX.mlp`.
  mutating func perceptron(_ prefix: String, _ input: Value, epsilon: Float) -> Value {
    let channels = extents[input].channels
    let normalised = layerNorm(prefix + ".norm2", input, epsilon: epsilon)
    let hidden = linear(prefix + ".mlp.fc1", normalised, outputs: 4 * channels, gelu: true)
    let output = linear(prefix + ".mlp.fc2", hidden, outputs: channels, residual: input)
    nameBlock(prefix + ".mlp", from: input, to: output, isHalf: true)
    return output
  }

  /// residual + gamma fc2(gelu(fc1(norm(x)))), four times as wide within: `PREFIX.norm`, two linear layers, `PREFIX.gamma`.
  mutating func invertedBottleneck(
    _ prefix: String, _ input: Value, names: (String, String), residual: Value, epsilon: Float
  ) -> Value {
    let channels = extents[input].channels
    let normalised = layerNorm(prefix + ".norm", input, epsilon: epsilon)
    let hidden = linear("\(prefix).\(names.0)", normalised, outputs: 4 * channels, gelu: true)
    let output = linear(
      "\(prefix).\(names.1)", hidden, outputs: channels, scale: prefix + ".gamma", residual: residual)
    nameBlock(prefix, from: residual, to: output)
    return output
  }

  /// x + proj(attention(qkv(norm(x)))): `PREFIX.norm1` and `PREFIX.attn`.
  mutating func selfAttention(
    _ prefix: String, _ input: Value, heads: Int, window: SelfAttention.Window? = nil, epsilon: Float
  ) -> Value {
    let channels = extents[input].channels
    let normalised = layerNorm(prefix + ".norm1", input, epsilon: epsilon)
    let projected = linear(prefix + ".attn.qkv", normalised, outputs: 3 * channels)
    let gathered = append(SelfAttention(heads: heads, scope: window.map { .windows($0) } ?? .whole), projected)
    let output = linear(prefix + ".attn.proj", gathered, outputs: channels, residual: input)
    nameBlock(prefix + ".attn", from: input, to: output, isHalf: true)
    return output
  }
}
