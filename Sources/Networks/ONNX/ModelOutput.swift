import Kernels

/// What a model's output is, as its last operations tell.
package enum ModelOutput: Sendable, Hashable {
  /// Numbers that are taken as logits.
  case logits
  /// The model ended in a softmax or its logarithm over the classes. What it was taken of are the logits; it is left out.
  case softmax
  /// Probabilities that are no single softmax, as those of an ensemble: their logarithms are the logits.
  case probabilities
  /// The model ends in a sigmoid of each class, which is taken as it is.
  case sigmoids

  /// What users are told; nil for plain logits.
  package var note: String? {
    switch self {
    case .logits: nil
    case .softmax: "it ends in a softmax, which is dropped: the softmax's inputs are the logits"
    case .probabilities: "it outputs probabilities: their logarithms are the logits, up to a constant"
    case .sigmoids: "it ends in a sigmoid: its outputs from 0 to 1 are taken as logits, so probabilities mean little"
    }
  }
}

/// A softmax's logarithm takes several operations; what it is taken of is remembered.
struct SoftmaxLogarithm: Sendable {
  let input: TensorProgram.Value
  let axis: Int
}

extension TensorProgram {
  /// Makes the output logits where the model gives probabilities or their logarithms.
  mutating func takeLogits() -> ModelOutput {
    var makers: [Value: Node] = [:]
    for node in nodes { makers[node.output] = node }
    var end = FinalOperations(program: self, makers: makers)
    let last = end.behindViews(output)
    if let input = end.inputOfSoftmax(last) {
      setOutput(input)
      return .softmax
    }
    if end.mass(last).map({ abs($0 - 1) < 1e-3 }) == true {
      // The smallest normal number stands for a probability that was rounded to 0.
      let clip = ElementwiseFunction.row(.clip(low: .leastNormalMagnitude, high: .greatestFiniteMagnitude))
      for function in [clip, .logarithm] {
        let value = add(shape(output))
        nodes.append(Node(operation: .unary(function), inputs: [output], output: value, name: "logarithm"))
        output = value
      }
      return .probabilities
    }
    if case .unary(.row(.sigmoid)) = makers[last]?.operation { return .sigmoids }
    return .logits
  }

  /// Takes another value as the output, in a row.
  private mutating func setOutput(_ value: Value) {
    let row = [1, shape(value).reduce(1, *)]
    output = value
    if shape(value) != row || value == image {
      output = add(row)
      nodes.append(Node(operation: .reshape, inputs: [value], output: output, name: "logits"))
    }
    removeUnread()
  }
}

/// What stands at the end of a program.
private struct FinalOperations {
  let program: TensorProgram
  let makers: [TensorProgram.Value: TensorProgram.Node]
  /// What `mass` found before: values may be read many times.
  private var masses: [TensorProgram.Value: Float?] = [:]

  init(program: TensorProgram, makers: [TensorProgram.Value: TensorProgram.Node]) {
    (self.program, self.makers) = (program, makers)
  }

  private func count(_ value: TensorProgram.Value) -> Int { program.shape(value).reduce(1, *) }

  /// The value that is shown, in the same order, by reshapes and transpositions that move nothing.
  func behindViews(_ value: TensorProgram.Value) -> TensorProgram.Value {
    var value = value
    while let node = makers[value] {
      switch node.operation {
      case .reshape: break
      case .transpose(let order):
        let shape = program.shape(node.inputs[0])
        let moved = order.filter { shape[$0] != 1 }
        guard moved == moved.sorted() else { return value }
      default: return value
      }
      value = node.inputs[0]
    }
    return value
  }

  /// What a softmax over all classes was taken of, or its logarithm: by an operator, or as exp(x) / sum(exp(x)).
  func inputOfSoftmax(_ value: TensorProgram.Value) -> TensorProgram.Value? {
    if let input = inputOfLogarithm(value) ?? inputOfProbabilities(value) { return input }
    guard let node = makers[value] else { return nil }
    let inner = node.inputs.first.map(behindViews)
    switch node.operation {
    case .unary(.logarithm): return inner.flatMap(inputOfProbabilities)
    case .unary(.row(.exponential)): return inner.flatMap(inputOfLogarithm)
    default: return nil
    }
  }

  private func inputOfLogarithm(_ value: TensorProgram.Value) -> TensorProgram.Value? {
    guard let found = program.softmaxLogarithms[value], isOverAll(found.input, found.axis) else { return nil }
    return found.input
  }

  private func inputOfProbabilities(_ value: TensorProgram.Value) -> TensorProgram.Value? {
    guard let node = makers[value] else { return nil }
    switch node.operation {
    case .softmax(let axis) where isOverAll(node.inputs[0], axis): return node.inputs[0]
    case .binary(.divide):
      guard let exponential = makers[behindViews(node.inputs[0])],
        case .unary(.row(.exponential)) = exponential.operation, let sum = makers[behindViews(node.inputs[1])],
        case .reduce(.sum, _) = sum.operation, behindViews(sum.inputs[0]) == exponential.output,
        count(sum.output) == 1
      else { return nil }
      return exponential.inputs[0]
    default: return nil
    }
  }

  private func isOverAll(_ value: TensorProgram.Value, _ axis: Int) -> Bool {
    program.shape(value)[axis] == count(value)
  }

  /// The sum over the classes of a value that is nowhere negative; nil where that is not known.
  mutating func mass(_ value: TensorProgram.Value, depth: Int = 0) -> Float? {
    let value = behindViews(value)
    if let known = masses[value] { return known }
    let result = depth < 256 ? foundMass(value, depth: depth) : nil
    masses[value] = .some(result)
    return result
  }

  private mutating func foundMass(_ value: TensorProgram.Value, depth: Int) -> Float? {
    if inputOfProbabilities(value) != nil { return 1 }
    guard let node = makers[value] else { return nil }
    switch node.operation {
    case .unary(.row(.exponential)): return inputOfLogarithm(behindViews(node.inputs[0])) == nil ? nil : 1
    case .binary(.add):
      guard let first = mass(node.inputs[0], like: value, depth) else { return nil }
      return mass(node.inputs[1], like: value, depth).map { first + $0 }
    case .binary(.multiply):
      if let factor = factor(node.inputs[1]) { return mass(node.inputs[0], like: value, depth).map { $0 * factor } }
      guard let factor = factor(node.inputs[0]) else { return nil }
      return mass(node.inputs[1], like: value, depth).map { $0 * factor }
    case .binary(.divide):
      guard let divisor = factor(node.inputs[1]) else { return nil }
      return mass(node.inputs[0], like: value, depth).map { $0 / divisor }
    case .reduce(let reduction, let axes):
      guard reduction == .mean || reduction == .sum, let stack = makers[node.inputs[0]],
        case .concatenate(let axis) = stack.operation, axes == [axis]
      else { return nil }
      var total: Float = 0
      for part in stack.inputs {
        guard let mass = mass(part, like: value, depth) else { return nil }
        total += mass
      }
      return reduction == .sum ? total : total / Float(stack.inputs.count)
    default: return nil
    }
  }

  /// The mass of an input with as many numbers as what is made of it.
  private mutating func mass(_ input: TensorProgram.Value, like value: TensorProgram.Value, _ depth: Int) -> Float? {
    count(input) == count(value) ? mass(input, depth: depth + 1) : nil
  }

  /// A constant positive number.
  private func factor(_ value: TensorProgram.Value) -> Float? {
    guard let constant = program.constant(value), constant.count == 1, let number = try? constant.floats().first,
      number > 0
    else { return nil }
    return number
  }
}
