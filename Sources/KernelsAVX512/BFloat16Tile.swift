import CProcessor

#if arch(x86_64)
  /// Numbers rounded to bfloat16, neighbours together, and multiplied by AVX512_BF16; `BFloat16Pairs` says what is computed.
  enum NativePairs: ProductWords {
    @inline(__always)
    static var numbers: Int { 2 }

    @inline(__always)
    static func line(_ source: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>) {
      let low = UnsafeRawPointer(source).loadUnaligned(as: Lanes.self)
      let high = UnsafeRawPointer(source + 16).loadUnaligned(as: Lanes.self)
      UnsafeMutableRawPointer(target).storeBytes(of: gauntlet_to_bf16(low, high), as: SIMD16<UInt32>.self)
    }

    static func rest(_ source: UnsafePointer<Float>, count: Int, into target: UnsafeMutablePointer<Float>) {
      EmulatedPairs.rest(source, count: count, into: target)
    }

    @inline(__always)
    static func add(
      _ lines: UnsafePointer<Float>, _ panel: UnsafePointer<Float>, _ words: Int, count: Int,
      to tile: inout MatrixTile, _ ready: UnsafeMutablePointer<Preparation<Self>>
    ) {
      switch MatrixTile.rows(for: count) / FourRows.count {
      case 1: add(lines, panel, words, fours: 1, &tile, ready)
      case 2: add(lines, panel, words, fours: 2, &tile, ready)
      default: add(lines, panel, words, fours: 3, &tile, ready)
      }
    }

    @inline(__always)
    private static func add(
      _ lines: UnsafePointer<Float>, _ panel: UnsafePointer<Float>, _ words: Int, fours: Int, _ tile: inout MatrixTile,
      _ ready: UnsafeMutablePointer<Preparation<Self>>
    ) {
      var (values, weights) = (lines, panel)
      for _ in 0..<words / 16 {
        ready.pointee.go()
        for _ in 0..<8 {
          tile.addPairs(values, weights, fours: fours)
          tile.addPairs(values + 1, weights + MatrixTile.columns, fours: fours)
          values += 2
          weights += 2 * MatrixTile.columns
        }
        values += 16 * (MatrixTile.rows - 1)
      }
      for _ in 0..<words % 16 {
        tile.addPairs(values, weights, fours: fours)
        values += 1
        weights += MatrixTile.columns
      }
    }
  }

  extension MatrixTile {
    /// Adds the products of one pair of each row, 16 apart, and one of each column.
    @inline(__always)
    fileprivate mutating func addPairs(_ values: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, fours: Int) {
      let w0 = UnsafeRawPointer(weights).loadUnaligned(as: SIMD16<UInt32>.self)
      let w1 = UnsafeRawPointer(weights + 16).loadUnaligned(as: SIMD16<UInt32>.self)
      upper.addPairs(values, w0, w1)
      if fours > 1 { middle.addPairs(values + 16 * FourRows.count, w0, w1) }
      if fours > 2 { lower.addPairs(values + 32 * FourRows.count, w0, w1) }
    }
  }

  extension FourRows {
    @inline(__always)
    fileprivate mutating func addPairs(
      _ values: UnsafePointer<Float>, _ w0: SIMD16<UInt32>, _ w1: SIMD16<UInt32>
    ) {
      let x0 = SIMD16<UInt32>(repeating: values[0].bitPattern)
      c00 = gauntlet_dot_bf16(c00, x0, w0)
      c01 = gauntlet_dot_bf16(c01, x0, w1)
      let x1 = SIMD16<UInt32>(repeating: values[16].bitPattern)
      c10 = gauntlet_dot_bf16(c10, x1, w0)
      c11 = gauntlet_dot_bf16(c11, x1, w1)
      let x2 = SIMD16<UInt32>(repeating: values[32].bitPattern)
      c20 = gauntlet_dot_bf16(c20, x2, w0)
      c21 = gauntlet_dot_bf16(c21, x2, w1)
      let x3 = SIMD16<UInt32>(repeating: values[48].bitPattern)
      c30 = gauntlet_dot_bf16(c30, x3, w0)
      c31 = gauntlet_dot_bf16(c31, x3, w1)
    }
  }
#else
  /// There is no instruction for bfloat16.
  typealias NativePairs = EmulatedPairs
#endif

extension PeakRate {
  /// The same of dot products of bfloat16 pairs: twice the operations of a round. They take longer than a multiply-add, so
  /// that twice as many must be under way.
  package static func runBF16(rounds: Int) -> Float {
    #if arch(x86_64)
      let a = SIMD16<UInt32>(repeating: 0x3F00_3F00)
      var (c0, c1, c2, c3, c4, c5) = (Lanes(), Lanes(), Lanes(), Lanes(), Lanes(), Lanes())
      var (c6, c7, c8, c9, c10, c11) = (Lanes(), Lanes(), Lanes(), Lanes(), Lanes(), Lanes())
      var (c12, c13, c14, c15, c16, c17) = (Lanes(), Lanes(), Lanes(), Lanes(), Lanes(), Lanes())
      var (c18, c19, c20, c21, c22, c23) = (Lanes(), Lanes(), Lanes(), Lanes(), Lanes(), Lanes())
      for _ in 0..<rounds / 2 {
        c0 = gauntlet_dot_bf16(c0, a, a)
        c1 = gauntlet_dot_bf16(c1, a, a)
        c2 = gauntlet_dot_bf16(c2, a, a)
        c3 = gauntlet_dot_bf16(c3, a, a)
        c4 = gauntlet_dot_bf16(c4, a, a)
        c5 = gauntlet_dot_bf16(c5, a, a)
        c6 = gauntlet_dot_bf16(c6, a, a)
        c7 = gauntlet_dot_bf16(c7, a, a)
        c8 = gauntlet_dot_bf16(c8, a, a)
        c9 = gauntlet_dot_bf16(c9, a, a)
        c10 = gauntlet_dot_bf16(c10, a, a)
        c11 = gauntlet_dot_bf16(c11, a, a)
        c12 = gauntlet_dot_bf16(c12, a, a)
        c13 = gauntlet_dot_bf16(c13, a, a)
        c14 = gauntlet_dot_bf16(c14, a, a)
        c15 = gauntlet_dot_bf16(c15, a, a)
        c16 = gauntlet_dot_bf16(c16, a, a)
        c17 = gauntlet_dot_bf16(c17, a, a)
        c18 = gauntlet_dot_bf16(c18, a, a)
        c19 = gauntlet_dot_bf16(c19, a, a)
        c20 = gauntlet_dot_bf16(c20, a, a)
        c21 = gauntlet_dot_bf16(c21, a, a)
        c22 = gauntlet_dot_bf16(c22, a, a)
        c23 = gauntlet_dot_bf16(c23, a, a)
      }
      var sum = c0
      sum += c1
      sum += c2
      sum += c3
      sum += c4
      sum += c5
      sum += c6
      sum += c7
      sum += c8
      sum += c9
      sum += c10
      sum += c11
      sum += c12
      sum += c13
      sum += c14
      sum += c15
      sum += c16
      sum += c17
      sum += c18
      sum += c19
      sum += c20
      sum += c21
      sum += c22
      sum += c23
      return sum.sum()
    #else
      return 0
    #endif
  }
}
