import Kernels

/// A computation on tensors of any rank, image by image: what importers use where no layer of its own fits.
///
/// Every tensor lies in one value of the graph; the operation knows how.
enum TensorOperation: Sendable {
  /// Copies each input to its places in the output; where none goes, `fill` stays.
  case copy([StridedWalk], fill: Float?)
  /// A function of each number.
  case map(ElementwiseFunction)
  /// A function of two inputs, or of one and a constant of the checkpoint, on either side.
  case combine(BinaryFunction, StridedWalk, constant: Constant?)
  /// Sums, means or extrema of rows of `count` numbers.
  case reduce(Reduction, count: Int)
  /// e^x / sum over rows of `count` numbers.
  case softmax(count: Int)
  /// [batch, rows, inner] x [batch, columns, inner], transposed: [batch, rows, columns].
  case product(batch: Int, rows: Int, inner: Int, columns: Int)
  /// (x - mean) / sqrt(variance + epsilon) over rows of `count` numbers.
  case standardise(count: Int, epsilon: Float)

  struct Constant: Sendable {
    let name: String
    let shape: [Int]
    let isLeft: Bool
  }

  enum Reduction: Sendable {
    case mean, sum, maximum, minimum
  }
}

/// A tensor operation as a layer that gives a value of some extents.
struct TensorLayer: Layer {
  let operation: TensorOperation
  let output: Graph.Extents

  init(_ operation: TensorOperation, _ output: Graph.Extents) { (self.operation, self.output) = (operation, output) }

  private var constant: Parameter? {
    guard case .combine(_, _, let constant?) = operation else { return nil }
    return Parameter(constant.name, constant.shape)
  }

  var parameters: [Parameter] { constant.map { [$0] } ?? [] }
  var hasResiduals: Bool { false }
  func extents(of input: Graph.Extents) -> Graph.Extents { output }

  func multiplyAdds(from input: Graph.Extents, to output: Graph.Extents) -> Int {
    guard case .product(let batch, let rows, let inner, let columns) = operation else { return 0 }
    return batch * rows * inner * columns
  }

  func prepare(_ preparation: Preparation) throws(CheckpointError) -> any PreparedLayer {
    PreparedTensorLayer(
      operation: operation,
      constant: try constant.map { (parameter) throws(CheckpointError) in try preparation.values(parameter) } ?? [],
      outputCount: output.count, instructionSet: preparation.options.instructionSet,
      backend: preparation.options.gemm)
  }
}

/// A tensor operation with its constant.
struct PreparedTensorLayer: PreparedLayer {
  let operation: TensorOperation
  let constant: [Float]
  let outputCount: Int
  let instructionSet: InstructionSet
  let backend: GEMMBackend

  var byteCount: Int { 4 * constant.count }

  func compute(_ work: LayerWork) {
    let counts = work.inputs.map { $0.count / max(1, work.count) }
    for image in 0..<work.count {
      let parts = zip(work.inputs, counts).map { input, count in
        UnsafeBufferPointer(rebasing: input[(image * count)..<((image + 1) * count)])
      }
      compute(
        parts, outputCount: outputCount,
        into: UnsafeMutableBufferPointer(rebasing: work.output[(image * outputCount)..<((image + 1) * outputCount)]))
    }
  }

  /// Computes one image's output.
  func compute(
    _ inputs: [UnsafeBufferPointer<Float>], outputCount: Int, into output: UnsafeMutableBufferPointer<Float>
  ) {
    switch operation {
    case .copy(let walks, let fill):
      if let fill { output[..<outputCount].update(repeating: fill) }
      for (walk, input) in zip(walks, inputs) { walk.copy(input, into: output) }
    case .map(let function):
      function.apply(inputs[0], count: outputCount, instructionSet: instructionSet, into: output)
    case .combine(let function, let walk, let operand):
      guard let operand else { return walk.combine(function, inputs[0], inputs[1], into: output) }
      constant.withUnsafeBufferPointer {
        walk.combine(function, operand.isLeft ? $0 : inputs[0], operand.isLeft ? inputs[0] : $0, into: output)
      }
    case .reduce(let reduction, let count):
      for row in 0..<outputCount { output[row] = Self.reduce(reduction, inputs[0], row * count, count: count) }
    case .softmax(let count):
      for index in 0..<outputCount { output[index] = inputs[0][index] }
      Normalisation.softmax(output, rows: outputCount / count, columns: count, instructionSet: instructionSet)
    case .product(let batch, let rows, let inner, let columns):
      for index in 0..<batch {
        let matrix = PackedMatrix(
          weights: Array(inputs[1][(index * columns * inner)..<((index + 1) * columns * inner)]), bias: nil,
          inner: inner, columns: columns, instructionSet: instructionSet, backend: backend)
        matrix.multiply(
          UnsafeBufferPointer(rebasing: inputs[0][(index * rows * inner)..<((index + 1) * rows * inner)]), rows: rows,
          into: UnsafeMutableBufferPointer(rebasing: output[(index * rows * columns)..<((index + 1) * rows * columns)]))
      }
    case .standardise(let count, let epsilon):
      Normalisation.layer(
        inputs[0], rows: outputCount / count, channels: count, weight: [Float](repeating: 1, count: count),
        bias: [Float](repeating: 0, count: count), epsilon: epsilon, instructionSet: instructionSet, into: output)
    }
  }

  /// Number by number, in float64 where numbers are added.
  static func reduce(
    _ reduction: TensorOperation.Reduction, _ values: UnsafeBufferPointer<Float>, _ start: Int, count: Int
  ) -> Float {
    let row = values[start..<start + count]
    switch reduction {
    case .sum: return Float(row.reduce(0.0) { $0 + Double($1) })
    case .mean: return Float(row.reduce(0.0) { $0 + Double($1) } / Double(count))
    case .maximum: return row.dropFirst().reduce(row[start]) { BinaryFunction.maximum($0, $1) }
    case .minimum: return row.dropFirst().reduce(row[start]) { BinaryFunction.minimum($0, $1) }
    }
  }
}
