import KernelInterfaces

/// The matrix product of bfloat16 numbers with float32 sums; one source for each instruction set.
///
/// Gives the bits of `ScalarKernels.matrixProduct` with `Precision.bf16`.
extension MatrixProduct {
  /// Pairs of inner numbers; an odd last one is paired with zero.
  private var pairs: Int { (inner + 1) / 2 }

  /// Pairs from one rounded row of `numbers` numbers to the next: a cache line more than there are, as rows a power of
  /// two apart would share few sets of the first-level cache. There is room for whole panels.
  private static func rowPairs(_ numbers: Int) -> Int { (numbers + 31) / 32 * 16 + 16 }

  /// Elements of `rows` rounded rows of `numbers` numbers: those of whole tiles.
  package static func roundedCount(rows: Int, numbers: Int) -> Int {
    (rows + MatrixTile.rows - 1) / MatrixTile.rows * MatrixTile.rows * rowPairs(numbers)
  }

  /// Elements that `multiplyBF16` needs to work in.
  package var scratchCountBF16: Int {
    let rowPairs = Self.rowPairs(inner)
    return Self.tilesTogether(rows, bytes: rowPairs * 4) * MatrixTile.rows * rowPairs + MatrixTile.count
  }

  /// Writes `activation(left x weights + bias) + residual` to `output`.
  ///
  /// - Parameters:
  ///   - weights: panels of [pairs, panelColumns] pairs, the last one filled up with zeros.
  ///   - native: whether the processor has the instruction for it.
  ///   - rounded: `left`, of whole tiles of rows whatever the last ones hold, and `output`, which then takes no residual,
  ///     are as this says rounded rows of `roundedCount` elements.
  ///   - scratch: `scratchCountBF16` elements.
  package func multiplyBF16(
    weights: UnsafePointer<UInt32>, native: Bool, rounded: RoundedSides, scratch: UnsafeMutablePointer<Float>
  ) {
    let native = native && BFloat16Tile.mayBeNative
    let (pairs, rowPairs) = (pairs, Self.rowPairs(inner))
    let tiles = Self.tilesTogether(rows, bytes: rowPairs * 4)
    (scratch + MatrixTile.count).withMemoryRebound(to: UInt32.self, capacity: tiles * MatrixTile.rows * rowPairs) {
      packed in
      let block = tiles * MatrixTile.rows
      for start in stride(from: 0, to: rows, by: block) {
        let end = min(start + block, rows)
        // A last tile that is not whole repeats its last row; those sums are not stored.
        let whole = (end - start + MatrixTile.rows - 1) / MatrixTile.rows * MatrixTile.rows
        let roundedRows: UnsafePointer<UInt32>
        var rowsAhead = rowsAhead(rounded.contains(.left) ? rows : start, block: block)
        if rounded.contains(.left) {
          roundedRows = UnsafeRawPointer(left).assumingMemoryBound(to: UInt32.self) + start * rowPairs
        } else {
          for row in 0..<whole {
            round(left + min(start + row, end - 1) * inner, count: inner, native, into: packed + row * rowPairs)
          }
          roundedRows = UnsafePointer(packed)
        }
        for column in stride(from: 0, to: columns, by: MatrixTile.columns) {
          let panel = weights + column * pairs
          for row in stride(from: start, to: end, by: MatrixTile.rows) {
            rowsAhead.ask()
            let values = roundedRows + (row - start) * rowPairs
            if !rounded.contains(.output) {
              prefetchOutput(row: row, count: min(MatrixTile.rows, end - row), column: column)
            }
            let isWhole =
              end - row >= MatrixTile.rows && columns - column >= MatrixTile.columns && !rounded.contains(.output)
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
            let count = min(MatrixTile.rows, end - row)
            if rounded.contains(.output) {
              finishRounded(scratch, row: row, count: count, column: column, native)
            } else {
              finish(
                scratch, row: row, count: count, column: column, width: min(MatrixTile.columns, columns - column))
            }
          }
        }
      }
    }
  }

  /// Takes `count` rows of a tile's sums to rounded rows. An odd last column is paired with zero, whatever is beside it: the
  /// sums of columns that there are not are zero only for finite rows.
  private func finishRounded(
    _ sums: UnsafeMutablePointer<Float>, row: Int, count: Int, column: Int, _ native: Bool
  ) {
    let rowPairs = Self.rowPairs(columns)
    let target = UnsafeMutableRawPointer(output).assumingMemoryBound(to: UInt32.self) + row * rowPairs + column / 2
    for offset in 0..<count {
      let line = sums + offset * MatrixTile.columns
      for start in stride(from: 0, to: MatrixTile.columns, by: Self.lanes) {
        put(rectified(activated(load(line + start) + load(bias + column + start))), line + start)
      }
      round(line, count: MatrixTile.columns, native, into: target + offset * rowPairs)
      if columns % 2 == 1, columns - column <= MatrixTile.columns {
        target[offset * rowPairs + (columns - column) / 2] &= 0xffff
      }
    }
  }

  /// Rounds `count` numbers to pairs; an odd last one is paired with zero.
  @inline(__always)
  private func round(
    _ row: UnsafePointer<Float>, count: Int, _ native: Bool, into target: UnsafeMutablePointer<UInt32>
  ) {
    for k in stride(from: 0, through: count - 16, by: 16) {
      let values = UnsafeRawPointer(row + k).loadUnaligned(as: SIMD16<Float>.self)
      let bits = native ? BFloat16Tile.rounded(values) : BFloat16Pairs.rounded(values)
      UnsafeMutableRawPointer(target + k / 2).storeBytes(of: bits, as: SIMD8<UInt32>.self)
    }
    for k in stride(from: count / 16 * 16, to: count, by: 2) {
      let second = k + 1 < count ? BFloat16.bits(rounding: row[k + 1]) : 0
      target[k / 2] = BFloat16.bits(rounding: row[k]) | second << 16
    }
  }
}
