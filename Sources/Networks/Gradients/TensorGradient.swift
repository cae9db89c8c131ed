import Kernels
import Tensors

extension TensorLayer {
  func differentiate(_ node: Graph.Node, _ gradient: Graph.Value, in builder: inout GradientBuilder) {
    let from = builder.extents(node.output)
    func give(_ operation: TensorGradient.Operation, _ others: [Graph.Value], to side: Int) {
      let input = node.inputs[side]
      // The first input may be read with other extents than its own.
      builder.give(
        TensorGradient(operation, side == 0 ? node.from : builder.extents(input)), [gradient] + others, from: from,
        to: input)
    }
    switch operation {
    case .copy(let walks, _):
      for (side, walk) in walks.enumerated() where side < node.inputs.count { give(.scatter(walk), [], to: side) }
    case .map(let function): give(.map(function), [node.inputs[0]], to: 0)
    case .combine(let function, let walk, let constant):
      for side in node.inputs.indices {
        give(
          .combine(function, walk, constant, isLeft: constant.map { !$0.isLeft } ?? (side == 0)), node.inputs, to: side)
      }
    case .reduce(let reduction, let count): give(.reduce(reduction, count: count), [node.inputs[0]], to: 0)
    case .softmax(let count): give(.softmax(count: count), [node.output], to: 0)
    case .product(let batch, let rows, let inner, let columns):
      let shape = TensorGradient.ProductShape(batch: batch, rows: rows, inner: inner, columns: columns)
      give(.left(shape), [node.inputs[1]], to: 0)
      give(.right(shape), [node.inputs[0]], to: 1)
    case .standardise(let count, let epsilon):
      give(.standardise(count: count, epsilon: epsilon), [node.inputs[0]], to: 0)
    }
  }
}

/// The gradient of an input of a tensor operation, image by image: slow and plain, as the operation is. The first input is
/// the output's gradient.
struct TensorGradient: Layer {
  enum Operation: Sendable {
    /// Of what was copied: each place's gradients added.
    case scatter(StridedWalk)
    /// The second input is what the function was of.
    case map(ElementwiseFunction)
    /// The next inputs are what the function was of, or the one of them that is no constant.
    case combine(BinaryFunction, StridedWalk, TensorOperation.Constant?, isLeft: Bool)
    /// The second input is what was reduced; the gradient of an extremum goes to the first that is equal to it.
    case reduce(TensorOperation.Reduction, count: Int)
    /// The second input is the probabilities.
    case softmax(count: Int)
    /// The second input is the right matrix.
    case left(ProductShape)
    /// The second input is the left matrix.
    case right(ProductShape)
    /// The second input is what was standardised.
    case standardise(count: Int, epsilon: Float)
  }

  /// Of [batch, rows, inner] x [batch, columns, inner], transposed.
  struct ProductShape: Sendable {
    let batch: Int
    let rows: Int
    let inner: Int
    let columns: Int
  }

  let operation: Operation
  let input: Graph.Extents

  init(_ operation: Operation, _ input: Graph.Extents) { (self.operation, self.input) = (operation, input) }

  private var constant: Parameter? {
    guard case .combine(_, _, let constant?, _) = operation else { return nil }
    return Parameter(constant.name, constant.shape)
  }

  var parameters: [Parameter] { constant.map { [$0] } ?? [] }
  var hasResiduals: Bool { false }
  func extents(of gradient: Graph.Extents) -> Graph.Extents { input }

  func prepare(_ preparation: Preparation) throws(CheckpointError) -> any PreparedLayer {
    Prepared(
      operation: operation,
      constant: try constant.map { (parameter) throws(CheckpointError) in try preparation.values(parameter) },
      inputCount: input.count, gradientCount: preparation.from.count,
      instructionSet: preparation.options.instructionSet, backend: preparation.options.gemm)
  }

  private struct Prepared: PreparedLayer {
    let operation: Operation
    let constant: [Float]?
    let inputCount: Int
    let gradientCount: Int
    let instructionSet: InstructionSet
    let backend: GEMMBackend

    var byteCount: Int { 4 * (constant?.count ?? 0) }

    func compute(_ work: LayerWork) {
      let counts = work.inputs.map { $0.count / max(1, work.count) }
      for image in 0..<work.count {
        let parts = zip(work.inputs, counts).map { input, count in
          UnsafeBufferPointer(rebasing: input[(image * count)..<((image + 1) * count)])
        }
        let output = UnsafeMutableBufferPointer(
          rebasing: work.output[(image * inputCount)..<((image + 1) * inputCount)])
        compute(parts, into: output)
      }
    }

    private func compute(_ inputs: [UnsafeBufferPointer<Float>], into output: UnsafeMutableBufferPointer<Float>) {
      let gradient = inputs[0]
      let pass = Backpropagation(instructionSet)
      switch operation {
      case .scatter(let walk):
        output.update(repeating: 0)
        walk.scatter(gradient, into: output)
      case .map(.gelu): pass.geluGradient(gradient, inputs[1], count: inputCount, into: output)
      case .map(let function):
        for index in 0..<inputCount { output[index] = gradient[index] * function.slope(at: inputs[1][index]) }
      case .combine(let function, let walk, _, let isLeft):
        output.update(repeating: 0)
        guard let constant else {
          return walk.combineGradient(function, gradient, inputs[1], inputs[2], isLeft: isLeft, into: output)
        }
        constant.withUnsafeBufferPointer {
          walk.combineGradient(
            function, gradient, isLeft ? inputs[1] : $0, isLeft ? $0 : inputs[1], isLeft: isLeft, into: output)
        }
      case .reduce(let reduction, let count):
        for row in 0..<gradientCount {
          spread(gradient[row], reduction, inputs[1], start: row * count, count: count, into: output)
        }
      case .softmax(let count):
        pass.softmax(gradient, inputs[1], rows: inputCount / count, columns: count, into: output)
      case .left(let shape): multiply(shape, gradient, inputs[1], into: output)
      case .right(let shape): multiplyTransposed(shape, gradient, inputs[1], into: output)
      case .standardise(let count, let epsilon):
        pass.layer(
          gradient, inputs[1], rows: inputCount / count, channels: count, weight: [Float](repeating: 1, count: count),
          epsilon: epsilon, residual: nil, into: output)
      }
    }

    private func spread(
      _ gradient: Float, _ reduction: TensorOperation.Reduction, _ values: UnsafeBufferPointer<Float>, start: Int,
      count: Int, into output: UnsafeMutableBufferPointer<Float>
    ) {
      switch reduction {
      case .sum: for index in start..<start + count { output[index] = gradient }
      case .mean: for index in start..<start + count { output[index] = gradient / Float(count) }
      case .maximum, .minimum:
        let extremum = PreparedTensorLayer.reduce(reduction, values, start, count: count)
        for index in start..<start + count { output[index] = 0 }
        if let place = (start..<start + count).first(where: { values[$0] == extremum }) { output[place] = gradient }
      }
    }

    /// Of the left matrix, [rows, inner]: the gradient times the right one.
    private func multiply(
      _ shape: ProductShape, _ gradient: UnsafeBufferPointer<Float>, _ right: UnsafeBufferPointer<Float>,
      into output: UnsafeMutableBufferPointer<Float>
    ) {
      let (rows, inner, columns) = (shape.rows, shape.inner, shape.columns)
      for index in 0..<shape.batch {
        let turned = Self.transposed(right, index * columns * inner, columns, columns: inner)
        product(turned, inner: columns, columns: inner).multiply(
          UnsafeBufferPointer(rebasing: gradient[(index * rows * columns)..<((index + 1) * rows * columns)]),
          rows: rows,
          into: UnsafeMutableBufferPointer(rebasing: output[(index * rows * inner)..<((index + 1) * rows * inner)]))
      }
    }

    /// Of the right matrix, [columns, inner]: the transposed gradient times the left one.
    private func multiplyTransposed(
      _ shape: ProductShape, _ gradient: UnsafeBufferPointer<Float>, _ left: UnsafeBufferPointer<Float>,
      into output: UnsafeMutableBufferPointer<Float>
    ) {
      let (rows, inner, columns) = (shape.rows, shape.inner, shape.columns)
      for index in 0..<shape.batch {
        let turned = Self.transposed(left, index * rows * inner, rows, columns: inner)
        let gradients = Self.transposed(gradient, index * rows * columns, rows, columns: columns)
        gradients.withUnsafeBufferPointer {
          product(turned, inner: rows, columns: inner).multiply(
            $0, rows: columns,
            into: UnsafeMutableBufferPointer(
              rebasing: output[(index * columns * inner)..<((index + 1) * columns * inner)]))
        }
      }
    }

    private func product(_ weights: [Float], inner: Int, columns: Int) -> PackedMatrix {
      PackedMatrix(
        weights: weights, bias: nil, inner: inner, columns: columns, instructionSet: instructionSet, backend: backend)
    }

    private static func transposed(
      _ values: UnsafeBufferPointer<Float>, _ start: Int, _ rows: Int, columns: Int
    ) -> [Float] {
      [Float](unsafeUninitializedCapacity: rows * columns) { result, count in
        for row in 0..<rows {
          for column in 0..<columns { result[column * rows + row] = values[start + row * columns + column] }
        }
        count = rows * columns
      }
    }
  }
}
