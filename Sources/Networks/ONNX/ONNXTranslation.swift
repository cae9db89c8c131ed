import Kernels
import Tensors

/// Turns a model's nodes into a program of operations on tensors of known shapes; what depends on no image is computed
/// at once.
struct ONNXTranslation {
  let file: ONNXFile
  var program: TensorProgram
  private var values: [String: TensorProgram.Value] = [:]
  /// How many nodes still read a value of the model.
  private var unread: [String: Int] = [:]
  /// Values that a node of the program reads.
  private var isKept: Set<TensorProgram.Value> = []
  /// Numbers of constants that may still be computed: none is meant to be larger than what the file holds.
  private var allowance: Int

  /// The program of a model.
  ///
  /// - Throws: `CheckpointError.unsupported` with every operator that is not known, each with its first node.
  static func program(of file: ONNXFile) throws(CheckpointError) -> TensorProgram {
    let nodes = try neededNodes(of: file)
    let unknown = unknownOperators(nodes)
    guard unknown.isEmpty else { throw .unsupported(file: file.path, problems: unknown) }
    var translation = try ONNXTranslation(file, nodes)
    for node in nodes { try translation.append(node) }
    return try translation.finished()
  }

  /// Each operator that is not known, with the first node that has it.
  static func unknownOperators(_ nodes: [ONNXNode]) -> [String] {
    var seen: Set<String> = []
    return nodes.filter { operators[$0.operation] == nil && seen.insert($0.operation).inserted }.map { node in
      let count = nodes.count { $0.operation == node.operation }
      return "the operator \(node.operation) of node \(node.name) is not supported"
        + (count > 1 ? " (\(count) nodes have it)" : "")
    }
  }

  /// The nodes that the first output needs, in the file's order.
  static func neededNodes(of file: ONNXFile) throws(CheckpointError) -> [ONNXNode] {
    let graph = file.model.graph
    guard let output = graph.output.first else { throw .malformed(file: file.path, reason: "it has no output") }
    var needed: Set<String> = [output.name]
    var nodes: [ONNXNode] = []
    for node in graph.node.reversed() where node.output.contains(where: needed.contains) {
      needed.formUnion(node.input)
      nodes.append(ONNXNode(node))
    }
    return nodes.reversed()
  }

  private init(_ file: ONNXFile, _ nodes: [ONNXNode]) throws(CheckpointError) {
    self.file = file
    let input = try file.inputShape()
    program = TensorProgram(height: input.height, width: input.width)
    values[input.name] = program.image
    allowance = try file.sizeWithExternalFiles() / 4 + (1 << 20)
    for node in nodes { for name in node.inputs { unread[name, default: 0] += 1 } }
    for tensor in file.model.graph.initializer where unread[tensor.name] != nil {
      values[tensor.name] = program.add(try file.constant(tensor, name: tensor.name))
    }
  }

  private mutating func append(_ node: ONNXNode) throws(CheckpointError) {
    func problem(_ reason: String) -> CheckpointError {
      .unsupported(file: file.path, problems: ["\(node.operation) of node \(node.name): \(reason)"])
    }
    guard let translate = Self.operators[node.operation] else { throw problem("it is not supported") }
    do {
      let results = try translate(&self, node)
      guard results.count >= 1 else { throw TranslationProblem("it has no output") }
      // A value under two names is kept for both.
      isKept.formUnion(results.filter { result in node.inputs.contains { values[$0] == result } })
      for (name, value) in zip(node.outputs, results) where !name.isEmpty { values[name] = value }
    } catch let found as TranslationProblem {
      throw problem(found.reason)
    } catch let error as CheckpointError {
      throw error
    } catch {
      throw problem("\(error)")
    }
    for name in node.inputs {
      unread[name, default: 1] -= 1
      if unread[name] == 0, let value = values[name], !isKept.contains(value),
        name != file.model.graph.output.first?.name
      {
        allowance += program.constant(value)?.count ?? 0
        program.forget(value)
      }
    }
  }

  private mutating func finished() throws(CheckpointError) -> TensorProgram {
    guard let output = values[file.model.graph.output[0].name], program.constant(output) == nil else {
      throw .malformed(file: file.path, reason: "its output does not depend on its input")
    }
    let shape = program.shape(output)
    guard let classes = TensorShape.count(shape), classes > 0, shape.last == classes else {
      throw .malformed(file: file.path, reason: "its output is \(shape) for one image; a classifier's is [1, classes]")
    }
    program.output = output
    program.removeUnread()
    return program
  }

  // MARK: - What the operators are made of

  /// An input that must be there.
  func input(_ node: ONNXNode, _ index: Int) throws -> TensorProgram.Value {
    guard let value = optional(node, index) else {
      throw TranslationProblem("its input \(index + 1) is missing, or computed by a node that comes later")
    }
    return value
  }

  func optional(_ node: ONNXNode, _ index: Int) -> TensorProgram.Value? {
    index < node.inputs.count ? values[node.inputs[index]] : nil
  }

  func shape(_ value: TensorProgram.Value) -> [Int] { program.shape(value) }

  func constant(_ value: TensorProgram.Value) throws -> ConstantTensor {
    guard let constant = program.constant(value) else {
      throw TranslationProblem("an input that must be constant depends on the image")
    }
    return constant
  }

  /// The whole numbers of an input; nil where the node has none.
  func integers(_ node: ONNXNode, _ index: Int) throws -> [Int]? {
    guard let value = optional(node, index) else { return nil }
    return try constant(value).integers()
  }

  /// An axis of a tensor of some rank, counted from the end where negative.
  func axis(_ value: Int, rank: Int) throws -> Int {
    let axis = value < 0 ? value + rank : value
    guard (0..<rank).contains(axis) else {
      throw TranslationProblem("axis \(value) is out of range for \(rank) dimensions")
    }
    return axis
  }

  /// Does an operation, at once where all its inputs are known.
  mutating func apply(
    _ operation: ProgramOperation, _ inputs: [TensorProgram.Value], shape: [Int], _ node: ONNXNode
  ) throws -> TensorProgram.Value {
    guard let count = TensorShape.count(shape) else {
      throw TranslationProblem("its output would be \(shape), which is too large")
    }
    let constants = inputs.compactMap { program.constant($0) }
    if constants.count == inputs.count {
      guard count <= allowance else { throw tooMuch }
      return try add(try ConstantEvaluator.evaluate(operation, constants, shape: shape))
    }
    guard count > 0 else { throw TranslationProblem("its output is empty") }
    isKept.formUnion(inputs)
    let output = program.add(shape)
    program.nodes.append(TensorProgram.Node(operation: operation, inputs: inputs, output: output, name: node.name))
    return output
  }

  /// A constant that was computed.
  mutating func add(_ constant: ConstantTensor) throws -> TensorProgram.Value {
    allowance -= constant.count
    guard allowance >= 0 else { throw tooMuch }
    return program.add(constant)
  }

  private var tooMuch: TranslationProblem {
    TranslationProblem("its constants are larger than the file they come from")
  }

  mutating func reshape(_ value: TensorProgram.Value, _ target: [Int], _ node: ONNXNode) throws -> TensorProgram.Value {
    guard TensorShape.count(target) == TensorShape.count(shape(value)) else {
      throw TranslationProblem("\(shape(value)) cannot be reshaped to \(target)")
    }
    return try apply(.reshape, [value], shape: target, node)
  }

  mutating func binary(
    _ function: BinaryFunction, _ left: TensorProgram.Value, _ right: TensorProgram.Value, node: ONNXNode
  ) throws -> TensorProgram.Value {
    guard let result = TensorShape.broadcast(shape(left), shape(right)) else {
      throw TranslationProblem("\(shape(left)) and \(shape(right)) cannot be broadcast together")
    }
    return try apply(.binary(function), [left, right], shape: result, node)
  }

  mutating func unary(
    _ function: ElementwiseFunction, _ value: TensorProgram.Value, _ node: ONNXNode
  ) throws -> TensorProgram.Value {
    try apply(.unary(function), [value], shape: shape(value), node)
  }

  /// x weight + bias, one of each for every number of axis 1.
  mutating func scaleChannels(
    _ value: TensorProgram.Value, weight: [Float], bias: [Float], _ node: ONNXNode
  ) throws -> TensorProgram.Value {
    let target = [weight.count] + [Int](repeating: 1, count: shape(value).count - 2)
    let scaled = try binary(.multiply, value, try add(ConstantTensor(shape: target, floats: weight)), node: node)
    return try binary(.add, scaled, try add(ConstantTensor(shape: target, floats: bias)), node: node)
  }
}
