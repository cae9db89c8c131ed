import CProcessor

/// One register: 8 float32.
typealias Lanes = SIMD8<Float>
/// Integers beside them.
typealias IntegerLanes = SIMD8<UInt32>

/// Entry `index & 15` of a table of 16 numbers, lane by lane.
@inline(__always)
func lookUp(_ table: UnsafePointer<Float>, _ index: IntegerLanes) -> Lanes {
  #if arch(x86_64)
    let entries = UnsafeRawPointer(table)
    return gauntlet_look_up8(
      entries.loadUnaligned(as: Lanes.self), (entries + 32).loadUnaligned(as: Lanes.self), index)
  #else
    var result = Lanes()
    for lane in 0..<Lanes.scalarCount { result[lane] = table[Int(index[lane] & 15)] }
    return result
  #endif
}

/// The same of 16 lanes.
@inline(__always)
func lookUp16(_ table: UnsafePointer<Float>, _ index: SIMD16<UInt32>) -> SIMD16<Float> {
  SIMD16(lowHalf: lookUp(table, index.lowHalf), highHalf: lookUp(table, index.highHalf))
}
