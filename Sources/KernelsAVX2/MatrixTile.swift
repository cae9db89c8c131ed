/// The matrix product of AVX2: tiles of 6 rows and 16 columns whose sums stay in registers.
///
/// Gives the bits of `ScalarKernels.matrixProduct`: a lane holds one output, and its chain runs over inner = 0, 1, 2, ...
package enum MatrixTileAVX2 {
  /// Columns of a panel of packed weights.
  package static let columns = 16

  /// Writes `activation(left x weights + bias) + residual` to `output`.
  ///
  /// - Parameters:
  ///   - left: [rows, inner], row-major.
  ///   - panels: ceil(columns / 16) panels of [inner, 16], the last one filled up with zeros.
  ///   - bias: room for whole panels.
  ///   - activation: 0 none, 1 ReLU, 2 GELU.
  ///   - residual: [rows, columns] or nil; may be `output` itself.
  ///   - output: [rows, columns], row-major.
  ///   - polynomials: of the error function, 7 and 13 coefficients, lowest power first.
  package static func multiply(
    left: UnsafePointer<Float>, panels: UnsafePointer<Float>, bias: UnsafePointer<Float>, activation: Int32,
    residual: UnsafePointer<Float>?, output: UnsafeMutablePointer<Float>, rows: Int, inner: Int, columns: Int,
    polynomials: (inner: UnsafePointer<Float>, outer: UnsafePointer<Float>)
  ) {
    // A block of rows stays in the second-level cache while all panels pass over it.
    let block = 8 * 6
    var start = 0
    while start < rows {
      let end = min(start + block, rows)
      var column = 0
      while column < columns {
        var row = start
        while row < end {
          tile(
            left + row * inner, panels + column * inner, bias + column, activation,
            residual.map { $0 + row * columns + column }, output + row * columns + column,
            min(6, end - row), inner, columns, min(16, columns - column), polynomials)
          row += 6
        }
        column += 16
      }
      start = end
    }
  }

  @inline(__always)
  private static func load(_ pointer: UnsafePointer<Float>) -> Lanes {
    UnsafeRawPointer(pointer).loadUnaligned(as: Lanes.self)
  }

  private static func tile(
    _ left: UnsafePointer<Float>, _ panel: UnsafePointer<Float>, _ bias: UnsafePointer<Float>, _ activation: Int32,
    _ residual: UnsafePointer<Float>?, _ output: UnsafeMutablePointer<Float>, _ rows: Int, _ inner: Int,
    _ stride: Int, _ width: Int, _ polynomials: (inner: UnsafePointer<Float>, outer: UnsafePointer<Float>)
  ) {
    // Rows beyond the matrix read the last one again; their sums are not stored. Accumulators are separate variables,
    // since an array of them would not stay in registers.
    let last = rows - 1
    let a0 = left + min(0, last) * inner
    let a1 = left + min(1, last) * inner
    let a2 = left + min(2, last) * inner
    let a3 = left + min(3, last) * inner
    let a4 = left + min(4, last) * inner
    let a5 = left + min(5, last) * inner
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
    var weights = panel
    for k in 0..<inner {
      let w0 = load(weights)
      let w1 = load(weights + 8)
      let x0 = Lanes(repeating: a0[k])
      c00.addProduct(x0, w0)
      c01.addProduct(x0, w1)
      let x1 = Lanes(repeating: a1[k])
      c10.addProduct(x1, w0)
      c11.addProduct(x1, w1)
      let x2 = Lanes(repeating: a2[k])
      c20.addProduct(x2, w0)
      c21.addProduct(x2, w1)
      let x3 = Lanes(repeating: a3[k])
      c30.addProduct(x3, w0)
      c31.addProduct(x3, w1)
      let x4 = Lanes(repeating: a4[k])
      c40.addProduct(x4, w0)
      c41.addProduct(x4, w1)
      let x5 = Lanes(repeating: a5[k])
      c50.addProduct(x5, w0)
      c51.addProduct(x5, w1)
      weights += 16
    }
    let b0 = load(bias)
    let b1 = load(bias + 8)
    do {
      store(c00, c01, b0, b1, activation, residual.map { $0 + 0 * stride }, output + 0 * stride, width, polynomials)
    }
    if rows > 1 {
      store(c10, c11, b0, b1, activation, residual.map { $0 + 1 * stride }, output + 1 * stride, width, polynomials)
    }
    if rows > 2 {
      store(c20, c21, b0, b1, activation, residual.map { $0 + 2 * stride }, output + 2 * stride, width, polynomials)
    }
    if rows > 3 {
      store(c30, c31, b0, b1, activation, residual.map { $0 + 3 * stride }, output + 3 * stride, width, polynomials)
    }
    if rows > 4 {
      store(c40, c41, b0, b1, activation, residual.map { $0 + 4 * stride }, output + 4 * stride, width, polynomials)
    }
    if rows > 5 {
      store(c50, c51, b0, b1, activation, residual.map { $0 + 5 * stride }, output + 5 * stride, width, polynomials)
    }
  }

  @inline(__always)
  private static func store(
    _ sum0: Lanes, _ sum1: Lanes, _ b0: Lanes, _ b1: Lanes, _ activation: Int32, _ residual: UnsafePointer<Float>?,
    _ output: UnsafeMutablePointer<Float>, _ width: Int,
    _ polynomials: (inner: UnsafePointer<Float>, outer: UnsafePointer<Float>)
  ) {
    var low = activate(sum0 + b0, activation, polynomials)
    var high = activate(sum1 + b1, activation, polynomials)
    if width == 16 {
      if let residual {
        low += load(residual)
        high += load(residual + 8)
      }
      UnsafeMutableRawPointer(output).storeBytes(of: low, as: Lanes.self)
      UnsafeMutableRawPointer(output + 8).storeBytes(of: high, as: Lanes.self)
    } else {
      for column in 0..<width {
        let value = column < 8 ? low[column] : high[column - 8]
        output[column] = residual.map { value + $0[column] } ?? value
      }
    }
  }

  @inline(__always)
  private static func activate(
    _ x: Lanes, _ activation: Int32, _ polynomials: (inner: UnsafePointer<Float>, outer: UnsafePointer<Float>)
  ) -> Lanes {
    switch activation {
    case 1: return Lanes(repeating: 0).replacing(with: x, where: x .> 0)
    case 2: return gelu(x, polynomials)
    default: return x
    }
  }

  /// The steps of `ErrorFunction.gelu`; both polynomials are computed and one is chosen, lane by lane.
  private static func gelu(
    _ x: Lanes, _ polynomials: (inner: UnsafePointer<Float>, outer: UnsafePointer<Float>)
  ) -> Lanes {
    let scaled = x * 0.70710678118654752
    let magnitude = scaled.replacing(with: -scaled, where: scaled .< 0)
    let square = scaled * scaled
    var near = Lanes(repeating: polynomials.inner[6])
    for index in Swift.stride(from: 5, through: 0, by: -1) {
      near = Lanes(repeating: polynomials.inner[index]).addingProduct(near, square)
    }
    near *= scaled
    let shifted = magnitude - 2.5
    var far = Lanes(repeating: polynomials.outer[12])
    for index in Swift.stride(from: 11, through: 0, by: -1) {
      far = Lanes(repeating: polynomials.outer[index]).addingProduct(far, shifted)
    }
    far = 1 - far
    far.replace(with: 1, where: magnitude .>= 4)
    far.replace(with: -far, where: scaled .<= 0)
    far.replace(with: near, where: magnitude .< 1)
    return (0.5 * x) * (1 + far)
  }
}
