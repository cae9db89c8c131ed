/// The upper half of a float32: 8 bits of exponent, 7 of fraction.
package enum BFloat16 {
  /// The bits of the bfloat16 nearest to `value`, ties to even, in the lower half of the result.
  ///
  /// Numbers too small for a normal one become zeros of their sign, and a NaN stays one, as VCVTNEPS2BF16 has it.
  @inlinable
  package static func bits(rounding value: Float) -> UInt32 {
    let bits = value.bitPattern
    if value.isNaN { return bits >> 16 | 0x40 }
    if value.isSubnormal { return (bits >> 31) << 15 }
    return (bits &+ 0x7fff &+ (bits >> 16 & 1)) >> 16
  }
}
