import CProcessor

/// The sums of one tile of AVX2's matrix product, 6 rows by 16 columns, which stay in registers.
///
/// A lane holds one output, and its chain runs over inner = 0, 1, 2, ... The sums are separate variables, since an
/// array of them would not stay in registers.
struct MatrixTile {
  /// Rows of a tile.
  static let rows = 6
  /// Columns of a tile, and of a panel of packed weights.
  static let columns = 16

  private var c00 = Lanes(repeating: 0)
  private var c01 = Lanes(repeating: 0)
  private var c10 = Lanes(repeating: 0)
  private var c11 = Lanes(repeating: 0)
  private var c20 = Lanes(repeating: 0)
  private var c21 = Lanes(repeating: 0)
  private var c30 = Lanes(repeating: 0)
  private var c31 = Lanes(repeating: 0)
  private var c40 = Lanes(repeating: 0)
  private var c41 = Lanes(repeating: 0)
  private var c50 = Lanes(repeating: 0)
  private var c51 = Lanes(repeating: 0)

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
  }

  /// How many rows are computed for the first `count` of a tile, all of which are wanted.
  @inline(__always)
  static func rows(for count: Int) -> Int { (count + rows - 1) / rows * rows }

  /// Adds the products of `inner` numbers of rows in lines of 16, `left` [inner / 16, 6, 16], and `panel` [inner, columns].
  ///
  /// - Parameters:
  ///   - count: rows that are wanted; others may be left as they are.
  ///   - beside: what is done before each 16 numbers, given where their lines are.
  @inline(__always)
  mutating func add(
    lines left: UnsafePointer<Float>, panel: UnsafePointer<Float>, inner: Int, count: Int,
    beside: (UnsafePointer<Float>) -> Void
  ) {
    var (values, weights) = (left, panel)
    for _ in 0..<inner / 16 {
      beside(values)
      for _ in 0..<8 {
        add(values, weights)
        add(values + 1, weights + Self.columns)
        values += 2
        weights += 2 * Self.columns
      }
      values += 16 * (Self.rows - 1)
    }
    for _ in 0..<inner % 16 {
      add(values, weights)
      values += 1
      weights += Self.columns
    }
  }

  /// Adds the products of one number of each row, 16 apart, and one of each column.
  @inline(__always)
  private mutating func add(_ values: UnsafePointer<Float>, _ weights: UnsafePointer<Float>) {
    let w0 = Self.load(weights)
    let w1 = Self.load(weights + 8)
    let x0 = Lanes(repeating: values[0])
    c00.addProduct(x0, w0)
    c01.addProduct(x0, w1)
    let x1 = Lanes(repeating: values[16])
    c10.addProduct(x1, w0)
    c11.addProduct(x1, w1)
    let x2 = Lanes(repeating: values[32])
    c20.addProduct(x2, w0)
    c21.addProduct(x2, w1)
    let x3 = Lanes(repeating: values[48])
    c30.addProduct(x3, w0)
    c31.addProduct(x3, w1)
    let x4 = Lanes(repeating: values[64])
    c40.addProduct(x4, w0)
    c41.addProduct(x4, w1)
    let x5 = Lanes(repeating: values[80])
    c50.addProduct(x5, w0)
    c51.addProduct(x5, w1)
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
  }
}
