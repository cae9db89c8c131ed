import Foundation
import Tensors

/// Times the corruptions on pictures, one thread.
public struct CorruptionBenchmark: Sendable, CustomStringConvertible {
  /// What was timed.
  public let corruption: Corruption
  /// 1...5.
  public let severity: Int
  /// Pictures for each second of this thread's processor time; a library's threads may spin meanwhile.
  public let imagesPerSecond: Double
  /// What became of the pictures, in their order.
  public let pictures: [RGBImage]

  /// One line: corruption, severity and pictures a second, apart by tabs.
  public var description: String {
    String(format: "%@\t%d\t%.1f", corruption.rawValue, severity, imagesPerSecond)
  }

  /// Corrupts every picture `repeats` times; picture `i` has the stream `i` of the key `seed`.
  ///
  /// - Throws: `ImageError` of a corruption that cannot be applied.
  public static func run(
    _ corruption: Corruption, severity: Int, pictures: [RGBImage], repeats: Int, seed: UInt64,
    frostPictures: [RGBImage] = []
  ) throws(ImageError) -> CorruptionBenchmark {
    var made: [RGBImage] = []
    let start = threadSeconds()
    for _ in 0..<max(1, repeats) {
      made.removeAll(keepingCapacity: true)
      for (index, picture) in pictures.enumerated() {
        made.append(
          try corruption.apply(
            picture, severity: severity, random: CounterRandom(key: seed, stream: UInt64(index)),
            frostPictures: frostPictures))
      }
    }
    let seconds = max(threadSeconds() - start, 1e-6)
    return CorruptionBenchmark(
      corruption: corruption, severity: severity,
      imagesPerSecond: Double(pictures.count * max(1, repeats)) / seconds, pictures: made)
  }

  private static func threadSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
