import Kernels

/// x Φ(x), where no convolution before it does it.
struct GELU: Layer, Hashable {
  var overwritableInputs: Set<Int> { [0] }
  var isRowByRow: Bool { true }

  func prepare(_ preparation: Preparation) -> any PreparedLayer {
    PreparedPass(preparation) { pass, work, count in pass.gelu(work.input, count: count, into: work.output) }
  }

  func differentiate(_ node: Graph.Node, _ gradient: Graph.Value, in builder: inout GradientBuilder) {
    builder.give(GELUGradient(), [gradient, node.inputs[0]], to: node.inputs[0])
  }
}

/// A gradient times the derivative of x Φ(x) at the second input.
struct GELUGradient: Layer, Hashable {
  var overwritableInputs: Set<Int> { [0, 1] }
  func prepare(_ preparation: Preparation) -> any PreparedLayer {
    PreparedPass(preparation) { pass, work, count in
      pass.geluGradient(work.input, work.inputs[1], count: count, into: work.output)
    }
  }
}

/// A gradient where the second input, what a ReLU gave, is above 0.
struct ReLUGradient: Layer, Hashable {
  var overwritableInputs: Set<Int> { [0, 1] }

  func prepare(_ preparation: Preparation) -> any PreparedLayer {
    PreparedPass(preparation) { pass, work, count in
      pass.mask(work.input, work.inputs[1], count: count, into: work.output)
    }
  }
}

/// The sum of two values.
struct Sum: Layer, Hashable {
  var overwritableInputs: Set<Int> { [0, 1] }
  var isRowByRow: Bool { true }

  func prepare(_ preparation: Preparation) -> any PreparedLayer {
    PreparedPass(preparation) { pass, work, count in
      pass.add(work.input, work.inputs[1], count: count, into: work.output)
    }
  }

  func differentiate(_ node: Graph.Node, _ gradient: Graph.Value, in builder: inout GradientBuilder) {
    for input in node.inputs { builder.give(gradient, to: input) }
  }
}

/// A pass over numbers, each for itself.
private struct PreparedPass: PreparedLayer {
  typealias Pass = @Sendable (Backpropagation, LayerWork, Int) -> Void

  let count: Int
  let backpropagation: Backpropagation
  let pass: Pass

  init(_ preparation: Preparation, _ pass: @escaping Pass) {
    count = preparation.from.count
    backpropagation = Backpropagation(preparation.options.instructionSet)
    self.pass = pass
  }

  func compute(_ work: LayerWork) { pass(backpropagation, work, work.count * count) }
}
