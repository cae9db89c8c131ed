import CProcessor

/// 16 bytes of each of four rows.
@inline(__always)
func load(_ bytes: UnsafePointer<UInt8>, _ stride: Int) -> gauntlet_bytes {
  let start = UnsafeRawPointer(bytes)
  @inline(__always) func row(_ index: Int) -> SIMD16<UInt8> {
    start.loadUnaligned(fromByteOffset: index * stride, as: SIMD16<UInt8>.self)
  }
  return SIMD64(
    lowHalf: SIMD32(lowHalf: row(0), highHalf: row(1)), highHalf: SIMD32(lowHalf: row(2), highHalf: row(3)))
}

@inline(__always)
func store(_ rows: gauntlet_bytes, _ bytes: UnsafeMutablePointer<UInt8>, _ stride: Int) {
  let start = UnsafeMutableRawPointer(bytes)
  // The halves of a vector of 64 bytes would be taken byte by byte.
  typealias Row = SIMD16<UInt8>
  let lines = unsafeBitCast(rows, to: (Row, Row, Row, Row).self)
  start.storeBytes(of: lines.0, as: Row.self)
  start.storeBytes(of: lines.1, toByteOffset: stride, as: Row.self)
  start.storeBytes(of: lines.2, toByteOffset: 2 * stride, as: Row.self)
  start.storeBytes(of: lines.3, toByteOffset: 3 * stride, as: Row.self)
}
