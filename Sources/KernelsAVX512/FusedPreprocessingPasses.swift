import CProcessor
import KernelInterfaces

/// `PreprocessingPasses` where one instruction multiplies 16-bit numbers and adds: AVX512_VNNI.
package enum FusedPreprocessingPasses: PreprocessingKernel {
  package static var rowsAtOnce: Int { PreprocessingPasses.rowsAtOnce }

  package static func resampleColumns(
    _ source: UnsafePointer<UInt8>, stride: Int, taps: ResamplingTaps, into target: UnsafeMutablePointer<UInt8>,
    stride targetStride: Int
  ) {
    Resampling<OneStep>.columns(source, stride: stride, taps: taps, into: target, stride: targetStride)
  }

  package static func resampleRows(
    _ source: UnsafePointer<UInt8>, stride: Int, weights: UnsafePointer<ResamplingTaps.Pair>, pairs: Int, count: Int,
    into target: UnsafeMutablePointer<UInt8>
  ) {
    Resampling<OneStep>.rows(source, stride: stride, weights: weights, pairs: pairs, count: count, into: target)
  }

  package static func normalise(
    _ bytes: UnsafePointer<UInt8>, pixels: Int, mean: SIMD3<Float>, std: SIMD3<Float>,
    into target: UnsafeMutablePointer<Float>
  ) {
    PreprocessingPasses.normalise(bytes, pixels: pixels, mean: mean, std: std, into: target)
  }
}

private enum OneStep: PairSums {
  @inline(__always)
  static func add(_ numbers: gauntlet_shorts, _ weights: gauntlet_shorts, to sums: inout gauntlet_ints) {
    sums = gauntlet_add_pair_sums(sums, numbers, weights)
  }
}
