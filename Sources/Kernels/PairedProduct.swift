/// The matrix product with rows in pairs: seven products of half the size where the direct method needs eight.
///
/// Strassen's method in the form of Winograd, used once (Higham, "Accuracy and Stability of Numerical Algorithms", 2nd
/// edition, section 23.2.2): the blocks of `left` are even and odd rows by the first and the second half of the inner
/// numbers; those of the transposed weights are the halves of the inner numbers by the halves of the columns.
///
///     S1 = A21 + A22    S2 = S1 - A11     S3 = A11 - A21    S4 = A12 - S2
///     T1 = B12 - B11    T2 = B22 - T1     T3 = B22 - B12    T4 = T2 - B21
///     P1 = A11 B11      P2 = A12 B21      P3 = S4 B22       P4 = A22 T4
///     P5 = S1 T1        P6 = S2 T2        P7 = S3 T3
///     U2 = P1 + P6      U3 = U2 + P7      U4 = U2 + P5
///     C11 = P1 + P2     C12 = U4 + P3     C21 = U3 - P4     C22 = U3 + P5
///
/// A row's bits depend on the row that it is paired with, so pairs must never join two images. The error stays normwise
/// small, yet is no longer small for each output beside its own terms; see "Same bits" in `docs/architecture.md`.
enum PairedProduct {
  /// Products.
  static let count = 7

  /// Whether a product of this shape is computed in pairs where its rows may be paired: when the halves are whole
  /// panels of every instruction set, and large enough that an eighth of them is more than the additions.
  static func isUsed(inner: Int, columns: Int) -> Bool {
    inner % 8 == 0 && columns % 64 == 0 && min(inner, columns) >= 256
  }

  /// The seven right sides, each [columns / 2, inner / 2] row-major, of `weights` [columns, inner]: B11, B21, B22, T4,
  /// T1, T2, T3, computed in float64 and rounded once.
  static func weights(_ weights: [Float], inner: Int, columns: Int) -> [[Float]] {
    let (half, side) = (inner / 2, columns / 2)
    return (0..<count).map { product in
      [Float](unsafeUninitializedCapacity: half * side) { target, initialized in
        for index in 0..<half * side {
          let place = index / half * inner + index % half
          func b(_ row: Int, _ column: Int) -> Double {
            Double(weights[place + (row - 1) * half + (column - 1) * side * inner])
          }
          let value: Double =
            switch product {
            case 0: b(1, 1)
            case 1: b(2, 1)
            case 2: b(2, 2)
            case 3: b(2, 2) - b(1, 2) + b(1, 1) - b(2, 1)
            case 4: b(1, 2) - b(1, 1)
            case 5: b(2, 2) - b(1, 2) + b(1, 1)
            default: b(2, 2) - b(1, 2)
            }
          target[index] = Float(value)
        }
        initialized = half * side
      }
    }
  }

  /// The four sums of a pair of rows, plainly: C11, C12, C21, C22.
  ///
  /// - Parameters:
  ///   - left: a number of the pair's rows, 0 even and 1 odd, by its inner index.
  ///   - weight: a number of a product's right side, by product and inner index.
  static func sums(
    inner: Int, left: (_ row: Int, _ k: Int) -> Float, weight: (_ product: Int, _ k: Int) -> Float
  ) -> (Float, Float, Float, Float) {
    let half = inner / 2
    var p = [Float](repeating: 0, count: count)
    for k in 0..<half {
      let (a11, a12, a21, a22) = (left(0, k), left(0, half + k), left(1, k), left(1, half + k))
      let s1 = a21 + a22
      let s2 = s1 - a11
      for (product, value) in [a11, a12, a12 - s2, a22, s1, s2, a11 - a21].enumerated() {
        p[product] = p[product].addingProduct(value, weight(product, k))
      }
    }
    let u2 = p[0] + p[5]
    let u3 = u2 + p[6]
    let u4 = u2 + p[4]
    return (p[0] + p[1], u4 + p[2], u3 - p[3], u3 + p[4])
  }
}
