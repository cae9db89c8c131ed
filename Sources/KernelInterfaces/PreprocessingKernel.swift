/// The passes that make a network's input of a decoded picture; see `PreprocessingPasses`.
package protocol PreprocessingKernel {
  /// How many rows ``resampleColumns(_:stride:taps:into:stride:)`` takes at once.
  static var rowsAtOnce: Int { get }

  /// Resamples ``rowsAtOnce`` rows of RGB pixels to the taps' count of columns.
  ///
  /// From the first pixel of each column `ResamplingTaps.bytesRead` bytes may be read, and up to 16 bytes beyond the last
  /// column may be written.
  static func resampleColumns(
    _ source: UnsafePointer<UInt8>, stride: Int, taps: ResamplingTaps, into target: UnsafeMutablePointer<UInt8>,
    stride targetStride: Int)

  /// Adds `2 pairs` rows of `count` bytes, each times its weight.
  ///
  /// Rows are read up to 64 bytes beyond `count`.
  static func resampleRows(
    _ source: UnsafePointer<UInt8>, stride: Int, weights: UnsafePointer<ResamplingTaps.Pair>, pairs: Int, count: Int,
    into target: UnsafeMutablePointer<UInt8>)

  /// (x / 255 - mean) / std of RGB pixels by reciprocals, each quotient corrected once: what division gives for all but
  /// strange deviations.
  static func normalise(
    _ bytes: UnsafePointer<UInt8>, pixels: Int, mean: SIMD3<Float>, std: SIMD3<Float>,
    into target: UnsafeMutablePointer<Float>)
}

/// The source pixels of a row or column of target pixels, and their weights.
///
/// A weight is a whole number of 2^-22 in Pillow's fixed point and has up to 23 bits and a sign: it is taken as a high
/// part times 2^11 and a low one, so that two weights at a time are multiplied as 16-bit numbers.
package struct ResamplingTaps {
  package static let precisionBits = 22
  package static let lowBits = 11

  /// The weights of two neighbouring source pixels: the high parts of both, then the low ones.
  package typealias Pair = SIMD4<Int16>

  package static func pair(_ first: Int32, _ second: Int32) -> Pair {
    let (bits, mask) = (Int32(lowBits), Int32(1) << Int32(lowBits) - 1)
    return Pair(
      Int16(truncatingIfNeeded: first >> bits), Int16(truncatingIfNeeded: second >> bits), Int16(first & mask),
      Int16(second & mask))
  }

  /// One of a pair's two weights.
  package static func weight(_ pair: Pair, _ tap: Int) -> Int32 {
    Int32(pair[tap]) << Int32(lowBits) + Int32(pair[2 + tap])
  }

  /// The first source pixel of each target pixel.
  package let first: UnsafePointer<Int32>
  /// `[count][pairs]`; what a target pixel does not need is zero.
  package let weights: UnsafePointer<Pair>
  package let pairs: Int
  /// Target pixels.
  package let count: Int

  /// How many bytes a kernel may read from the first pixel of a column on.
  package static func bytesRead(pairs: Int) -> Int { 6 * pairs + 15 }

  package init(first: UnsafePointer<Int32>, weights: UnsafePointer<Pair>, pairs: Int, count: Int) {
    (self.first, self.weights, self.pairs, self.count) = (first, weights, pairs, count)
  }
}
