import KernelInterfaces

/// Sums of products of bfloat16 pairs as the instruction VDPBF16PS computes them, without it; one source for each
/// instruction set.
///
/// A pair is one 32-bit number, the first of the two in its lower half. For each pair the second product is added to the
/// float32 sum, then the first one, each as one fused multiply-add; results too small for a normal number are zeros of
/// their sign (Intel, "Intel 64 and IA-32 Architectures Software Developer's Manual", volume 2, VDPBF16PS).
enum BFloat16Pairs {
  /// Adds the products of `pairs` of rows in lines of 16, `left` [pairs / 16, rows, 16], and `panel` [pairs, columns] to
  /// `target` [rows, columns].
  static func add(
    _ left: UnsafePointer<Float>, _ panel: UnsafePointer<Float>, pairs: Int, to target: UnsafeMutablePointer<Float>
  ) {
    let lanes = Lanes.scalarCount
    for row in 0..<MatrixTile.rows {
      for start in stride(from: 0, to: MatrixTile.columns, by: lanes) {
        let place = UnsafeMutableRawPointer(target + row * MatrixTile.columns + start)
        var sum = place.loadUnaligned(as: Lanes.self)
        for pair in 0..<pairs {
          let value = left[(pair / 16 * MatrixTile.rows + row) * 16 + pair % 16].bitPattern
          var (first, second) = (Lanes(repeating: 0), Lanes(repeating: 0))
          for lane in 0..<lanes {
            let weight = panel[pair * MatrixTile.columns + start + lane].bitPattern
            first[lane] = Float(bitPattern: weight << 16)
            second[lane] = Float(bitPattern: weight & 0xffff_0000)
          }
          sum = flushed(sum.addingProduct(Lanes(repeating: Float(bitPattern: value & 0xffff_0000)), second))
          sum = flushed(sum.addingProduct(Lanes(repeating: Float(bitPattern: value << 16)), first))
        }
        place.storeBytes(of: sum, as: Lanes.self)
      }
    }
  }

  @inline(__always)
  private static func flushed(_ x: Lanes) -> Lanes {
    let least = Float.leastNormalMagnitude
    return x.replacing(with: x * 0, where: (x .< least) .& (x .> -least))
  }
}
