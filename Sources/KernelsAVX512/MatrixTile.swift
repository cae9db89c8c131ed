import CProcessor

/// The sums of one tile of a matrix product, 12 rows by two registers of columns, which stay in 24 of 32 registers; one
/// source for the instruction sets that have as many.
///
/// A number of a row is loaded and spread once for both registers; but every third row's is twice, by the multiply-adds
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
  private var c60 = Lanes(repeating: 0)
  private var c61 = Lanes(repeating: 0)
  private var c70 = Lanes(repeating: 0)
  private var c71 = Lanes(repeating: 0)
  private var c80 = Lanes(repeating: 0)
  private var c81 = Lanes(repeating: 0)
  private var c90 = Lanes(repeating: 0)
  private var c91 = Lanes(repeating: 0)
  private var c100 = Lanes(repeating: 0)
  private var c101 = Lanes(repeating: 0)
  private var c110 = Lanes(repeating: 0)
  private var c111 = Lanes(repeating: 0)

  /// Sums over `inner` of rows in lines of 16 numbers, `left` [inner / 16, 12, 16], times `panel` [inner, columns].
  ///
  /// - Parameter areFar: lines are asked for before they are needed.
  @inline(__always)
  init(lines left: UnsafePointer<Float>, areFar: Bool = false, panel: UnsafePointer<Float>, inner: Int) {
    var (values, weights) = (left, panel)
    for _ in 0..<inner / 16 {
      if areFar { for row in 0..<Self.rows { gauntlet_prefetch_for_reading(values + 16 * (Self.rows + row)) } }
      for _ in 0..<8 {
        // Of which the compiler knows nothing: a counter beside them would make every multiply-add that reads two.
        values = gauntlet_another_pointer(values)
        let others = gauntlet_another_pointer(values)
        add(values, others, 16, weights)
        add(values + 1, others + 1, 16, weights + Self.columns)
        values += 2
        weights += 2 * Self.columns
      }
      values += 16 * (Self.rows - 1)
    }
    for _ in 0..<inner % 16 {
      add(values, values, 16, weights)
      values += 1
      weights += Self.columns
    }
  }

  /// Adds the products of one number of each row, `step` apart, and one of each column; `others` are `values`.
  @inline(__always)
  private mutating func add(
    _ values: UnsafePointer<Float>, _ others: UnsafePointer<Float>, _ step: Int, _ weights: UnsafePointer<Float>
  ) {
    let w0 = load(weights)
    let w1 = load(weights + Lanes.scalarCount)
    let x0 = Lanes(repeating: values[0])
    c00.addProduct(x0, w0)
    c01.addProduct(x0, w1)
    let x1 = Lanes(repeating: values[step])
    c10.addProduct(x1, w0)
    c11.addProduct(x1, w1)
    c20.addProduct(Lanes(repeating: values[2 * step]), w0)
    c21.addProduct(Lanes(repeating: others[2 * step]), w1)
    let x3 = Lanes(repeating: values[3 * step])
    c30.addProduct(x3, w0)
    c31.addProduct(x3, w1)
    let x4 = Lanes(repeating: values[4 * step])
    c40.addProduct(x4, w0)
    c41.addProduct(x4, w1)
    c50.addProduct(Lanes(repeating: values[5 * step]), w0)
    c51.addProduct(Lanes(repeating: others[5 * step]), w1)
    let x6 = Lanes(repeating: values[6 * step])
    c60.addProduct(x6, w0)
    c61.addProduct(x6, w1)
    let x7 = Lanes(repeating: values[7 * step])
    c70.addProduct(x7, w0)
    c71.addProduct(x7, w1)
    c80.addProduct(Lanes(repeating: values[8 * step]), w0)
    c81.addProduct(Lanes(repeating: others[8 * step]), w1)
    let x9 = Lanes(repeating: values[9 * step])
    c90.addProduct(x9, w0)
    c91.addProduct(x9, w1)
    let x10 = Lanes(repeating: values[10 * step])
    c100.addProduct(x10, w0)
    c101.addProduct(x10, w1)
    c110.addProduct(Lanes(repeating: values[11 * step]), w0)
    c111.addProduct(Lanes(repeating: others[11 * step]), w1)
  }

  /// Writes the sums, rows `stride` elements apart.
  @inline(__always)
  func store(_ target: UnsafeMutablePointer<Float>, stride: Int) {
    put(c00, c01, target + 0 * stride)
    put(c10, c11, target + 1 * stride)
    put(c20, c21, target + 2 * stride)
    put(c30, c31, target + 3 * stride)
    put(c40, c41, target + 4 * stride)
    put(c50, c51, target + 5 * stride)
    put(c60, c61, target + 6 * stride)
    put(c70, c71, target + 7 * stride)
    put(c80, c81, target + 8 * stride)
    put(c90, c91, target + 9 * stride)
    put(c100, c101, target + 10 * stride)
    put(c110, c111, target + 11 * stride)
  }

  /// Writes the sums and `bias` together, rows `stride` elements apart.
  @inline(__always)
  func store(_ target: UnsafeMutablePointer<Float>, stride: Int, bias: UnsafePointer<Float>) {
    let b0 = load(bias)
    let b1 = load(bias + Lanes.scalarCount)
    put(c00 + b0, c01 + b1, target + 0 * stride)
    put(c10 + b0, c11 + b1, target + 1 * stride)
    put(c20 + b0, c21 + b1, target + 2 * stride)
    put(c30 + b0, c31 + b1, target + 3 * stride)
    put(c40 + b0, c41 + b1, target + 4 * stride)
    put(c50 + b0, c51 + b1, target + 5 * stride)
    put(c60 + b0, c61 + b1, target + 6 * stride)
    put(c70 + b0, c71 + b1, target + 7 * stride)
    put(c80 + b0, c81 + b1, target + 8 * stride)
    put(c90 + b0, c91 + b1, target + 9 * stride)
    put(c100 + b0, c101 + b1, target + 10 * stride)
    put(c110 + b0, c111 + b1, target + 11 * stride)
  }

  /// Writes the sums, `bias` and `residual` together, rows of both `stride` elements apart.
  @inline(__always)
  func store(
    _ target: UnsafeMutablePointer<Float>, stride: Int, bias: UnsafePointer<Float>, residual: UnsafePointer<Float>
  ) {
    let b0 = load(bias)
    let b1 = load(bias + Lanes.scalarCount)
    put(
      c00 + b0 + load(residual + 0 * stride), c01 + b1 + load(residual + 0 * stride + Lanes.scalarCount),
      target + 0 * stride)
    put(
      c10 + b0 + load(residual + 1 * stride), c11 + b1 + load(residual + 1 * stride + Lanes.scalarCount),
      target + 1 * stride)
    put(
      c20 + b0 + load(residual + 2 * stride), c21 + b1 + load(residual + 2 * stride + Lanes.scalarCount),
      target + 2 * stride)
    put(
      c30 + b0 + load(residual + 3 * stride), c31 + b1 + load(residual + 3 * stride + Lanes.scalarCount),
      target + 3 * stride)
    put(
      c40 + b0 + load(residual + 4 * stride), c41 + b1 + load(residual + 4 * stride + Lanes.scalarCount),
      target + 4 * stride)
    put(
      c50 + b0 + load(residual + 5 * stride), c51 + b1 + load(residual + 5 * stride + Lanes.scalarCount),
      target + 5 * stride)
    put(
      c60 + b0 + load(residual + 6 * stride), c61 + b1 + load(residual + 6 * stride + Lanes.scalarCount),
      target + 6 * stride)
    put(
      c70 + b0 + load(residual + 7 * stride), c71 + b1 + load(residual + 7 * stride + Lanes.scalarCount),
      target + 7 * stride)
    put(
      c80 + b0 + load(residual + 8 * stride), c81 + b1 + load(residual + 8 * stride + Lanes.scalarCount),
      target + 8 * stride)
    put(
      c90 + b0 + load(residual + 9 * stride), c91 + b1 + load(residual + 9 * stride + Lanes.scalarCount),
      target + 9 * stride)
    put(
      c100 + b0 + load(residual + 10 * stride), c101 + b1 + load(residual + 10 * stride + Lanes.scalarCount),
      target + 10 * stride)
    put(
      c110 + b0 + load(residual + 11 * stride), c111 + b1 + load(residual + 11 * stride + Lanes.scalarCount),
      target + 11 * stride)
  }

  @inline(__always)
  private func load(_ pointer: UnsafePointer<Float>) -> Lanes {
    UnsafeRawPointer(pointer).loadUnaligned(as: Lanes.self)
  }

  @inline(__always)
  private func put(_ low: Lanes, _ high: Lanes, _ target: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(target).storeBytes(of: low, as: Lanes.self)
    UnsafeMutableRawPointer(target + Lanes.scalarCount).storeBytes(of: high, as: Lanes.self)
  }
}
