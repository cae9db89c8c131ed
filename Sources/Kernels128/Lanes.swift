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
