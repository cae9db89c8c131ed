import COpenBLAS
import CProcessor
import KernelInterfaces
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
  /// How often the product is split into blocks, see `BlockProduct`: 2^splits rows are computed as one group.
  public let splits: Int
  /// What the products are computed in.
  public let precision: Precision
  private let panels: AlignedBuffer
  private let bias: AlignedBuffer
  private let errorFunction: AlignedBuffer

  /// Packs `weights`, [columns, inner] row-major as PyTorch stores them, and `bias`, [columns] or nil.
  ///
  /// - Parameters:
  ///   - rowsTogether: a count of rows, such that as many from a multiple of it on always belong to the same image; where
  ///     it is even, large products are computed in blocks.
  ///   - precision: of `backend` native; OpenBLAS computes in float32.
  /// - Precondition: the counts fit the shape, and this processor has `instructionSet`.
  public init(
    weights: [Float], bias: [Float]?, inner: Int, columns: Int, rowsTogether: Int = 1, precision: Precision = .fp32,
    instructionSet: InstructionSet, backend: GEMMBackend = .native
  ) {
    precondition(inner >= 0 && columns >= 0 && weights.count == inner * columns, "shape and storage differ")
    precondition((bias?.count ?? columns) == columns, "shape and storage differ")
    precondition(InstructionSet.available.contains(instructionSet), "this processor has no \(instructionSet)")
    self.inner = inner
    self.columns = columns
    self.instructionSet = instructionSet
    self.backend = backend
    self.precision = backend == .native ? precision : .fp32
    splits =
      backend == .native && precision == .fp32
      ? BlockProduct.splits(inner: inner, columns: columns, rowsTogether: rowsTogether) : 0
    let width = backend == .openblas ? 1 : instructionSet.matrixKernel?.panelColumns ?? 1
    let depth = self.precision == .bf16 ? (inner + 1) / 2 : inner
    panels = AlignedBuffer(count: (columns + width - 1) / width * width * depth)
    if self.precision == .bf16 {
      Self.packBF16(weights, inner: inner, columns: columns, width: width, into: panels.pointer)
    } else {
      Self.pack(
        weights, inner: inner, columns: columns, width: width, splits: width == 1 ? 0 : splits, into: panels.pointer)
    }
    self.bias = AlignedBuffer(count: (columns + width - 1) / width * width)
    for column in 0..<columns { self.bias.pointer[column] = bias?[column] ?? 0 }
    errorFunction = Self.buffer(ErrorFunction.table + [ErrorFunction.scale])
  }

  /// Bytes that it takes.
  public var byteCount: Int { panels.byteCount + bias.byteCount + errorFunction.byteCount }

  /// Turns [columns, inner] into panels of [inner, width], by blocks where there are splits.
  private static func pack(
    _ weights: [Float], inner: Int, columns: Int, width: Int, splits: Int, into target: UnsafeMutablePointer<Float>
  ) {
    let blockInner = BlockProduct.chunk(inner: inner, splits: splits) >> splits
    weights.withUnsafeBufferPointer { weights in
      for column in stride(from: 0, to: columns, by: width) {
        let lanes = min(width, columns - column)
        for start in stride(from: 0, to: inner, by: max(1, blockInner)) {
          var place =
            target + BlockProduct.place(column, start, inner: inner, columns: columns, splits: splits, width: width)
          for k in start..<start + blockInner {
            for lane in 0..<lanes { place[lane] = weights[(column + lane) * inner + k] }
            place += width << (2 * splits)
          }
        }
      }
    }
  }

  /// The same with neighbouring inner numbers together, as bfloat16, in one element's bits.
  private static func packBF16(
    _ weights: [Float], inner: Int, columns: Int, width: Int, into target: UnsafeMutablePointer<Float>
  ) {
    let pairs = (inner + 1) / 2
    target.withMemoryRebound(to: UInt32.self, capacity: (columns + width - 1) / width * width * pairs) {
      for column in stride(from: 0, to: columns, by: width) {
        let panel = $0 + column * pairs
        for pair in 0..<pairs {
          for lane in 0..<min(width, columns - column) {
            panel[pair * width + lane] = ScalarKernels.bf16Pair(weights, (column + lane) * inner, pair, inner)
          }
        }
      }
    }
  }

  /// Writes `activation(left x weights^T + bias) + residual` to `output`, or of `reluOfSum` the residual's sum's ReLU; the
  /// bits do not depend on the instruction set.
  ///
  /// - Parameters:
  ///   - left: [rows, inner], row-major.
  ///   - residual: [rows, columns] or nil; may be `output` itself.
  ///   - scratch: `scratchCount(rows:)` elements to work in; nil for memory that is allocated for the call.
  ///   - output: [rows, columns], row-major; must not overlap `left`.
  /// - Precondition: the storage fits, and `rows` is a multiple of 2^splits.
  public func multiply(
    _ left: UnsafeBufferPointer<Float>, rows: Int, activation: Activation = .none,
    residual: UnsafeBufferPointer<Float>? = nil, scratch: UnsafeMutableBufferPointer<Float>? = nil,
    into output: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(rows >= 0 && left.count >= rows * inner && output.count >= rows * columns, "shape and storage differ")
    precondition((residual?.count ?? rows * columns) >= rows * columns, "shape and storage differ")
    precondition(rows % (1 << splits) == 0, "a row without its group")
    guard rows > 0, columns > 0, let target = output.baseAddress else { return }
    let source = left.baseAddress ?? UnsafePointer(panels.pointer)
    guard backend == .native else {
      return multiplyWithOpenBLAS(source, rows, activation, residual, target)
    }
    guard let kernel = instructionSet.matrixKernel else {
      return multiplyPlainly(source, rows, activation, residual, target)
    }
    let product = product(kernel, source, rows, activation, residual: residual?.baseAddress, into: target)
    withScratch(scratchCount(product), scratch) {
      if precision == .bf16 {
        product.multiplyBF16(native: Self.hasBF16, rounded: [], scratch: $0)
      } else if splits > 0 {
        product.multiplyBlocks(splits: splits, chunk: chunk, scratch: $0)
      } else {
        product.multiply(scratch: $0)
      }
    }
  }

  /// Elements of `rows` rows of `numbers` numbers as the product in bfloat16 takes and gives them: each is two numbers;
  /// nil where products are not computed from such.
  func roundedCount(rows: Int, numbers: Int) -> Int? {
    guard precision == .bf16, backend == .native else { return nil }
    return instructionSet.matrixKernel?.roundedCount(rows: rows, numbers: numbers)
  }

  /// The product in bfloat16 of matrices of which some are `rounded`.
  ///
  /// - Precondition: `roundedCount` is not nil, and the storage has as many elements where it is rounded.
  func multiply(
    _ left: UnsafeBufferPointer<Float>, rows: Int, activation: Activation, residual: UnsafeBufferPointer<Float>? = nil,
    rounded: RoundedSides, scratch: UnsafeMutableBufferPointer<Float>, into output: UnsafeMutableBufferPointer<Float>
  ) {
    func count(_ side: RoundedSides, _ numbers: Int) -> Int? {
      rounded.contains(side) ? roundedCount(rows: rows, numbers: numbers) : rows * numbers
    }
    guard let needed = count(.left, inner), let room = count(.output, columns), let kernel = instructionSet.matrixKernel
    else { preconditionFailure("no such product") }
    precondition(left.count >= needed && output.count >= room, "shape and storage differ")
    precondition(residual.map { rounded.contains(.output) ? false : $0.count >= room } ?? true, "no such residual")
    guard rows > 0, columns > 0, let source = left.baseAddress, let target = output.baseAddress else { return }
    let product = product(kernel, source, rows, activation, residual: residual?.baseAddress, into: target)
    withScratch(scratchCount(product), scratch) {
      product.multiplyBF16(native: Self.hasBF16, rounded: rounded, scratch: $0)
    }
  }

  private func product<Kernel: MatrixKernel>(
    _ kernel: Kernel.Type, _ left: UnsafePointer<Float>, _ rows: Int, _ activation: Activation,
    residual: UnsafePointer<Float>?, into output: UnsafeMutablePointer<Float>
  ) -> Kernel {
    Kernel(
      left: left, panels: panels.pointer, bias: bias.pointer, activation: activation.rawValue, residual: residual,
      output: output, rows: rows, inner: inner, columns: columns, errorFunction: errorFunction.pointer)
  }

  /// Elements that `multiply` of `rows` rows works in.
  public func scratchCount(rows: Int) -> Int {
    guard backend == .native, rows > 0, let kernel = instructionSet.matrixKernel else { return 0 }
    return scratchCount(product(kernel, panels.pointer, rows, .none, residual: nil, into: panels.pointer))
  }

  private func scratchCount(_ product: some MatrixKernel) -> Int {
    precision == .bf16
      ? product.scratchCountBF16
      : splits > 0 ? product.blocksScratchCount(splits: splits, chunk: chunk) : product.scratchCount
  }

  private var chunk: Int { BlockProduct.chunk(inner: inner, splits: splits) }

  package static let hasBF16 = gauntlet_processor_has_avx512_bf16() == 1

  private var bf16Panels: UnsafePointer<UInt32> {
    UnsafeRawPointer(panels.pointer).assumingMemoryBound(to: UInt32.self)
  }

  /// The allocator keeps memory of this size at hand, so that this costs no system call.
  private func withScratch(
    _ count: Int, _ given: UnsafeMutableBufferPointer<Float>?, _ body: (UnsafeMutablePointer<Float>) -> Void
  ) {
    if let given, let start = given.baseAddress {
      precondition(given.count >= count, "the scratch is too small")
      return body(start)
    }
    withUnsafeTemporaryAllocation(
      byteCount: count * MemoryLayout<Float>.stride, alignment: AlignedBuffer.alignment
    ) { memory in
      guard let start = memory.bindMemory(to: Float.self).baseAddress else { return }
      body(start)
    }
  }

  private func multiplyPlainly(
    _ left: UnsafePointer<Float>, _ rows: Int, _ activation: Activation, _ residual: UnsafeBufferPointer<Float>?,
    _ output: UnsafeMutablePointer<Float>
  ) {
    if splits > 0 { return multiplyBlocksPlainly(left, rows, activation, residual, output) }
    let pairs = (inner + 1) / 2
    for row in 0..<rows {
      for column in 0..<columns {
        var sum: Float = 0
        if precision == .bf16 {
          for pair in 0..<pairs {
            sum = ScalarKernels.addingBF16(
              sum,
              ScalarKernels.bf16Pair(UnsafeBufferPointer(start: left, count: rows * inner), row * inner, pair, inner),
              bf16Panels[column * pairs + pair])
          }
        } else {
          for k in 0..<inner {
            sum = sum.addingProduct(left[row * inner + k], panels.pointer[column * inner + k])
          }
        }
        let index = row * columns + column
        output[index] = finish(sum, column, activation, residual?[index])
      }
    }
  }

  private func multiplyBlocksPlainly(
    _ left: UnsafePointer<Float>, _ rows: Int, _ activation: Activation, _ residual: UnsafeBufferPointer<Float>?,
    _ output: UnsafeMutablePointer<Float>
  ) {
    let side = 1 << splits
    func numbers(_ start: UnsafePointer<Float>) -> [Float] { Array(UnsafeBufferPointer(start: start, count: inner)) }
    for row in stride(from: 0, to: rows, by: side) {
      let group = (row..<row + side).map { numbers(left + $0 * inner) }
      for column in 0..<columns / side {
        let chosen = (0..<side).map { column + $0 * (columns / side) }
        let sums = BlockProduct.sums(group, chosen.map { numbers(panels.pointer + $0 * inner) })
        for (offset, values) in sums.enumerated() {
          for (place, sum) in zip(chosen, values) {
            let index = (row + offset) * columns + place
            output[index] = finish(sum, place, activation, residual?[index])
          }
        }
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
    case .none, .reluOfSum: break
    case .relu: value = value > 0 ? value : 0
    case .gelu: value = ErrorFunction.gelu(value)
    }
    if let residual { value += residual }
    return activation == .reluOfSum && !(value > 0) ? 0 : value
  }

  private static func buffer(_ values: [Float]) -> AlignedBuffer {
    let buffer = AlignedBuffer(count: values.count)
    for (index, value) in values.enumerated() { buffer.pointer[index] = value }
    return buffer
  }
}
