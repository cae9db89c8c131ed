/// A network as values and the layers between them, before any weight is read.
///
/// A value is one image's features, [height, width, channels]; a sequence of tokens is [tokens, 1, channels]. Value 0 is
/// the image. Layers name the checkpoint's tensors, so that a graph says what a checkpoint must hold.
package struct Graph: Sendable {
  /// Extents of one image's features.
  struct Extents: Sendable, Hashable {
    var height: Int
    var width: Int
    var channels: Int
    /// Rows behind the pixels that fill up a group of the blockwise product (see `PackedMatrix`), zero in the first value
    /// that has them. They belong to the image, so that nothing depends on the batch, and nothing attends to them.
    var spare = 0
    var pixels: Int { height * width }
    var rows: Int { pixels + spare }
    var count: Int { rows * channels }
  }

  /// A number of a graph's values.
  typealias Value = Int

  /// A layer, what it reads and what it gives. A second input of a layer is a residual, added last.
  struct Node: Sendable {
    let layer: any Layer
    let inputs: [Value]
    /// The extents as which the first input's numbers are read: its own, or others of the same count.
    let from: Extents
    let output: Value
  }

  /// A part of the network that can be named: what it takes and what it gives, which are of one shape where it is a
  /// residual unit that can be left out.
  struct Block: Sendable, Hashable {
    /// The name before its parameters, such as `stages.2.blocks.4`.
    let path: String
    let input: Value
    let output: Value
    /// Whether it is one half of a unit that has a name of its own, such as a transformer block's attention.
    var isHalf = false
  }

  private(set) var extents: [Extents]
  private(set) var nodes: [Node] = []
  /// In order of their outputs.
  var blocks: [Block] = []
  /// Values that have names besides the blocks' ends, such as the maps within a stem, in their order.
  var landmarks: [(path: String, value: Value)] = []
  /// What a program of the graph gives, the logits first: [1, 1, classes].
  var outputs: [Value] = []
  /// Whether large products are taken in blocks, whose rounding errors are somewhat larger.
  var takesProductsInBlocks = true

  init(height: Int, width: Int) { self.init(startingWith: Extents(height: height, width: width, channels: 3)) }

  /// A graph of nothing but a first value.
  init(startingWith first: Extents) { extents = [first] }

  /// The same graph without layers, blocks and outputs.
  var emptied: Graph {
    var result = Graph(startingWith: extents[0])
    result.takesProductsInBlocks = takesProductsInBlocks
    return result
  }

  /// The logits.
  var logits: Value { outputs.first ?? extents.count - 1 }

  /// Appends a layer and gives its value.
  mutating func append(_ layer: some Layer, _ input: Value, residual: Value? = nil) -> Value {
    append(layer, [input] + (residual.map { [$0] } ?? []))
  }

  /// Appends a layer on some values, of which the first may be read with other extents than its own.
  mutating func append(_ layer: any Layer, _ inputs: [Value], from reading: Extents? = nil) -> Value {
    let from = reading ?? extents[inputs[0]]
    precondition(from.count == extents[inputs[0]].count, "read with extents that it has not")
    let output = layer.extents(of: from)
    precondition(
      !layer.hasResiduals || inputs.dropFirst().allSatisfy { extents[$0].count == output.count },
      "a residual of other extents")
    extents.append(output)
    nodes.append(Node(layer: layer, inputs: inputs, from: from, output: extents.count - 1))
    return extents.count - 1
  }

  /// Names what lies between two values.
  mutating func nameBlock(_ path: String, from input: Value, to output: Value, isHalf: Bool = false) {
    blocks.append(Block(path: path, input: input, output: output, isHalf: isHalf))
  }

  /// Names and shapes of all that the checkpoint must hold.
  var parameters: [Parameter] { nodes.flatMap { $0.layer.parameters } }
  /// Numbers to be learnt.
  var parameterCount: Int {
    parameters.reduce(0) { $1.name.contains(".running_") ? $0 : $0 + $1.count }
  }
  /// Multiply-adds of convolutions, linear layers and attention, an image.
  var multiplyAdds: Int {
    nodes.reduce(0) { $0 + $1.layer.multiplyAdds(from: $1.from, to: extents[$1.output]) }
  }

  /// How often each value is read; an output counts as a reader.
  var readers: [Int] {
    var result = [Int](repeating: 0, count: extents.count)
    for node in nodes { for input in node.inputs { result[input] += 1 } }
    for output in outputs { result[output] += 1 }
    return result
  }

  /// The last layer that reads each value; outputs are read after all, a value that nothing reads never.
  var lastUses: [Int] {
    var lastUse = [Int](repeating: -1, count: extents.count)
    for (index, node) in nodes.enumerated() { for input in node.inputs { lastUse[input] = index } }
    for output in outputs { lastUse[output] = nodes.count }
    return lastUse
  }
}
