import KernelInterfaces

/// The matrix product of bfloat16 numbers with float32 sums; one source for each instruction set.
///
/// Gives the bits of `ScalarKernels.matrixProduct` with `Precision.bf16`.
extension MatrixProduct {
  /// Pairs of inner numbers; an odd last one is paired with zero.
  private var pairs: Int { (inner + 1) / 2 }

  /// Pairs from one rounded row to the next: a cache line more than there are, as rows a power of two apart would share
  /// few sets of the first-level cache.
  private var rowPairs: Int { (pairs + 15) / 16 * 16 + 16 }

  /// Elements that `multiplyBF16` needs to work in.
  package var scratchCountBF16: Int {
    Self.tilesTogether(rows, bytes: rowPairs * 4) * MatrixTile.rows * rowPairs + Self.tileCount
  }

  /// Writes `activation(left x weights + bias) + residual` to `output`.
  ///
  /// - Parameters:
  ///   - weights: panels of [pairs, panelColumns] pairs, the last one filled up with zeros.
  ///   - native: whether the processor has the instruction for it.
  ///   - scratch: `scratchCountBF16` elements.
  package func multiplyBF16(weights: UnsafePointer<UInt32>, native: Bool, scratch: UnsafeMutablePointer<Float>) {
    let native = native && BFloat16Tile.mayBeNative
    let (pairs, rowPairs) = (pairs, rowPairs)
    let tiles = Self.tilesTogether(rows, bytes: rowPairs * 4)
    (scratch + Self.tileCount).withMemoryRebound(to: UInt32.self, capacity: tiles * MatrixTile.rows * rowPairs) {
      packed in
      let block = tiles * MatrixTile.rows
      for start in stride(from: 0, to: rows, by: block) {
        let end = min(start + block, rows)
        // A last tile that is not whole repeats its last row; those sums are not stored.
        let whole = (end - start + MatrixTile.rows - 1) / MatrixTile.rows * MatrixTile.rows
        for row in 0..<whole {
          round(left + min(start + row, end - 1) * inner, native, into: packed + row * rowPairs)
        }
        for column in stride(from: 0, to: columns, by: MatrixTile.columns) {
          let panel = weights + column * pairs
          for row in stride(from: start, to: end, by: MatrixTile.rows) {
            let values = packed + (row - start) * rowPairs
            prefetchOutput(row: row, count: min(MatrixTile.rows, end - row), column: column)
            let isWhole = end - row >= MatrixTile.rows && columns - column >= MatrixTile.columns
            let place = row * columns + column
            if native, isWhole, isFinishedByTiles,
              BFloat16Tile.finished(
                left: values, rowPairs: rowPairs, panel: panel, pairs: pairs, into: output + place, stride: columns,
                bias: bias + column,
                residual: residual.map { $0 + place }, relu: activation != 0)
            {
              continue
            }
            if native {
              BFloat16Tile.sums(left: values, rowPairs: rowPairs, panel: panel, pairs: pairs, into: scratch)
            } else {
              BFloat16Pairs.sums(left: values, rowPairs: rowPairs, panel: panel, pairs: pairs, into: scratch)
            }
            finish(
              scratch, row: row, count: min(MatrixTile.rows, end - row), column: column,
              width: min(MatrixTile.columns, columns - column))
          }
        }
      }
    }
  }

  /// Rounds a row to `pairs` pairs.
  @inline(__always)
  private func round(_ row: UnsafePointer<Float>, _ native: Bool, into target: UnsafeMutablePointer<UInt32>) {
    for k in stride(from: 0, through: inner - 16, by: 16) {
      let values = UnsafeRawPointer(row + k).loadUnaligned(as: SIMD16<Float>.self)
      let bits = native ? BFloat16Tile.rounded(values) : BFloat16Pairs.rounded(values)
      UnsafeMutableRawPointer(target + k / 2).storeBytes(of: bits, as: SIMD8<UInt32>.self)
    }
    for k in stride(from: inner / 16 * 16, to: inner, by: 2) {
      let second = k + 1 < inner ? BFloat16.bits(rounding: row[k + 1]) : 0
      target[k / 2] = BFloat16.bits(rounding: row[k]) | second << 16
    }
  }
}
