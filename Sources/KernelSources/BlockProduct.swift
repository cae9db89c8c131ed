import CProcessor
import KernelInterfaces

/// Strassen's method in Winograd's form, used once or twice; one source for each instruction set.
///
/// `BlockProduct` of Kernels has the formulas, and gives the same bits. Every 2 (or 4) rows are a group; its rows, the
/// halves (or quarters) of the inner numbers and those of the columns are the blocks. The combinations of rows are
/// packed once for a few tiles; those of weights are made for one panel at a time, in the second-level cache, so that
/// weights are kept once.
extension MatrixProduct {
  /// Elements that `multiplyBlocks` needs to work in.
  package func blocksScratchCount(splits: Int, chunk: Int) -> Int {
    BlockLayout(self, splits: splits, chunk: chunk).scratchCount
  }

  /// Writes `activation(left x weights + bias) + residual` to `output`.
  ///
  /// `panels` holds, for each chunk of the inner numbers and each panel of a block's columns, [chunk / 2^splits, blocks,
  /// panelColumns]: the blocks by half of the inner numbers, then by half of the columns, and within each of the four
  /// once more where they are split twice.
  ///
  /// - Parameters:
  ///   - splits: 1 or 2.
  ///   - chunk: inner numbers of a chunk; the products of the chunks are added in their order.
  /// - Precondition: `rows` is a multiple of 2^splits, `inner` of `chunk`, `chunk` of 4 * 2^splits, `columns` of
  ///   panelColumns * 2^splits.
  package func multiplyBlocks(splits: Int, chunk: Int, scratch: UnsafeMutablePointer<Float>) {
    let layout = BlockLayout(self, splits: splits, chunk: chunk)
    let place = layout.places(scratch)
    let groups = rows / layout.side
    for start in stride(from: 0, to: groups, by: layout.tiles * MatrixTile.rows) {
      let tiles = min(layout.tiles, (groups - start + MatrixTile.rows - 1) / MatrixTile.rows)
      for chunk in 0..<layout.chunks {
        for tile in 0..<tiles { packGroups(start + tile * MatrixTile.rows, tile: tile, chunk, layout, place) }
        for panel in 0..<layout.panels {
          multiply(panel, chunk, start: start, end: min(groups, start + layout.tiles * MatrixTile.rows), layout, place)
        }
      }
    }
  }

  /// Computes one panel of each block's columns for the groups from `start` to `end`.
  private func multiply(
    _ panel: Int, _ chunk: Int, start: Int, end: Int, _ layout: BlockLayout, _ place: BlockLayout.Places
  ) {
    let size = layout.blocks * layout.rightSize
    let weights = panels + (chunk * layout.panels + panel) * size
    // What comes next is asked for while the sums are computed: the blocks of weights are read all at once.
    let calls = layout.outerProducts * 7 * ((end - start + MatrixTile.rows - 1) / MatrixTile.rows)
    let lines = (size / 16 + calls - 1) / calls
    var ahead = weights + size
    let last = panels + layout.chunks * layout.panels * size
    let tiles = (end - start + MatrixTile.rows - 1) / MatrixTile.rows
    for outer in layout.order {
      combineWeights(weights, outer: outer, layout, into: place.right)
      func target(_ tile: Int) -> BlockTarget {
        let first = start + tile * MatrixTile.rows
        return BlockTarget(
          panel: panel, chunk: chunk, first: first, count: min(MatrixTile.rows, end - first), start: start)
      }
      // A product's weights stay in the first-level cache while all tiles pass.
      for product in 0..<7 {
        let left = place.left + (outer * 7 + product) * layout.tiles * layout.leftStep
        for tile in 0..<tiles {
          for line in 0..<lines where ahead < last { gauntlet_prefetch_for_reading(ahead + line * 16) }
          ahead += lines * 16
          if product == 6, let quarter = layout.quarter(outer) {
            prefetch(target(tile), quarter, layout, place.partial)
          }
          sums(
            left + tile * layout.leftStep, place.right + product * layout.rightStep, layout.inner,
            count: min(MatrixTile.rows, end - start - tile * MatrixTile.rows),
            into: place.sums + (tile * 7 + product) * MatrixTile.count)
        }
      }
      for tile in 0..<tiles {
        let sums = place.sums + tile * 7 * MatrixTile.count
        join(sums, outer: outer, layout, kept: place.kept + tile * 8 * MatrixTile.count)
        if let quarter = layout.quarter(outer) { finish(sums, target(tile), quarter, layout, place.partial) }
      }
    }
  }

  /// The packed left sides of a tile of groups, in lines of 16 inner numbers: seven, or seven for each of seven.
  ///
  /// Groups that are missing repeat the last one; their sums are not stored.
  private func packGroups(
    _ first: Int, tile: Int, _ chunk: Int, _ layout: BlockLayout, _ place: BlockLayout.Places
  ) {
    // Seven products at a time, which are written from front to back.
    for outer in 0..<layout.outerProducts {
      let target = place.left + (outer * 7 * layout.tiles + tile) * layout.leftStep
      @inline(__always) func pack(_ combined: (_ block: (Int) -> Line, _ inside: Int) -> Line) {
        packLines(first, chunk, layout, target, asked: layout.asked(outer, inner), combined)
      }
      switch outer {
      case 0: pack { block, inside in block(inside) }
      case 1: pack { block, inside in block(4 + inside) }
      case 2:
        pack { block, inside in
          block(4 + inside) - ((block(8 + inside) + block(12 + inside)) - block(inside))
        }
      case 3: pack { block, inside in block(12 + inside) }
      case 4: pack { block, inside in block(8 + inside) + block(12 + inside) }
      case 5: pack { block, inside in (block(8 + inside) + block(12 + inside)) - block(inside) }
      default: pack { block, inside in block(inside) - block(8 + inside) }
      }
    }
  }

  /// Inner numbers of a line.
  private static let line = 16
  private typealias Line = SIMD16<Float>

  @inline(__always)
  private func packLines(
    _ first: Int, _ chunk: Int, _ layout: BlockLayout, _ target: UnsafeMutablePointer<Float>,
    asked: SIMD4<Int>?, _ combined: (_ block: (Int) -> Line, _ inside: Int) -> Line
  ) {
    let (last, step) = (rows / layout.side - 1, layout.leftStep * layout.tiles)
    let start = left + chunk * layout.side * layout.inner
    var place = target
    for line in stride(from: 0, to: layout.inner, by: Self.line) {
      let isWhole = line + Self.line <= layout.inner
      for group in 0..<MatrixTile.rows {
        let source = start + layout.side * min(first + group, last) * inner + line
        splitLeft(step, place) {
          combined(
            {
              let block = source + layout.leftOffset($0, inner)
              return isWhole
                ? UnsafeRawPointer(block).loadUnaligned(as: Line.self) : numbers(block, count: layout.inner - line)
            }, $0)
        }
        place += Self.line
        if let asked {
          let next = start + layout.side * min(first + MatrixTile.rows + group, last) * inner + line
          for part in 0..<4 { gauntlet_prefetch_for_later(next + asked[part]) }
        }
      }
    }
  }

  @inline(never)
  private func numbers(_ start: UnsafePointer<Float>, count: Int) -> Line {
    var line = Line()
    for index in 0..<count { line[index] = start[index] }
    return line
  }

  /// Writes A11, A12, S4, A22, S1, S2, S3 of four blocks, `step` apart.
  @inline(__always)
  private func splitLeft(_ step: Int, _ target: UnsafeMutablePointer<Float>, _ source: (Int) -> Line) {
    let (a11, a12, a21, a22) = (source(0), source(1), source(2), source(3))
    let s1 = a21 + a22
    let s2 = s1 - a11
    let place = UnsafeMutableRawPointer(target)
    place.storeBytes(of: a11, as: Line.self)
    place.storeBytes(of: a12, toByteOffset: 4 * step, as: Line.self)
    place.storeBytes(of: a12 - s2, toByteOffset: 8 * step, as: Line.self)
    place.storeBytes(of: a22, toByteOffset: 12 * step, as: Line.self)
    place.storeBytes(of: s1, toByteOffset: 16 * step, as: Line.self)
    place.storeBytes(of: s2, toByteOffset: 20 * step, as: Line.self)
    place.storeBytes(of: a11 - a21, toByteOffset: 24 * step, as: Line.self)
  }

  /// The seven right sides of a panel's product `outer`.
  private func combineWeights(
    _ weights: UnsafePointer<Float>, outer: Int, _ layout: BlockLayout, into target: UnsafeMutablePointer<Float>
  ) {
    guard layout.side == 4 else { return splitRight(weights, layout, target) { load($0) } }
    let width = MatrixTile.columns
    let (b12, b21, b22) = (4 * width, 8 * width, 12 * width)
    switch outer {
    case 0: splitRight(weights, layout, target) { load($0) }
    case 1: splitRight(weights + b21, layout, target) { load($0) }
    case 2: splitRight(weights + b22, layout, target) { load($0) }
    case 3:
      splitRight(weights, layout, target) {
        (load($0 + b22) - (load($0 + b12) - load($0))) - load($0 + b21)
      }
    case 4: splitRight(weights, layout, target) { load($0 + b12) - load($0) }
    case 5: splitRight(weights, layout, target) { load($0 + b22) - (load($0 + b12) - load($0)) }
    default: splitRight(weights, layout, target) { load($0 + b22) - load($0 + b12) }
    }
  }

  /// Writes B11, B21, B22, T4, T1, T2, T3 of four blocks, whose rows alternate.
  @inline(__always)
  private func splitRight(
    _ weights: UnsafePointer<Float>, _ layout: BlockLayout, _ target: UnsafeMutablePointer<Float>,
    _ source: (UnsafePointer<Float>) -> Lanes
  ) {
    let (width, step) = (MatrixTile.columns, layout.rightStep)
    var (row, place) = (weights, target)
    for _ in 0..<layout.inner {
      for start in stride(from: 0, to: width, by: Self.lanes) {
        let (b11, b12) = (source(row + start), source(row + start + width))
        let (b21, b22) = (source(row + start + 2 * width), source(row + start + 3 * width))
        let t1 = b12 - b11
        let t2 = b22 - t1
        let place = place + start
        put(b11, place)
        put(b21, place + step)
        put(b22, place + 2 * step)
        put(t2 - b21, place + 3 * step)
        put(t1, place + 4 * step)
        put(t2, place + 5 * step)
        put(b22 - b12, place + 6 * step)
      }
      row += layout.blocks * width
      place += width
    }
  }

  /// Turns the sums of seven products of a tile into four tiles in their place, and where these are one of seven
  /// products themselves, takes them on to what is known of the outer four: `kept` holds P1, then U2, then U4, and U3.
  private func join(
    _ sums: UnsafeMutablePointer<Float>, outer: Int, _ layout: BlockLayout, kept: UnsafeMutablePointer<Float>
  ) {
    let other = kept + 4 * MatrixTile.count
    guard layout.side == 4 else { return join(sums) { value, _ in value } }
    switch outer {
    case 0:
      join(sums) { value, index in
        put(value, kept + index)
        return value
      }
    case 5:
      join(sums) { value, index in
        put(load(kept + index) + value, kept + index)
        return value
      }
    case 6:
      join(sums) { value, index in
        put(load(kept + index) + value, other + index)
        return value
      }
    case 4:
      join(sums) { value, index in
        put(load(kept + index) + value, kept + index)
        return load(other + index) + value
      }
    case 3: join(sums) { value, index in load(other + index) - value }
    default: join(sums) { value, index in load(kept + index) + value }
    }
  }

  @inline(__always)
  private func join(_ sums: UnsafeMutablePointer<Float>, _ take: (Lanes, Int) -> Lanes) {
    let size = MatrixTile.count
    for index in stride(from: 0, to: size, by: Self.lanes) {
      let p = sums + index
      let (p1, p5) = (load(p), load(p + 4 * size))
      let u2 = p1 + load(p + 5 * size)
      let u3 = u2 + load(p + 6 * size)
      let (c11, c12) = (p1 + load(p + size), u2 + p5 + load(p + 2 * size))
      let (c21, c22) = (u3 - load(p + 3 * size), u3 + p5)
      put(take(c11, index), p)
      put(take(c12, index + size), p + size)
      put(take(c21, index + 2 * size), p + 2 * size)
      put(take(c22, index + 3 * size), p + 3 * size)
    }
  }

  /// Takes four tiles to the output, or to the sum of the chunks so far.
  private func finish(
    _ tiles: UnsafePointer<Float>, _ target: BlockTarget, _ quarter: (row: Int, column: Int), _ layout: BlockLayout,
    _ partial: UnsafeMutablePointer<Float>
  ) {
    let place = layout.place(target, quarter)
    let sum = partial + (place.row - layout.side * target.start) * columns + place.column
    let before = target.chunk == 0 ? nil : UnsafePointer(sum)
    let isLast = target.chunk + 1 == layout.chunks
    let results = output + place.row * columns + place.column
    let others = residual.map { $0 + place.row * columns + place.column }
    for part in 0..<4 {
      let column = part % 2 * (columns / layout.side)
      for start in stride(from: 0, to: MatrixTile.columns, by: Self.lanes) {
        let addition = load(bias + place.column + column + start)
        for offset in 0..<target.count {
          var value = load(tiles + part * MatrixTile.count + offset * MatrixTile.columns + start)
          let index = (layout.side * offset + part / 2) * columns + column + start
          if let before { value = load(before + index) + value }
          guard isLast else {
            put(value, sum + index)
            continue
          }
          value = activated(value + addition)
          if let others { value += load(others + index) }
          put(rectified(value), results + index)
        }
      }
    }
  }

  /// Sums of a tile of packed rows, of which `count` are wanted.
  @inline(never)
  private func sums(
    _ values: UnsafePointer<Float>, _ panel: UnsafePointer<Float>, _ inner: Int, count: Int,
    into target: UnsafeMutablePointer<Float>
  ) {
    // Rows come from far away, and once for each panel: 64 numbers ahead, also where another core reads as much.
    var tile = MatrixTile()
    tile.add(lines: values, panel: panel, inner: inner, count: count) {
      for row in 0..<MatrixTile.rows { gauntlet_prefetch_for_reading($0 + 16 * (4 * MatrixTile.rows + row)) }
    }
    tile.store(target, stride: MatrixTile.columns)
  }

  /// Asks for the lines of the output, or of the sum of the chunks so far, that four tiles will be written to.
  private func prefetch(
    _ target: BlockTarget, _ quarter: (row: Int, column: Int), _ layout: BlockLayout,
    _ partial: UnsafeMutablePointer<Float>
  ) {
    let place = layout.place(target, quarter)
    let isLast = target.chunk + 1 == layout.chunks
    let start = isLast ? output : partial - layout.side * target.start * columns
    for offset in 0..<target.count {
      for part in 0..<4 {
        let line =
          start + (place.row + layout.side * offset + part / 2) * columns + place.column
          + part % 2 * (columns / layout.side)
        gauntlet_prefetch_for_writing(line)
        gauntlet_prefetch_for_writing(line + MatrixTile.columns - 1)
      }
    }
  }
}

/// What a tile of groups is computed for.
private struct BlockTarget {
  let panel, chunk: Int
  /// The tile's first group and its groups.
  let first, count: Int
  /// The first of the groups that are packed together.
  let start: Int
}

/// Where the blocks of a `MatrixProduct` are.
private struct BlockLayout {
  /// Rows of a group, and parts of a chunk's inner numbers and of the columns: 2 or 4.
  let side: Int
  let chunks: Int
  /// Inner numbers of a block.
  let inner: Int
  let columns: Int
  /// Tiles of groups that are packed together.
  let tiles: Int
  /// Tiles for which there is room: at least as many, and no fewer for more rows.
  private let room: Int

  var blocks: Int { side * side }
  /// Panels of a block.
  var panels: Int { columns / side / MatrixTile.columns }
  /// Products outside the innermost seven.
  var outerProducts: Int { side == 4 ? 7 : 1 }
  /// The order in which these are computed, so that two sets of four tiles hold what is known of them.
  var order: [Int] { side == 4 ? [0, 1, 5, 6, 4, 2, 3] : [0] }
  /// Elements of a packed left block and of a block of weights.
  var leftSize: Int { MatrixTile.rows * ((inner + 15) / 16 * 16) }
  var rightSize: Int { MatrixTile.columns * inner }
  /// From one block to the next that is written with it; a power of two would put all of them into the same few lines
  /// of the first-level cache.
  var leftStep: Int { leftSize + 16 }
  var rightStep: Int { rightSize + 16 }

  init(_ product: MatrixProduct, splits: Int, chunk: Int) {
    side = 1 << splits
    chunks = product.inner / chunk
    inner = chunk / side
    columns = product.columns
    let needed = (product.rows / side + MatrixTile.rows - 1) / MatrixTile.rows
    let passes = max(1, (needed + Self.mostTiles - 1) / Self.mostTiles)
    tiles = max(1, (needed + passes - 1) / passes)
    room = max(1, min(needed, Self.mostTiles))
  }

  private static let mostTiles = 17

  struct Places {
    let left, right, sums, kept, partial: UnsafeMutablePointer<Float>
  }

  private var counts: [Int] {
    [
      outerProducts * room * 7 * leftStep, 7 * rightStep, room * 7 * MatrixTile.count,
      side == 4 ? room * 8 * MatrixTile.count : 0,
      chunks > 1 ? room * MatrixTile.rows * side * columns : 0,
    ]
  }

  var scratchCount: Int { counts.reduce(0, +) }

  func places(_ scratch: UnsafeMutablePointer<Float>) -> Places {
    let counts = counts
    func part(_ index: Int) -> UnsafeMutablePointer<Float> { scratch + counts[..<index].reduce(0, +) }
    return Places(left: part(0), right: part(1), sums: part(2), kept: part(3), partial: part(4))
  }

  /// From the first number of a group's part of a chunk to that of a block of the left side, of rows of `whole` numbers.
  @inline(__always)
  func leftOffset(_ block: Int, _ whole: Int) -> Int {
    let (outer, inside) = side == 4 ? (block / 4, block % 4) : (0, block)
    return (outer / 2 * 2 + inside / 2) * whole + (outer % 2 * 2 + inside % 2) * inner
  }

  /// The places of four blocks of the next tile's groups, as `leftOffset` gives them, that are asked for while the left
  /// sides of a product `outer` are packed: all there are, or one row's with each of the last four products. No processor
  /// sees by itself what comes next in so many rows.
  func asked(_ outer: Int, _ whole: Int) -> SIMD4<Int>? {
    if side == 2 { return SIMD4(0, inner, whole, whole + inner) }
    return outer < 3 ? nil : SIMD4(repeating: (outer - 3) * whole) &+ SIMD4(0, 1, 2, 3) &* inner
  }

  /// Which of the outer four is complete after a product: C11, C22, C12, C21 after P2, P5, P3, P4.
  func quarter(_ outer: Int) -> (row: Int, column: Int)? {
    guard side == 4 else { return (0, 0) }
    switch outer {
    case 1: return (0, 0)
    case 4: return (1, 1)
    case 2: return (0, 1)
    case 3: return (1, 0)
    default: return nil
    }
  }

  /// The row and column of the first output of a tile.
  func place(_ target: BlockTarget, _ quarter: (row: Int, column: Int)) -> (row: Int, column: Int) {
    (
      side * target.first + 2 * quarter.row,
      quarter.column * (columns / 2) + target.panel * MatrixTile.columns
    )
  }
}
