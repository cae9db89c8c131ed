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
    var scratch = [Float](repeating: 0, count: block.scratchCount(rows: 1))
    values.withUnsafeMutableBufferPointer { values in
      scratch.withUnsafeMutableBufferPointer {
        let input = UnsafeBufferPointer(values)
        block.compute(input, residual: input, rows: 1, scratch: $0, into: values)
      }
    }
    #expect(values == [.infinity])
  }

  /// Odd counts, a hidden layer that fills no panel, and more rows than are computed together; in place, over the
  /// residual, and apart, with a normalisation before and without.
  @Test(arguments: InstructionSet.available, [(1, 1, 1), (13, 33, 47), (100, 32, 128), (410, 16, 2), (30, 3, 2101)])
  func equalsItsProductsOneByOne(set: InstructionSet, shape: (rows: Int, inner: Int, hidden: Int)) {
    for precision in [Precision.fp32, .bf16] {
      for place in Place.allCases {
        for isNormalised in [false, true] {
          let example = Example(shape, precision, isInPlace: place == .input, isNormalised: isNormalised)
          let found = example.compute(set, into: place)
          #expect(
            found.map(\.bitPattern) == example.expected.map(\.bitPattern), "\(precision), \(place), \(isNormalised)")
        }
      }
    }
  }

  /// Where the output goes.
  private enum Place: CaseIterable { case input, residual, apart }

  private struct Example {
    let (rows, inner, hidden): (Int, Int, Int)
    let precision: Precision
    let input: [Float]
    let residual: [Float]
    let norm: (weight: [Float], bias: [Float])?
    let weights: ([Float], [Float])
    let bias: ([Float], [Float])

    init(_ shape: (rows: Int, inner: Int, hidden: Int), _ precision: Precision, isInPlace: Bool, isNormalised: Bool) {
      (rows, inner, hidden) = shape
      self.precision = precision
      func values(_ count: Int, _ stream: UInt64) -> [Float] { PackedMatrixTests.values(count, stream: stream) }
      input = values(rows * inner, 31)
      residual = isInPlace ? input : values(rows * inner, 30)
      norm = isNormalised ? (values(inner, 36), values(inner, 37)) : nil
      weights = (values(hidden * inner, 32), values(inner * hidden, 33))
      bias = (values(hidden, 34), values(inner, 35))
    }

    var expected: [Float] {
      var left = input
      if let norm {
        left.withUnsafeMutableBufferPointer {
          Normalisation.layer(
            UnsafeBufferPointer($0), rows: rows, channels: inner, weight: norm.weight, bias: norm.bias, epsilon: 1e-6,
            instructionSet: .scalar, into: $0)
        }
      }
      let between = ScalarKernels.matrixProduct(
        left, weights.0, rows: rows, inner: inner, columns: hidden, precision: precision,
        epilogue: .init(bias: bias.0, activation: .gelu))
      return ScalarKernels.matrixProduct(
        between, weights.1, rows: rows, inner: hidden, columns: inner, precision: precision,
        epilogue: .init(bias: bias.1, residual: residual))
    }

    func compute(_ set: InstructionSet, into place: Place) -> [Float] {
      func matrix(_ weights: [Float], _ bias: [Float], _ inner: Int, _ columns: Int) -> PackedMatrix {
        PackedMatrix(
          weights: weights, bias: bias, inner: inner, columns: columns, precision: precision, instructionSet: set)
      }
      let block = FeedForward(
        normalisation: norm.map { .init(weight: $0.weight, bias: $0.bias, epsilon: 1e-6) },
        expand: matrix(weights.0, bias.0, inner, hidden), project: matrix(weights.1, bias.1, hidden, inner))
      // What lay in the memory before is of no account, and what lies behind it stays.
      var scratch = [Float](repeating: .nan, count: block.scratchCount(rows: rows)) + [99]
      var (first, second) = (input + [99], residual + [99])
      var third = [Float](repeating: .nan, count: rows * inner) + [99]
      first.withUnsafeMutableBufferPointer { first in
        second.withUnsafeMutableBufferPointer { second in
          third.withUnsafeMutableBufferPointer { third in
            scratch.withUnsafeMutableBufferPointer { scratch in
              let residual = place == .input ? first : second
              let target =
                switch place {
                case .input: first
                case .residual: second
                case .apart: third
                }
              block.compute(
                UnsafeBufferPointer(first), residual: UnsafeBufferPointer(residual), rows: rows,
                scratch: UnsafeMutableBufferPointer(rebasing: scratch.dropLast()), into: target)
            }
          }
        }
      }
      #expect(scratch.last == 99 && first.last == 99 && second.last == 99 && third.last == 99)
      let found =
        switch place {
        case .input: first
        case .residual: second
        case .apart: third
        }
      return found.dropLast()
    }
  }
}
