import KernelInterfaces

/// The matrix product of bfloat16 numbers with float32 sums; one source for each instruction set.
///
/// Rounded rows are in tiles; a tile is in lines of 16 pairs of neighbouring numbers, of which those of its rows alternate.
///
/// Gives the bits of `ScalarKernels.matrixProduct` with `Precision.bf16`.
extension MatrixProduct {
  /// Elements of a tile's rounded rows of `numbers` numbers; an odd last one is paired with zero. There is room for whole
  /// panels.
  private static func tilePairs(_ numbers: Int) -> Int { (numbers + 31) / 32 * 16 * MatrixTile.rows }

  /// Elements of `rows` rounded rows of `numbers` numbers: those of whole tiles.
  package static func roundedCount(rows: Int, numbers: Int) -> Int {
    (rows + MatrixTile.rows - 1) / MatrixTile.rows * tilePairs(numbers)
  }

  /// Elements that `multiplyBF16` needs to work in.
  package var scratchCountBF16: Int { MatrixSteps(self, EmulatedPairs.self).scratchCount }

  /// Writes `activation(left x weights + bias) + residual` to `output`; `panels` are panels of [pairs, panelColumns] pairs.
  ///
  /// - Parameters:
  ///   - native: whether the processor has the instruction for it.
  ///   - rounded: `left`, of whole tiles of rows whatever the last ones hold, and `output`, which then takes no residual,
  ///     are as this says rounded rows of `roundedCount` elements.
  ///   - scratch: `scratchCountBF16` elements.
  package func multiplyBF16(native: Bool, rounded: RoundedSides, scratch: UnsafeMutablePointer<Float>) {
    if native {
      multiply(NativePairs.self, rounded: rounded, scratch)
    } else {
      multiply(EmulatedPairs.self, rounded: rounded, scratch)
    }
  }

  /// Takes `count` rows of a tile's sums to rounded rows. An odd last column is paired with zero, whatever is beside it: the
  /// sums of columns that there are not are zero only for finite rows.
  func finishRounded<Words: ProductWords>(
    _ sums: UnsafeMutablePointer<Float>, row: Int, count: Int, column: Int, _: Words.Type
  ) {
    let target =
      output + Self.roundedCount(rows: row, numbers: columns) + column / 32 * 16 * MatrixTile.rows + column % 32 / 2
    for offset in 0..<count {
      let line = sums + offset * MatrixTile.columns
      for start in stride(from: 0, to: MatrixTile.columns, by: Self.lanes) {
        put(rectified(activated(load(line + start) + load(bias + column + start))), line + start)
      }
      let isOdd = columns % 2 == 1 && columns - column <= MatrixTile.columns
      if isOdd { line[columns - column] = 0 }
      if MatrixTile.columns == 32 {
        Words.line(line, into: target + offset * 16)
      } else {
        Words.rest(line, count: MatrixTile.columns, into: target + offset * 16)
      }
    }
  }
}

/// Numbers rounded to bfloat16, neighbours together, and multiplied by `BFloat16Pairs`.
enum EmulatedPairs: ProductWords {
  @inline(__always)
  static var numbers: Int { 2 }

  static func line(_ source: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>) {
    rest(source, count: 32, into: target)
  }

  static func rest(_ source: UnsafePointer<Float>, count: Int, into target: UnsafeMutablePointer<Float>) {
    for k in stride(from: 0, to: count, by: 2) {
      let second = k + 1 < count ? BFloat16.bits(rounding: source[k + 1]) : 0
      target[k / 2] = Float(bitPattern: BFloat16.bits(rounding: source[k]) | second << 16)
    }
  }

  static func add(
    _ lines: UnsafePointer<Float>, _ panel: UnsafePointer<Float>, _ words: Int, count: Int, to tile: inout MatrixTile,
    _ ready: UnsafeMutablePointer<Preparation<Self>>
  ) {
    tile = withUnsafeTemporaryAllocation(of: Float.self, capacity: MatrixTile.count) { [tile] sums in
      guard let sums = sums.baseAddress else { return tile }
      tile.store(sums, stride: MatrixTile.columns)
      BFloat16Pairs.add(lines, panel, pairs: words, to: sums)
      return MatrixTile(sums)
    }
  }
}
