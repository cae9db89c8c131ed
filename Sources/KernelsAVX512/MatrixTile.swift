import CProcessor

/// The matrix product of AVX-512: tiles of 12 rows and 32 columns whose sums stay in registers.
///
/// Gives the bits of `ScalarKernels.matrixProduct`: a lane holds one output, and its chain runs over inner = 0, 1, 2, ...
package enum MatrixTileAVX512 {
  /// Columns of a panel of packed weights.
  package static let columns = 32
  /// Rows of a tile.
  private static let tileRows = 12
  /// Rows that are packed together: they stay in the second-level cache while all panels pass over them.
  private static let blockRows = 96

  /// Elements that `multiply` needs to work in.
  package static func scratchCount(rows: Int, inner: Int) -> Int {
    min(blockRows, (rows + tileRows - 1) / tileRows * tileRows) * inner + tileRows * columns
  }

  /// Writes `activation(left x weights + bias) + residual` to `output`.
  ///
  /// - Parameters:
  ///   - left: [rows, inner], row-major.
  ///   - panels: ceil(columns / 32) panels of [inner, 32], the last one filled up with zeros.
  ///   - bias: room for whole panels.
  ///   - activation: 0 none, 1 ReLU, 2 GELU.
  ///   - residual: [rows, columns] or nil; may be `output` itself.
  ///   - scratch: `scratchCount(rows:inner:)` elements.
  ///   - output: [rows, columns], row-major.
  ///   - polynomials: of the error function, 7 and 13 coefficients, lowest power first.
  package static func multiply(
    left: UnsafePointer<Float>, panels: UnsafePointer<Float>, bias: UnsafePointer<Float>, activation: Int32,
    residual: UnsafePointer<Float>?, scratch: UnsafeMutablePointer<Float>, output: UnsafeMutablePointer<Float>,
    rows: Int, inner: Int, columns: Int, polynomials: (inner: UnsafePointer<Float>, outer: UnsafePointer<Float>)
  ) {
    let spill = scratch + (scratchCount(rows: rows, inner: inner) - tileRows * Self.columns)
    for start in Swift.stride(from: 0, to: rows, by: blockRows) {
      let end = min(start + blockRows, rows)
      for row in Swift.stride(from: start, to: end, by: tileRows) {
        pack(left + row * inner, min(tileRows, end - row), inner, into: scratch + (row - start) * inner)
      }
      for column in Swift.stride(from: 0, to: columns, by: Self.columns) {
        for row in Swift.stride(from: start, to: end, by: tileRows) {
          tile(
            scratch + (row - start) * inner, panels + column * inner, bias + column, activation,
            residual.map { $0 + row * columns + column }, output + row * columns + column,
            min(tileRows, end - row), inner, columns, min(Self.columns, columns - column), polynomials,
            spill: spill)
        }
      }
    }
  }

  /// Turns 12 rows into [inner, 12], so that a tile reads one stream. Rows that are missing repeat the last one; their
  /// sums are not stored.
  private static func pack(
    _ left: UnsafePointer<Float>, _ rows: Int, _ inner: Int, into target: UnsafeMutablePointer<Float>
  ) {
    for group in Swift.stride(from: 0, to: tileRows, by: 4) {
      let a = left + min(group, rows - 1) * inner
      let b = left + min(group + 1, rows - 1) * inner
      let c = left + min(group + 2, rows - 1) * inner
      let d = left + min(group + 3, rows - 1) * inner
      var k = 0
      while k + 4 <= inner {
        let (w, x, y, z) = (quarter(a + k), quarter(b + k), quarter(c + k), quarter(d + k))
        for index in 0..<4 {
          let turned = SIMD4(w[index], x[index], y[index], z[index])
          UnsafeMutableRawPointer(target + (k + index) * tileRows + group).storeBytes(of: turned, as: SIMD4<Float>.self)
        }
        k += 4
      }
      while k < inner {
        let turned = SIMD4(a[k], b[k], c[k], d[k])
        UnsafeMutableRawPointer(target + k * tileRows + group).storeBytes(of: turned, as: SIMD4<Float>.self)
        k += 1
      }
    }
  }

  @inline(__always)
  private static func quarter(_ pointer: UnsafePointer<Float>) -> SIMD4<Float> {
    UnsafeRawPointer(pointer).loadUnaligned(as: SIMD4<Float>.self)
  }

  @inline(__always)
  private static func load(_ pointer: UnsafePointer<Float>) -> Lanes {
    UnsafeRawPointer(pointer).loadUnaligned(as: Lanes.self)
  }

  private static func tile(
    _ left: UnsafePointer<Float>, _ panel: UnsafePointer<Float>, _ bias: UnsafePointer<Float>, _ activation: Int32,
    _ residual: UnsafePointer<Float>?, _ output: UnsafeMutablePointer<Float>, _ rows: Int, _ inner: Int,
    _ stride: Int, _ width: Int, _ polynomials: (inner: UnsafePointer<Float>, outer: UnsafePointer<Float>),
    spill: UnsafeMutablePointer<Float>
  ) {
    // The lines of the output come into the cache while the sums are computed.
    for row in 0..<rows {
      gauntlet_prefetch_for_writing(output + row * stride)
      gauntlet_prefetch_for_writing(output + row * stride + width - 1)
    }
    // Accumulators are separate variables, since an array of them would not stay in registers.
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
    var values = left
    for _ in 0..<inner {
      let w0 = load(weights)
      let w1 = load(weights + 16)
      let x0 = Lanes(repeating: values[0])
      c00.addProduct(x0, w0)
      c01.addProduct(x0, w1)
      let x1 = Lanes(repeating: values[1])
      c10.addProduct(x1, w0)
      c11.addProduct(x1, w1)
      let x2 = Lanes(repeating: values[2])
      c20.addProduct(x2, w0)
      c21.addProduct(x2, w1)
      let x3 = Lanes(repeating: values[3])
      c30.addProduct(x3, w0)
      c31.addProduct(x3, w1)
      let x4 = Lanes(repeating: values[4])
      c40.addProduct(x4, w0)
      c41.addProduct(x4, w1)
      let x5 = Lanes(repeating: values[5])
      c50.addProduct(x5, w0)
      c51.addProduct(x5, w1)
      let x6 = Lanes(repeating: values[6])
      c60.addProduct(x6, w0)
      c61.addProduct(x6, w1)
      let x7 = Lanes(repeating: values[7])
      c70.addProduct(x7, w0)
      c71.addProduct(x7, w1)
      let x8 = Lanes(repeating: values[8])
      c80.addProduct(x8, w0)
      c81.addProduct(x8, w1)
      let x9 = Lanes(repeating: values[9])
      c90.addProduct(x9, w0)
      c91.addProduct(x9, w1)
      let x10 = Lanes(repeating: values[10])
      c100.addProduct(x10, w0)
      c101.addProduct(x10, w1)
      let x11 = Lanes(repeating: values[11])
      c110.addProduct(x11, w0)
      c111.addProduct(x11, w1)
      weights += 32
      values += 12
    }
    let b0 = load(bias)
    let b1 = load(bias + 16)
    if rows == 12, width == 32, activation == 0 {
      if let residual {
        store(c00 + b0 + load(residual + 0 * stride), c01 + b1 + load(residual + 0 * stride + 16), output + 0 * stride)
        store(c10 + b0 + load(residual + 1 * stride), c11 + b1 + load(residual + 1 * stride + 16), output + 1 * stride)
        store(c20 + b0 + load(residual + 2 * stride), c21 + b1 + load(residual + 2 * stride + 16), output + 2 * stride)
        store(c30 + b0 + load(residual + 3 * stride), c31 + b1 + load(residual + 3 * stride + 16), output + 3 * stride)
        store(c40 + b0 + load(residual + 4 * stride), c41 + b1 + load(residual + 4 * stride + 16), output + 4 * stride)
        store(c50 + b0 + load(residual + 5 * stride), c51 + b1 + load(residual + 5 * stride + 16), output + 5 * stride)
        store(c60 + b0 + load(residual + 6 * stride), c61 + b1 + load(residual + 6 * stride + 16), output + 6 * stride)
        store(c70 + b0 + load(residual + 7 * stride), c71 + b1 + load(residual + 7 * stride + 16), output + 7 * stride)
        store(c80 + b0 + load(residual + 8 * stride), c81 + b1 + load(residual + 8 * stride + 16), output + 8 * stride)
        store(c90 + b0 + load(residual + 9 * stride), c91 + b1 + load(residual + 9 * stride + 16), output + 9 * stride)
        store(
          c100 + b0 + load(residual + 10 * stride), c101 + b1 + load(residual + 10 * stride + 16), output + 10 * stride)
        store(
          c110 + b0 + load(residual + 11 * stride), c111 + b1 + load(residual + 11 * stride + 16), output + 11 * stride)
      } else {
        store(c00 + b0, c01 + b1, output + 0 * stride)
        store(c10 + b0, c11 + b1, output + 1 * stride)
        store(c20 + b0, c21 + b1, output + 2 * stride)
        store(c30 + b0, c31 + b1, output + 3 * stride)
        store(c40 + b0, c41 + b1, output + 4 * stride)
        store(c50 + b0, c51 + b1, output + 5 * stride)
        store(c60 + b0, c61 + b1, output + 6 * stride)
        store(c70 + b0, c71 + b1, output + 7 * stride)
        store(c80 + b0, c81 + b1, output + 8 * stride)
        store(c90 + b0, c91 + b1, output + 9 * stride)
        store(c100 + b0, c101 + b1, output + 10 * stride)
        store(c110 + b0, c111 + b1, output + 11 * stride)
      }
      return
    }
    store(c00 + b0, c01 + b1, spill + 0 * 32)
    store(c10 + b0, c11 + b1, spill + 1 * 32)
    store(c20 + b0, c21 + b1, spill + 2 * 32)
    store(c30 + b0, c31 + b1, spill + 3 * 32)
    store(c40 + b0, c41 + b1, spill + 4 * 32)
    store(c50 + b0, c51 + b1, spill + 5 * 32)
    store(c60 + b0, c61 + b1, spill + 6 * 32)
    store(c70 + b0, c71 + b1, spill + 7 * 32)
    store(c80 + b0, c81 + b1, spill + 8 * 32)
    store(c90 + b0, c91 + b1, spill + 9 * 32)
    store(c100 + b0, c101 + b1, spill + 10 * 32)
    store(c110 + b0, c111 + b1, spill + 11 * 32)
    for row in 0..<rows {
      finish(
        spill + row * 32, activation, residual.map { $0 + row * stride }, output + row * stride, width, polynomials)
    }
  }

  @inline(__always)
  private static func store(_ low: Lanes, _ high: Lanes, _ target: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(target).storeBytes(of: low, as: Lanes.self)
    UnsafeMutableRawPointer(target + 16).storeBytes(of: high, as: Lanes.self)
  }

  /// Takes one row of a tile's sums to the output.
  @inline(__always)
  private static func finish(
    _ sums: UnsafePointer<Float>, _ activation: Int32, _ residual: UnsafePointer<Float>?,
    _ output: UnsafeMutablePointer<Float>, _ width: Int,
    _ polynomials: (inner: UnsafePointer<Float>, outer: UnsafePointer<Float>)
  ) {
    var low = activate(load(sums), activation, polynomials)
    var high = activate(load(sums + 16), activation, polynomials)
    if width == 32 {
      if let residual {
        low += load(residual)
        high += load(residual + 16)
      }
      store(low, high, output)
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
