import CProcessor

/// 16 bytes of each of two rows.
@inline(__always)
func load(_ bytes: UnsafePointer<UInt8>, _ stride: Int) -> gauntlet_bytes {
  let start = UnsafeRawPointer(bytes)
  return SIMD32(
    lowHalf: start.loadUnaligned(as: SIMD16<UInt8>.self),
    highHalf: start.loadUnaligned(fromByteOffset: stride, as: SIMD16<UInt8>.self))
}

@inline(__always)
func store(_ rows: gauntlet_bytes, _ bytes: UnsafeMutablePointer<UInt8>, _ stride: Int) {
  let start = UnsafeMutableRawPointer(bytes)
  start.storeBytes(of: rows.lowHalf, as: SIMD16<UInt8>.self)
  start.storeBytes(of: rows.highHalf, toByteOffset: stride, as: SIMD16<UInt8>.self)
}
