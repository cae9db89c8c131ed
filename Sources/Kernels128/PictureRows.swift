import CProcessor

/// 16 bytes of one row.
@inline(__always)
func load(_ bytes: UnsafePointer<UInt8>, _ stride: Int) -> gauntlet_bytes {
  UnsafeRawPointer(bytes).loadUnaligned(as: SIMD16<UInt8>.self)
}

@inline(__always)
func store(_ rows: gauntlet_bytes, _ bytes: UnsafeMutablePointer<UInt8>, _ stride: Int) {
  UnsafeMutableRawPointer(bytes).storeBytes(of: rows, as: SIMD16<UInt8>.self)
}
