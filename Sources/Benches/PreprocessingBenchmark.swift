import Durable
import Foundation
import Imaging

/// Times decoding, resizing, cropping and normalising a folder's pictures on one thread.
public struct PreprocessingBenchmark: Sendable {
  /// Pictures a second that are decoded; the median of the repetitions.
  public let decodedPerSecond: Double
  /// Pictures a second that are made into a network's input.
  public let preparedPerSecond: Double

  /// Takes every picture `repeats` times, and once before.
  ///
  /// - Parameters:
  ///   - folder: it holds pictures and nothing else.
  ///   - output: a file for the cropped pictures, 8-bit RGB, in the order of their names.
  ///   - preprocessing: it crops.
  /// - Returns: nil where the folder is empty, or nothing is cropped.
  /// - Throws: an error of reading or decoding.
  public static func run(
    folder: String, preprocessing: Preprocessing, repeats: Int, output: String? = nil
  ) throws -> PreprocessingBenchmark? {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    let files = try names.map {
      (name: $0, bytes: [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder + "/" + $0))))
    }
    guard !files.isEmpty else { return nil }
    if let output {
      let pixels = try files.flatMap { try preprocessing.decode($0.bytes, name: $0.name).pixels }
      try Data(pixels).write(to: URL(fileURLWithPath: output))
    }
    guard let crop = preprocessing.crop else { return nil }
    var numbers = [Float](repeating: 0, count: crop * crop * 3)
    func rate(_ body: () throws -> Void) throws -> Double {
      try body()
      let times = try (0..<repeats).map { _ in try ContinuousClock().measure(body).inSeconds }
      return Double(files.count) / times.sorted()[times.count / 2]
    }
    return PreprocessingBenchmark(
      decodedPerSecond: try rate {
        for file in files { _ = try ImageDecoder.decode(file.bytes, name: file.name) }
      },
      preparedPerSecond: try rate {
        for file in files {
          let image = try preprocessing.decode(file.bytes, name: file.name)
          try numbers.withUnsafeMutableBufferPointer { try preprocessing.normalise(image, into: $0) }
        }
      })
  }
}
