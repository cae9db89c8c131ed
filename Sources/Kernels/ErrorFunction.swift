/// The error function and GELU by polynomials of our own, as the scalar kernels compute them; the vector kernels take
/// the same steps, one lane a number.
///
/// erf is taken on 16 intervals of |x|, each of a width of 0.2625 and centred at a multiple of it; beyond the middle of
/// the last one, at 3.8, it is 1. On each it is a polynomial of degree 5, so that a vector kernel looks six coefficients
/// up in registers and computes one short chain, whatever the numbers are.
package enum ErrorFunction {
  /// Coefficients of power 0 for the 16 intervals, then those of power 1, and so on to power 5. The variable is the
  /// distance from the interval's centre in widths. Least-squares fits at 2,000 Chebyshev points of each interval.
  package static let table: [Float] = [
    0x0.0p+0, 0x1.287bbep-2, 0x1.159a44p-1, 0x1.781c12p-1,
    0x1.b9913ap-1, 0x1.df85eap-1, 0x1.f2ba6cp-1, 0x1.fb352ap-1,
    0x1.fe797ap-1, 0x1.ff929ep-1, 0x1.ffe514p-1, 0x1.fffa3p-1,
    0x1.fffee6p-1, 0x1.ffffd2p-1, 0x1.fffffap-1, 0x1.0p+0,
    0x1.2f4eeep-2, 0x1.1b1cbep-2, 0x1.cc7b3p-3, 0x1.46466ap-3,
    0x1.92d788p-4, 0x1.b1586ep-5, 0x1.962576p-6, 0x1.4ba656p-7,
    0x1.d7e7f6p-9, 0x1.248438p-10, 0x1.3bf44p-12, 0x1.2955dep-14,
    0x1.e7953p-17, 0x1.5c500cp-19, 0x1.b1949ap-22, 0x0.0p+0,
    0x0.0p+0, -0x1.381f9ap-6, -0x1.fbabdep-6, -0x1.0dc96p-5,
    -0x1.bc228ep-6, -0x1.2a9b34p-6, -0x1.4fd6a6p-7, -0x1.3ff14ap-8,
    -0x1.0422d8p-9, -0x1.6acb0ap-11, -0x1.b35eb4p-13, -0x1.c2a2aep-15,
    -0x1.9302b6p-17, -0x1.37d216p-19, -0x1.a1e47cp-22, 0x0.0p+0,
    -0x1.bddae2p-8, -0x1.66d0f8p-8, -0x1.2fc444p-9, 0x1.ccfe1ap-11,
    0x1.64c76ap-9, 0x1.856d2p-9, 0x1.27a116p-9, 0x1.5e963p-10,
    0x1.530d5cp-11, 0x1.111ff6p-12, 0x1.73011ap-14, 0x1.ac2c1ep-16,
    0x1.a604a4p-18, 0x1.648bfap-20, 0x1.02ea24p-22, 0x0.0p+0,
    0x0.0p+0, 0x1.45a248p-11, 0x1.c5bc26p-11, 0x1.5b868p-11,
    0x1.04bc02p-12, -0x1.7b8528p-14, -0x1.dfdd0cp-13, -0x1.b7d606p-13,
    -0x1.1691aep-13, -0x1.11b1a6p-14, -0x1.b3ec4p-16, -0x1.1fad4ap-17,
    -0x1.3eb9d2p-19, -0x1.2ae5b4p-21, -0x1.dd3acp-24, 0x0.0p+0,
    0x1.24d4a4p-13, 0x1.8ff12ap-14, 0x1.38b0e8p-23, -0x1.3018bcp-14,
    -0x1.5c6736p-14, -0x1.972916p-15, -0x1.22cbc4p-17, 0x1.abc6dep-17,
    0x1.091a26p-16, 0x1.675dccp-17, 0x1.62807cp-18, 0x1.132eap-19,
    0x1.5be4eep-21, 0x1.6cdf9cp-23, 0x1.411faap-25, 0x0.0p+0,
  ]

  /// Intervals a unit of GELU's argument: 1 / (0.2625 sqrt 2).
  package static let scale: Float = 0x1.58cc7ap+1

  /// Intervals a unit of erf's argument.
  private static let plainScale: Float = 1 / 0.2625

  /// erf(x), within 1e-7 of the true value; NaN for NaN.
  package static func erf(_ x: Float) -> Float {
    let value = magnitude(abs(x) * plainScale)
    return x < 0 ? -value : value
  }

  /// x Φ(x) = (x + |x| erf(|x| / sqrt 2)) / 2, within 1.1e-7 max(1, |x|) of the true value.
  package static func gelu(_ x: Float) -> Float {
    let half = 0.5 * x
    return half.addingProduct(x < 0 ? 0 - half : half, magnitude((x < 0 ? 0 - x : x) * scale))
  }

  /// erf at a `distance` from zero in intervals, which is not negative.
  private static func magnitude(_ distance: Float) -> Float {
    let place = distance >= 15 ? 15 : distance
    // Adding 2^23 leaves the nearest integer in the last bits; for NaN any interval does.
    let shifted = place + 0x1p23
    let index = Int(shifted.bitPattern & 15)
    let rest = place - (shifted - 0x1p23)
    var sum = table[5 * 16 + index]
    for power in stride(from: 4, through: 0, by: -1) {
      sum = table[power * 16 + index].addingProduct(sum, rest)
    }
    return sum
  }
}

/// Entry `index & 15` of a table of 16 numbers, lane by lane: what instruction sets have an instruction for.
@inline(__always)
func lookUp16(_ table: UnsafePointer<Float>, _ index: SIMD16<UInt32>) -> SIMD16<Float> {
  var result = SIMD16<Float>()
  for lane in 0..<16 { result[lane] = table[Int(index[lane] & 15)] }
  return result
}
