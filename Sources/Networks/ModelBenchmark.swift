import Foundation
import Synchronization

/// Times a whole network.
public struct ModelBenchmark: Sendable, CustomStringConvertible {
  /// What was timed.
  public let architecture: String
  /// Streams that computed at the same time, one thread each.
  public let threads: Int
  /// Images that a stream computed at once.
  public let batch: Int
  /// Images per second of all streams, one figure a repetition.
  public let imagesPerSecond: [Double]
  /// How it was computed.
  public let options: ComputeOptions

  /// The middle one of the figures.
  public var median: Double { imagesPerSecond.sorted()[imagesPerSecond.count / 2] }

  /// Multiply-adds of an image, each two operations, as the architecture's layers have them: a method that needs fewer
  /// counts as much.
  public let multiplyAdds: Int
  /// The largest memory that the process had, bytes: weights, buffers and what loading took.
  public let peakMemory: Int

  /// Whether each image's gradient was computed, too.
  public let isWithGradient: Bool

  /// The median and how far the repetitions spread; arithmetic and memory.
  public var description: String {
    String(
      format: "%@%@, %@, %@, GEMM %@, %d thread(s), batch %d: %.2f images/s (median of %d; %.2f to %.2f)",
      architecture, isWithGradient ? " with input gradient" : "", options.precision.rawValue,
      options.instructionSet.rawValue, options.gemm.rawValue, threads, batch,
      median,
      imagesPerSecond.count, imagesPerSecond.min() ?? 0, imagesPerSecond.max() ?? 0)
      + String(
        format: "\n%.1f GFLOP/s of the layers as they are defined; peak memory %.0f MB",
        2 * Double(multiplyAdds) * median / 1e9, Double(peakMemory) / 1e6)
  }

  /// Computes a batch on every thread once to warm up, then `repeats` times, and times each time; the weights are
  /// random where there is no checkpoint.
  ///
  /// - Parameter withGradient: whether logits and the gradient of each image's cross-entropy are computed.
  public static func run(
    architecture: Architecture, checkpoint: String? = nil, threads: Int, batch: Int, repeats: Int,
    withGradient: Bool = false, options: ComputeOptions
  ) throws -> ModelBenchmark {
    let classifier =
      if let checkpoint {
        try Classifier(architecture: architecture, checkpoint: checkpoint, options: options)
      } else {
        try Classifier(randomly: architecture, options: options)
      }
    let size = classifier.inputHeight * classifier.inputWidth * 3
    let images = (0..<batch * size).map { Float($0 % 251) / 125 - 1 }
    let streams = try (0..<max(1, threads)).map { _ in
      try Stream(classifier, batch: batch, withGradient: withGradient)
    }
    let problem = Mutex<(any Error)?>(nil)
    func computeOnce() -> Double {
      let clock = ContinuousClock()
      let time = clock.measure {
        DispatchQueue.concurrentPerform(iterations: streams.count) { index in
          do { try streams[index].compute(images) } catch { problem.withLock { $0 = error } }
        }
      }
      let seconds = Double(time.components.seconds) + Double(time.components.attoseconds) * 1e-18
      return Double(batch * streams.count) / seconds
    }
    _ = computeOnce()
    let figures = (0..<max(1, repeats)).map { _ in computeOnce() }
    if let problem = problem.withLock({ $0 }) { throw problem }
    return ModelBenchmark(
      architecture: architecture.name, threads: streams.count, batch: batch, imagesPerSecond: figures,
      options: options, multiplyAdds: classifier.multiplyAdds, peakMemory: peakMemoryOfProcess(),
      isWithGradient: withGradient)
  }

  /// What one thread computes with.
  private struct Stream: @unchecked Sendable {
    let inference: InferenceSession?
    let gradient: GradientSession?
    let batch: Int
    let classes: Int

    init(_ classifier: Classifier, batch: Int, withGradient: Bool) throws {
      (self.batch, classes) = (batch, classifier.classCount)
      gradient = withGradient ? try classifier.makeGradientSession(maximumBatch: batch) : nil
      inference = withGradient ? nil : classifier.makeSession(maximumBatch: batch)
    }

    func compute(_ images: [Float]) throws {
      var logits = [Float](repeating: 0, count: batch * classes)
      var gradients = [Float](repeating: 0, count: gradient == nil ? 0 : images.count)
      try images.withUnsafeBufferPointer { images in
        try logits.withUnsafeMutableBufferPointer { logits in
          try inference?.logits(images: images, count: batch, into: logits)
          try gradients.withUnsafeMutableBufferPointer {
            try gradient?.gradients(
              images: images, losses: (0..<batch).map { .crossEntropy(label: $0 % classes) }, logits: logits,
              gradients: $0)
          }
        }
      }
    }
  }

  private static func peakMemoryOfProcess() -> Int {
    var usage = rusage()
    #if os(Linux)
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      // Linux counts in KiB.
      return Int(usage.ru_maxrss) * 1024
    #else
      getrusage(RUSAGE_SELF, &usage)
      return Int(usage.ru_maxrss)
    #endif
  }
}
