import Durable
import Foundation
import Kernels
import KernelsAVX512
import Tensors

/// Times the kernels of RepLKNet-31B on one thread, beside the processor's own peak in the same run.
public struct KernelBenchmark {
  private let repeats: Int
  private let report: (String) -> Void

  /// A matrix product of `[rows, inner]` with `[inner, columns]`.
  private struct Product {
    let rows: Int
    let inner: Int
    let columns: Int
    var activation = Activation.none
    var precision = Precision.fp32
    /// More than one: in blocks, as a network whose images have these rows computes it.
    var rowsTogether = 1

    var name: String {
      "GEMM \(precision == .bf16 ? "bf16 " : "")\(rows)x\(inner)x\(columns)\(activation == .gelu ? " + GELU" : "")"
        + (rowsTogether > 1 ? ", in blocks" : "")
    }
  }

  /// A depthwise convolution of eight maps.
  private struct Depthwise {
    static let batch = 8
    let channels: Int
    let side: Int
    let kernel: Int

    var name: String { "depthwise \(Self.batch)x\(side)x\(side)x\(channels), \(kernel)x\(kernel)" }
  }

  /// What a kernel does in a call.
  private struct Work {
    let operations: Double
    /// Of inputs, weights and outputs.
    let bytes: Int
  }

  /// Gives one line a kernel: rate, time, share of the peak, and the bytes of its inputs, weights and outputs.
  ///
  /// - Parameters:
  ///   - repeats: times that each is run; the median counts.
  ///   - only: kernels whose name has this in it.
  public static func run(repeats: Int, only: String? = nil, report: @escaping (String) -> Void) {
    KernelBenchmark(repeats: repeats, report: report).run(only: only)
  }

  private func run(only: String?) {
    let peak = peakRate()
    report(String(format: "%-44@ %8.1f GFLOP/s", "fused multiply-add, registers only" as NSString, peak / 1e9))
    func isWanted(_ name: String) -> Bool { only.map { name.contains($0) } ?? true }
    let shapes = [
      (3136, 128, 128), (3136, 128, 512), (3136, 512, 128), (1568, 256, 1024), (1568, 1024, 256), (1568, 512, 2048),
      (1568, 2048, 512), (392, 1024, 4096), (392, 4096, 1024),
    ]
    for (rows, inner, columns) in shapes where isWanted("GEMM \(rows)x\(inner)x\(columns)") {
      for rowsTogether in [1, rows] {
        for activation in columns > inner ? [Activation.none, .gelu] : [.none] {
          time(
            Product(
              rows: rows, inner: inner, columns: columns, activation: activation, rowsTogether: rowsTogether),
            peak: peak)
        }
      }
    }
    if let peak = bf16PeakRate() {
      report(String(format: "%-44@ %8.1f GFLOP/s", "bf16 dot product, registers only" as NSString, peak / 1e9))
      for (rows, inner, columns) in shapes where isWanted("GEMM bf16 \(rows)x\(inner)x\(columns)") {
        time(Product(rows: rows, inner: inner, columns: columns, precision: .bf16), peak: peak)
      }
    }
    for (channels, side, kernel) in [(128, 56, 31), (256, 28, 29), (512, 14, 27), (1024, 7, 13)] {
      let shape = Depthwise(channels: channels, side: side, kernel: kernel)
      if isWanted(shape.name) { time(shape, peak: peak) }
    }
  }

  private func time(_ product: Product, peak: Double) {
    let (rows, inner, columns) = (product.rows, product.inner, product.columns)
    let left = AlignedBuffer(count: rows * inner)
    left.elements.update(repeating: 0.5)
    let output = AlignedBuffer(count: rows * columns)
    let matrix = PackedMatrix(
      weights: Array(repeating: 0.25, count: inner * columns), bias: nil, inner: inner, columns: columns,
      rowsTogether: product.rowsTogether, precision: product.precision, instructionSet: .chosen)
    guard product.rowsTogether == 1 || matrix.splits > 0 else { return }
    let seconds = median {
      matrix.multiply(
        UnsafeBufferPointer(left.elements), rows: rows, activation: product.activation, into: output.elements)
    }
    let weightBytes = (product.precision == .bf16 ? 2 : 4) * inner * columns
    line(
      product.name, seconds: seconds,
      Work(operations: 2 * Double(rows * inner * columns), bytes: 4 * rows * (inner + columns) + weightBytes),
      peak: peak)
  }

  private func time(_ shape: Depthwise, peak: Double) {
    let (channels, side, kernel, batch) = (shape.channels, shape.side, shape.kernel, Depthwise.batch)
    let input = AlignedBuffer(count: batch * side * side * channels)
    input.elements.update(repeating: 0.5)
    let output = AlignedBuffer(count: input.count)
    let layer = DepthwiseLayer(
      weights: Array(repeating: 0.25, count: channels * kernel * kernel), bias: Array(repeating: 0, count: channels),
      channels: channels, kernel: kernel, instructionSet: .chosen)
    let scratch = AlignedBuffer(count: layer.scratchCount(height: side, width: side))
    let seconds = median {
      layer.convolve(
        UnsafeBufferPointer(input.elements), count: batch, height: side, width: side, relu: true,
        scratch: scratch.elements, into: output.elements)
    }
    // The in-image multiply-adds are counted, not those with padding.
    let along = (0..<side).reduce(0) { $0 + min(side, $1 + kernel / 2 + 1) - max(0, $1 - kernel / 2) }
    line(
      shape.name, seconds: seconds,
      Work(
        operations: 2 * Double(along * along * channels * batch),
        bytes: 4 * channels * (2 * batch * side * side + kernel * kernel)), peak: peak)
  }

  private func line(_ name: String, seconds: Double, _ work: Work, peak: Double) {
    let rate = work.operations / seconds
    report(
      String(
        format: "%-44@ %8.1f GFLOP/s  %8.3f ms  %3.0f %% of peak  %6.1f MB", name as NSString, rate / 1e9,
        seconds * 1e3, 100 * rate / peak, Double(work.bytes) / 1e6))
  }

  // MARK: - The processor's own

  private func peakRate() -> Double {
    let rounds = 4_000_000
    var sink: Float = 0
    let operations = InstructionSet.chosen.peakKernel?.operationsPerRound ?? 2
    let seconds = median {
      if let kernel = InstructionSet.chosen.peakKernel {
        sink += kernel.run(rounds: rounds, factor: 0.5)
      } else {
        for _ in 0..<rounds { sink = sink.addingProduct(0.5, 0.5) }
      }
    }
    withExtendedLifetime(sink) {}
    return Double(operations * rounds) / seconds
  }

  /// nil where the processor has no instruction for it.
  private func bf16PeakRate() -> Double? {
    guard InstructionSet.chosen == .avx512, PackedMatrix.hasBF16 else { return nil }
    let rounds = 4_000_000
    var sink: Float = 0
    let seconds = median { sink += KernelsAVX512.PeakRate.runBF16(rounds: rounds) }
    withExtendedLifetime(sink) {}
    return Double(2 * KernelsAVX512.PeakRate.operationsPerRound * rounds) / seconds
  }

  /// The median time of a call. Calls that take less than 5 ms are timed several together, and some come before: memory that
  /// was never touched, and a processor that was doing something else, are not what is measured.
  private func median(_ body: () -> Void) -> Double {
    func seconds(_ calls: Int) -> Double {
      ContinuousClock().measure { for _ in 0..<calls { body() } }.inSeconds
    }
    _ = seconds(1)
    let calls = max(1, min(1000, Int(0.005 / seconds(1))))
    if calls > 1 { _ = seconds(4 * calls) }
    let times = (0..<max(1, repeats)).map { _ in seconds(calls) / Double(calls) }
    return times.sorted()[times.count / 2]
  }
}
