import CProcessor

/// Sums of products of bfloat16 pairs by AVX512_BF16; `BFloat16Pairs` says what it computes.
enum BFloat16Tile {
  /// Whether this instruction set can have the instruction; the processor is asked at run time.
  static let mayBeNative = true

  /// Sums over `pairs` of `left` [12, pairs], its rows `rowPairs` apart, times `panel` [pairs, 32], written to `target`
  /// [12, 32].
  static func sums(
    left: UnsafePointer<UInt32>, rowPairs: Int, panel: UnsafePointer<UInt32>, pairs: Int,
    into target: UnsafeMutablePointer<Float>
  ) {
    if !finished(
      left: left, rowPairs: rowPairs, panel: panel, pairs: pairs, into: target, stride: 32, bias: nil, residual: nil,
      relu: false)
    {
      BFloat16Pairs.sums(left: left, rowPairs: rowPairs, panel: panel, pairs: pairs, into: target)
    }
  }

  /// The same with `bias` [32] and `residual` added, then max(x, 0) if `relu`; rows of it and of `target` are `stride` elements apart. Gives false,
  /// and writes nothing, where there is no such instruction.
  @inline(__always)
  static func finished(
    left: UnsafePointer<UInt32>, rowPairs: Int, panel: UnsafePointer<UInt32>, pairs: Int,
    into target: UnsafeMutablePointer<Float>, stride: Int, bias: UnsafePointer<Float>?, residual: UnsafePointer<Float>?,
    relu: Bool
  ) -> Bool {
    #if arch(x86_64)
      var c00 = Lanes(repeating: 0)
      var c01 = Lanes(repeating: 0)
      var c10 = Lanes(repeating: 0)
      var c11 = Lanes(repeating: 0)
      var c20 = Lanes(repeating: 0)
      var c21 = Lanes(repeating: 0)
      var c30 = Lanes(repeating: 0)
      var c31 = Lanes(repeating: 0)
      var c40 = Lanes(repeating: 0)
      var c41 = Lanes(repeating: 0)
      var c50 = Lanes(repeating: 0)
      var c51 = Lanes(repeating: 0)
      var c60 = Lanes(repeating: 0)
      var c61 = Lanes(repeating: 0)
      var c70 = Lanes(repeating: 0)
      var c71 = Lanes(repeating: 0)
      var c80 = Lanes(repeating: 0)
      var c81 = Lanes(repeating: 0)
      var c90 = Lanes(repeating: 0)
      var c91 = Lanes(repeating: 0)
      var c100 = Lanes(repeating: 0)
      var c101 = Lanes(repeating: 0)
      var c110 = Lanes(repeating: 0)
      var c111 = Lanes(repeating: 0)
      var values = left
      var weights = panel
      for _ in 0..<pairs {
        let w0 = load(weights)
        let w1 = load(weights + 16)
        let x0 = SIMD16<UInt32>(repeating: values[0])
        c00 = gauntlet_dot_bf16(c00, x0, w0)
        c01 = gauntlet_dot_bf16(c01, x0, w1)
        let x1 = SIMD16<UInt32>(repeating: values[rowPairs])
        c10 = gauntlet_dot_bf16(c10, x1, w0)
        c11 = gauntlet_dot_bf16(c11, x1, w1)
        let x2 = SIMD16<UInt32>(repeating: values[2 * rowPairs])
        c20 = gauntlet_dot_bf16(c20, x2, w0)
        c21 = gauntlet_dot_bf16(c21, x2, w1)
        let x3 = SIMD16<UInt32>(repeating: values[3 * rowPairs])
        c30 = gauntlet_dot_bf16(c30, x3, w0)
        c31 = gauntlet_dot_bf16(c31, x3, w1)
        let x4 = SIMD16<UInt32>(repeating: values[4 * rowPairs])
        c40 = gauntlet_dot_bf16(c40, x4, w0)
        c41 = gauntlet_dot_bf16(c41, x4, w1)
        let x5 = SIMD16<UInt32>(repeating: values[5 * rowPairs])
        c50 = gauntlet_dot_bf16(c50, x5, w0)
        c51 = gauntlet_dot_bf16(c51, x5, w1)
        let x6 = SIMD16<UInt32>(repeating: values[6 * rowPairs])
        c60 = gauntlet_dot_bf16(c60, x6, w0)
        c61 = gauntlet_dot_bf16(c61, x6, w1)
        let x7 = SIMD16<UInt32>(repeating: values[7 * rowPairs])
        c70 = gauntlet_dot_bf16(c70, x7, w0)
        c71 = gauntlet_dot_bf16(c71, x7, w1)
        let x8 = SIMD16<UInt32>(repeating: values[8 * rowPairs])
        c80 = gauntlet_dot_bf16(c80, x8, w0)
        c81 = gauntlet_dot_bf16(c81, x8, w1)
        let x9 = SIMD16<UInt32>(repeating: values[9 * rowPairs])
        c90 = gauntlet_dot_bf16(c90, x9, w0)
        c91 = gauntlet_dot_bf16(c91, x9, w1)
        let x10 = SIMD16<UInt32>(repeating: values[10 * rowPairs])
        c100 = gauntlet_dot_bf16(c100, x10, w0)
        c101 = gauntlet_dot_bf16(c101, x10, w1)
        let x11 = SIMD16<UInt32>(repeating: values[11 * rowPairs])
        c110 = gauntlet_dot_bf16(c110, x11, w0)
        c111 = gauntlet_dot_bf16(c111, x11, w1)
        values += 1
        weights += 32
      }
      let zero = Lanes(repeating: 0)
      let b0 = bias.map { loadFloat($0) } ?? zero
      let b1 = bias.map { loadFloat($0 + 16) } ?? zero
      @inline(always)
      func put(_ low: Lanes, _ high: Lanes, _ row: Int) {
        var (low, high) = (low, high)
        if bias != nil {
          low += b0
          high += b1
        }
        if let residual {
          low += loadFloat(residual + row * stride)
          high += loadFloat(residual + row * stride + 16)
        }
        if relu {
          low = zero.replacing(with: low, where: low .> zero)
          high = zero.replacing(with: high, where: high .> zero)
        }
        UnsafeMutableRawPointer(target + row * stride).storeBytes(of: low, as: Lanes.self)
        UnsafeMutableRawPointer(target + row * stride + 16).storeBytes(of: high, as: Lanes.self)
      }
      put(c00, c01, 0)
      put(c10, c11, 1)
      put(c20, c21, 2)
      put(c30, c31, 3)
      put(c40, c41, 4)
      put(c50, c51, 5)
      put(c60, c61, 6)
      put(c70, c71, 7)
      put(c80, c81, 8)
      put(c90, c91, 9)
      put(c100, c101, 10)
      put(c110, c111, 11)
      return true
    #else
      return false
    #endif
  }

  /// Rounds 16 numbers, neighbours together.
  @inline(__always)
  static func rounded(_ values: Lanes) -> SIMD8<UInt32> {
    #if arch(x86_64)
      return gauntlet_to_bf16(values)
    #else
      return BFloat16Pairs.rounded(values)
    #endif
  }

  @inline(__always)
  private static func load(_ pointer: UnsafePointer<UInt32>) -> SIMD16<UInt32> {
    UnsafeRawPointer(pointer).loadUnaligned(as: SIMD16<UInt32>.self)
  }

  @inline(__always)
  private static func loadFloat(_ pointer: UnsafePointer<Float>) -> Lanes {
    UnsafeRawPointer(pointer).loadUnaligned(as: Lanes.self)
  }
}

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
