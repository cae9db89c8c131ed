import KernelInterfaces

/// The matrix product of bfloat16 numbers with float32 sums; one source for each instruction set.
///
/// Gives the bits of `ScalarKernels.matrixProduct` with `Precision.bf16`.
extension MatrixProduct {
  /// Pairs of inner numbers; an odd last one is paired with zero.
  private var pairs: Int { (inner + 1) / 2 }

  /// Elements that `multiplyBF16` needs to work in.
  package var scratchCountBF16: Int {
    Self.tilesTogether(rows, bytes: pairs * 4) * MatrixTile.rows * pairs + Self.tileCount
  }

  /// Writes `activation(left x weights + bias) + residual` to `output`.
  ///
  /// - Parameters:
  ///   - weights: panels of [pairs, panelColumns] pairs, the last one filled up with zeros.
  ///   - native: whether the processor has the instruction for it.
  ///   - scratch: `scratchCountBF16` elements.
  package func multiplyBF16(weights: UnsafePointer<UInt32>, native: Bool, scratch: UnsafeMutablePointer<Float>) {
    let native = native && BFloat16Tile.mayBeNative
    let pairs = pairs
    let tiles = Self.tilesTogether(rows, bytes: pairs * 4)
    (scratch + Self.tileCount).withMemoryRebound(to: UInt32.self, capacity: tiles * MatrixTile.rows * pairs) { packed in
      let block = tiles * MatrixTile.rows
      for start in stride(from: 0, to: rows, by: block) {
        let end = min(start + block, rows)
        for row in stride(from: start, to: end, by: MatrixTile.rows) {
          packBF16(row, min(MatrixTile.rows, end - row), native, into: packed + (row - start) * pairs)
        }
        for column in stride(from: 0, to: columns, by: MatrixTile.columns) {
          let panel = weights + column * pairs
          for row in stride(from: start, to: end, by: MatrixTile.rows) {
            let values = packed + (row - start) * pairs
            prefetchOutput(row: row, count: min(MatrixTile.rows, end - row), column: column)
            let isWhole = end - row >= MatrixTile.rows && columns - column >= MatrixTile.columns
            let place = row * columns + column
            if native, isWhole, isFinishedByTiles,
              BFloat16Tile.finished(
                left: values, panel: panel, pairs: pairs, into: output + place, stride: columns, bias: bias + column,
                residual: residual.map { $0 + place }, relu: activation != 0)
            {
              continue
            }
            if native {
              BFloat16Tile.sums(left: values, panel: panel, pairs: pairs, into: scratch)
            } else {
              BFloat16Pairs.sums(left: values, panel: panel, pairs: pairs, into: scratch)
            }
            finish(
              scratch, row: row, count: min(MatrixTile.rows, end - row), column: column,
              width: min(MatrixTile.columns, columns - column))
          }
        }
      }
    }
  }

  /// Rounds the rows of a tile and turns them into [pairs, rows].
  private func packBF16(_ first: Int, _ valid: Int, _ native: Bool, into target: UnsafeMutablePointer<UInt32>) {
    func row(_ index: Int) -> UnsafePointer<Float> { left + (first + min(index, valid - 1)) * inner }
    target.withMemoryRebound(to: Float.self, capacity: pairs * MatrixTile.rows) { target in
      for group in stride(from: 0, to: MatrixTile.rows, by: Self.rowsTurned) {
        let (a, b) = (row(group), row(group + 1))
        let (c, d) = Self.rowsTurned == 4 ? (row(group + 2), row(group + 3)) : (a, b)
        for k in stride(from: 0, through: inner - 16, by: 16) {
          let (p, q) = (rounded(a + k, native), rounded(b + k, native))
          let (r, s) = (rounded(c + k, native), rounded(d + k, native))
          let place = target + k / 2 * MatrixTile.rows + group
          turn(p.lowHalf, q.lowHalf, r.lowHalf, s.lowHalf, place)
          turn(p.highHalf, q.highHalf, r.highHalf, s.highHalf, place + 4 * MatrixTile.rows)
        }
      }
    }
    for index in 0..<MatrixTile.rows {
      let source = row(index)
      for k in stride(from: inner / 16 * 16, to: inner, by: 2) {
        let second = k + 1 < inner ? BFloat16.bits(rounding: source[k + 1]) : 0
        target[k / 2 * MatrixTile.rows + index] = BFloat16.bits(rounding: source[k]) | second << 16
      }
    }
  }

  /// 16 numbers as 8 pairs, whose bits are carried as float32: they are moved, never computed with.
  @inline(__always)
  private func rounded(_ pointer: UnsafePointer<Float>, _ native: Bool) -> SIMD8<Float> {
    let values = UnsafeRawPointer(pointer).loadUnaligned(as: SIMD16<Float>.self)
    let bits = native ? BFloat16Tile.rounded(values) : BFloat16Pairs.rounded(values)
    return unsafeBitCast(bits, to: SIMD8<Float>.self)
  }
}
