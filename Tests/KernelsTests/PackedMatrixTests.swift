import Kernels
import Tensors
import Testing

@Suite struct PackedMatrixTests {
  static let shapes = [
    (1, 1, 1), (1, 27, 10), (5, 0, 3), (6, 8, 16), (7, 31, 17), (12, 64, 32), (13, 33, 31), (97, 40, 65), (200, 5, 7),
    // More words than of a step, in float32 and in pairs, an odd one too, and more rows.
    (13, 1060, 140), (14, 2081, 33), (150, 1060, 9), (301, 16, 5),
    // Large enough for blocks, split once and twice; two of them with more rows than are packed together.
    (2, 256, 256), (26, 264, 320), (214, 512, 256), (4, 512, 512), (28, 528, 640), (52, 1024, 512),
  ]

  static func values(_ count: Int, stream: UInt64) -> [Float] {
    let random = CounterRandom(key: 5, stream: stream)
    return (0..<count).map { Float(random.normal(at: UInt64($0))) * 2 }
  }

  @Test(arguments: InstructionSet.available, shapes)
  func givesTheBitsOfTheReference(set: InstructionSet, shape: (rows: Int, inner: Int, columns: Int)) {
    for precision in Precision.allCases { compare(set, shape, precision) }
  }

  /// More rows than are packed together give what a few rows at a time give.
  @Test(arguments: InstructionSet.available.filter { $0 != .scalar }, [1024, 512])
  func rowsOfLargeBlocksDoNotDependOnOthers(set: InstructionSet, inner: Int) {
    let (rows, columns, few) = (836, 512, 44)
    let left = Self.values(rows * inner, stream: 7)
    let packed = PackedMatrix(
      weights: Self.values(columns * inner, stream: 8), bias: Self.values(columns, stream: 9), inner: inner,
      columns: columns, rowsTogether: 4, instructionSet: set)
    #expect(packed.splits == 2)
    var whole = Self.values(rows * columns, stream: 10)
    var parts = whole
    left.withUnsafeBufferPointer { left in
      whole.withUnsafeMutableBufferPointer {
        packed.multiply(left, rows: rows, activation: .gelu, residual: UnsafeBufferPointer($0), into: $0)
      }
      parts.withUnsafeMutableBufferPointer { parts in
        for start in stride(from: 0, to: rows, by: few) {
          let part = UnsafeMutableBufferPointer(rebasing: parts[(start * columns)...])
          packed.multiply(
            UnsafeBufferPointer(rebasing: left[(start * inner)...]), rows: few, activation: .gelu,
            residual: UnsafeBufferPointer(part), into: part)
        }
      }
    }
    #expect(whole == parts)
  }

  /// Who asks for memory for some rows may then multiply fewer.
  @Test(arguments: InstructionSet.available, Precision.allCases)
  func fewerRowsNeedNoMoreMemory(set: InstructionSet, precision: Precision) {
    for (inner, columns) in [(3, 5), (64, 33), (700, 40), (1060, 70), (4096, 17), (512, 512)] {
      let packed = PackedMatrix(
        weights: [Float](repeating: 0, count: inner * columns), bias: nil, inner: inner, columns: columns,
        rowsTogether: 4, precision: precision, instructionSet: set)
      let counts = stride(from: 0, through: 1600, by: 4).map { packed.scratchCount(rows: $0) }
      #expect(zip(counts, counts.dropFirst()).allSatisfy { $0 <= $1 }, "\(inner) x \(columns)")
    }
  }

  /// Sums that leave the normal numbers, where AVX512_BF16 flushes to zero, and weights that round to nothing.
  @Test(arguments: InstructionSet.available)
  func bf16FlushesAsTheInstructionDoes(set: InstructionSet) {
    let (rows, inner, columns) = (13, 33, 35)
    func scaled(_ count: Int, _ stream: UInt64, _ exponents: ClosedRange<Int>) -> [Float] {
      let random = CounterRandom(key: 6, stream: stream)
      return Self.values(count, stream: stream).enumerated().map { index, value in
        let span = Double(exponents.count)
        return value
          * Float(
            sign: .plus, exponent: exponents.lowerBound + Int(random.uniform(at: UInt64(index)) * span), significand: 1)
      }
    }
    let bias = [Float](repeating: 0, count: columns)
    let left = scaled(rows * inner, 11, -68...(-58))
    let weights = scaled(columns * inner, 12, -140...(-60))
    let expected = ScalarKernels.matrixProduct(
      left, weights, rows: rows, inner: inner, columns: columns, precision: .bf16,
      epilogue: .init(bias: bias))
    let packed = PackedMatrix(
      weights: weights, bias: bias, inner: inner, columns: columns, precision: .bf16, instructionSet: set)
    var output = [Float](repeating: 99, count: rows * columns)
    left.withUnsafeBufferPointer { left in
      output.withUnsafeMutableBufferPointer { packed.multiply(left, rows: rows, into: $0) }
    }
    #expect(output.map(\.bitPattern) == expected.map(\.bitPattern))
    #expect(expected.contains { $0.isNormal } && expected.contains { $0 == 0 } && !expected.contains { $0.isSubnormal })
  }

  private func compare(_ set: InstructionSet, _ shape: (rows: Int, inner: Int, columns: Int), _ precision: Precision) {
    let (rows, inner, columns) = shape
    let left = Self.values(rows * inner, stream: 1)
    let weights = Self.values(columns * inner, stream: 2)
    let bias = Self.values(columns, stream: 3)
    let residual = Self.values(rows * columns, stream: 4)
    let rowsTogether = rows % 4 == 0 ? 4 : rows % 2 == 0 ? 2 : 1
    let packed = PackedMatrix(
      weights: weights, bias: bias, inner: inner, columns: columns, rowsTogether: rowsTogether, precision: precision,
      instructionSet: set)
    let expectedSplits = columns >= 512 ? 2 : min(inner, columns) >= 256 ? 1 : 0
    #expect(packed.splits == (precision == .fp32 ? expectedSplits : 0))
    for activation in [Activation.none, .relu, .gelu, .reluOfSum] {
      for addition in [nil, residual] {
        let expected = ScalarKernels.matrixProduct(
          left, weights, rows: rows, inner: inner, columns: columns, rowsTogether: rowsTogether,
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

  /// A product that is given memory takes no more than it asked for, whatever lies there; plain, in blocks, in bf16.
  @Test(
    arguments: InstructionSet.available, [(7, 33, 40), (24, 256, 256), (16, 512, 512), (26, 2081, 40), (150, 33, 9)])
  func givenMemoryIsEnough(set: InstructionSet, shape: (rows: Int, inner: Int, columns: Int)) {
    let left = Self.values(shape.rows * shape.inner, stream: 21)
    let weights = Self.values(shape.columns * shape.inner, stream: 22)
    for precision in [Precision.fp32, .bf16] {
      let packed = PackedMatrix(
        weights: weights, bias: nil, inner: shape.inner, columns: shape.columns,
        rowsTogether: shape.rows % 8 == 0 ? 4 : 1,
        precision: precision, instructionSet: set)
      var scratch = [Float](repeating: .nan, count: packed.scratchCount(rows: shape.rows) + 1)
      scratch[scratch.count - 1] = 99
      var expected = [Float](repeating: 0, count: shape.rows * shape.columns)
      var found = expected
      left.withUnsafeBufferPointer { left in
        expected.withUnsafeMutableBufferPointer { packed.multiply(left, rows: shape.rows, into: $0) }
        scratch.withUnsafeMutableBufferPointer { scratch in
          let given = UnsafeMutableBufferPointer(rebasing: scratch.dropLast())
          found.withUnsafeMutableBufferPointer { packed.multiply(left, rows: shape.rows, scratch: given, into: $0) }
        }
      }
      #expect(found == expected)
      #expect(scratch.last == 99)
    }
  }
}
