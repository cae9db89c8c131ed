import KernelInterfaces
import Kernels
import Tensors
import Testing

/// Every kernel that runs here against the reference, byte by byte, with weights that no filter has, too.
@Suite struct PreprocessingPassesTests {
  private static let source = CounterRandom(key: 5, stream: 23)

  private static func word(_ place: Int, _ stream: UInt32) -> UInt32 {
    source.branch(stream).word(at: UInt64(place))
  }

  private static func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: word($0, 0)) } }

  /// Weights whose sum is within a filter's; every eighth is as large as they come.
  private static func weights(_ count: Int) -> [ResamplingTaps.Pair] {
    (0..<count).map { index in
      func weight(_ tap: Int) -> Int32 {
        let drawn = Int32(bitPattern: word(2 * index + tap, 1))
        return index % 8 == 0 ? (drawn < 0 ? -1 << 21 : 1 << 22) : drawn >> 10
      }
      return ResamplingTaps.pair(weight(0), weight(1))
    }
  }

  @Test(arguments: [0, 1, -1, 2047, 2048, -2048, -2049, 1 << 22, 5_000_000, -5_000_000] as [Int32])
  func weightsAreKept(value: Int32) {
    let pair = ResamplingTaps.pair(value, 3 - value)
    #expect(ResamplingTaps.weight(pair, 0) == value && ResamplingTaps.weight(pair, 1) == 3 - value)
  }

  @Test(arguments: InstructionSet.preprocessingKernels.indices, [1, 2, 3, 4, 5, 8])
  func columnsAreTheReference(index: Int, pairs: Int) {
    let kernel = InstructionSet.preprocessingKernels[index]
    for (width, count) in [(1, 1), (2, 5), (7, 3), (40, 17), (63, 64)] {
      let rows = kernel.rowsAtOnce
      let stride = 3 * width + ResamplingTaps.bytesRead(pairs: pairs)
      let (pixels, weights) = (Self.bytes(rows * stride), Self.weights(count * pairs))
      let first = (0..<count).map { Int32(Self.word($0, 2) % UInt32(width)) }
      let targetStride = 3 * count + 16
      func made(_ kernel: any PreprocessingKernel.Type, row: Int) -> [UInt8] {
        var target = [UInt8](repeating: 7, count: (rows - row) * targetStride)
        pixels.withUnsafeBufferPointer { pixels in
          first.withUnsafeBufferPointer { first in
            weights.withUnsafeBufferPointer { weights in
              target.withUnsafeMutableBufferPointer { target in
                guard let from = pixels.baseAddress, let places = first.baseAddress, let pair = weights.baseAddress,
                  let into = target.baseAddress
                else { return }
                let taps = ResamplingTaps(first: places, weights: pair, pairs: pairs, count: count)
                kernel.resampleColumns(
                  from + row * stride, stride: stride, taps: taps, into: into, stride: targetStride)
              }
            }
          }
        }
        return target
      }
      let found = made(kernel, row: 0)
      for row in 0..<rows {
        let expected = made(ScalarPreprocessing.self, row: row)[..<(3 * count)]
        let start = row * targetStride
        #expect(found[start..<start + 3 * count].elementsEqual(expected), "\(width) to \(count), row \(row)")
      }
    }
  }

  @Test(arguments: InstructionSet.preprocessingKernels.indices, [1, 2, 3, 4, 7])
  func rowsAreTheReference(index: Int, pairs: Int) {
    let kernel = InstructionSet.preprocessingKernels[index]
    for count in [1, 3, 15, 16, 17, 31, 32, 63, 64, 65, 130] {
      let stride = count + 64
      let (pixels, weights) = (Self.bytes(2 * pairs * stride), Self.weights(pairs))
      func made(_ kernel: any PreprocessingKernel.Type) -> [UInt8] {
        var target = [UInt8](repeating: 7, count: count + 1)
        target.withUnsafeMutableBufferPointer {
          guard let into = $0.baseAddress else { return }
          kernel.resampleRows(pixels, stride: stride, weights: weights, pairs: pairs, count: count, into: into)
        }
        return target
      }
      #expect(made(kernel) == made(ScalarPreprocessing.self), "\(count) bytes")
    }
  }

  @Test(arguments: InstructionSet.preprocessingKernels.indices, [1, 5, 15, 16, 33, 256])
  func normalisedAsByDivision(index: Int, pixels: Int) {
    let kernel = InstructionSet.preprocessingKernels[index]
    let bytes = pixels == 256 ? (0..<256).flatMap { [UInt8](repeating: UInt8($0), count: 3) } : Self.bytes(3 * pixels)
    for (mean, std) in [
      (SIMD3<Float>(0.485, 0.456, 0.406), SIMD3<Float>(0.229, 0.224, 0.225)),
      (SIMD3(repeating: 0.5), SIMD3(repeating: 0.5)),
      (SIMD3(repeating: 0), SIMD3(repeating: 1)),
      (SIMD3(0.48145466, 0.4578275, 0.40821073), SIMD3(0.26862954, 0.26130258, 0.27577711)),
    ] {
      func made(_ kernel: any PreprocessingKernel.Type) -> [UInt32] {
        var target = [Float](repeating: .nan, count: bytes.count)
        target.withUnsafeMutableBufferPointer {
          guard let into = $0.baseAddress else { return }
          kernel.normalise(bytes, pixels: pixels, mean: mean, std: std, into: into)
        }
        return target.map(\.bitPattern)
      }
      #expect(made(kernel) == made(ScalarPreprocessing.self))
    }
  }
}
