/// AVX2 has no instruction for bfloat16; see `BFloat16Pairs`.
enum BFloat16Tile {
  static let mayBeNative = false

  static func sums(
    left: UnsafePointer<UInt32>, rowPairs: Int, panel: UnsafePointer<UInt32>, pairs: Int,
    into target: UnsafeMutablePointer<Float>
  ) {
    BFloat16Pairs.sums(left: left, rowPairs: rowPairs, panel: panel, pairs: pairs, into: target)
  }

  /// Gives false: there is no such instruction.
  @inline(__always)
  static func finished(
    left: UnsafePointer<UInt32>, rowPairs: Int, panel: UnsafePointer<UInt32>, pairs: Int,
    into target: UnsafeMutablePointer<Float>, stride: Int, bias: UnsafePointer<Float>?, residual: UnsafePointer<Float>?,
    relu: Bool
  ) -> Bool { false }

  @inline(__always)
  static func rounded(_ values: SIMD16<Float>) -> SIMD8<UInt32> { BFloat16Pairs.rounded(values) }
}
