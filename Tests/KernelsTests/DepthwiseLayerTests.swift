import Kernels
import Tensors
import Testing

@Suite struct DepthwiseLayerTests {
  struct Shape: Sendable, CustomTestStringConvertible {
    let count, height, width, channels, kernel, stride: Int

    init(_ count: Int, _ height: Int, _ width: Int, _ channels: Int, _ kernel: Int, _ stride: Int) {
      (self.count, self.height, self.width) = (count, height, width)
      (self.channels, self.kernel, self.stride) = (channels, kernel, stride)
    }

    var testDescription: String { "\(count)x\(height)x\(width)x\(channels), \(kernel)x\(kernel) step \(stride)" }
  }

  /// Rows shorter than a tile, as long, longer, and with kernels beyond the image; channels that fill no register.
  static let shapes = [
    Shape(1, 1, 1, 1, 1, 1), Shape(2, 3, 3, 5, 3, 1), Shape(1, 4, 4, 16, 7, 1), Shape(1, 2, 7, 33, 13, 1),
    Shape(1, 5, 13, 8, 5, 1), Shape(2, 14, 14, 17, 27, 1), Shape(1, 3, 15, 16, 31, 1), Shape(1, 16, 16, 32, 13, 1),
    Shape(1, 9, 29, 7, 3, 1), Shape(1, 6, 31, 4, 31, 1), Shape(1, 28, 28, 16, 29, 1), Shape(2, 7, 8, 20, 3, 2),
    Shape(1, 15, 30, 16, 5, 2), Shape(1, 2, 43, 3, 9, 3),
  ]

  private static func values(_ count: Int, stream: UInt64) -> [Float] {
    let random = CounterRandom(key: 21, stream: stream)
    return (0..<count).map { Float(random.normal(at: UInt64($0))) }
  }

  @Test(arguments: InstructionSet.available, shapes)
  func givesTheBitsOfTheReference(set: InstructionSet, shape: Shape) {
    let input = Self.values(shape.count * shape.height * shape.width * shape.channels, stream: 1)
    let weights = Self.values(shape.channels * shape.kernel * shape.kernel, stream: 2)
    let bias = Self.values(shape.channels, stream: 3)
    let layer = DepthwiseLayer(
      weights: weights, bias: bias, channels: shape.channels, kernel: shape.kernel, stride: shape.stride,
      instructionSet: set)
    for relu in [false, true] {
      let expected = ScalarKernels.depthwise(
        input, weights, count: shape.count, height: shape.height, width: shape.width, channels: shape.channels,
        kernel: shape.kernel, stride: shape.stride, epilogue: .init(bias: bias, activation: relu ? .relu : .none))
      var output = [Float](repeating: 99, count: expected.count + 1)
      var scratch = [Float](repeating: .nan, count: layer.scratchCount(height: shape.height, width: shape.width))
      input.withUnsafeBufferPointer { input in
        scratch.withUnsafeMutableBufferPointer { scratch in
          output.withUnsafeMutableBufferPointer { output in
            layer.convolve(
              input, count: shape.count, height: shape.height, width: shape.width, relu: relu, scratch: scratch,
              into: output)
          }
        }
      }
      #expect(output.map(\.bitPattern) == (expected + [99]).map(\.bitPattern))
    }
  }

  @Test func theProductOfPatchesIsTheDenseConvolution() {
    let input = Self.values(2 * 7 * 6 * 3, stream: 4)
    let weights = Self.values(10 * 9 * 3, stream: 5)
    for stride in [1, 2] {
      let rows = 2 * ((7 - 1) / stride + 1) * ((6 - 1) / stride + 1)
      let windows = Windows(height: 7, width: 6, channels: 3, kernel: 3, stride: stride, padding: 1)
      let places = windows.rows * windows.columns
      var patches = [Float](repeating: .nan, count: rows * 27)
      input.withUnsafeBufferPointer { input in
        patches.withUnsafeMutableBufferPointer { patches in
          for image in 0..<2 {
            // In two parts that do not end with a row of places.
            for range in [0..<places / 2 - 1, places / 2 - 1..<places] {
              windows.gather(
                UnsafeBufferPointer(rebasing: input[(image * 126)..<((image + 1) * 126)]), range,
                into: UnsafeMutableBufferPointer(rebasing: patches[((image * places + range.lowerBound) * 27)...]))
            }
          }
        }
      }
      #expect(
        ScalarKernels.matrixProduct(patches, weights, rows: rows, inner: 27, columns: 10)
          == ScalarKernels.convolution(
            input, weights, count: 2, height: 7, width: 6, channels: 3, outputs: 10, kernel: 3, stride: stride))
    }
  }

  @Test func theAverageIsThatOfTheReference() {
    let input = Self.values(3 * 10 * 7, stream: 6)
    var output = [Float](repeating: .nan, count: 21)
    input.withUnsafeBufferPointer { input in
      output.withUnsafeMutableBufferPointer { output in
        FeaturePasses.globalAverage(input, count: 3, pixels: 10, channels: 7, into: output)
      }
    }
    #expect(output == ScalarKernels.globalAverage(input, count: 3, pixels: 10, channels: 7))
  }

  @Test func openBLASAgreesWithinRounding() {
    let (rows, inner, columns) = (37, 50, 21)
    let left = Self.values(rows * inner, stream: 7)
    let weights = Self.values(columns * inner, stream: 8)
    let bias = Self.values(columns, stream: 9)
    let residual = Self.values(rows * columns, stream: 10)
    let layer = PackedMatrix(
      weights: weights, bias: bias, inner: inner, columns: columns, instructionSet: .best, backend: .openblas)
    // In place: the residual is what the output holds.
    var output = residual
    left.withUnsafeBufferPointer { left in
      output.withUnsafeMutableBufferPointer { output in
        layer.multiply(left, rows: rows, activation: .gelu, residual: UnsafeBufferPointer(output), into: output)
      }
    }
    let expected = ScalarKernels.matrixProduct(
      left, weights, rows: rows, inner: inner, columns: columns,
      epilogue: .init(bias: bias, activation: .gelu, residual: residual))
    for (value, reference) in zip(output, expected) { #expect(abs(value - reference) < 1e-4) }
  }
}
