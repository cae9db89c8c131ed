/// One register: 16 float32.
typealias Lanes = SIMD16<Float>
