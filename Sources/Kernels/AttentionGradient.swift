import Tensors

/// The gradient of `Attention`'s queries, keys and values.
///
/// With P the probabilities, O = P V and S = Q K^T / sqrt(d) + bias: V's is P^T dO, that of P is dO V^T, of S what
/// `Backpropagation.softmax` makes of it, and Q's and K's follow from it by K and Q. P is computed again, with the bits that
/// `Attention` has. Each product is one of `PackedMatrix`.
extension Attention {
  /// Elements that `gradient` needs to work in.
  public var gradientScratchCount: Int {
    let size = windows.first?.count ?? 0
    return 6 * Self.aligned(size * headSize) + 3 * Self.aligned(size * size)
  }

  private static func aligned(_ count: Int) -> Int { (count + 15) / 16 * 16 }

  /// Writes the gradient of one image's queries, keys and values, [tokens, 3, heads, headSize].
  ///
  /// - Parameters:
  ///   - gradient: of what the tokens gathered, [tokens, heads x headSize].
  ///   - projected: [tokens, 3, heads, headSize].
  public func gradient(
    _ gradient: UnsafeBufferPointer<Float>, _ projected: UnsafeBufferPointer<Float>,
    scratch: UnsafeMutableBufferPointer<Float>, into output: UnsafeMutableBufferPointer<Float>
  ) {
    let width = heads * headSize
    let rows = windows.reduce(0) { $0 + $1.count }
    precondition(min(projected.count, output.count) >= rows * 3 * width, "shape and storage differ")
    precondition(gradient.count >= rows * width && scratch.count >= gradientScratchCount, "shape and storage differ")
    let size = windows.first?.count ?? 0
    let places = Places(scratch, square: Self.aligned(size * size), rows: Self.aligned(size * headSize))
    for (index, rows) in windows.enumerated() {
      let bias = biases.isEmpty ? nil : biases[biases.count == 1 ? 0 : index]
      for head in 0..<heads {
        let bias = bias.map { Array($0[(head * size * size)..<((head + 1) * size * size)]) }
        differentiate(head, rows, bias, places, gradient, projected, output)
      }
    }
  }

  /// Where a head's matrices lie in the scratch.
  private struct Places {
    /// [size, size] each.
    let probabilities, scores, transposed: UnsafeMutableBufferPointer<Float>
    /// [size, headSize] each.
    let queries, keys, values, gathered, result, turned: UnsafeMutableBufferPointer<Float>

    init(_ scratch: UnsafeMutableBufferPointer<Float>, square: Int, rows: Int) {
      func part(_ start: Int, _ count: Int) -> UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(rebasing: scratch[start..<(start + count)])
      }
      (probabilities, scores) = (part(0, square), part(square, square))
      transposed = part(2 * square, square)
      let start = 3 * square
      (queries, keys, values) = (part(start, rows), part(start + rows, rows), part(start + 2 * rows, rows))
      (gathered, result) = (part(start + 3 * rows, rows), part(start + 4 * rows, rows))
      turned = part(start + 5 * rows, rows)
    }
  }

  private func differentiate(
    _ head: Int, _ rows: [Int], _ bias: [Float]?, _ places: Places, _ gradient: UnsafeBufferPointer<Float>,
    _ projected: UnsafeBufferPointer<Float>, _ output: UnsafeMutableBufferPointer<Float>
  ) {
    let (size, width) = (rows.count, heads * headSize)
    let scale = 1 / Float(headSize).squareRoot()
    for (place, row) in rows.enumerated() {
      let (from, to) = (row * 3 * width + head * headSize, place * headSize)
      for k in 0..<headSize {
        places.queries[to + k] = projected[from + k] * scale
        places.keys[to + k] = projected[from + width + k]
        places.values[to + k] = projected[from + 2 * width + k]
        places.gathered[to + k] = gradient[row * width + head * headSize + k]
      }
    }
    // P, and dS by way of dP.
    multiply(places.queries, places.keys, size, headSize, size, residual: bias, into: places.probabilities)
    Normalisation.softmax(places.probabilities, rows: size, columns: size, instructionSet: instructionSet)
    multiply(places.gathered, places.values, size, headSize, size, into: places.scores)
    Backpropagation(instructionSet).softmax(
      UnsafeBufferPointer(places.scores), UnsafeBufferPointer(places.probabilities), rows: size, columns: size,
      into: places.scores)
    func give(_ result: UnsafeMutableBufferPointer<Float>, part: Int, _ scale: Float) {
      for (place, row) in rows.enumerated() {
        let to = row * 3 * width + part * width + head * headSize
        for k in 0..<headSize { output[to + k] = result[place * headSize + k] * scale }
      }
    }
    // dQ = dS K / sqrt(d), dK = dS^T Q / sqrt(d), dV = P^T dO.
    Self.transpose(places.keys, size, headSize, into: places.turned)
    multiply(places.scores, places.turned, size, size, headSize, into: places.result)
    give(places.result, part: 0, scale)
    Self.transpose(places.queries, size, headSize, into: places.turned)
    Self.transpose(places.scores, size, size, into: places.transposed)
    multiply(places.transposed, places.turned, size, size, headSize, into: places.result)
    give(places.result, part: 1, 1)
    Self.transpose(places.gathered, size, headSize, into: places.turned)
    Self.transpose(places.probabilities, size, size, into: places.transposed)
    multiply(places.transposed, places.turned, size, size, headSize, into: places.result)
    give(places.result, part: 2, 1)
  }

  /// [rows, inner] times the transpose of [columns, inner].
  private func multiply(
    _ left: UnsafeMutableBufferPointer<Float>, _ right: UnsafeMutableBufferPointer<Float>, _ rows: Int, _ inner: Int,
    _ columns: Int, residual: [Float]? = nil, into output: UnsafeMutableBufferPointer<Float>
  ) {
    let matrix = PackedMatrix(
      weights: Array(right[..<(columns * inner)]), bias: nil, inner: inner, columns: columns,
      instructionSet: instructionSet, backend: backend)
    guard let residual else { return matrix.multiply(UnsafeBufferPointer(left), rows: rows, into: output) }
    residual.withUnsafeBufferPointer {
      matrix.multiply(UnsafeBufferPointer(left), rows: rows, residual: $0, into: output)
    }
  }

  private static func transpose(
    _ matrix: UnsafeMutableBufferPointer<Float>, _ rows: Int, _ columns: Int,
    into output: UnsafeMutableBufferPointer<Float>
  ) {
    for row in 0..<rows { for column in 0..<columns { output[column * rows + row] = matrix[row * columns + column] } }
  }
}
