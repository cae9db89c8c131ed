import ArgumentParser
import Benches
import Foundation
import Imaging

extension BenchCommand {
  struct PreprocessingBench: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "preprocessing",
      abstract: "Times decoding, resizing, cropping and normalising a folder's pictures on one thread.",
      discussion: "Example: gauntlet bench preprocessing runs/data/miniature/val/arrow --repeats 5")

    @Argument(help: "A folder of JPEG or PNG files.") var folder: String
    @Option(help: "How often the pictures are processed; the median is reported.") var repeats = 5
    @Option(help: "The shortest side after resizing, in pixels.") var resize = 256
    @Option(help: "The side of the centre crop, in pixels.") var crop = 224
    @Option(help: "The filter: bilinear, bicubic, or box.") var interpolation = "bicubic"
    @Option(help: "A file for the cropped pictures, 8-bit RGB, in the order of their names.") var output: String?

    func run() throws {
      try Usage.check(repeats, in: 1...1000, option: "--repeats")
      try Usage.check(resize, in: 1...16384, option: "--resize")
      try Usage.check(crop, in: 1...resize, option: "--crop")
      guard let filter = Interpolation(rawValue: interpolation) else {
        throw UsageError("--interpolation is \(interpolation), but must be bilinear, bicubic, or box")
      }
      let preprocessing = Preprocessing(
        resize: resize, crop: crop, interpolation: filter, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225])
      guard
        let result = try PreprocessingBenchmark.run(
          folder: folder, preprocessing: preprocessing, repeats: repeats, output: output)
      else { throw UsageError("\(folder) holds no pictures") }
      let how = "images/s, one thread, median of \(repeats)"
      print(String(format: "decoding alone %.1f ", result.decodedPerSecond) + how)
      print(String(format: "preprocessing %.1f ", result.preparedPerSecond) + how)
    }
  }
}
