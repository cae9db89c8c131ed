/// The matrix product in blocks: seven products of half the size where the direct method needs eight, used once, or
/// twice: 49 where it needs 64.
///
/// Strassen's method in the form of Winograd (Higham, "Accuracy and Stability of Numerical Algorithms", 2nd edition,
/// section 23.2.2). Rows 2i and 2i + 1 are a group (rows 4i to 4i + 3 where it is used twice); the blocks of `left` are
/// the upper and lower rows of a group by the first and second half of the inner numbers, those of the transposed
/// weights the halves of the inner numbers by the halves of the columns.
///
///     S1 = A21 + A22    S2 = S1 - A11     S3 = A11 - A21    S4 = A12 - S2
///     T1 = B12 - B11    T2 = B22 - T1     T3 = B22 - B12    T4 = T2 - B21
///     P1 = A11 B11      P2 = A12 B21      P3 = S4 B22       P4 = A22 T4
///     P5 = S1 T1        P6 = S2 T2        P7 = S3 T3
///     U2 = P1 + P6      U3 = U2 + P7      U4 = U2 + P5
///     C11 = P1 + P2     C12 = U4 + P3     C21 = U3 - P4     C22 = U3 + P5
///
/// A row's bits depend on the rows of its group, so groups must never join two images. The error stays normwise small,
/// yet is no longer small for each output beside its own terms; see "Same bits" in `docs/architecture.md`.
enum BlockProduct {
  /// How often a product of this shape is split, where `rowsTogether` rows always belong to one image: when the blocks
  /// are whole panels of every instruction set, and large enough that an eighth of the work is more than the additions.
  static func splits(inner: Int, columns: Int, rowsTogether: Int) -> Int {
    func fits(_ side: Int, _ least: Int) -> Bool {
      rowsTogether % side == 0 && inner % (4 * side) == 0 && columns % (32 * side) == 0 && min(inner, columns) >= least
    }
    return fits(4, 512) ? 2 : fits(2, 256) ? 1 : 0
  }

  /// Inner numbers that are multiplied in blocks together; the products of such chunks are added in their order.
  static func chunk(inner: Int, splits: Int) -> Int { splits > 0 && inner % 512 == 0 ? 512 : inner }

  /// Where `weights` [columns, inner] lie when they are laid out by blocks: for each chunk of the inner numbers and each
  /// panel of `width` columns of a block, [chunk / 2^splits, blocks, width].
  static func place(_ column: Int, _ k: Int, inner: Int, columns: Int, splits: Int, width: Int) -> Int {
    let side = 1 << splits
    let chunk = chunk(inner: inner, splits: splits)
    let (blockInner, blockColumns) = (chunk / side, columns / side)
    let (rowPart, columnPart) = (k % chunk / blockInner, column / blockColumns)
    // The halves' bits, outermost first: of the inner numbers, of the columns.
    let block =
      splits == 2
      ? (rowPart / 2 * 2 + columnPart / 2) * 4 + rowPart % 2 * 2 + columnPart % 2 : rowPart * 2 + columnPart
    let (panel, lane) = (column % blockColumns / width, column % width)
    let panels = (blockColumns + width - 1) / width
    return (((k / chunk * panels + panel) * blockInner + k % blockInner) * side * side + block) * width + lane
  }

  /// The sums of a group of rows, plainly: [2^splits rows] of [2^splits columns].
  ///
  /// - Parameters:
  ///   - left: the rows' inner numbers.
  ///   - right: those of the columns, which are `columns / 2^splits` apart.
  static func sums(_ left: [[Float]], _ right: [[Float]]) -> [[Float]] {
    let chunk = chunk(inner: left[0].count, splits: left.count.trailingZeroBitCount)
    let chunks = stride(from: 0, to: left[0].count, by: max(1, chunk)).map { start in
      blockSums(left.map { Array($0[start..<start + chunk]) }, right.map { Array($0[start..<start + chunk]) })
    }
    return chunks.dropFirst().reduce(chunks[0]) { combine($0, $1, +) }
  }

  private static func blockSums(_ left: [[Float]], _ right: [[Float]]) -> [[Float]] {
    guard left.count > 1 else {
      return [[zip(left[0], right[0]).reduce(0) { sum, pair in sum.addingProduct(pair.0, pair.1) }]]
    }
    let (a11, a12, a21, a22) = blocks(left)
    let (b11, b21, b12, b22) = blocks(right)
    let s1 = combine(a21, a22, +)
    let s2 = combine(s1, a11, -)
    let t1 = combine(b12, b11, -)
    let t2 = combine(b22, t1, -)
    let p1 = blockSums(a11, b11)
    let p2 = blockSums(a12, b21)
    let p3 = blockSums(combine(a12, s2, -), b22)
    let p4 = blockSums(a22, combine(t2, b21, -))
    let p5 = blockSums(s1, t1)
    let p6 = blockSums(s2, t2)
    let p7 = blockSums(combine(a11, a21, -), combine(b22, b12, -))
    let u2 = combine(p1, p6, +)
    let u3 = combine(u2, p7, +)
    let u4 = combine(u2, p5, +)
    let upper = zip(combine(p1, p2, +), combine(u4, p3, +)).map(+)
    let lower = zip(combine(u3, p4, -), combine(u3, p5, +)).map(+)
    return upper + lower
  }

  /// The four blocks of rows: upper and lower, first and second half of their numbers.
  private static func blocks(_ rows: [[Float]]) -> ([[Float]], [[Float]], [[Float]], [[Float]]) {
    func part(_ rows: ArraySlice<[Float]>, _ half: Int) -> [[Float]] {
      rows.map { Array(half == 0 ? $0.prefix($0.count / 2) : $0.suffix($0.count / 2)) }
    }
    let (upper, lower) = (rows.prefix(rows.count / 2), rows.suffix(rows.count / 2))
    return (part(upper, 0), part(upper, 1), part(lower, 0), part(lower, 1))
  }

  private static func combine(
    _ left: [[Float]], _ right: [[Float]], _ operation: (Float, Float) -> Float
  ) -> [[Float]] {
    zip(left, right).map { zip($0, $1).map { operation($0, $1) } }
  }
}
