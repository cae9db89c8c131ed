import CProcessor

/// The sums of one tile of a matrix product, 12 rows by two registers of columns, which stay in 24 of 32 registers; one
/// source for the instruction sets that have as many.
///
/// A number of a row is loaded and spread once for both registers; but every sixth row's is twice, by the multiply-adds
/// themselves: where two threads share a core's decoder, the count of instructions is the limit, elsewhere that of loads.
/// The compiler would load a number once that is read through one pointer.
///
/// A lane holds one output, and its chain runs over inner = 0, 1, 2, ... The sums are separate variables, since an
/// array of them would not stay in registers.
struct MatrixTile {
  /// Rows of a tile.
  static let rows = 12
  /// Columns of a tile, and of a panel of packed weights.
  static let columns = 2 * Lanes.scalarCount

  var c00 = Lanes(repeating: 0)
  var c01 = Lanes(repeating: 0)
  var c10 = Lanes(repeating: 0)
  var c11 = Lanes(repeating: 0)
  var c20 = Lanes(repeating: 0)
  var c21 = Lanes(repeating: 0)
  var c30 = Lanes(repeating: 0)
  var c31 = Lanes(repeating: 0)
  var c40 = Lanes(repeating: 0)
  var c41 = Lanes(repeating: 0)
  var c50 = Lanes(repeating: 0)
  var c51 = Lanes(repeating: 0)
  var c60 = Lanes(repeating: 0)
  var c61 = Lanes(repeating: 0)
  var c70 = Lanes(repeating: 0)
  var c71 = Lanes(repeating: 0)
  var c80 = Lanes(repeating: 0)
  var c81 = Lanes(repeating: 0)
  var c90 = Lanes(repeating: 0)
  var c91 = Lanes(repeating: 0)
  var c100 = Lanes(repeating: 0)
  var c101 = Lanes(repeating: 0)
  var c110 = Lanes(repeating: 0)
  var c111 = Lanes(repeating: 0)

  /// Sums of nothing.
  @inline(__always)
  init() {}

  /// Goes on with the sums of the tile `tile`.
  @inline(__always)
  init(_ tile: UnsafePointer<Float>) {
    (c00, c01) = Self.pair(tile, 0)
    (c10, c11) = Self.pair(tile, 1)
    (c20, c21) = Self.pair(tile, 2)
    (c30, c31) = Self.pair(tile, 3)
    (c40, c41) = Self.pair(tile, 4)
    (c50, c51) = Self.pair(tile, 5)
    (c60, c61) = Self.pair(tile, 6)
    (c70, c71) = Self.pair(tile, 7)
    (c80, c81) = Self.pair(tile, 8)
    (c90, c91) = Self.pair(tile, 9)
    (c100, c101) = Self.pair(tile, 10)
    (c110, c111) = Self.pair(tile, 11)
  }

  /// Adds the products of `inner` numbers of rows in lines of 16, `left` [inner / 16, 12, 16], and `panel` [inner, columns].
  ///
  /// - Parameter beside: what is done before each 16 numbers, given where their lines are.
  @inline(__always)
  mutating func add(
    lines left: UnsafePointer<Float>, panel: UnsafePointer<Float>, inner: Int,
    beside: (UnsafePointer<Float>) -> Void
  ) {
    var (values, weights) = (left, panel)
    for _ in 0..<inner / 16 {
      beside(values)
      for _ in 0..<8 {
        // Of which the compiler knows nothing: a counter beside them would make every multiply-add that reads two.
        values = gauntlet_another_pointer(values)
        let others = gauntlet_another_pointer(values)
        add(values, others, weights)
        add(values + 1, others + 1, weights + Self.columns)
        values += 2
        weights += 2 * Self.columns
      }
      values += 16 * (Self.rows - 1)
    }
    for _ in 0..<inner % 16 {
      add(values, values, weights)
      values += 1
      weights += Self.columns
    }
  }

  /// Adds the products of one number of each row, 16 apart, and one of each column; `others` are `values`.
  @inline(__always)
  private mutating func add(
    _ values: UnsafePointer<Float>, _ others: UnsafePointer<Float>, _ weights: UnsafePointer<Float>
  ) {
    let w0 = Self.load(weights)
    let w1 = Self.load(weights + Lanes.scalarCount)
    let x0 = Lanes(repeating: values[0])
    c00.addProduct(x0, w0)
    c01.addProduct(x0, w1)
    let x1 = Lanes(repeating: values[16])
    c10.addProduct(x1, w0)
    c11.addProduct(x1, w1)
    c20.addProduct(Lanes(repeating: values[32]), w0)
    c21.addProduct(Lanes(repeating: others[32]), w1)
    let x3 = Lanes(repeating: values[48])
    c30.addProduct(x3, w0)
    c31.addProduct(x3, w1)
    let x4 = Lanes(repeating: values[64])
    c40.addProduct(x4, w0)
    c41.addProduct(x4, w1)
    let x5 = Lanes(repeating: values[80])
    c50.addProduct(x5, w0)
    c51.addProduct(x5, w1)
    let x6 = Lanes(repeating: values[96])
    c60.addProduct(x6, w0)
    c61.addProduct(x6, w1)
    let x7 = Lanes(repeating: values[112])
    c70.addProduct(x7, w0)
    c71.addProduct(x7, w1)
    c80.addProduct(Lanes(repeating: values[128]), w0)
    c81.addProduct(Lanes(repeating: others[128]), w1)
    let x9 = Lanes(repeating: values[144])
    c90.addProduct(x9, w0)
    c91.addProduct(x9, w1)
    let x10 = Lanes(repeating: values[160])
    c100.addProduct(x10, w0)
    c101.addProduct(x10, w1)
    let x11 = Lanes(repeating: values[176])
    c110.addProduct(x11, w0)
    c111.addProduct(x11, w1)
  }

  /// Gives each row's sums, from the first row to the last.
  @inline(always)
  func forEachRow(_ body: (_ row: Int, _ low: Lanes, _ high: Lanes) -> Void) {
    body(0, c00, c01)
    body(1, c10, c11)
    body(2, c20, c21)
    body(3, c30, c31)
    body(4, c40, c41)
    body(5, c50, c51)
    body(6, c60, c61)
    body(7, c70, c71)
    body(8, c80, c81)
    body(9, c90, c91)
    body(10, c100, c101)
    body(11, c110, c111)
  }
}
