/// What becomes of a tile's sums; one source for each instruction set, as `MatrixTile` is each module's own.
extension MatrixTile {
  /// Numbers of a tile.
  static let count = rows * columns

  /// Writes the sums, rows `stride` elements apart.
  @inline(always)
  func store(_ target: UnsafeMutablePointer<Float>, stride: Int) {
    forEachRow { Self.put($1, $2, target + $0 * stride) }
  }

  /// Writes the sums and `bias` together, rows `stride` elements apart.
  @inline(always)
  func store(_ target: UnsafeMutablePointer<Float>, stride: Int, bias: UnsafePointer<Float>) {
    let (b0, b1) = (Self.load(bias), Self.load(bias + Lanes.scalarCount))
    forEachRow { Self.put($1 + b0, $2 + b1, target + $0 * stride) }
  }

  /// Writes the sums, `bias` and `residual` together, rows of both `stride` elements apart.
  @inline(always)
  func store(
    _ target: UnsafeMutablePointer<Float>, stride: Int, bias: UnsafePointer<Float>, residual: UnsafePointer<Float>
  ) {
    let (b0, b1) = (Self.load(bias), Self.load(bias + Lanes.scalarCount))
    forEachRow {
      let other = residual + $0 * stride
      Self.put($1 + b0 + Self.load(other), $2 + b1 + Self.load(other + Lanes.scalarCount), target + $0 * stride)
    }
  }

  /// A row of the tile `tile`.
  @inline(__always)
  static func pair(_ tile: UnsafePointer<Float>, _ row: Int) -> (Lanes, Lanes) {
    (load(tile + row * columns), load(tile + row * columns + Lanes.scalarCount))
  }

  @inline(__always)
  static func load(_ pointer: UnsafePointer<Float>) -> Lanes {
    UnsafeRawPointer(pointer).loadUnaligned(as: Lanes.self)
  }

  @inline(__always)
  private static func put(_ low: Lanes, _ high: Lanes, _ target: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(target).storeBytes(of: low, as: Lanes.self)
    UnsafeMutableRawPointer(target + Lanes.scalarCount).storeBytes(of: high, as: Lanes.self)
  }
}
