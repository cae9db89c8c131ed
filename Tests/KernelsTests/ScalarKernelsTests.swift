import Kernels
import Tensors
import Testing

@Suite struct ScalarKernelsTests {
  private static func values(_ count: Int, stream: UInt64) -> [Float] {
    let random = CounterRandom(key: 11, stream: stream)
    return (0..<count).map { Float(random.normal(at: UInt64($0))) }
  }

  /// A zero-padded convolution in float64, which knows nothing of skipped taps or chains.
  private static func padded(
    _ input: [Float], height: Int, width: Int, kernel: Int, stride: Int, weights: [Float]
  ) -> [Double] {
    var output: [Double] = []
    for row in starts(height, kernel, stride) {
      for column in starts(width, kernel, stride) {
        var sum = 0.0
        for v in 0..<kernel {
          for u in 0..<kernel {
            let y = row + v
            let x = column + u
            let inside = y >= 0 && y < height && x >= 0 && x < width
            sum += (inside ? Double(input[y * width + x]) : 0) * Double(weights[v * kernel + u])
          }
        }
        output.append(sum)
      }
    }
    return output
  }

  private static func starts(_ extent: Int, _ kernel: Int, _ step: Int) -> [Int] {
    Array(Swift.stride(from: -(kernel / 2), through: extent - 1 - kernel / 2, by: step))
  }

  @Test(arguments: [(7, 9, 3, 1), (8, 8, 3, 2), (7, 7, 13, 1), (5, 4, 31, 1), (1, 1, 5, 1), (9, 7, 5, 2)])
  func depthwiseIsThePaddedConvolution(height: Int, width: Int, kernel: Int, stride: Int) {
    let input = Self.values(height * width, stream: 1)
    let weights = Self.values(kernel * kernel, stream: 2)
    let output = ScalarKernels.depthwise(
      input, weights, count: 1, height: height, width: width, channels: 1, kernel: kernel, stride: stride)
    let expected = Self.padded(
      input, height: height, width: width, kernel: kernel, stride: stride, weights: weights)
    #expect(output.count == expected.count)
    for (value, reference) in zip(output, expected) {
      #expect(abs(Double(value) - reference) < 1e-5 * Double(kernel))
    }
  }

  @Test func aDepthwiseChannelIsADenseConvolutionOfOneChannel() {
    let (height, width, channels, kernel) = (6, 5, 3, 3)
    let input = Self.values(2 * height * width * channels, stream: 3)
    let weights = Self.values(channels * kernel * kernel, stream: 4)
    let together = ScalarKernels.depthwise(
      input, weights, count: 2, height: height, width: width, channels: channels, kernel: kernel)
    for channel in 0..<channels {
      let plane = Swift.stride(from: channel, to: input.count, by: channels).map { input[$0] }
      let alone = ScalarKernels.convolution(
        plane, Array(weights[channel * 9..<channel * 9 + 9]), count: 2, height: height, width: width, channels: 1,
        outputs: 1, kernel: kernel)
      #expect(alone == Swift.stride(from: channel, to: together.count, by: channels).map { together[$0] })
    }
  }

  @Test func aPointwiseConvolutionIsTheMatrixProductBitForBit() {
    let input = Self.values(4 * 4 * 24, stream: 5)
    let weights = Self.values(10 * 24, stream: 6)
    let epilogue = ScalarKernels.Epilogue(
      bias: Self.values(10, stream: 7), activation: .gelu, residual: Self.values(4 * 4 * 10, stream: 8))
    #expect(
      ScalarKernels.convolution(
        input, weights, count: 1, height: 4, width: 4, channels: 24, outputs: 10, kernel: 1, epilogue: epilogue)
        == ScalarKernels.matrixProduct(input, weights, rows: 16, inner: 24, columns: 10, epilogue: epilogue))
  }

  @Test func anImageDoesNotDependOnItsBatchMates() {
    let size = 6 * 6 * 2
    let images = Self.values(3 * size, stream: 9)
    let weights = Self.values(2 * 25, stream: 10)
    func convolve(_ input: [Float], _ count: Int) -> [Float] {
      ScalarKernels.depthwise(input, weights, count: count, height: 6, width: 6, channels: 2, kernel: 5)
    }
    #expect(Array(convolve(images, 3)[size..<2 * size]) == convolve(Array(images[size..<2 * size]), 1))
  }

  @Test func theChainFusesAndStartsFromTheFirstTerm() {
    // (1 + e)^2 - 1 keeps e^2 only where the product is not rounded before it is added.
    let e = Float.ulpOfOne
    let product = ScalarKernels.matrixProduct([-1, 1 + e], [1, 1 + e], rows: 1, inner: 2, columns: 1)
    #expect(product == [2 * e + e * e])
  }

  @Test func theAverageIsOverPixels() {
    #expect(
      ScalarKernels.globalAverage([1, 10, 3, 30, 5, 50, 7, 70], count: 2, pixels: 2, channels: 2) == [2, 20, 6, 60])
  }
}
