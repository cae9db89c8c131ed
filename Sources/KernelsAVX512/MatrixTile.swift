/// The matrix product of AVX-512: tiles of 12 rows and 32 columns whose sums stay in registers.
///
/// Gives the bits of `ScalarKernels.matrixProduct`: a lane holds one output, and its chain runs over inner = 0, 1, 2, ...
package enum MatrixTileAVX512 {
  /// Columns of a panel of packed weights.
  package static let columns = 32

  /// Writes `activation(left x weights + bias) + residual` to `output`.
  ///
  /// - Parameters:
  ///   - left: [rows, inner], row-major.
  ///   - panels: ceil(columns / 32) panels of [inner, 32], the last one filled up with zeros.
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
    let block = 8 * 12
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
            min(12, end - row), inner, columns, min(32, columns - column), polynomials)
          row += 12
        }
        column += 32
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
    let a6 = left + min(6, last) * inner
    let a7 = left + min(7, last) * inner
    let a8 = left + min(8, last) * inner
    let a9 = left + min(9, last) * inner
    let a10 = left + min(10, last) * inner
    let a11 = left + min(11, last) * inner
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
    var weights = panel
    for k in 0..<inner {
      let w0 = load(weights)
      let w1 = load(weights + 16)
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
      let x6 = Lanes(repeating: a6[k])
      c60.addProduct(x6, w0)
      c61.addProduct(x6, w1)
      let x7 = Lanes(repeating: a7[k])
      c70.addProduct(x7, w0)
      c71.addProduct(x7, w1)
      let x8 = Lanes(repeating: a8[k])
      c80.addProduct(x8, w0)
      c81.addProduct(x8, w1)
      let x9 = Lanes(repeating: a9[k])
      c90.addProduct(x9, w0)
      c91.addProduct(x9, w1)
      let x10 = Lanes(repeating: a10[k])
      c100.addProduct(x10, w0)
      c101.addProduct(x10, w1)
      let x11 = Lanes(repeating: a11[k])
      c110.addProduct(x11, w0)
      c111.addProduct(x11, w1)
      weights += 32
    }
    let b0 = load(bias)
    let b1 = load(bias + 16)
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
    if rows > 6 {
      store(c60, c61, b0, b1, activation, residual.map { $0 + 6 * stride }, output + 6 * stride, width, polynomials)
    }
    if rows > 7 {
      store(c70, c71, b0, b1, activation, residual.map { $0 + 7 * stride }, output + 7 * stride, width, polynomials)
    }
    if rows > 8 {
      store(c80, c81, b0, b1, activation, residual.map { $0 + 8 * stride }, output + 8 * stride, width, polynomials)
    }
    if rows > 9 {
      store(c90, c91, b0, b1, activation, residual.map { $0 + 9 * stride }, output + 9 * stride, width, polynomials)
    }
    if rows > 10 {
      store(c100, c101, b0, b1, activation, residual.map { $0 + 10 * stride }, output + 10 * stride, width, polynomials)
    }
    if rows > 11 {
      store(c110, c111, b0, b1, activation, residual.map { $0 + 11 * stride }, output + 11 * stride, width, polynomials)
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
    if width == 32 {
      if let residual {
        low += load(residual)
        high += load(residual + 16)
      }
      UnsafeMutableRawPointer(output).storeBytes(of: low, as: Lanes.self)
      UnsafeMutableRawPointer(output + 16).storeBytes(of: high, as: Lanes.self)
    } else {
      for column in 0..<width {
        let value = column < 16 ? low[column] : high[column - 16]
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
