/// One register: 8 float32.
typealias Lanes = SIMD8<Float>
