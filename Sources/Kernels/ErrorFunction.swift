/// The error function and GELU by polynomials of our own, as the scalar kernels compute them; the vector kernels take
/// the same steps, one lane a number.
package enum ErrorFunction {
  /// erf(x) / x on |x| < 1 as a polynomial of x^2, lowest power first. A minimax fit; error 1.3e-9 before rounding.
  package static let inner: [Float] = [
    0x1.20dd74p+0, -0x1.81273ep-2, 0x1.ce2cf8p-4, -0x1.b7f91p-6, 0x1.5405dp-8, -0x1.a3f7e8p-11, 0x1.496cbep-14,
  ]

  /// 1 - erf(x) on 1 <= x < 4 as a polynomial of x - 2.5, lowest power first. A minimax fit; error 4.5e-8.
  package static let outer: [Float] = [
    0x1.aaaf2ep-12, -0x1.1d7a42p-9, 0x1.64fca0p-8, -0x1.11bda0p-7, 0x1.1a3312p-7, -0x1.8fd8ecp-8, 0x1.725416p-9,
    -0x1.2c5f3cp-11, -0x1.33d8bcp-12, 0x1.25de02p-12, -0x1.ec8bf8p-15, -0x1.655734p-16, 0x1.207060p-17,
  ]

  /// erf(x), within 1.3e-7 of the true value; NaN for NaN.
  package static func erf(_ x: Float) -> Float {
    let magnitude = abs(x)
    if magnitude < 1 {
      return x * horner(inner, x * x)
    }
    if magnitude >= 4 {
      return x > 0 ? 1 : -1
    }
    let value = 1 - horner(outer, magnitude - 2.5)
    return x > 0 ? value : -value
  }

  /// x Φ(x) = x (1 + erf(x / sqrt 2)) / 2.
  package static func gelu(_ x: Float) -> Float {
    (0.5 * x) * (1 + erf(x * 0.70710678118654752))
  }

  private static func horner(_ coefficients: [Float], _ x: Float) -> Float {
    var sum = coefficients[coefficients.count - 1]
    for index in stride(from: coefficients.count - 2, through: 0, by: -1) {
      sum = coefficients[index].addingProduct(sum, x)
    }
    return sum
  }
}
