import KernelInterfaces

/// Two linear layers with GELU between them, added to what they take: x + project(GELU(expand(x))).
///
/// The hidden layer is computed for a few rows at a time, which stay in the cache; in bfloat16 it is kept as the second
/// product takes it, half as large.
public struct FeedForward: Sendable {
  private let expand: PackedMatrix
  private let project: PackedMatrix

  /// - Precondition: `project` takes what `expand` gives, and gives what that takes.
  public init(expand: PackedMatrix, project: PackedMatrix) {
    precondition(
      expand.columns == project.inner && expand.inner == project.columns && expand.precision == project.precision
        && expand.backend == project.backend
        && expand.instructionSet == project.instructionSet, "layers that do not fit")
    self.expand = expand
    self.project = project
  }

  /// Bytes that it takes.
  public var byteCount: Int { expand.byteCount + project.byteCount }

  /// Rows that are computed together: where the product is in blocks, for which each use of a panel of weights has a
  /// price, whole tiles of groups; in bf16 tiles whose hidden layer, two bytes a number, stays in the second-level cache.
  private var rowsTogether: Int {
    if expand.precision == .bf16 { return max(96, min(396, (1 << 19) / max(1, expand.columns) / 12 * 12)) }
    return expand.splits > 1 ? 816 : 384
  }

  /// Elements that `compute` needs to work in.
  public var hiddenCount: Int {
    expand.roundedCount(rows: rowsTogether, numbers: expand.columns) ?? rowsTogether * expand.columns
  }

  /// Elements that the products of `rows` rows work in.
  public func scratchCount(rows: Int) -> Int {
    [min(rows, rowsTogether), rows % rowsTogether].map {
      max(expand.scratchCount(rows: $0), project.scratchCount(rows: $0))
    }.reduce(0, max)
  }

  /// Adds the layers' result to `values`; the bits do not depend on the instruction set.
  ///
  /// - Parameters:
  ///   - values: [rows, inner], row-major.
  ///   - hidden: `hiddenCount` elements to work in.
  ///   - scratch: `scratchCount(rows:)` elements to work in.
  /// - Precondition: the storage fits, and `rows` is a multiple of 2^splits.
  public func compute(
    _ values: UnsafeMutableBufferPointer<Float>, rows: Int, hidden: UnsafeMutableBufferPointer<Float>,
    scratch: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(rows >= 0 && values.count >= rows * expand.inner, "shape and storage differ")
    precondition(hidden.count >= hiddenCount, "the memory is too small")
    let isRounded = expand.roundedCount(rows: rowsTogether, numbers: expand.columns) != nil
    for start in stride(from: 0, to: rows, by: rowsTogether) {
      let count = min(rowsTogether, rows - start)
      let part = UnsafeMutableBufferPointer(rebasing: values[(start * expand.inner)...])
      let input = UnsafeBufferPointer(part)
      let between = UnsafeBufferPointer(hidden)
      if isRounded {
        expand.multiply(input, rows: count, activation: .gelu, rounded: .output, scratch: scratch, into: hidden)
        project.multiply(
          between, rows: count, activation: .none, residual: input, rounded: .left, scratch: scratch, into: part)
      } else {
        expand.multiply(input, rows: count, activation: .gelu, scratch: scratch, into: hidden)
        project.multiply(between, rows: count, residual: input, scratch: scratch, into: part)
      }
    }
  }
}
