import Kernels
import Tensors
import Testing

@Suite struct PackedMatrixTests {
  static let shapes = [
    (1, 1, 1), (1, 27, 10), (5, 0, 3), (6, 8, 16), (7, 31, 17), (12, 64, 32), (13, 33, 31), (97, 40, 65), (200, 5, 7),
    // Large enough for pairs of rows; one of them with more rows than are packed together.
    (2, 256, 256), (26, 264, 320), (214, 512, 256),
  ]

  private static func values(_ count: Int, stream: UInt64) -> [Float] {
    let random = CounterRandom(key: 5, stream: stream)
    return (0..<count).map { Float(random.normal(at: UInt64($0))) * 2 }
  }

  @Test(arguments: InstructionSet.available, shapes)
  func givesTheBitsOfTheReference(set: InstructionSet, shape: (rows: Int, inner: Int, columns: Int)) {
    for precision in Precision.allCases { compare(set, shape, precision) }
  }

  private func compare(_ set: InstructionSet, _ shape: (rows: Int, inner: Int, columns: Int), _ precision: Precision) {
    let (rows, inner, columns) = shape
    let left = Self.values(rows * inner, stream: 1)
    let weights = Self.values(columns * inner, stream: 2)
    let bias = Self.values(columns, stream: 3)
    let residual = Self.values(rows * columns, stream: 4)
    let pairsRows = rows % 2 == 0
    let packed = PackedMatrix(
      weights: weights, bias: bias, inner: inner, columns: columns, rowsPair: pairsRows, precision: precision,
      instructionSet: set)
    #expect(packed.pairsRows == (inner >= 256 && precision == .fp32))
    for activation in [Activation.none, .relu, .gelu] {
      for addition in [nil, residual] {
        let expected = ScalarKernels.matrixProduct(
          left, weights, rows: rows, inner: inner, columns: columns, pairsRows: pairsRows,
          precision: precision, epilogue: .init(bias: bias, activation: activation, residual: addition))
        // One more element than the product has, which must stay as it is.
        var output = [Float](repeating: 99, count: rows * columns + 1)
        left.withUnsafeBufferPointer { left in
          output.withUnsafeMutableBufferPointer { output in
            if let addition {
              addition.withUnsafeBufferPointer {
                packed.multiply(left, rows: rows, activation: activation, residual: $0, into: output)
              }
            } else {
              packed.multiply(left, rows: rows, activation: activation, into: output)
            }
          }
        }
        #expect(output.map(\.bitPattern) == (expected + [99]).map(\.bitPattern), "\(activation)")
      }
    }
  }
}
