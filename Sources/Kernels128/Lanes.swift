/// One register: 4 float32.
typealias Lanes = SIMD4<Float>
/// Integers beside them.
typealias IntegerLanes = SIMD4<UInt32>

/// Entry `index & 15` of a table of 16 numbers, lane by lane.
@inline(__always)
func lookUp(_ table: UnsafePointer<Float>, _ index: IntegerLanes) -> Lanes {
  Lanes(
    table[Int(index[0] & 15)], table[Int(index[1] & 15)], table[Int(index[2] & 15)], table[Int(index[3] & 15)])
}

/// The same of 16 lanes.
@inline(__always)
func lookUp16(_ table: UnsafePointer<Float>, _ index: SIMD16<UInt32>) -> SIMD16<Float> {
  let (low, high) = (index.lowHalf, index.highHalf)
  return SIMD16(
    lowHalf: SIMD8(lowHalf: lookUp(table, low.lowHalf), highHalf: lookUp(table, low.highHalf)),
    highHalf: SIMD8(lowHalf: lookUp(table, high.lowHalf), highHalf: lookUp(table, high.highHalf)))
}
