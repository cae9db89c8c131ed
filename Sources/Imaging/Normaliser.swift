import KernelInterfaces
import Kernels

/// (value / 255 - mean) / std of bytes, each step rounded to float32: 256 numbers a channel.
struct Normaliser {
  private let mean, std: SIMD3<Float>
  /// `[256][3]`, by division.
  private let table: [Float]

  init(mean: SIMD3<Float>, std: SIMD3<Float>) {
    (self.mean, self.std) = (mean, std)
    table = [Float](unsafeUninitializedCapacity: 256 * 3) { target, count in
      for value in 0..<256 {
        let numbers = (SIMD3(repeating: Float(value) / 255) - mean) / std
        for channel in 0..<3 { target.initializeElement(at: 3 * value + channel, to: numbers[channel]) }
      }
      count = 256 * 3
    }
  }

  /// Whether the kernel, which multiplies by reciprocals and corrects, gives the table's numbers, all of them.
  func isExact(_ kernel: any PreprocessingKernel.Type) -> Bool {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 256 * 3) { bytes in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: 256 * 3) { numbers in
        guard let from = bytes.baseAddress, let into = numbers.baseAddress else { return false }
        for value in 0..<256 { (from + 3 * value).initialize(repeating: UInt8(value), count: 3) }
        kernel.normalise(from, pixels: 256, mean: mean, std: std, into: into)
        return (0..<256 * 3).allSatisfy { numbers[$0].bitPattern == table[$0].bitPattern }
      }
    }
  }

  /// Writes the numbers of RGB pixels, as many as there are bytes.
  func write(_ pixels: [UInt8], into buffer: UnsafeMutableBufferPointer<Float>, with set: InstructionSet = .chosen) {
    precondition(buffer.count == pixels.count && pixels.count % 3 == 0)
    guard let into = buffer.baseAddress else { return }
    let kernel = set.preprocessingKernel
    if isExact(kernel) {
      kernel.normalise(pixels, pixels: pixels.count / 3, mean: mean, std: std, into: into)
    } else {
      for index in stride(from: 0, to: pixels.count, by: 3) {
        for channel in 0..<3 { into[index + channel] = table[3 * Int(pixels[index + channel]) + channel] }
      }
    }
  }
}
