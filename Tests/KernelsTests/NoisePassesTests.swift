import Foundation
import Kernels
import Tensors
import Testing

@Suite struct NoisePassesTests {
  private static let source = CounterRandom(key: 0x1234_5678_9ABC_DEF0, stream: 0x0FED_CBA9_8765_4321)

  /// Value i's word, block by block.
  private static func word(_ index: Int, of kind: Int) -> UInt32 {
    source.word(at: UInt64(4 * (16 * (index / 64) + index % 16) + kind))
  }

  @Test func wordsAreThoseOfPhiloxOnEveryInstructionSet() {
    for set in InstructionSet.available {
      var words = [UInt32](repeating: 0, count: 320)
      words.withUnsafeMutableBufferPointer {
        guard let start = $0.baseAddress else { return }
        set.noiseKernel.words(start, groups: 5, Self.source.noiseSource)
      }
      #expect(words.indices.allSatisfy { words[$0] == Self.word($0, of: $0 / 16 % 4) }, "\(set)")
    }
  }

  @Test func normalNumbersAreThoseOfBoxAndMuller() {
    var expected: [UInt32]?
    for set in InstructionSet.available {
      var numbers = [Float](repeating: .nan, count: 64 * 300)
      numbers.withUnsafeMutableBufferPointer {
        guard let start = $0.baseAddress else { return }
        set.noiseKernel.normals(start, groups: 300, Self.source.noiseSource)
      }
      #expect(numbers.map(\.bitPattern) == expected ?? numbers.map(\.bitPattern), "\(set)")
      expected = numbers.map(\.bitPattern)
      for index in numbers.indices {
        let pair = index / 32 % 2 * 2
        let uniform = (Double(Self.word(index, of: pair) >> 9) + 0.5) * 0x1p-23
        let turns = Double(Self.word(index, of: pair + 1) & ~127) * 0x1p-32 * 2 * .pi
        let exact = (-2 * log(uniform)).squareRoot() * (index / 16 % 2 == 0 ? cos(turns) : sin(turns))
        #expect(abs(Double(numbers[index]) - exact) <= 2e-6 * max(1, abs(exact)), "\(set), \(index)")
      }
    }
  }

  /// Moments of 1.2 million numbers, within four of their standard errors.
  @Test func normalNumbersHaveTheMomentsOfTheirDistribution() {
    let count = 64 * 20_000
    var numbers = [Float](repeating: .nan, count: count)
    numbers.withUnsafeMutableBufferPointer {
      guard let start = $0.baseAddress else { return }
      InstructionSet.best.noiseKernel.normals(start, groups: count / 64, Self.source.noiseSource)
    }
    let error = 4 / Double(count).squareRoot()
    func mean(_ power: Int) -> Double { numbers.reduce(0) { $0 + pow(Double($1), Double(power)) } / Double(count) }
    #expect(abs(mean(1)) < error)
    #expect(abs(mean(2) - 1) < error * 2.0.squareRoot())
    #expect(abs(mean(3)) < error * 15.0.squareRoot())
    #expect(abs(mean(4) - 3) < error * 96.0.squareRoot())
    let pairs = stride(from: 0, to: count, by: 64).flatMap { start in
      (0..<16).map { (numbers[start + $0], numbers[start + 16 + $0]) }
    }
    let correlation = pairs.reduce(0.0) { $0 + Double($1.0 * $1.1) } / Double(pairs.count)
    #expect(abs(correlation) < 4 / Double(pairs.count).squareRoot())
  }

  /// Noise against its definition, value by value, at lengths that leave every rest.
  @Test(arguments: [1, 15, 63, 64, 65, 200, 1000])
  func noisesAreThoseOfTheirDefinition(count: Int) {
    let pixels = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37) }
    var numbers = [Float](repeating: .nan, count: (count + 63) / 64 * 64)
    numbers.withUnsafeMutableBufferPointer {
      guard let start = $0.baseAddress else { return }
      InstructionSet.scalar.noiseKernel.normals(start, groups: (count + 63) / 64, Self.source.noiseSource)
    }
    func cut(_ value: Float) -> UInt8 { UInt8(min(max(value, 0), 255)) }
    for set in InstructionSet.available {
      func changed(_ change: (UnsafeMutablePointer<UInt8>) -> Void) -> [UInt8] {
        var copy = pixels
        copy.withUnsafeMutableBufferPointer { if let start = $0.baseAddress { change(start) } }
        return copy
      }
      let added = changed {
        set.noiseKernel.gaussian($0, count: count, scale: 46, multiplies: false, Self.source.noiseSource)
      }
      #expect(added == pixels.indices.map { cut(Float(pixels[$0]) + numbers[$0] * 46) }, "\(set)")
      let scaled = changed {
        set.noiseKernel.gaussian($0, count: count, scale: 0.35, multiplies: true, Self.source.noiseSource)
      }
      #expect(
        scaled == pixels.indices.map { cut(Float(pixels[$0]) + Float(pixels[$0]) * (numbers[$0] * 0.35)) }, "\(set)")
      let salted = changed {
        set.noiseKernel.impulse($0, count: count, white: 1 << 29, changed: 1 << 30, Self.source.noiseSource)
      }
      #expect(
        salted
          == pixels.indices.map {
            let word = Self.word($0, of: $0 / 16 % 4)
            return word < 1 << 29 ? 255 : word < 1 << 30 ? 0 : pixels[$0]
          }, "\(set)")
    }
  }
}
