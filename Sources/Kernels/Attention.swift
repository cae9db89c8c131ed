import Tensors

/// Multi-head self-attention within windows of tokens, softmax(q k^T / sqrt(d) + bias) v.
///
/// Both products are those of `PackedMatrix`, so that their bits do not depend on the instruction set.
public struct Attention: Sendable {
  /// Heads that attend side by side.
  public let heads: Int
  /// Channels of a head.
  public let headSize: Int
  /// The tokens of each window, as rows of the image; each row in one window.
  public let windows: [[Int]]
  /// Added to the scores: [window or 1][head, query, key]; empty for none.
  public let biases: [[Float]]
  private let instructionSet: InstructionSet
  private let backend: GEMMBackend

  /// Attention within windows, computed by `instructionSet` and `backend`.
  ///
  /// - Precondition: the windows are of one size, and there is a bias for each, or one for all, or none.
  public init(
    heads: Int, headSize: Int, windows: [[Int]], biases: [[Float]], instructionSet: InstructionSet,
    backend: GEMMBackend
  ) {
    let size = windows.first?.count ?? 0
    precondition(heads > 0 && headSize > 0 && windows.allSatisfy { $0.count == size }, "no such attention")
    precondition(biases.count <= 1 || biases.count == windows.count, "no such attention")
    precondition(biases.allSatisfy { $0.count == heads * size * size }, "shape and storage differ")
    self.heads = heads
    self.headSize = headSize
    self.windows = windows
    self.biases = biases
    self.instructionSet = instructionSet
    self.backend = backend
  }

  /// Elements that `attend` needs to work in.
  public var scratchCount: Int {
    let size = windows.first?.count ?? 0
    return 2 * size * headSize + size * size
  }

  /// Writes what the tokens of one image gather, [tokens, heads x headSize].
  ///
  /// - Parameter projected: [tokens, 3, heads, headSize]: queries, keys, values.
  public func attend(
    _ projected: UnsafeBufferPointer<Float>, scratch: UnsafeMutableBufferPointer<Float>,
    into output: UnsafeMutableBufferPointer<Float>
  ) {
    let width = heads * headSize
    precondition(projected.count >= windows.reduce(0) { $0 + $1.count } * 3 * width, "shape and storage differ")
    precondition(scratch.count >= scratchCount, "the scratch is too small")
    let scale = 1 / Float(headSize).squareRoot()
    for (index, rows) in windows.enumerated() {
      let size = rows.count
      let queries = UnsafeMutableBufferPointer(rebasing: scratch[..<(size * headSize)])
      let gathered = UnsafeMutableBufferPointer(rebasing: scratch[(size * headSize)..<(2 * size * headSize)])
      let scores = UnsafeMutableBufferPointer(rebasing: scratch[(2 * size * headSize)...])
      let bias = biases.isEmpty ? nil : biases[biases.count == 1 ? 0 : index]
      for head in 0..<heads {
        var keys = [Float](repeating: 0, count: size * headSize)
        var values = [Float](repeating: 0, count: size * headSize)
        for (place, row) in rows.enumerated() {
          let start = row * 3 * width + head * headSize
          for k in 0..<headSize {
            queries[place * headSize + k] = projected[start + k] * scale
            keys[place * headSize + k] = projected[start + width + k]
            values[k * size + place] = projected[start + 2 * width + k]
          }
        }
        let keyMatrix = matrix(keys, inner: headSize, columns: size)
        if let bias {
          bias.withUnsafeBufferPointer {
            let part = UnsafeBufferPointer(rebasing: $0[(head * size * size)..<((head + 1) * size * size)])
            keyMatrix.multiply(UnsafeBufferPointer(queries), rows: size, residual: part, into: scores)
          }
        } else {
          keyMatrix.multiply(UnsafeBufferPointer(queries), rows: size, into: scores)
        }
        Normalisation.softmax(scores, rows: size, columns: size)
        matrix(values, inner: size, columns: headSize)
          .multiply(UnsafeBufferPointer(scores), rows: size, into: gathered)
        for (place, row) in rows.enumerated() {
          for k in 0..<headSize { output[row * width + head * headSize + k] = gathered[place * headSize + k] }
        }
      }
    }
  }

  private func matrix(_ weights: [Float], inner: Int, columns: Int) -> PackedMatrix {
    PackedMatrix(
      weights: weights, bias: nil, inner: inner, columns: columns, instructionSet: instructionSet, backend: backend)
  }
}
