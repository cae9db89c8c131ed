/// AVX2 has no instruction for bfloat16; see `BFloat16Pairs`.
extension MatrixTile {
  static let mayHaveBF16 = false

  /// Never called.
  @inline(__always)
  mutating func add(
    pairLines left: UnsafePointer<UInt32>, panel: UnsafePointer<UInt32>, pairs: Int,
    _ next: UnsafeMutablePointer<MatrixProduct.Rounding>
  ) {}

  @inline(__always)
  static func rounded(_ low: SIMD16<Float>, _ high: SIMD16<Float>) -> SIMD16<UInt32> {
    BFloat16Pairs.rounded(low, high)
  }
}
