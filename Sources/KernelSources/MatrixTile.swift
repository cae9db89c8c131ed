import CProcessor

/// The sums of one tile of a matrix product, 12 rows by two registers of columns, which stay in 24 of 32 registers; one
/// source for the instruction sets that have as many.
///
/// A lane holds one output, and its chain runs over inner = 0, 1, 2, ...
struct MatrixTile {
  /// Rows of a tile.
  static let rows = 3 * FourRows.count
  /// Columns of a tile, and of a panel of packed weights.
  static let columns = 2 * Lanes.scalarCount

  var upper = FourRows()
  var middle = FourRows()
  var lower = FourRows()

  /// Sums of nothing.
  @inline(__always)
  init() {}

  /// Goes on with the sums of the tile `tile`.
  @inline(__always)
  init(_ tile: UnsafePointer<Float>) {
    upper = FourRows(tile)
    middle = FourRows(tile + FourRows.count * Self.columns)
    lower = FourRows(tile + 2 * FourRows.count * Self.columns)
  }

  /// How many rows are computed for the first `count` of a tile, all of which are wanted.
  @inline(__always)
  static func rows(for count: Int) -> Int { (count + FourRows.count - 1) / FourRows.count * FourRows.count }

  /// Adds the products of `inner` numbers of rows in lines of 16, `left` [inner / 16, 12, 16], and `panel` [inner, columns].
  ///
  /// - Parameters:
  ///   - count: rows that are wanted; others may be left as they are.
  ///   - beside: what is done before each 16 numbers, given where their lines are.
  @inline(__always)
  mutating func add(
    lines left: UnsafePointer<Float>, panel: UnsafePointer<Float>, inner: Int, count: Int,
    beside: (UnsafePointer<Float>) -> Void
  ) {
    // Each with instructions of its own, so that the sums stay in registers.
    switch Self.rows(for: count) / FourRows.count {
    case 1: add(left, panel, inner, fours: 1, beside)
    case 2: add(left, panel, inner, fours: 2, beside)
    default: add(left, panel, inner, fours: 3, beside)
    }
  }

  @inline(__always)
  private mutating func add(
    _ left: UnsafePointer<Float>, _ panel: UnsafePointer<Float>, _ inner: Int, fours: Int,
    _ beside: (UnsafePointer<Float>) -> Void
  ) {
    var (values, weights) = (left, panel)
    for _ in 0..<inner / 16 {
      beside(values)
      for _ in 0..<8 {
        // Of which the compiler knows nothing: a counter beside them would make every multiply-add that reads two.
        values = gauntlet_another_pointer(values)
        let others = gauntlet_another_pointer(values)
        add(values, others, weights, fours: fours)
        add(values + 1, others + 1, weights + Self.columns, fours: fours)
        values += 2
        weights += 2 * Self.columns
      }
      values += 16 * (Self.rows - 1)
    }
    for _ in 0..<inner % 16 {
      add(values, values, weights, fours: fours)
      values += 1
      weights += Self.columns
    }
  }

  /// Adds the products of one number of each row, 16 apart, and one of each column; `others` are `values`.
  ///
  /// A number of a row is loaded and spread once for both registers; but every sixth row's is twice, by the multiply-adds
  /// themselves: where two threads share a core's decoder, the count of instructions is the limit, elsewhere that of loads.
  /// The compiler would load a number once that is read through one pointer.
  @inline(__always)
  private mutating func add(
    _ values: UnsafePointer<Float>, _ others: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, fours: Int
  ) {
    let w0 = Self.load(weights)
    let w1 = Self.load(weights + Lanes.scalarCount)
    let step = 16 * FourRows.count
    upper.add(values, w0, w1, first: values, third: others)
    if fours > 1 { middle.add(values + step, w0, w1, first: values + step, third: values + step) }
    if fours > 2 { lower.add(values + 2 * step, w0, w1, first: others + 2 * step, third: values + 2 * step) }
  }

  /// Gives each row's sums, from the first row to the last.
  @inline(always)
  func forEachRow(_ body: (_ row: Int, _ low: Lanes, _ high: Lanes) -> Void) {
    upper.forEachRow(from: 0, body)
    middle.forEachRow(from: FourRows.count, body)
    lower.forEachRow(from: 2 * FourRows.count, body)
  }
}

/// The sums of four rows of a tile. They are separate variables, since an array of them would not stay in registers.
struct FourRows {
  static let count = 4

  var c00 = Lanes(repeating: 0)
  var c01 = Lanes(repeating: 0)
  var c10 = Lanes(repeating: 0)
  var c11 = Lanes(repeating: 0)
  var c20 = Lanes(repeating: 0)
  var c21 = Lanes(repeating: 0)
  var c30 = Lanes(repeating: 0)
  var c31 = Lanes(repeating: 0)

  /// Sums of nothing.
  @inline(__always)
  init() {}

  /// Goes on with four rows of sums.
  @inline(__always)
  init(_ sums: UnsafePointer<Float>) {
    (c00, c01) = MatrixTile.pair(sums, 0)
    (c10, c11) = MatrixTile.pair(sums, 1)
    (c20, c21) = MatrixTile.pair(sums, 2)
    (c30, c31) = MatrixTile.pair(sums, 3)
  }

  /// Adds the products of one number of each row, 16 apart, and of two registers of columns. The first row's numbers are
  /// also at `first`, the third's at `third`.
  @inline(__always)
  mutating func add(
    _ values: UnsafePointer<Float>, _ w0: Lanes, _ w1: Lanes, first: UnsafePointer<Float>, third: UnsafePointer<Float>
  ) {
    c00.addProduct(Lanes(repeating: values[0]), w0)
    c01.addProduct(Lanes(repeating: first[0]), w1)
    let x1 = Lanes(repeating: values[16])
    c10.addProduct(x1, w0)
    c11.addProduct(x1, w1)
    c20.addProduct(Lanes(repeating: values[32]), w0)
    c21.addProduct(Lanes(repeating: third[32]), w1)
    let x3 = Lanes(repeating: values[48])
    c30.addProduct(x3, w0)
    c31.addProduct(x3, w1)
  }

  /// Gives each row's sums, from the first row, which is the tile's row `row`, to the last.
  @inline(always)
  func forEachRow(from row: Int, _ body: (_ row: Int, _ low: Lanes, _ high: Lanes) -> Void) {
    body(row, c00, c01)
    body(row + 1, c10, c11)
    body(row + 2, c20, c21)
    body(row + 3, c30, c31)
  }
}
