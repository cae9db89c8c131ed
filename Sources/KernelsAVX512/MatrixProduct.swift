import CProcessor
import Tensors

/// The matrix product, with rows packed so that a tile reads one stream; one source for each instruction set, since
/// `MatrixTile` and `Lanes` are each module's own.
///
/// Gives the bits of `ScalarKernels.matrixProduct`.
package struct MatrixProduct {
  /// Columns of a panel of packed weights.
  package static let panelColumns = MatrixTile.columns
  /// Numbers that a tile holds.
  static let tileCount = MatrixTile.rows * MatrixTile.columns
  /// Bytes of rows that are packed together: they stay in the second-level cache while all panels pass over them.
  private static let blockBytes = 1 << 20
  private static let lanes = Lanes.scalarCount

  /// [rows, inner], row-major.
  let left: UnsafePointer<Float>
  /// Panels of [inner, panelColumns], the last one filled up with zeros; of the paired product, those of each of the
  /// seven products one after the other, with half of the inner numbers and half of the columns.
  let panels: UnsafePointer<Float>
  /// Room for whole panels.
  let bias: UnsafePointer<Float>
  /// 0 none, 1 ReLU, 2 GELU.
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

  /// Tiles that are packed together, for rows of which each needs `bytes` and of which there are `count`.
  static func tilesTogether(_ count: Int, bytes: Int) -> Int {
    let needed = (count + MatrixTile.rows - 1) / MatrixTile.rows
    return max(1, min(needed, 8, blockBytes / max(1, bytes * MatrixTile.rows)))
  }

  private var blockTiles: Int { Self.tilesTogether(rows, bytes: inner * 4) }
  private var pairedBlockTiles: Int { Self.tilesTogether(rows / 2, bytes: 7 * (inner / 2) * 4) }

  /// Elements that `multiply` needs to work in.
  package var scratchCount: Int { blockTiles * MatrixTile.rows * inner + Self.tileCount }

  /// Elements that `multiplyPaired` needs to work in.
  package var pairedScratchCount: Int {
    pairedBlockTiles * 7 * (MatrixTile.rows * (inner / 2) + Self.tileCount)
  }

  /// Writes `activation(left x weights + bias) + residual` to `output`.
  package func multiply(scratch: UnsafeMutablePointer<Float>) {
    let spill = scratch
    let packed = scratch + Self.tileCount
    let block = blockTiles * MatrixTile.rows
    for start in stride(from: 0, to: rows, by: block) {
      let end = min(start + block, rows)
      for row in stride(from: start, to: end, by: MatrixTile.rows) {
        let valid = min(MatrixTile.rows, end - row)
        pack(into: packed + (row - start) * inner, inner) { left + (row + min($0, valid - 1)) * inner }
      }
      for column in stride(from: 0, to: columns, by: MatrixTile.columns) {
        let width = min(MatrixTile.columns, columns - column)
        for row in stride(from: start, to: end, by: MatrixTile.rows) {
          let valid = min(MatrixTile.rows, end - row)
          prefetchOutput(row: row, count: valid, column: column)
          let values = packed + (row - start) * inner
          let panel = panels + column * inner
          if valid == MatrixTile.rows, width == MatrixTile.columns, activation == 0 {
            wholeTile(values, panel, row: row, column: column)
          } else {
            sums(values, panel, inner, into: spill)
            finish(spill, row: row, count: valid, column: column, width: width)
          }
        }
      }
    }
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

  /// The same with rows in pairs, (0, 1), (2, 3), ...: seven products of half the size where there were eight.
  ///
  /// Strassen's method in Winograd's form, once: even and odd rows, the two halves of the inner numbers and the two
  /// halves of the columns are the blocks. See `PairedProduct` for the order of its additions.
  /// - Precondition: `rows` is even, `inner` a multiple of 8, `columns` of `2 * panelColumns`.
  package func multiplyPaired(scratch: UnsafeMutablePointer<Float>) {
    let half = inner / 2
    let tiles = pairedBlockTiles
    let tileSize = MatrixTile.rows * half
    let spill = scratch
    let packed = scratch + tiles * 7 * Self.tileCount
    let panelSize = half * MatrixTile.columns
    let productSize = half * (columns / 2)
    let block = tiles * MatrixTile.rows
    for start in stride(from: 0, to: rows / 2, by: block) {
      let pairs = min(block, rows / 2 - start)
      let used = (pairs + MatrixTile.rows - 1) / MatrixTile.rows
      for tile in 0..<used {
        packPairs(start + tile * MatrixTile.rows, into: packed + tile * tileSize, step: tiles * tileSize)
      }
      for panel in 0..<columns / 2 / MatrixTile.columns {
        for product in 0..<7 {
          let weights = panels + product * productSize + panel * panelSize
          for tile in 0..<used {
            sums(
              packed + (product * tiles + tile) * tileSize, weights, half,
              into: spill + (tile * 7 + product) * Self.tileCount)
          }
        }
        for tile in 0..<used {
          let first = start + tile * MatrixTile.rows
          combine(
            spill + tile * 7 * Self.tileCount, first: first, count: min(MatrixTile.rows, rows / 2 - first),
            column: panel * MatrixTile.columns)
        }
      }
    }
  }

  /// Turns the sums of the seven products into the outputs of `count` pairs of rows.
  private func combine(_ spill: UnsafePointer<Float>, first: Int, count: Int, column: Int) {
    switch activation {
    case 1: combine(spill, first, count, column) { Lanes(repeating: 0).replacing(with: $0, where: $0 .> 0) }
    case 2: combine(spill, first, count, column) { gelu($0) }
    default: combine(spill, first, count, column) { $0 }
    }
  }

  @inline(__always)
  private func combine(
    _ spill: UnsafePointer<Float>, _ first: Int, _ count: Int, _ column: Int, _ activate: (Lanes) -> Lanes
  ) {
    let (size, half) = (Self.tileCount, columns / 2)
    for start in stride(from: 0, to: MatrixTile.columns, by: Self.lanes) {
      let (low, high) = (load(bias + column + start), load(bias + half + column + start))
      for offset in 0..<count {
        let p = spill + offset * MatrixTile.columns + start
        let p1 = load(p)
        let p5 = load(p + 4 * size)
        let u2 = p1 + load(p + 5 * size)
        let u3 = u2 + load(p + 6 * size)
        var c11 = activate(p1 + load(p + size) + low)
        var c12 = activate(u2 + p5 + load(p + 2 * size) + high)
        var c21 = activate(u3 - load(p + 3 * size) + low)
        var c22 = activate(u3 + p5 + high)
        let place = 2 * (first + offset) * columns + column + start
        if let residual {
          let other = residual + place
          c11 += load(other)
          c12 += load(other + half)
          c21 += load(other + columns)
          c22 += load(other + columns + half)
        }
        let target = output + place
        put(c11, target)
        put(c12, target + half)
        put(c21, target + columns)
        put(c22, target + columns + half)
      }
    }
  }

  private func wholeTile(_ values: UnsafePointer<Float>, _ panel: UnsafePointer<Float>, row: Int, column: Int) {
    let tile = MatrixTile(left: values, panel: panel, inner: inner)
    let offset = row * columns + column
    if let residual {
      tile.store(output + offset, stride: columns, bias: bias + column, residual: residual + offset)
    } else {
      tile.store(output + offset, stride: columns, bias: bias + column)
    }
  }

  @inline(never)
  private func sums(
    _ values: UnsafePointer<Float>, _ panel: UnsafePointer<Float>, _ inner: Int,
    into target: UnsafeMutablePointer<Float>
  ) {
    MatrixTile(left: values, panel: panel, inner: inner).store(target, stride: MatrixTile.columns)
  }

  /// Takes `count` rows of a tile's sums to the output.
  func finish(_ sums: UnsafePointer<Float>, row: Int, count: Int, column: Int, width: Int) {
    switch activation {
    case 1: finish(sums, row, count, column, width) { Lanes(repeating: 0).replacing(with: $0, where: $0 .> 0) }
    case 2: finish(sums, row, count, column, width) { gelu($0) }
    default: finish(sums, row, count, column, width) { $0 }
    }
  }

  @inline(__always)
  private func finish(
    _ sums: UnsafePointer<Float>, _ row: Int, _ count: Int, _ column: Int, _ width: Int, _ activate: (Lanes) -> Lanes
  ) {
    for start in stride(from: 0, to: width, by: Self.lanes) {
      let addition = load(bias + column + start)
      for offset in 0..<count {
        var value = activate(load(sums + offset * MatrixTile.columns + start) + addition)
        let place = (row + offset) * columns + column + start
        if start + Self.lanes <= width {
          if let residual { value += load(residual + place) }
          put(value, output + place)
        } else {
          for lane in 0..<width - start {
            output[place + lane] = residual.map { value[lane] + $0[place + lane] } ?? value[lane]
          }
        }
      }
    }
  }

  /// Turns the rows of a tile into [inner, rows]. Rows that are missing repeat the last one; their sums are not stored.
  @inline(__always)
  private func pack(
    into target: UnsafeMutablePointer<Float>, _ inner: Int, _ row: (Int) -> UnsafePointer<Float>
  ) {
    for group in stride(from: 0, to: MatrixTile.rows, by: Self.rowsTurned) {
      let (a, b) = (row(group), row(group + 1))
      let (c, d) = Self.rowsTurned == 4 ? (row(group + 2), row(group + 3)) : (a, b)
      for k in stride(from: 0, through: inner - 4, by: 4) {
        turn(four(a + k), four(b + k), four(c + k), four(d + k), target + k * MatrixTile.rows + group)
      }
      for k in inner / 4 * 4..<inner {
        for (index, source) in [a, b, c, d].prefix(Self.rowsTurned).enumerated() {
          target[k * MatrixTile.rows + group + index] = source[k]
        }
      }
    }
  }

  /// The seven packed inputs of a tile of row pairs, `step` elements apart; see `PairedProduct` for their names.
  private func packPairs(_ first: Int, into target: UnsafeMutablePointer<Float>, step: Int) {
    let half = inner / 2
    // A11, A12, A22 where they belong, and A21 where A11 - A21 will be.
    for (product, shift) in [(0, 0), (1, half), (3, inner + half), (6, inner)] {
      pack(into: target + product * step, half) { left + 2 * min(first + $0, rows / 2 - 1) * inner + shift }
    }
    for index in stride(from: 0, to: MatrixTile.rows * half, by: Self.lanes) {
      let place = target + index
      let (a11, a21) = (load(place), load(place + 6 * step))
      let s1 = a21 + load(place + 3 * step)
      let s2 = s1 - a11
      put(load(place + step) - s2, place + 2 * step)
      put(s1, place + 4 * step)
      put(s2, place + 5 * step)
      put(a11 - a21, place + 6 * step)
    }
  }

  /// Rows that are turned together.
  static let rowsTurned = MatrixTile.rows % 4 == 0 ? 4 : 2

  /// Writes four inner numbers of `rowsTurned` rows, the rows beside each other.
  @inline(__always)
  func turn(
    _ a: SIMD4<Float>, _ b: SIMD4<Float>, _ c: SIMD4<Float>, _ d: SIMD4<Float>, _ target: UnsafeMutablePointer<Float>
  ) {
    for index in 0..<4 {
      let place = UnsafeMutableRawPointer(target + index * MatrixTile.rows)
      if Self.rowsTurned == 4 {
        place.storeBytes(of: SIMD4(a[index], b[index], c[index], d[index]), as: SIMD4<Float>.self)
      } else {
        place.storeBytes(of: SIMD2(a[index], b[index]), as: SIMD2<Float>.self)
      }
    }
  }

  @inline(__always)
  private func four(_ pointer: UnsafePointer<Float>) -> SIMD4<Float> {
    UnsafeRawPointer(pointer).loadUnaligned(as: SIMD4<Float>.self)
  }

  @inline(__always)
  private func load(_ pointer: UnsafePointer<Float>) -> Lanes {
    UnsafeRawPointer(pointer).loadUnaligned(as: Lanes.self)
  }

  @inline(__always)
  private func put(_ value: Lanes, _ target: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(target).storeBytes(of: value, as: Lanes.self)
  }

  /// The steps of `ErrorFunction.gelu`, a number a lane.
  @inline(__always)
  private func gelu(_ x: Lanes) -> Lanes {
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
    for power in stride(from: 4, through: 0, by: -1) {
      sum = lookUp(errorFunction + power * 16, index).addingProduct(sum, rest)
    }
    return half.addingProduct(half.replacing(with: zero - half, where: negative), sum)
  }
}
