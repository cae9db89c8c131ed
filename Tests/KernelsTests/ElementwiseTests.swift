import Foundation
import Kernels
import Tensors
import Testing

@Suite struct ElementwiseTests {
  private static let functions: [(ElementwiseFunction, @Sendable (Double) -> Double)] = [
    (.row(.relu), { max($0, 0) }), (.row(.sigmoid), { 1 / (1 + exp(-$0)) }), (.row(.silu), { $0 / (1 + exp(-$0)) }),
    (.row(.tanh), { Foundation.tanh($0) }), (.row(.exponential), { exp($0) }),
    (.row(.hardSigmoid(scale: 0.2, shift: 0.5)), { min(max(0.2 * $0 + 0.5, 0), 1) }),
    (.row(.hardSwish), { $0 * min(max($0 / 6 + 0.5, 0), 1) }), (.row(.clip(low: -1, high: 2)), { min(max($0, -1), 2) }),
    (.row(.leakyReLU(slope: 0.1)), { $0 < 0 ? 0.1 * $0 : $0 }), (.row(.affine(scale: 3, shift: -1)), { 3 * $0 - 1 }),
    (.gelu, { $0 * 0.5 * (1 + Foundation.erf($0 / 2.0.squareRoot())) }), (.erf, { Foundation.erf($0) }),
    (.geluByTanh, { 0.5 * $0 * (1 + Foundation.tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0))) }),
    (.elu(scale: 1.5), { $0 < 0 ? 1.5 * (exp($0) - 1) : $0 }), (.softplus, { log(1 + exp($0)) }),
    (.mish, { $0 * Foundation.tanh(log(1 + exp($0))) }), (.squareRoot, { $0.squareRoot() }), (.reciprocal, { 1 / $0 }),
    (.absolute, { Swift.abs($0) }), (.logarithm, { log($0) }), (.power(2), { $0 * $0 }),
    (.power(-0.5), { pow($0, -0.5) }),
    (.power(2.5), { pow($0, 2.5) }),
  ]
  private static let numbers: [Float] =
    stride(from: -30, through: 30, by: 0.0625).map { Float($0) + 0.001 } + [0, 1e-6, -1e-6, 60, -60, 87]

  @Test(arguments: functions.indices)
  func functionsAreThoseOfFoundation(index: Int) {
    let (function, expected) = Self.functions[index]
    for x in Self.numbers {
      let (found, exact) = (Double(function.value(x)), expected(Double(x)))
      if exact.isNaN {
        #expect(found.isNaN, "\(function) of \(x)")
      } else {
        #expect(
          found == exact || Swift.abs(found - exact) <= 1e-6 * max(1, Swift.abs(exact)),
          "\(function) of \(x) is \(found), not \(exact)")
      }
    }
  }

  /// The scalar value is the reference; lengths leave every rest of a register.
  @Test(arguments: functions.indices)
  func bitsDependOnNothing(index: Int) {
    let function = Self.functions[index].0
    let expected = Self.numbers.map { function.value($0).bitPattern }
    for set in InstructionSet.available {
      for count in [1, 15, 16, 17, Self.numbers.count] {
        var output = [Float](repeating: .nan, count: count)
        Self.numbers.withUnsafeBufferPointer { input in
          output.withUnsafeMutableBufferPointer { function.apply(input, count: count, instructionSet: set, into: $0) }
        }
        let isSame = zip(output, expected).allSatisfy {
          $0.bitPattern == $1 || ($0.isNaN && Float(bitPattern: $1).isNaN)
        }
        #expect(isSame, "\(function), \(set), \(count)")
      }
    }
  }
}

@Suite struct StridedWalkTests {
  @Test func axesThatAreOneAreJoined() {
    let plain = StridedWalk(shape: [2, 1, 3, 4], strides: [[12, 7, 4, 1], [12, 0, 4, 1]], offsets: [0, 0])
    #expect(plain.shape == [24])
    let turned = StridedWalk(shape: [2, 3, 4], strides: [[12, 1, 3], [12, 4, 1]], offsets: [0, 0])
    #expect(turned.shape == [2, 3, 4] && turned.reach(0) == 24)
  }

  @Test func functionsOfTwoRepeatWhatIsShort() {
    let walk = StridedWalk(shape: [2, 3], strides: [[3, 1], [0, 1], [1, 2]], offsets: [0, 0, 0])
    var output = [Float](repeating: 0, count: 6)
    [1, 2, 3, 4, 5, 6].withUnsafeBufferPointer { left in
      [10, 20, 30].withUnsafeBufferPointer { right in
        output.withUnsafeMutableBufferPointer { walk.combine(.add, left, right, into: $0) }
      }
    }
    #expect(output == [11, 14, 22, 25, 33, 36])
  }
}

@Suite struct WindowShapeTests {
  /// Windows against their definition, pixel by pixel.
  @Test func oblongSpreadAndOneSidedWindowsAreThoseOfTheirDefinition() {
    let shape = WindowShape(
      rows: WindowAxis(kernel: 2, stride: 2, before: 1, after: 2, dilation: 3),
      columns: WindowAxis(kernel: 3, stride: 1, before: 2))
    let windows = Windows(height: 6, width: 5, channels: 4, shape: shape)
    #expect((windows.rows, windows.columns) == (3, 5))
    let image = (0..<120).map { Float($0 + 1) }
    var patches = [Float](repeating: .nan, count: 15 * 6 * 2)
    image.withUnsafeBufferPointer { image in
      patches.withUnsafeMutableBufferPointer { windows.gather(image, 0..<15, part: 1..<3, into: $0) }
    }
    var index = 0
    for row in 0..<3 {
      for column in 0..<5 {
        for v in 0..<2 {
          for u in 0..<3 {
            for channel in 1..<3 {
              let (y, x) = (2 * row - 1 + 3 * v, column - 2 + u)
              let isInside = (0..<6).contains(y) && (0..<5).contains(x)
              #expect(patches[index] == (isInside ? image[(y * 5 + x) * 4 + channel] : 0))
              index += 1
            }
          }
        }
      }
    }
  }

  @Test(arguments: [true, false])
  func averagesDivideByWhatTheyCount(countsPadding: Bool) {
    let windows = Windows(height: 2, width: 2, channels: 1, kernel: 2, stride: 2, padding: 1)
    var output = [Float](repeating: .nan, count: 4)
    [4, 8, 12, 16].withUnsafeBufferPointer { image in
      output.withUnsafeMutableBufferPointer { windows.average(image, countsPadding: countsPadding, into: $0) }
    }
    #expect(output == (countsPadding ? [1, 2, 3, 4] : [4, 8, 12, 16]))
  }
}
