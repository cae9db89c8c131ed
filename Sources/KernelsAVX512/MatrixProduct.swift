import CProcessor
import KernelInterfaces

/// The matrix product, with rows copied so that they lie well in the cache; one source for each instruction set, since
/// `MatrixTile` and `Lanes` are each module's own.
///
/// Gives the bits of `ScalarKernels.matrixProduct`.
package struct MatrixProduct: MatrixKernel {
  /// Columns of a panel of packed weights.
  package static let panelColumns = MatrixTile.columns
  /// Bytes of rows that are copied together: they stay in the second-level cache while all panels pass over them.
  private static let blockBytes = 1 << 20
  /// Inner numbers of which a panel's weights are used by all tiles of a block before the next ones are: whole lines of 16.
  private static let chunk = 512
  static let lanes = Lanes.scalarCount

  /// [rows, inner], row-major.
  let left: UnsafePointer<Float>
  /// Panels of [inner, panelColumns], the last one filled up with zeros; for `multiplyBlocks` see there.
  let panels: UnsafePointer<Float>
  /// Room for whole panels.
  let bias: UnsafePointer<Float>
  /// 0 none, 1 ReLU, 2 GELU, 3 ReLU after the residual.
  let activation: Int32
  /// [rows, columns] or nil; may be `output` itself.
  let residual: UnsafePointer<Float>?
  /// [rows, columns], row-major.
  let output: UnsafeMutablePointer<Float>
  let rows, inner, columns: Int
  /// `ErrorFunction.table`, six rows of 16.
  let errorFunction: UnsafePointer<Float>

  package init(
    left: UnsafePointer<Float>, panels: UnsafePointer<Float>, bias: UnsafePointer<Float>, activation: Int32,
    residual: UnsafePointer<Float>?, output: UnsafeMutablePointer<Float>, rows: Int, inner: Int, columns: Int,
    errorFunction: UnsafePointer<Float>
  ) {
    (self.left, self.panels, self.bias, self.activation) = (left, panels, bias, activation)
    (self.residual, self.output, self.rows, self.inner) = (residual, output, rows, inner)
    (self.columns, self.errorFunction) = (columns, errorFunction)
  }

  /// Tiles of rows that are copied together, for rows of which each needs `bytes` and of which there are `count`.
  static func tilesTogether(_ count: Int, bytes: Int) -> Int {
    let needed = (count + MatrixTile.rows - 1) / MatrixTile.rows
    return max(1, min(needed, 8, blockBytes / max(1, bytes * MatrixTile.rows)))
  }

  /// Elements of a tile's copied rows, which are in whole lines.
  private var tileStep: Int { (inner + 15) / 16 * 16 * MatrixTile.rows }

  private var blockTiles: Int { Self.tilesTogether(rows, bytes: tileStep / MatrixTile.rows * 4) }

  /// Elements that `multiply` needs to work in.
  package var scratchCount: Int { blockTiles * (tileStep + MatrixTile.count) }

  /// Whether rows are copied before they are multiplied: not for few panels, where that would take as long as it saves,
  /// unless they lie a multiple of 4 KB apart, where all of a tile share a few lines of the first-level cache.
  private var isCopied: Bool { columns > 4 * MatrixTile.columns || inner % 1024 == 0 }

  /// Writes `activation(left x weights + bias) + residual` to `output`.
  package func multiply(scratch: UnsafeMutablePointer<Float>) {
    let block = blockTiles * MatrixTile.rows
    let place = Places(sums: scratch, copy: scratch + blockTiles * MatrixTile.count)
    for start in stride(from: 0, to: rows, by: block) {
      let taken = start..<min(start + block, rows)
      let direct = isCopied ? 0 : taken.count / MatrixTile.rows
      copyRows(taken, from: direct, to: place.copy)
      var ahead = rowsAhead(start, block: block)
      for column in stride(from: 0, to: columns, by: MatrixTile.columns) {
        for chunk in stride(from: 0, to: max(1, inner), by: Self.chunk) {
          multiply(
            taken, direct: direct, column: column, chunk: chunk..<min(chunk + Self.chunk, inner), place, &ahead)
        }
      }
    }
  }

  private struct Places {
    /// Tiles of sums, and copied rows.
    let sums, copy: UnsafeMutablePointer<Float>
  }

  /// Multiplies the rows `taken`, of which the first `direct` tiles are not copied, by a chunk of a panel.
  private func multiply(
    _ taken: Range<Int>, direct: Int, column: Int, chunk: Range<Int>, _ place: Places, _ rowsAhead: inout Ahead
  ) {
    let tiles = (taken.count + MatrixTile.rows - 1) / MatrixTile.rows
    let weights = column * inner + chunk.lowerBound * MatrixTile.columns
    let count = chunk.count * MatrixTile.columns
    let ahead = panels + (weights + count < columns * inner ? weights + count : 0)
    for tile in 0..<tiles {
      rowsAhead.ask()
      let row = taken.lowerBound + tile * MatrixTile.rows
      let sums = place.sums + tile * MatrixTile.count
      let lines = UnsafePointer(place.copy + (tile * tileStep + chunk.lowerBound * MatrixTile.rows))
      let sides = Sides(
        rows: tile < direct ? left + (row * inner + chunk.lowerBound) : lines, step: tile < direct ? inner : nil,
        panel: panels + weights, inner: chunk.count, before: chunk.lowerBound == 0 ? nil : UnsafePointer(sums),
        ahead: ahead + count / tiles * tile, linesAhead: min(8, (MatrixTile.columns + tiles - 1) / tiles))
      guard chunk.upperBound == inner else {
        tileSums(sides, into: sums)
        continue
      }
      finishedTile(
        sides, row: row, count: min(MatrixTile.rows, taken.upperBound - row), column: column, sums: sums)
    }
  }

  /// Takes `count` rows of a tile to the output; `sums` is a tile to work in.
  @inline(__always)
  func finishedTile(
    _ sides: some TileSides, row: Int, count: Int, column: Int, sums: UnsafeMutablePointer<Float>
  ) {
    let width = min(MatrixTile.columns, columns - column)
    prefetchOutput(row: row, count: count, column: column)
    if count == MatrixTile.rows, width == MatrixTile.columns, isFinishedByTiles {
      wholeTile(sides, row: row, column: column)
    } else {
      tileSums(sides, into: sums)
      finish(sums, row: row, count: count, column: column, width: width)
    }
  }

  /// What a tile's sums are of.
  private struct Sides: TileSides {
    /// A tile's rows, as they are or in lines.
    let rows: UnsafePointer<Float>
    /// From one row to the next; nil for lines.
    let step: Int?
    let panel: UnsafePointer<Float>
    let inner: Int
    /// The sums of the chunks before.
    let before: UnsafePointer<Float>?
    /// What this tile asks for of the weights that are read next: so many lines while it takes 16 inner numbers.
    let ahead: UnsafePointer<Float>
    let linesAhead: Int

    @inline(__always)
    var product: MatrixTile {
      var tile = before.map { MatrixTile($0) } ?? MatrixTile()
      if let step {
        tile.add(rows: rows, step: step, panel: panel, inner: inner)
      } else {
        tile.add(lines: rows, panel: panel, inner: inner, ahead: ahead, linesAhead: linesAhead)
      }
      return tile
    }
  }

  /// Copies the rows of tiles from `tile` on. A last tile that is not whole repeats its last row; those sums are not stored.
  private func copyRows(_ taken: Range<Int>, from tile: Int, to target: UnsafeMutablePointer<Float>) {
    let whole = (taken.count + MatrixTile.rows - 1) / MatrixTile.rows * MatrixTile.rows
    for row in tile * MatrixTile.rows..<whole {
      copyRow(
        left + min(taken.lowerBound + row, taken.upperBound - 1) * inner,
        to: target + row / MatrixTile.rows * tileStep + row % MatrixTile.rows * 16)
    }
  }

  /// Copies a row in lines of 16 numbers, of which those of a tile's rows alternate.
  @inline(__always)
  private func copyRow(_ row: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>) {
    var place = UnsafeMutableRawPointer(target)
    for start in stride(from: 0, through: inner - 16, by: 16) {
      place.storeBytes(
        of: UnsafeRawPointer(row + start).loadUnaligned(as: SIMD16<Float>.self), as: SIMD16<Float>.self)
      place += 64 * MatrixTile.rows
    }
    place.copyMemory(from: row + inner / 16 * 16, byteCount: inner % 16 * 4)
  }

  /// Asks for the lines of a tile of the output, which come into the cache while its sums are computed.
  @inline(__always)
  func prefetchOutput(row: Int, count: Int, column: Int) {
    let last = min(MatrixTile.columns, columns - column) - 1
    for offset in 0..<count {
      gauntlet_prefetch_for_writing(output + (row + offset) * columns + column)
      gauntlet_prefetch_for_writing(output + (row + offset) * columns + column + last)
    }
  }

  /// Whether a whole tile needs nothing that its registers or one pass over its lines in the cache cannot do.
  var isFinishedByTiles: Bool { activation == 0 || activation == 3 || activation == 1 && residual == nil }

  @inline(never)
  private func wholeTile(_ sides: some TileSides, row: Int, column: Int) {
    let tile = sides.product
    let offset = row * columns + column
    if let residual {
      tile.store(output + offset, stride: columns, bias: bias + column, residual: residual + offset)
    } else {
      tile.store(output + offset, stride: columns, bias: bias + column)
    }
    guard activation != 0 else { return }
    for row in 0..<MatrixTile.rows {
      for start in stride(from: 0, to: MatrixTile.columns, by: Self.lanes) {
        let place = output + offset + row * columns + start
        put(relu(load(place)), place)
      }
    }
  }

  @inline(never)
  func tileSums(_ sides: some TileSides, into target: UnsafeMutablePointer<Float>) {
    sides.product.store(target, stride: MatrixTile.columns)
  }

  /// Memory that is read next, of which a few lines at a time are asked for.
  struct Ahead {
    private var place, end: UnsafeRawPointer
    private let portion: Int

    /// - Parameter calls: how often `ask` will be called.
    init(_ start: UnsafeRawPointer, bytes: Int, calls: Int) {
      (place, end) = (start, start + bytes)
      portion = (bytes / 64 / max(1, calls) + 1) * 64
    }

    @inline(__always)
    mutating func ask() {
      let next = min(place + portion, end)
      while place < next {
        gauntlet_prefetch_for_later(place)
        place += 64
      }
    }
  }

  /// The rows of the block after that from `start` on, unless two blocks do not fit into the second-level cache.
  func rowsAhead(_ start: Int, block: Int) -> Ahead {
    let next = min(start + block, rows)
    let bytes = (min(next + block, rows) - next) * inner * 4
    let tiles = (min(block, rows - start) + MatrixTile.rows - 1) / MatrixTile.rows
    let panels = (columns + MatrixTile.columns - 1) / MatrixTile.columns
    return Ahead(
      left + next * inner, bytes: 2 * bytes > Self.blockBytes ? 0 : bytes,
      calls: tiles * panels * max(1, (inner + Self.chunk - 1) / Self.chunk))
  }

  /// Takes `count` rows of a tile's sums to the output.
  func finish(_ sums: UnsafePointer<Float>, row: Int, count: Int, column: Int, width: Int) {
    for start in stride(from: 0, to: width, by: Self.lanes) {
      let addition = load(bias + column + start)
      for offset in 0..<count {
        var value = activated(load(sums + offset * MatrixTile.columns + start) + addition)
        let place = (row + offset) * columns + column + start
        if start + Self.lanes <= width {
          if let residual { value += load(residual + place) }
          put(rectified(value), output + place)
        } else {
          if let residual { for lane in 0..<width - start { value[lane] += residual[place + lane] } }
          value = rectified(value)
          for lane in 0..<width - start { output[place + lane] = value[lane] }
        }
      }
    }
  }

  @inline(always)
  func relu(_ x: Lanes) -> Lanes { Lanes(repeating: 0).replacing(with: x, where: x .> 0) }

  /// What the activation makes of a sum before the residual is added.
  @inline(always)
  func activated(_ x: Lanes) -> Lanes {
    switch activation {
    case 1: relu(x)
    case 2: gelu(x)
    default: x
    }
  }

  /// What it makes of the sum with the residual.
  @inline(always)
  func rectified(_ x: Lanes) -> Lanes { activation == 3 ? relu(x) : x }

  @inline(__always)
  func load(_ pointer: UnsafePointer<Float>) -> Lanes {
    UnsafeRawPointer(pointer).loadUnaligned(as: Lanes.self)
  }

  @inline(__always)
  func put(_ value: Lanes, _ target: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(target).storeBytes(of: value, as: Lanes.self)
  }

  /// The steps of `ErrorFunction.gelu`, a number a lane.
  @inline(always)
  func gelu(_ x: Lanes) -> Lanes {
    let half = 0.5 * x
    let zero = Lanes(repeating: 0)
    let negative = x .< zero
    var place = x.replacing(with: zero - x, where: negative) * errorFunction[6 * 16]
    place.replace(with: 15, where: place .>= 15)
    // Adding 2^23 leaves the nearest integer in the last bits.
    let shifted = place + 0x1p23
    let index = unsafeBitCast(shifted, to: IntegerLanes.self)
    let rest = place - (shifted - 0x1p23)
    var sum = lookUp(errorFunction + 5 * 16, index)
    sum = lookUp(errorFunction + 4 * 16, index).addingProduct(sum, rest)
    sum = lookUp(errorFunction + 3 * 16, index).addingProduct(sum, rest)
    sum = lookUp(errorFunction + 2 * 16, index).addingProduct(sum, rest)
    sum = lookUp(errorFunction + 16, index).addingProduct(sum, rest)
    sum = lookUp(errorFunction, index).addingProduct(sum, rest)
    return half.addingProduct(half.replacing(with: zero - half, where: negative), sum)
  }
}
