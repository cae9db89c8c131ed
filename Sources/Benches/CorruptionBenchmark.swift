import Foundation
import Imaging
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

  // MARK: - What is corrupted

  /// The side of the pictures, in pixels.
  public static let side = 224

  /// A drawn picture: ramps with an edge, since the time of no corruption but snow's and spatter's depends on what is seen.
  public static var drawnPicture: RGBImage {
    let pixels = (0..<side * side * 3).map { index in
      let (row, column) = (index / 3 / side, index / 3 % side)
      return UInt8((row + 2 * column * (index % 3) + (row > column ? 60 : 0)) & 255)
    }
    return RGBImage(width: side, height: side, pixels: pixels)
  }

  /// The pictures of a file, 8-bit RGB of 224x224, one after the other; nil where its size is none of such a file.
  ///
  /// - Throws: an error of reading.
  public static func pictures(in file: String) throws -> [RGBImage]? {
    let size = side * side * 3
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
    guard !bytes.isEmpty, bytes.count % size == 0 else { return nil }
    return stride(from: 0, to: bytes.count, by: size).map {
      RGBImage(width: side, height: side, pixels: Array(bytes[$0..<$0 + size]))
    }
  }

  /// Writes the corrupted pictures, one after the other, as `CORRUPTION.rgb` into a folder.
  public func write(to folder: String) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Data(pictures.flatMap(\.pixels)).write(
      to: URL(fileURLWithPath: folder + "/" + corruption.rawValue + ".rgb"))
  }
}
