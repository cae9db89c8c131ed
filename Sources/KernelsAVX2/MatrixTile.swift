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

  /// Sums over `inner` of rows in lines of 16 numbers, `left` [inner / 16, 6, 16], times `panel` [inner, columns].
  ///
  /// - Parameter areFar: lines are asked for before they are needed.
  @inline(__always)
  init(lines left: UnsafePointer<Float>, areFar: Bool = false, panel: UnsafePointer<Float>, inner: Int) {
    var (values, weights) = (left, panel)
    for _ in 0..<inner / 16 {
      if areFar { for row in 0..<Self.rows { gauntlet_prefetch_for_reading(values + 16 * (Self.rows + row)) } }
      for _ in 0..<8 {
        add(values, 16, weights)
        add(values + 1, 16, weights + Self.columns)
        values += 2
        weights += 2 * Self.columns
      }
      values += 16 * (Self.rows - 1)
    }
    for _ in 0..<inner % 16 {
      add(values, 16, weights)
      values += 1
      weights += Self.columns
    }
  }

  /// Adds the products of one number of each row, `step` apart, and one of each column.
  @inline(__always)
  private mutating func add(_ values: UnsafePointer<Float>, _ step: Int, _ weights: UnsafePointer<Float>) {
    let w0 = load(weights)
    let w1 = load(weights + 8)
    let x0 = Lanes(repeating: values[0])
    c00.addProduct(x0, w0)
    c01.addProduct(x0, w1)
    let x1 = Lanes(repeating: values[step])
    c10.addProduct(x1, w0)
    c11.addProduct(x1, w1)
    let x2 = Lanes(repeating: values[2 * step])
    c20.addProduct(x2, w0)
    c21.addProduct(x2, w1)
    let x3 = Lanes(repeating: values[3 * step])
    c30.addProduct(x3, w0)
    c31.addProduct(x3, w1)
    let x4 = Lanes(repeating: values[4 * step])
    c40.addProduct(x4, w0)
    c41.addProduct(x4, w1)
    let x5 = Lanes(repeating: values[5 * step])
    c50.addProduct(x5, w0)
    c51.addProduct(x5, w1)
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
  }

  /// Writes the sums and `bias` together, rows `stride` elements apart.
  @inline(__always)
  func store(_ target: UnsafeMutablePointer<Float>, stride: Int, bias: UnsafePointer<Float>) {
    let b0 = load(bias)
    let b1 = load(bias + 8)
    put(c00 + b0, c01 + b1, target + 0 * stride)
    put(c10 + b0, c11 + b1, target + 1 * stride)
    put(c20 + b0, c21 + b1, target + 2 * stride)
    put(c30 + b0, c31 + b1, target + 3 * stride)
    put(c40 + b0, c41 + b1, target + 4 * stride)
    put(c50 + b0, c51 + b1, target + 5 * stride)
  }

  /// Writes the sums, `bias` and `residual` together, rows of both `stride` elements apart.
  @inline(__always)
  func store(
    _ target: UnsafeMutablePointer<Float>, stride: Int, bias: UnsafePointer<Float>, residual: UnsafePointer<Float>
  ) {
    let b0 = load(bias)
    let b1 = load(bias + 8)
    put(
      c00 + b0 + load(residual + 0 * stride), c01 + b1 + load(residual + 0 * stride + 8),
      target + 0 * stride)
    put(
      c10 + b0 + load(residual + 1 * stride), c11 + b1 + load(residual + 1 * stride + 8),
      target + 1 * stride)
    put(
      c20 + b0 + load(residual + 2 * stride), c21 + b1 + load(residual + 2 * stride + 8),
      target + 2 * stride)
    put(
      c30 + b0 + load(residual + 3 * stride), c31 + b1 + load(residual + 3 * stride + 8),
      target + 3 * stride)
    put(
      c40 + b0 + load(residual + 4 * stride), c41 + b1 + load(residual + 4 * stride + 8),
      target + 4 * stride)
    put(
      c50 + b0 + load(residual + 5 * stride), c51 + b1 + load(residual + 5 * stride + 8),
      target + 5 * stride)
  }

  @inline(__always)
  private func load(_ pointer: UnsafePointer<Float>) -> Lanes {
    UnsafeRawPointer(pointer).loadUnaligned(as: Lanes.self)
  }

  @inline(__always)
  private func put(_ low: Lanes, _ high: Lanes, _ target: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(target).storeBytes(of: low, as: Lanes.self)
    UnsafeMutableRawPointer(target + 8).storeBytes(of: high, as: Lanes.self)
  }
}
