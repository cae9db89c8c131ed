import Kernels
import Tensors
import Testing

@Suite struct WinogradConvolutionTests {
  struct Shape: Sendable, CustomTestStringConvertible {
    let count, height, width, inputs, outputs: Int
    var testDescription: String { "\(count)x\(height)x\(width)x\(inputs) to \(outputs)" }
  }

  /// One pixel, odd and even sides, more tiles than are multiplied together.
  static let shapes = [
    Shape(count: 1, height: 1, width: 1, inputs: 16, outputs: 16),
    Shape(count: 2, height: 5, width: 4, inputs: 48, outputs: 32),
    Shape(count: 3, height: 14, width: 15, inputs: 16, outputs: 32),
  ]

  private static func values(_ count: Int, stream: UInt64) -> [Float] {
    let random = CounterRandom(key: 12, stream: stream)
    return (0..<count).map { Float(random.normal(at: UInt64($0))) }
  }

  private static func convolve(
    _ layer: WinogradConvolution, _ input: [Float], _ shape: Shape, activation: Activation, residual: [Float]?
  ) -> [Float] {
    var output = [Float](repeating: 99, count: shape.count * shape.height * shape.width * shape.outputs + 1)
    var scratch = [Float](repeating: .nan, count: layer.scratchCount)
    input.withUnsafeBufferPointer { input in
      output.withUnsafeMutableBufferPointer { output in
        scratch.withUnsafeMutableBufferPointer { scratch in
          func run(_ residual: UnsafeBufferPointer<Float>?) {
            layer.convolve(
              input, count: shape.count, height: shape.height, width: shape.width, activation: activation,
              residual: residual,
              scratch: scratch, into: output)
          }
          if let residual { residual.withUnsafeBufferPointer { run($0) } } else { run(nil) }
        }
      }
    }
    #expect(output.last == 99)
    return Array(output.dropLast())
  }

  @Test(arguments: InstructionSet.available, shapes)
  func givesTheBitsOfTheReference(set: InstructionSet, shape: Shape) {
    let pixels = shape.count * shape.height * shape.width
    let input = Self.values(pixels * shape.inputs, stream: 1)
    let weights = Self.values(9 * shape.inputs * shape.outputs, stream: 2)
    let bias = Self.values(shape.outputs, stream: 3)
    let residual = Self.values(pixels * shape.outputs, stream: 4)
    let layer = WinogradConvolution(
      weights: weights, bias: bias, inputs: shape.inputs, outputs: shape.outputs, instructionSet: set)
    for (activation, addition) in [(Activation.none, nil), (.relu, residual), (.reluOfSum, residual)] {
      let expected = ScalarKernels.winogradConvolution(
        input, weights, count: shape.count, height: shape.height, width: shape.width, inputs: shape.inputs,
        outputs: shape.outputs, epilogue: .init(bias: bias, activation: activation, residual: addition))
      let found = Self.convolve(layer, input, shape, activation: activation, residual: addition)
      #expect(found.map(\.bitPattern) == expected.map(\.bitPattern))
    }
  }

  /// Against the direct chain over the taps; both err, each by less than this.
  @Test func isTheConvolution() {
    let shape = Shape(count: 1, height: 9, width: 10, inputs: 64, outputs: 64)
    let input = Self.values(90 * 64, stream: 5)
    let weights = Self.values(9 * 64 * 64, stream: 6)
    let direct = ScalarKernels.convolution(
      input, weights, count: 1, height: 9, width: 10, channels: 64, outputs: 64, kernel: 3,
      epilogue: .init(bias: [Float](repeating: 0, count: 64)))
    let layer = WinogradConvolution(
      weights: weights, bias: [Float](repeating: 0, count: 64), inputs: 64, outputs: 64,
      instructionSet: .best)
    let found = Self.convolve(layer, input, shape, activation: .none, residual: nil)
    let largest = direct.map { abs($0) }.max() ?? 0
    let error = zip(found, direct).map { abs($0 - $1) }.max() ?? .infinity
    #expect(error < 2e-6 * largest)
  }

  @Test func anImageDoesNotDependOnItsNeighbours() {
    let (one, three) = (
      Shape(count: 1, height: 13, width: 14, inputs: 16, outputs: 16),
      Shape(count: 3, height: 13, width: 14, inputs: 16, outputs: 16)
    )
    let input = Self.values(3 * 13 * 14 * 16, stream: 7)
    let layer = WinogradConvolution(
      weights: Self.values(9 * 256, stream: 8), bias: Self.values(16, stream: 9), inputs: 16, outputs: 16,
      instructionSet: .best)
    let size = 13 * 14 * 16
    let alone = (0..<3).flatMap {
      Self.convolve(layer, Array(input[$0 * size..<($0 + 1) * size]), one, activation: .relu, residual: nil)
    }
    #expect(Self.convolve(layer, input, three, activation: .relu, residual: nil) == alone)
  }
}
