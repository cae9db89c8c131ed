import CProcessor
import KernelInterfaces

/// The matrix product of bfloat16 numbers with float32 sums; one source for each instruction set.
///
/// Rounded rows are in tiles; a tile is in lines of 16 pairs of neighbouring numbers, of which those of its rows alternate.
///
/// Gives the bits of `ScalarKernels.matrixProduct` with `Precision.bf16`.
extension MatrixProduct {
  /// Pairs of a tile's rounded rows of `numbers` numbers; an odd last one is paired with zero. There is room for whole panels.
  private static func tilePairs(_ numbers: Int) -> Int { (numbers + 31) / 32 * 16 * MatrixTile.rows }

  /// Elements of `rows` rounded rows of `numbers` numbers: those of whole tiles.
  package static func roundedCount(rows: Int, numbers: Int) -> Int {
    (rows + MatrixTile.rows - 1) / MatrixTile.rows * tilePairs(numbers)
  }

  /// Tiles whose rounded rows stay in the second-level cache while all panels pass over them, beside those of the next.
  private var roundedTiles: Int { Self.tilesTogether(rows, bytes: Self.tilePairs(inner) / MatrixTile.rows * 8) }

  /// Elements that `multiplyBF16` needs to work in.
  package var scratchCountBF16: Int { 2 * roundedTiles * Self.tilePairs(inner) + MatrixTile.count }

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
    let native = native && MatrixTile.mayHaveBF16
    let block = roundedTiles * MatrixTile.rows
    let pairs = (inner + 1) / 2
    let panels = (columns + MatrixTile.columns - 1) / MatrixTile.columns
    let places = UnsafeMutableRawPointer(scratch + MatrixTile.count).assumingMemoryBound(to: UInt32.self)
    var place = (now: places, next: places + roundedTiles * Self.tilePairs(inner))
    let isRounded = rounded.contains(.left)
    var next = Rounding(self, 0..<(isRounded ? 0 : min(block, rows)), into: place.now, calls: 1)
    for start in stride(from: 0, to: rows, by: block) {
      let end = min(start + block, rows)
      let tiles = (end - start + MatrixTile.rows - 1) / MatrixTile.rows
      finish(&next, native)
      var lines = UnsafePointer(place.now)
      if isRounded {
        lines =
          UnsafeRawPointer(left).assumingMemoryBound(to: UInt32.self) + Self.roundedCount(rows: start, numbers: inner)
      }
      let following = isRounded ? end..<end : end..<min(end + block, rows)
      next = Rounding(self, following, into: place.next, calls: tiles * panels * (pairs / 16))
      for column in stride(from: 0, to: columns, by: MatrixTile.columns) {
        for tile in 0..<tiles {
          let row = start + tile * MatrixTile.rows
          withUnsafeMutablePointer(to: &next) {
            let sides = PairSides(
              lines: lines + tile * Self.tilePairs(inner), panel: weights + column * pairs, pairs: pairs,
              native: native,
              place: scratch, next: $0)
            if rounded.contains(.output) {
              tileSums(sides, into: scratch)
              finishRounded(scratch, row: row, count: min(MatrixTile.rows, end - row), column: column, native)
            } else {
              finishedTile(sides, row: row, count: min(MatrixTile.rows, end - row), column: column, sums: scratch)
            }
          }
        }
      }
      place = (place.next, place.now)
    }
  }

  /// Rounds the rows that are left.
  private func finish(_ rounding: inout Rounding, _ native: Bool) {
    rounding.eachRow { round($0, native, into: $1) }
  }

  /// Rows that are rounded to tiles little by little, while the processor waits for its multiply-adds; only such as are
  /// whole lines.
  struct Rounding {
    private var source: UnsafePointer<Float>
    private var target: UnsafeMutablePointer<UInt32>
    private let inner, tilePairs: Int
    /// Rows that there are, and rows that are written: a last tile that is not whole repeats its last row, whose sums are
    /// not stored.
    private let end, whole: Int
    private var row = 0
    private var number = 0
    /// Lines of each of the calls.
    let portion: Int

    init(_ product: MatrixProduct, _ rows: Range<Int>, into target: UnsafeMutablePointer<UInt32>, calls: Int) {
      (self.target, inner, tilePairs) = (target, product.inner, MatrixProduct.tilePairs(product.inner))
      source = product.left + rows.lowerBound * inner
      end = rows.count
      whole = (end + MatrixTile.rows - 1) / MatrixTile.rows * MatrixTile.rows
      portion = inner % 32 == 0 ? (whole * inner / 32 + calls - 1) / max(1, calls) : 0
    }

    /// Rounds a portion.
    @inline(__always)
    mutating func go() {
      for _ in 0..<portion where row < whole {
        let low = UnsafeRawPointer(source + number).loadUnaligned(as: SIMD16<Float>.self)
        let high = UnsafeRawPointer(source + number + 16).loadUnaligned(as: SIMD16<Float>.self)
        UnsafeMutableRawPointer(target + number / 2 * MatrixTile.rows).storeBytes(
          of: MatrixTile.rounded(low, high), as: SIMD16<UInt32>.self)
        number += 32
        if number == inner { advance() }
      }
    }

    /// To the next row.
    @inline(__always)
    private mutating func advance() {
      number = 0
      row += 1
      if row < end { source += inner }
      target += row % MatrixTile.rows == 0 ? tilePairs - 16 * (MatrixTile.rows - 1) : 16
    }

    /// Gives what is left of the rows.
    mutating func eachRow(_ body: (_ row: UnsafePointer<Float>, _ target: UnsafeMutablePointer<UInt32>) -> Void) {
      while row < whole {
        body(source, target)
        advance()
      }
    }
  }

  /// What a tile's sums are of.
  private struct PairSides: TileSides {
    /// A tile's rows in lines.
    let lines: UnsafePointer<UInt32>
    let panel: UnsafePointer<UInt32>
    let pairs: Int
    let native: Bool
    /// A tile to work in.
    let place: UnsafeMutablePointer<Float>
    /// What is rounded meanwhile.
    let next: UnsafeMutablePointer<Rounding>

    @inline(__always)
    var product: MatrixTile {
      guard native else {
        BFloat16Pairs.sums(pairLines: lines, panel: panel, pairs: pairs, into: place)
        return MatrixTile(place)
      }
      var tile = MatrixTile()
      tile.add(pairLines: lines, panel: panel, pairs: pairs, next)
      return tile
    }
  }

  /// Rounds a row to lines; an odd last number is paired with zero.
  private func round(_ row: UnsafePointer<Float>, _ native: Bool, into target: UnsafeMutablePointer<UInt32>) {
    for k in stride(from: 0, through: inner - 32, by: 32) {
      Self.round(row + k, native, into: target + k / 2 * MatrixTile.rows)
    }
    for k in stride(from: inner / 32 * 32, to: inner, by: 2) {
      let second = k + 1 < inner ? BFloat16.bits(rounding: row[k + 1]) : 0
      target[k / 32 * 16 * MatrixTile.rows + k % 32 / 2] = BFloat16.bits(rounding: row[k]) | second << 16
    }
  }

  /// Rounds 32 numbers.
  @inline(__always)
  private static func round(_ numbers: UnsafePointer<Float>, _ native: Bool, into target: UnsafeMutablePointer<UInt32>)
  {
    let source = UnsafeRawPointer(numbers)
    let (low, high) = (
      source.loadUnaligned(as: SIMD16<Float>.self), source.loadUnaligned(fromByteOffset: 64, as: SIMD16<Float>.self)
    )
    let bits = native ? MatrixTile.rounded(low, high) : BFloat16Pairs.rounded(low, high)
    UnsafeMutableRawPointer(target).storeBytes(of: bits, as: SIMD16<UInt32>.self)
  }

  /// Takes `count` rows of a tile's sums to rounded rows. An odd last column is paired with zero, whatever is beside it: the
  /// sums of columns that there are not are zero only for finite rows.
  private func finishRounded(
    _ sums: UnsafeMutablePointer<Float>, row: Int, count: Int, column: Int, _ native: Bool
  ) {
    let target =
      UnsafeMutableRawPointer(output).assumingMemoryBound(to: UInt32.self)
      + Self.roundedCount(rows: row, numbers: columns) + column / 32 * 16 * MatrixTile.rows + column % 32 / 2
    for offset in 0..<count {
      let line = sums + offset * MatrixTile.columns
      for start in stride(from: 0, to: MatrixTile.columns, by: Self.lanes) {
        put(rectified(activated(load(line + start) + load(bias + column + start))), line + start)
      }
      round(line, count: MatrixTile.columns, native, into: target + offset * 16)
      if columns % 2 == 1, columns - column <= MatrixTile.columns {
        target[offset * 16 + (columns - column) / 2] &= 0xffff
      }
    }
  }

  /// Rounds `count` numbers to pairs, an even count.
  @inline(__always)
  private func round(
    _ row: UnsafePointer<Float>, count: Int, _ native: Bool, into target: UnsafeMutablePointer<UInt32>
  ) {
    for k in stride(from: 0, through: count - 32, by: 32) { Self.round(row + k, native, into: target + k / 2) }
    for k in stride(from: count / 32 * 32, to: count, by: 2) {
      target[k / 2] = BFloat16.bits(rounding: row[k]) | BFloat16.bits(rounding: row[k + 1]) << 16
    }
  }
}
