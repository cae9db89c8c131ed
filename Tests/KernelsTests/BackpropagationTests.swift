import Foundation
import Kernels
import Tensors
import Testing

/// The passes of backpropagation: the same bits on every instruction set, and the numbers of float64.
@Suite struct BackpropagationTests {
  private static func numbers(_ count: Int, _ stream: UInt64) -> [Float] {
    let random = CounterRandom(key: 3, stream: stream)
    return (0..<count).map { Float(random.word(at: UInt64($0)) >> 8) * 0x1p-21 - 4 }
  }

  /// What a pass writes, for each instruction set alike.
  private func result(
    _ count: Int, _ pass: (Backpropagation, UnsafeMutableBufferPointer<Float>) -> Void
  ) throws -> [Float] {
    var expected: [Float]?
    for set in InstructionSet.available {
      var output = [Float](repeating: .nan, count: count)
      output.withUnsafeMutableBufferPointer { pass(Backpropagation(set), $0) }
      #expect(output.map(\.bitPattern) == (expected ?? output).map(\.bitPattern), "\(set)")
      expected = output
    }
    return try #require(expected)
  }

  @Test func geluHasTheBitsOfTheProductsEnd() throws {
    let values = Self.numbers(83, 1) + [0, -0.0, 9, -9, 40, -40]
    let found = try values.withUnsafeBufferPointer { values in
      try result(values.count) { $0.gelu(values, count: values.count, into: $1) }
    }
    #expect(found.map(\.bitPattern) == values.map { ErrorFunction.gelu($0).bitPattern })
  }

  @Test func geluGradientIsItsSlope() throws {
    let values = Self.numbers(83, 2) + [0, 7, -7, 30, -30]
    let gradient = Self.numbers(88, 3)
    let found = try values.withUnsafeBufferPointer { values in
      try gradient.withUnsafeBufferPointer { gradient in
        try result(88) { $0.geluGradient(gradient, values, count: 88, into: $1) }
      }
    }
    for (index, x) in values.map({ Double($0) }).enumerated() {
      let slope = 0.5 * (1 + erf(x / 2.0.squareRoot())) + x * exp(-x * x / 2) / (2 * Double.pi).squareRoot()
      #expect(abs(Double(found[index]) - slope * Double(gradient[index])) < 2e-6)
    }
  }

  @Test(arguments: [(3, 40), (5, 7)])
  func gradientOfLayerNormalisation(rows: Int, channels: Int) throws {
    let count = rows * channels
    let (values, gradient) = (Self.numbers(count, 4), Self.numbers(count, 5))
    let (weight, residual) = (Self.numbers(channels, 6), Self.numbers(count, 7))
    let found = try values.withUnsafeBufferPointer { values in
      try gradient.withUnsafeBufferPointer { gradient in
        try residual.withUnsafeBufferPointer { residual in
          try result(count) {
            $0.layer(
              gradient, values, rows: rows, channels: channels, weight: weight, epsilon: 1e-5, residual: residual,
              into: $1)
          }
        }
      }
    }
    let groups = (0..<rows).map { row in (0..<channels).map { row * channels + $0 } }
    let expected = Self.normalisationGradient(values, gradient, groups, epsilon: 1e-5) { weight[$0 % channels] }
    for index in 0..<count { #expect(abs(Double(found[index] - residual[index]) - expected[index]) < 1e-5) }
  }

  @Test func gradientOfGroupNormalisation() throws {
    let (pixels, channels, groups) = (6, 20, 5)
    let count = 2 * pixels * channels
    let (values, gradient, weight) = (Self.numbers(count, 8), Self.numbers(count, 9), Self.numbers(channels, 10))
    let found = try values.withUnsafeBufferPointer { values in
      try gradient.withUnsafeBufferPointer { gradient in
        try result(count) {
          $0.group(
            gradient, values, count: 2, pixels: pixels, channels: channels, groups: groups, weight: weight,
            epsilon: 1e-5, into: $1)
        }
      }
    }
    let members = (0..<2).flatMap { image in
      (0..<groups).map { group in
        (0..<pixels).flatMap { pixel in (0..<4).map { (image * pixels + pixel) * channels + group * 4 + $0 } }
      }
    }
    let expected = Self.normalisationGradient(values, gradient, members, epsilon: 1e-5) { weight[$0 % channels] }
    for index in 0..<count { #expect(abs(Double(found[index]) - expected[index]) < 1e-5) }
  }

  /// scale (h - mean(h) - n mean(h n)) in float64.
  private static func normalisationGradient(
    _ values: [Float], _ gradient: [Float], _ groups: [[Int]], epsilon: Double, weight: (Int) -> Float
  ) -> [Double] {
    var result = [Double](repeating: .nan, count: values.count)
    for group in groups {
      let count = Double(group.count)
      let mean = group.reduce(0) { $0 + Double(values[$1]) } / count
      let variance = group.reduce(0) { $0 + (Double(values[$1]) - mean) * (Double(values[$1]) - mean) } / count
      let scale = 1 / (variance + epsilon).squareRoot()
      let h = group.map { Double(gradient[$0]) * Double(weight($0)) }
      let n = group.map { (Double(values[$0]) - mean) * scale }
      let first = h.reduce(0, +) / count
      let second = zip(h, n).reduce(0) { $0 + $1.0 * $1.1 } / count
      for (place, index) in group.enumerated() { result[index] = scale * (h[place] - first - n[place] * second) }
    }
    return result
  }

  @Test(arguments: [(2, 50), (3, 5)])
  func gradientOfSoftmax(rows: Int, columns: Int) throws {
    var probabilities = Self.numbers(rows * columns, 11)
    probabilities.withUnsafeMutableBufferPointer {
      Normalisation.softmax($0, rows: rows, columns: columns, instructionSet: .scalar)
    }
    let gradient = Self.numbers(rows * columns, 12)
    let found = try probabilities.withUnsafeBufferPointer { probabilities in
      try gradient.withUnsafeBufferPointer { gradient in
        try result(rows * columns) { $0.softmax(gradient, probabilities, rows: rows, columns: columns, into: $1) }
      }
    }
    for row in 0..<rows {
      let range = row * columns..<(row + 1) * columns
      let sum = range.reduce(0.0) { $0 + Double(gradient[$1]) * Double(probabilities[$1]) }
      for index in range {
        #expect(abs(Double(found[index]) - Double(probabilities[index]) * (Double(gradient[index]) - sum)) < 1e-6)
      }
    }
  }

  /// Of equal numbers the first has the gradient, as PyTorch does.
  @Test func maximaGiveTheirGradientToTheFirst() {
    let windows = Windows(
      height: 1, width: 5, channels: 1,
      shape: WindowShape(
        rows: WindowAxis(kernel: 1), columns: WindowAxis(kernel: 3, stride: 2)))
    let (image, gradient): ([Float], [Float]) = ([2, 1, 2, 2, 0], [10, 7])
    var output = [Float](repeating: .nan, count: 5)
    image.withUnsafeBufferPointer { image in
      gradient.withUnsafeBufferPointer { gradient in
        output.withUnsafeMutableBufferPointer {
          windows.maximumGradient(gradient, of: image, countsPadding: false, into: $0)
        }
      }
    }
    #expect(output == [10, 0, 7, 0, 0])
  }

  @Test(arguments: [
    ElementwiseFunction.gelu, .geluByTanh, .erf, .elu(scale: 0.7), .softplus, .mish, .absolute, .power(3), .row(.relu),
    .row(.sigmoid), .row(.silu), .row(.tanh), .row(.exponential), .row(.hardSigmoid(scale: 0.2, shift: 0.5)),
    .row(.hardSwish), .row(.clip(low: -1, high: 1.5)), .row(.leakyReLU(slope: 0.1)),
    .row(.affine(scale: 2, shift: 1)),
  ])
  func slopesAreThose(of function: ElementwiseFunction) {
    for x: Float in [-3.7, -2.2, -0.6, 0.3, 1.1, 2.6, 4.1] {
      let step: Float = 0x1p-8
      let slope = (function.value(x + step) - function.value(x - step)) * 0x1p7
      #expect(abs(function.slope(at: x) - slope) < 2e-3 * max(1, abs(slope)), "\(function) at \(x)")
    }
  }

  @Test(arguments: [ElementwiseFunction.squareRoot, .reciprocal, .logarithm, .power(1.7), .power(-0.5)])
  func slopesOfPositiveNumbers(of function: ElementwiseFunction) {
    for x: Float in [0.4, 1.3, 5] {
      let slope = (function.value(x + 0x1p-9) - function.value(x - 0x1p-9)) * 0x1p8
      #expect(abs(function.slope(at: x) - slope) < 2e-3 * max(1, abs(slope)), "\(function) at \(x)")
    }
  }

  /// A number that is copied twice has the gradients of both copies.
  @Test func gradientsOfCopiesAreAdded() {
    let walk = StridedWalk(shape: [2, 3], strides: [[0, 1], [3, 1]], offsets: [0, 0])
    let gradient: [Float] = [1, 2, 3, 40, 50, 60]
    var output: [Float] = [0, 0, 0]
    gradient.withUnsafeBufferPointer { gradient in
      output.withUnsafeMutableBufferPointer { walk.scatter(gradient, into: $0) }
    }
    #expect(output == [41, 52, 63])
  }

  /// Half for each side, as PyTorch has it.
  @Test(arguments: [BinaryFunction.maximum, .minimum])
  func slopesOfEqualNumbers(of function: BinaryFunction) {
    #expect(function.slopes(1.25, 1.25) == (0.5, 0.5))
  }

  @Test(arguments: [BinaryFunction.add, .subtract, .multiply, .divide, .maximum, .minimum, .power])
  func slopesOfPairs(of function: BinaryFunction) {
    for (a, b): (Float, Float) in [(1.5, 2.25), (2.5, 0.75)] {
      let step: Float = 0x1p-8
      let found = function.slopes(a, b)
      let first = (function(a + step, b) - function(a - step, b)) * 0x1p7
      let second = (function(a, b + step) - function(a, b - step)) * 0x1p7
      #expect(abs(found.0 - first) < 2e-3 * max(1, abs(first)), "\(function)")
      #expect(abs(found.1 - second) < 2e-3 * max(1, abs(second)), "\(function)")
    }
  }
}
