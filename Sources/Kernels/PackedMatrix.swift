import COpenBLAS
import KernelsAVX2
import KernelsAVX512
import Tensors

/// The weights and bias of a linear layer, laid out once for one instruction set.
public final class PackedMatrix: Sendable {
  /// Numbers that an output is a sum over.
  public let inner: Int
  /// Outputs a row.
  public let columns: Int
  /// What computes the product.
  public let instructionSet: InstructionSet
  /// Who multiplies.
  public let backend: GEMMBackend
  private let panels: AlignedBuffer
  private let bias: AlignedBuffer
  private let polynomials: (inner: AlignedBuffer, outer: AlignedBuffer)

  /// Packs `weights`, [columns, inner] row-major as PyTorch stores them, and `bias`, [columns] or nil.
  ///
  /// - Precondition: the counts fit the shape, and this processor has `instructionSet`.
  public init(
    weights: [Float], bias: [Float]?, inner: Int, columns: Int, instructionSet: InstructionSet = .best,
    backend: GEMMBackend = .native
  ) {
    precondition(inner >= 0 && columns >= 0 && weights.count == inner * columns, "shape and storage differ")
    precondition((bias?.count ?? columns) == columns, "shape and storage differ")
    precondition(InstructionSet.available.contains(instructionSet), "this processor has no \(instructionSet)")
    self.inner = inner
    self.columns = columns
    self.instructionSet = instructionSet
    self.backend = backend
    let width = backend == .openblas ? 1 : Self.panelWidth(instructionSet)
    let panelCount = (columns + width - 1) / width
    panels = AlignedBuffer(count: panelCount * width * inner)
    self.bias = AlignedBuffer(count: panelCount * width)
    for column in 0..<columns {
      let panel = panels.pointer + column / width * width * inner + column % width
      for k in 0..<inner {
        panel[k * width] = weights[column * inner + k]
      }
      self.bias.pointer[column] = bias?[column] ?? 0
    }
    polynomials = (Self.buffer(ErrorFunction.inner), Self.buffer(ErrorFunction.outer))
  }

  /// Writes `activation(left x weights^T + bias) + residual` to `output`; the bits do not depend on the instruction set.
  ///
  /// - Parameters:
  ///   - left: [rows, inner], row-major.
  ///   - residual: [rows, columns] or nil; may be `output` itself.
  ///   - output: [rows, columns], row-major; must not overlap `left`.
  public func multiply(
    _ left: UnsafeBufferPointer<Float>, rows: Int, activation: Activation = .none,
    residual: UnsafeBufferPointer<Float>? = nil, into output: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(rows >= 0 && left.count >= rows * inner && output.count >= rows * columns, "shape and storage differ")
    precondition((residual?.count ?? rows * columns) >= rows * columns, "shape and storage differ")
    guard rows > 0, columns > 0, let target = output.baseAddress else { return }
    let source = left.baseAddress ?? UnsafePointer(panels.pointer)
    let coefficients = (
      inner: UnsafePointer(polynomials.inner.pointer), outer: UnsafePointer(polynomials.outer.pointer)
    )
    guard backend == .native else {
      return multiplyWithOpenBLAS(source, rows, activation, residual, target)
    }
    switch instructionSet {
    case .scalar:
      multiplyPlainly(source, rows, activation, residual, target)
    case .avx2:
      MatrixTileAVX2.multiply(
        left: source, panels: panels.pointer, bias: bias.pointer, activation: activation.rawValue,
        residual: residual?.baseAddress, output: target, rows: rows, inner: inner, columns: columns,
        polynomials: coefficients)
    case .avx512:
      // The allocator keeps memory of this size at hand, so that this costs no system call.
      withUnsafeTemporaryAllocation(
        byteCount: MatrixTileAVX512.scratchCount(rows: rows, inner: inner) * MemoryLayout<Float>.stride,
        alignment: AlignedBuffer.alignment
      ) { scratch in
        let scratch = scratch.bindMemory(to: Float.self)
        MatrixTileAVX512.multiply(
          left: source, panels: panels.pointer, bias: bias.pointer, activation: activation.rawValue,
          residual: residual?.baseAddress, scratch: scratch.baseAddress ?? target, output: target, rows: rows,
          inner: inner, columns: columns, polynomials: coefficients)
      }
    }
  }

  private func multiplyPlainly(
    _ left: UnsafePointer<Float>, _ rows: Int, _ activation: Activation, _ residual: UnsafeBufferPointer<Float>?,
    _ output: UnsafeMutablePointer<Float>
  ) {
    for row in 0..<rows {
      for column in 0..<columns {
        var sum: Float = 0
        for k in 0..<inner {
          sum = sum.addingProduct(left[row * inner + k], panels.pointer[column * inner + k])
        }
        let index = row * columns + column
        output[index] = finish(sum, column, activation, residual?[index])
      }
    }
  }

  /// OpenBLAS needs a product of its own before anything is added, so `residual` is taken from where it lies first.
  private func multiplyWithOpenBLAS(
    _ left: UnsafePointer<Float>, _ rows: Int, _ activation: Activation, _ residual: UnsafeBufferPointer<Float>?,
    _ output: UnsafeMutablePointer<Float>
  ) {
    Self.oneThread
    let product = AlignedBuffer(count: rows * columns)
    cblas_sgemm(
      CblasRowMajor, CblasNoTrans, CblasTrans, blasint(rows), blasint(columns), blasint(inner), 1, left,
      blasint(max(1, inner)), panels.pointer, blasint(max(1, inner)), 0, product.pointer, blasint(columns))
    for row in 0..<rows {
      for column in 0..<columns {
        let index = row * columns + column
        output[index] = finish(product.pointer[index], column, activation, residual?[index])
      }
    }
  }

  /// Streams of images are Gauntlet's threads; those of OpenBLAS would fight with them.
  private static let oneThread: Void = openblas_set_num_threads(1)

  private func finish(_ sum: Float, _ column: Int, _ activation: Activation, _ residual: Float?) -> Float {
    var value = sum + bias.pointer[column]
    switch activation {
    case .none: break
    case .relu: value = value > 0 ? value : 0
    case .gelu: value = ErrorFunction.gelu(value)
    }
    return residual.map { value + $0 } ?? value
  }

  private static func panelWidth(_ set: InstructionSet) -> Int {
    switch set {
    case .scalar: 1
    case .avx2: MatrixTileAVX2.columns
    case .avx512: MatrixTileAVX512.columns
    }
  }

  private static func buffer(_ values: [Float]) -> AlignedBuffer {
    let buffer = AlignedBuffer(count: values.count)
    for (index, value) in values.enumerated() { buffer.pointer[index] = value }
    return buffer
  }
}
