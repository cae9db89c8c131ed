import KernelInterfaces

/// Two linear layers with GELU between them, perhaps after a layer normalisation, added to a residual:
/// residual + project(GELU(expand(normalise(x)))).
///
/// All is computed for a few rows at a time, which stay in the cache; in bfloat16 the hidden layer is kept as the second
/// product takes it, half as large. The bits are those of the layers one after the other.
public struct FeedForward: Sendable {
  /// (x - mean) / sqrt(variance + epsilon) x weight + bias over each row.
  public struct RowNormalisation: Sendable {
    let weight: [Float]
    let bias: [Float]
    let epsilon: Float

    /// A normalisation by weights and biases, [inner] each.
    public init(weight: [Float], bias: [Float], epsilon: Float) {
      (self.weight, self.bias, self.epsilon) = (weight, bias, epsilon)
    }
  }

  private let normalisation: RowNormalisation?
  private let expand: PackedMatrix
  private let project: PackedMatrix

  /// - Precondition: `project` takes what `expand` gives, and gives as many columns as that takes.
  public init(normalisation: RowNormalisation? = nil, expand: PackedMatrix, project: PackedMatrix) {
    precondition(
      expand.columns == project.inner && expand.inner == project.columns && expand.precision == project.precision
        && expand.backend == project.backend
        && expand.instructionSet == project.instructionSet, "layers that do not fit")
    precondition((normalisation?.weight.count ?? expand.inner) == expand.inner, "layers that do not fit")
    self.normalisation = normalisation
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

  private var hiddenCount: Int {
    expand.roundedCount(rows: rowsTogether, numbers: expand.columns) ?? rowsTogether * expand.columns
  }

  private var normalisedCount: Int { normalisation == nil ? 0 : rowsTogether * expand.inner }

  /// Elements that `compute` of `rows` rows works in.
  public func scratchCount(rows: Int) -> Int {
    let products = [min(rows, rowsTogether), rows % rowsTogether].map {
      max(expand.scratchCount(rows: $0), project.scratchCount(rows: $0))
    }
    return Self.aligned(hiddenCount) + Self.aligned(normalisedCount) + products.reduce(0, max)
  }

  /// Whole cache lines, so that each part of the scratch begins on one.
  private static func aligned(_ count: Int) -> Int { (count + 15) / 16 * 16 }

  /// Writes the block's result; the bits do not depend on the instruction set.
  ///
  /// - Parameters:
  ///   - input: [rows, inner], row-major.
  ///   - residual: [rows, inner].
  ///   - scratch: `scratchCount(rows:)` elements to work in.
  ///   - output: [rows, inner]; may be `input`, `residual` or both.
  /// - Precondition: the storage fits, and `rows` is a multiple of 2^splits.
  public func compute(
    _ input: UnsafeBufferPointer<Float>, residual: UnsafeBufferPointer<Float>, rows: Int,
    scratch: UnsafeMutableBufferPointer<Float>, into output: UnsafeMutableBufferPointer<Float>
  ) {
    let width = expand.inner
    precondition(
      rows >= 0 && min(input.count, residual.count, output.count) >= rows * width, "shape and storage differ")
    precondition(scratch.count >= scratchCount(rows: rows), "the memory is too small")
    let isRounded = expand.roundedCount(rows: rowsTogether, numbers: expand.columns) != nil
    let (start, between) = (Self.aligned(hiddenCount), Self.aligned(hiddenCount) + Self.aligned(normalisedCount))
    let hidden = UnsafeMutableBufferPointer(rebasing: scratch[..<start])
    let normalised = UnsafeMutableBufferPointer(rebasing: scratch[start..<between])
    let products = UnsafeMutableBufferPointer(rebasing: scratch[between...])
    for start in stride(from: 0, to: rows, by: rowsTogether) {
      let count = min(rowsTogether, rows - start)
      let part = (start * width)..<((start + count) * width)
      var left = UnsafeBufferPointer(rebasing: input[part])
      if let normalisation {
        Normalisation.layer(
          left, rows: count, channels: width, weight: normalisation.weight, bias: normalisation.bias,
          epsilon: normalisation.epsilon, instructionSet: expand.instructionSet, into: normalised)
        left = UnsafeBufferPointer(normalised)
      }
      let sum = UnsafeBufferPointer(rebasing: residual[part])
      let target = UnsafeMutableBufferPointer(rebasing: output[part])
      if isRounded {
        expand.multiply(left, rows: count, activation: .gelu, rounded: .output, scratch: products, into: hidden)
        project.multiply(
          UnsafeBufferPointer(hidden), rows: count, activation: .none, residual: sum, rounded: .left,
          scratch: products, into: target)
      } else {
        expand.multiply(left, rows: count, activation: .gelu, scratch: products, into: hidden)
        project.multiply(
          UnsafeBufferPointer(hidden), rows: count, residual: sum, scratch: products, into: target)
      }
    }
  }
}
