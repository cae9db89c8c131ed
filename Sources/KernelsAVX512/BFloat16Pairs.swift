import KernelInterfaces

/// Sums of products of bfloat16 pairs as the instruction VDPBF16PS computes them, without it; one source for each
/// instruction set.
///
/// A pair is one 32-bit number, the first of the two in its lower half. For each pair the second product is added to the
/// float32 sum, then the first one, each as one fused multiply-add; results too small for a normal number are zeros of
/// their sign (Intel, "Intel 64 and IA-32 Architectures Software Developer's Manual", volume 2, VDPBF16PS).
enum BFloat16Pairs {
  /// Sums over `pairs` of rows in lines of 16, `left` [pairs / 16, rows, 16], times `panel` [pairs, columns], written to
  /// `target` [rows, columns].
  static func sums(
    pairLines left: UnsafePointer<UInt32>, panel: UnsafePointer<UInt32>, pairs: Int,
    into target: UnsafeMutablePointer<Float>
  ) {
    let lanes = Lanes.scalarCount
    for row in 0..<MatrixTile.rows {
      for start in stride(from: 0, to: MatrixTile.columns, by: lanes) {
        var sum = Lanes(repeating: 0)
        for pair in 0..<pairs {
          let value = left[(pair / 16 * MatrixTile.rows + row) * 16 + pair % 16]
          var (first, second) = (Lanes(repeating: 0), Lanes(repeating: 0))
          for lane in 0..<lanes {
            let weight = panel[pair * MatrixTile.columns + start + lane]
            first[lane] = Float(bitPattern: weight << 16)
            second[lane] = Float(bitPattern: weight & 0xffff_0000)
          }
          sum = flushed(sum.addingProduct(Lanes(repeating: Float(bitPattern: value & 0xffff_0000)), second))
          sum = flushed(sum.addingProduct(Lanes(repeating: Float(bitPattern: value << 16)), first))
        }
        UnsafeMutableRawPointer(target + row * MatrixTile.columns + start).storeBytes(of: sum, as: Lanes.self)
      }
    }
  }

  @inline(__always)
  private static func flushed(_ x: Lanes) -> Lanes {
    let least = Float.leastNormalMagnitude
    return x.replacing(with: x * 0, where: (x .< least) .& (x .> -least))
  }

  /// Rounds 32 numbers to bfloat16, neighbours together.
  @inline(__always)
  static func rounded(_ low: SIMD16<Float>, _ high: SIMD16<Float>) -> SIMD16<UInt32> {
    SIMD16(lowHalf: rounded(low), highHalf: rounded(high))
  }

  @inline(__always)
  private static func rounded(_ values: SIMD16<Float>) -> SIMD8<UInt32> {
    var halves = SIMD16<UInt32>(repeating: 0)
    for lane in 0..<16 { halves[lane] = BFloat16.bits(rounding: values[lane]) }
    return halves.evenHalf | (halves.oddHalf &<< 16)
  }
}
