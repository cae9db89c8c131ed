import KernelInterfaces

/// The reference of `PreprocessingPasses`: one number at a time.
package enum ScalarPreprocessing: PreprocessingKernel {
  package static let rowsAtOnce = 1

  package static func resampleColumns(
    _ source: UnsafePointer<UInt8>, stride: Int, taps: ResamplingTaps, into target: UnsafeMutablePointer<UInt8>,
    stride targetStride: Int
  ) {
    for column in 0..<taps.count {
      let (start, weights) = (source + 3 * Int(taps.first[column]), taps.weights + column * taps.pairs)
      for channel in 0..<3 {
        target[3 * column + channel] = level(weights, taps.pairs) { start[3 * $0 + channel] }
      }
    }
  }

  package static func resampleRows(
    _ source: UnsafePointer<UInt8>, stride: Int, weights: UnsafePointer<ResamplingTaps.Pair>, pairs: Int, count: Int,
    into target: UnsafeMutablePointer<UInt8>
  ) {
    for index in 0..<count { target[index] = level(weights, pairs) { source[$0 * stride + index] } }
  }

  private static func level(
    _ weights: UnsafePointer<ResamplingTaps.Pair>, _ pairs: Int, _ value: (_ tap: Int) -> UInt8
  ) -> UInt8 {
    let bits = Int32(ResamplingTaps.precisionBits)
    var sum: Int32 = 1 << (bits - 1)
    for tap in 0..<2 * pairs {
      let weight = ResamplingTaps.weight(weights[tap / 2], tap % 2)
      // There may be no pixel where there is no weight.
      if weight != 0 { sum &+= weight &* Int32(value(tap)) }
    }
    return UInt8(clamping: sum >> bits)
  }

  package static func normalise(
    _ bytes: UnsafePointer<UInt8>, pixels: Int, mean: SIMD3<Float>, std: SIMD3<Float>,
    into target: UnsafeMutablePointer<Float>
  ) {
    for index in 0..<3 * pixels { target[index] = (Float(bytes[index]) / 255 - mean[index % 3]) / std[index % 3] }
  }
}
