import KernelInterfaces
import Kernels
import Tensors
import Testing

@Suite struct FeedForwardTests {
  /// An infinite number times the zeros that fill a panel is no number; that must not come back by way of a pair.
  @Test(arguments: InstructionSet.available, Precision.allCases)
  func infinityStaysInItsColumns(set: InstructionSet, precision: Precision) {
    let one = PackedMatrix(
      weights: [1], bias: nil, inner: 1, columns: 1, precision: precision, instructionSet: set)
    let block = FeedForward(expand: one, project: one)
    var values: [Float] = [.infinity]
    var hidden = [Float](repeating: 0, count: block.hiddenCount)
    var scratch = [Float](repeating: 0, count: block.scratchCount(rows: 1))
    values.withUnsafeMutableBufferPointer { values in
      hidden.withUnsafeMutableBufferPointer { hidden in
        scratch.withUnsafeMutableBufferPointer { block.compute(values, rows: 1, hidden: hidden, scratch: $0) }
      }
    }
    #expect(values == [.infinity])
  }

  /// Odd counts, a hidden layer that fills no panel, and more rows than are computed together.
  @Test(arguments: InstructionSet.available, [(1, 1, 1), (13, 33, 47), (100, 32, 128), (410, 16, 2), (30, 3, 2101)])
  func equalsItsProductsOneByOne(set: InstructionSet, shape: (rows: Int, inner: Int, hidden: Int)) {
    let (rows, inner, hidden) = shape
    func values(_ count: Int, _ stream: UInt64) -> [Float] { PackedMatrixTests.values(count, stream: stream) }
    let input = values(rows * inner, 31)
    let weights = (values(hidden * inner, 32), values(inner * hidden, 33))
    let bias = (values(hidden, 34), values(inner, 35))
    for precision in [Precision.fp32, .bf16] {
      let between = ScalarKernels.matrixProduct(
        input, weights.0, rows: rows, inner: inner, columns: hidden, precision: precision,
        epilogue: .init(bias: bias.0, activation: .gelu))
      let expected = ScalarKernels.matrixProduct(
        between, weights.1, rows: rows, inner: hidden, columns: inner, precision: precision,
        epilogue: .init(bias: bias.1, residual: input))
      func matrix(_ weights: [Float], _ bias: [Float], _ inner: Int, _ columns: Int) -> PackedMatrix {
        PackedMatrix(
          weights: weights, bias: bias, inner: inner, columns: columns, precision: precision, instructionSet: set)
      }
      let block = FeedForward(
        expand: matrix(weights.0, bias.0, inner, hidden), project: matrix(weights.1, bias.1, hidden, inner))
      // What lay in the memory before is of no account, and what lies behind it stays.
      var memory = [Float](repeating: .nan, count: block.hiddenCount) + [99]
      var scratch = [Float](repeating: .nan, count: block.scratchCount(rows: rows)) + [99]
      var found = input + [99]
      found.withUnsafeMutableBufferPointer { found in
        memory.withUnsafeMutableBufferPointer { memory in
          scratch.withUnsafeMutableBufferPointer {
            block.compute(
              found, rows: rows, hidden: UnsafeMutableBufferPointer(rebasing: memory.dropLast()),
              scratch: UnsafeMutableBufferPointer(rebasing: $0.dropLast()))
          }
        }
      }
      #expect(found.map(\.bitPattern) == (expected + [99]).map(\.bitPattern), "\(precision)")
      #expect(memory.last == 99 && scratch.last == 99)
    }
  }
}
