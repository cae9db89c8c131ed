import KernelInterfaces
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
  let instructionSet: InstructionSet
  let backend: GEMMBackend
  /// Elements that either product needs to work in.
  private let productCount: Int

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
    let none = AlignedBuffer(count: 1)
    let counts = [headSize, size].map { inner in
      instructionSet.matrixKernel?.init(
        left: none.pointer, panels: none.pointer, bias: none.pointer, activation: Activation.none.rawValue,
        residual: nil, output: none.pointer, rows: size, inner: inner, columns: 1, errorFunction: none.pointer
      ).scratchCount ?? 0
    }
    productCount = counts.max() ?? 0
  }

  /// Bytes that it takes.
  public var byteCount: Int {
    biases.reduce(0) { $0 + $1.count * MemoryLayout<Float>.stride }
      + windows.reduce(0) { $0 + $1.count * MemoryLayout<Int>.stride }
  }

  /// Elements that `attend` needs to work in.
  public var scratchCount: Int {
    counts.reduce(0, +)
  }

  /// Writes what the tokens of one image gather, [tokens, heads x headSize].
  ///
  /// - Parameter projected: [tokens, 3, heads, headSize]: queries, keys, values.
  public func attend(
    _ projected: UnsafeBufferPointer<Float>, scratch: UnsafeMutableBufferPointer<Float>,
    into output: UnsafeMutableBufferPointer<Float>
  ) {
    let width = heads * headSize
    let rows = windows.reduce(0) { $0 + $1.count }
    precondition(projected.count >= rows * 3 * width && output.count >= rows * width, "shape and storage differ")
    precondition(scratch.count >= scratchCount, "the scratch is too small")
    guard backend == .native, let kernel = instructionSet.matrixKernel else {
      return attendPlainly(projected, scratch: scratch, into: output)
    }
    guard let source = projected.baseAddress, let target = output.baseAddress, let places = Places(self, scratch) else {
      return
    }
    places.zeros.update(repeating: 0, count: Self.rounded(max(size, headSize)))
    for (index, rows) in windows.enumerated() {
      let bias = biases.isEmpty ? nil : biases[biases.count == 1 ? 0 : index]
      for head in 0..<heads {
        pack(source + head * headSize, rows, panelColumns: kernel.panelColumns, places)
        if let bias {
          bias.withUnsafeBufferPointer {
            score(kernel, places, residual: $0.baseAddress.map { $0 + head * size * size })
          }
        } else {
          score(kernel, places, residual: nil)
        }
        let product = kernel.init(
          left: places.scores, panels: places.values, bias: places.zeros, activation: Activation.none.rawValue,
          residual: nil, output: places.gathered, rows: size, inner: size, columns: headSize,
          errorFunction: places.zeros)
        product.multiply(scratch: places.product)
        for (place, row) in rows.enumerated() {
          (target + row * width + head * headSize).update(from: places.gathered + place * headSize, count: headSize)
        }
      }
    }
  }

  /// softmax(queries x keys + residual), in `places.scores`.
  private func score(_ kernel: any MatrixKernel.Type, _ places: Places, residual: UnsafePointer<Float>?) {
    let product = kernel.init(
      left: places.queries, panels: places.keys, bias: places.zeros, activation: Activation.none.rawValue,
      residual: residual, output: places.scores, rows: size, inner: headSize, columns: size,
      errorFunction: places.zeros)
    product.multiply(scratch: places.product)
    Normalisation.softmax(
      UnsafeMutableBufferPointer(start: places.scores, count: size * size), rows: size, columns: size,
      instructionSet: instructionSet)
  }

  /// Lays a head's queries, scaled, out as rows and its keys and values as panels of weights.
  ///
  /// - Parameter source: the head's first query.
  private func pack(_ source: UnsafePointer<Float>, _ rows: [Int], panelColumns: Int, _ places: Places) {
    let width = heads * headSize
    let scale = 1 / Float(headSize).squareRoot()
    for (place, row) in rows.enumerated() {
      let queries = source + row * 3 * width
      let (keys, values) = (queries + width, queries + 2 * width)
      let query = places.queries + place * headSize
      let key = places.keys + place / panelColumns * panelColumns * headSize + place % panelColumns
      for k in 0..<headSize {
        query[k] = queries[k] * scale
        key[k * panelColumns] = keys[k]
      }
      for start in stride(from: 0, to: headSize, by: panelColumns) {
        let value = places.values + start * size + place * panelColumns
        value.update(from: values + start, count: min(panelColumns, headSize - start))
      }
    }
  }

  /// Where a head's matrices lie in the scratch.
  private struct Places {
    let queries, gathered, scores, keys, values, zeros, product: UnsafeMutablePointer<Float>

    init?(_ attention: Attention, _ scratch: UnsafeMutableBufferPointer<Float>) {
      guard let start = scratch.baseAddress else { return nil }
      let counts = attention.counts
      func place(_ index: Int) -> UnsafeMutablePointer<Float> { start + counts[..<index].reduce(0, +) }
      (queries, gathered, scores, keys) = (place(0), place(1), place(2), place(3))
      (values, zeros, product) = (place(4), place(5), place(6))
    }
  }

  /// Elements of each part of the scratch; panels may be filled up to any width of a register.
  private var counts: [Int] {
    let rows = size * headSize
    return [
      rows, rows, size * size, Self.rounded(size) * headSize, Self.rounded(headSize) * size,
      Self.rounded(max(size, headSize)), productCount,
    ].map { ($0 + 15) / 16 * 16 }
  }

  /// Up to whole panels of the widest registers.
  private static func rounded(_ columns: Int) -> Int { (columns + 31) / 32 * 32 }

  private var size: Int { windows.first?.count ?? 0 }

  /// The same from matrices that are packed anew for each head: the reference, and OpenBLAS's way.
  private func attendPlainly(
    _ projected: UnsafeBufferPointer<Float>, scratch: UnsafeMutableBufferPointer<Float>,
    into output: UnsafeMutableBufferPointer<Float>
  ) {
    let width = heads * headSize
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
        Normalisation.softmax(scores, rows: size, columns: size, instructionSet: instructionSet)
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
