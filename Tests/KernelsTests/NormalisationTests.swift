import Foundation
import Kernels
import Tensors
import Testing

/// Normalisations, softmax, attention and pooling against the plainest computation in float64.
@Suite struct NormalisationTests {
  private func numbers(_ count: Int, stream: UInt64) -> [Float] {
    let random = CounterRandom(key: 5, stream: stream)
    return (0..<count).map { Float(random.normal(at: UInt64($0))) }
  }

  @Test(arguments: [1, 7, 16, 33, 96])
  func layerNormalisationIsTheFormula(channels: Int) {
    let input = numbers(3 * channels, stream: 1)
    let (weight, bias) = (numbers(channels, stream: 2), numbers(channels, stream: 3))
    var output = [Float](repeating: .nan, count: input.count)
    input.withUnsafeBufferPointer { input in
      output.withUnsafeMutableBufferPointer {
        Normalisation.layer(
          input, rows: 3, channels: channels, weight: weight, bias: bias, epsilon: 1e-3,
          instructionSet: .best, into: $0)
      }
    }
    for row in 0..<3 {
      let values = input[(row * channels)..<((row + 1) * channels)].map { Double($0) }
      let mean = values.reduce(0, +) / Double(channels)
      let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(channels)
      for channel in 0..<channels {
        let expected =
          (values[channel] - mean) / (variance + 1e-3).squareRoot() * Double(weight[channel]) + Double(bias[channel])
        #expect(abs(Double(output[row * channels + channel]) - expected) < 2e-5)
      }
    }
  }

  @Test func exponentialIsWithinTwoUnits() {
    for step in 0..<8700 {
      let x = -Float(step) / 100
      let expected = exp(Double(x))
      #expect(abs(Double(Normalisation.exponential(x)) - expected) <= 2 * 0x1p-23 * expected, "\(x)")
    }
    #expect(Normalisation.exponential(-1000) == 0)
    #expect(Normalisation.exponential(.nan).isNaN)
  }

  @Test func sixteenExponentialsHaveTheBitsOfOne() {
    var x: Float = -90
    while x <= 0 {
      var values = SIMD16<Float>()
      for lane in 0..<16 {
        values[lane] = x
        x += 0.000_7
      }
      values[3] = .nan
      let found = Normalisation.exponential(values)
      for lane in 0..<16 {
        #expect(found[lane].bitPattern == Normalisation.exponential(values[lane]).bitPattern, "\(values[lane])")
      }
    }
  }

  @Test func softmaxIsTheFormula() {
    var values = numbers(5 * 37, stream: 4).map { $0 * 5 }
    let before = values
    values.withUnsafeMutableBufferPointer { Normalisation.softmax($0, rows: 5, columns: 37, instructionSet: .best) }
    for row in 0..<5 {
      let exponentials = before[(row * 37)..<((row + 1) * 37)].map { exp(Double($0)) }
      let total = exponentials.reduce(0, +)
      for column in 0..<37 { #expect(abs(Double(values[row * 37 + column]) - exponentials[column] / total) < 1e-6) }
    }
  }

  /// Passes over rows in registers of every width, whole and partial ones.
  @Test(arguments: InstructionSet.available, [1, 7, 16, 33, 96])
  func passesOverRowsGiveTheBitsOfTheReference(set: InstructionSet, channels: Int) {
    let input = numbers(9 * channels, stream: 6)
    let (weight, bias) = (numbers(channels, stream: 7), numbers(channels, stream: 8))
    func results(_ set: InstructionSet) -> [[UInt32]] {
      func bits(_ body: (UnsafeBufferPointer<Float>, UnsafeMutableBufferPointer<Float>) -> Void) -> [UInt32] {
        var output = input
        input.withUnsafeBufferPointer { input in output.withUnsafeMutableBufferPointer { body(input, $0) } }
        return output.map(\.bitPattern)
      }
      let windows = Windows(height: 3, width: 3, channels: channels, kernel: 3, stride: 2, padding: 1)
      return [
        bits {
          Normalisation.layer(
            $0, rows: 9, channels: channels, weight: weight, bias: bias, epsilon: 1e-3, instructionSet: set, into: $1)
        },
        bits {
          Normalisation.group(
            $0, count: 1, pixels: 9, channels: channels, groups: channels % 7 == 0 ? 7 : 1, weight: weight, bias: bias,
            epsilon: 1e-3, relu: true, instructionSet: set, into: $1)
        },
        bits { Normalisation.softmax($1, rows: 9, columns: $0.count / 9, instructionSet: set) },
        bits { windows.maximum($0, countsPadding: false, instructionSet: set, into: $1) },
      ]
    }
    #expect(results(set) == results(.scalar))
  }

  /// Windows of 1, 5 and 37 tokens, heads of less than a register, with and without biases.
  @Test(arguments: InstructionSet.available, [1, 5, 37])
  func attentionGivesTheBitsOfTheReference(set: InstructionSet, size: Int) {
    let (heads, headSize) = (3, 12)
    let windows = [Array(0..<size), Array((size..<2 * size).reversed())]
    let projected = numbers(2 * size * 3 * heads * headSize, stream: 9)
    for biases in [[], [numbers(heads * size * size, stream: 10)]] {
      func bits(_ set: InstructionSet) -> [UInt32] {
        let attention = Attention(
          heads: heads, headSize: headSize, windows: windows, biases: biases, instructionSet: set, backend: .native)
        var output = [Float](repeating: .nan, count: 2 * size * heads * headSize)
        var scratch = [Float](repeating: .nan, count: attention.scratchCount)
        projected.withUnsafeBufferPointer { projected in
          output.withUnsafeMutableBufferPointer { output in
            scratch.withUnsafeMutableBufferPointer { attention.attend(projected, scratch: $0, into: output) }
          }
        }
        return output.map(\.bitPattern)
      }
      #expect(bits(set) == bits(.scalar))
    }
  }

  @Test func poolingCountsPaddingOnlyWhenAsked() {
    let image = [Float](repeating: -1, count: 4)
    let windows = Windows(height: 2, width: 2, channels: 1, kernel: 3, stride: 2, padding: 1)
    for (countsPadding, expected) in [(true, Float(0)), (false, -1)] {
      var output: [Float] = [.nan]
      image.withUnsafeBufferPointer { image in
        output.withUnsafeMutableBufferPointer {
          windows.maximum(image, countsPadding: countsPadding, instructionSet: .best, into: $0)
        }
      }
      #expect(output == [expected])
    }
  }
}
