import CProcessor

/// `PreprocessingPasses` where one instruction multiplies 16-bit numbers and adds: AVX512_VNNI.
package enum FusedPreprocessingPasses: PairSummingKernel {
  @inline(__always)
  package static func addPairs(_ numbers: gauntlet_shorts, _ weights: gauntlet_shorts, to sums: inout gauntlet_ints) {
    sums = gauntlet_add_pair_sums(sums, numbers, weights)
  }
}
