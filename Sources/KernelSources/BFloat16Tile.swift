/// There is no instruction for bfloat16.
typealias NativePairs = EmulatedPairs
