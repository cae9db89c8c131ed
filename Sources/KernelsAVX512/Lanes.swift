import CProcessor

/// One register: 16 float32.
typealias Lanes = SIMD16<Float>
/// Integers beside them.
typealias IntegerLanes = SIMD16<UInt32>

/// Entry `index & 15` of a table of 16 numbers, lane by lane.
@inline(__always)
func lookUp(_ table: UnsafePointer<Float>, _ index: IntegerLanes) -> Lanes {
  #if arch(x86_64)
    return gauntlet_look_up16(UnsafeRawPointer(table).loadUnaligned(as: Lanes.self), index)
  #else
    var result = Lanes()
    for lane in 0..<Lanes.scalarCount { result[lane] = table[Int(index[lane] & 15)] }
    return result
  #endif
}

/// The same of 16 lanes.
@inline(__always)
func lookUp16(_ table: UnsafePointer<Float>, _ index: SIMD16<UInt32>) -> SIMD16<Float> { lookUp(table, index) }
