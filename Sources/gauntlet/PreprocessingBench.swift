import ArgumentParser
import Foundation
import Imaging

extension BenchCommand {
  struct PreprocessingBench: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "preprocessing",
      abstract: "Times decoding, resizing, cropping and normalising of a folder's pictures on one thread.",
      discussion: "Example: gauntlet bench preprocessing runs/data/miniature/val/arrow --repeats 5")

    @Argument(help: "A folder of JPEG or PNG files.") var folder: String
    @Option(help: "Times that all pictures are taken; the median counts.") var repeats = 5
    @Option(help: "The shortest side after resizing, in pixels.") var resize = 256
    @Option(help: "The side of the square that is cut from the centre, in pixels.") var crop = 224
    @Option(help: "The filter: bilinear, bicubic, or box.") var interpolation = "bicubic"
    @Option(help: "A file for the cropped pictures, 8-bit RGB, in the order of their names.") var output: String?

    func run() throws {
      try Usage.check(repeats, in: 1...1000, option: "--repeats")
      try Usage.check(resize, in: 1...16384, option: "--resize")
      try Usage.check(crop, in: 1...resize, option: "--crop")
      guard let filter = Interpolation(rawValue: interpolation) else {
        throw UsageError("--interpolation is \(interpolation), but must be bilinear, bicubic, or box")
      }
      let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
      let files = try names.map {
        (name: $0, bytes: [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder + "/" + $0))))
      }
      guard !files.isEmpty else { throw UsageError("\(folder) holds no pictures") }
      let preprocessing = Preprocessing(
        resize: resize, crop: crop, interpolation: filter, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225])
      var numbers = [Float](repeating: 0, count: crop * crop * 3)
      if let output {
        let pixels = try files.flatMap {
          try preprocessing.decode($0.bytes, name: $0.name).pixels
        }
        try Data(pixels).write(to: URL(fileURLWithPath: output))
      }
      let decoding = try rate(files.count) {
        for file in files { _ = try ImageDecoder.decode(file.bytes, name: file.name) }
      }
      let whole = try rate(files.count) {
        for file in files {
          let image = try preprocessing.decode(file.bytes, name: file.name)
          try numbers.withUnsafeMutableBufferPointer { try preprocessing.normalise(image, into: $0) }
        }
      }
      print(String(format: "decoding alone %.1f images/s, one thread, median of %d", decoding, repeats))
      print(String(format: "preprocessing %.1f images/s, one thread, median of %d", whole, repeats))
    }

    private func rate(_ count: Int, _ body: () throws -> Void) throws -> Double {
      try body()
      let times = try (0..<repeats).map { _ in
        let time = try ContinuousClock().measure(body)
        return Double(time.components.seconds) + Double(time.components.attoseconds) * 1e-18
      }
      return Double(count) / times.sorted()[times.count / 2]
    }
  }
}
