import ArgumentParser
import Benchmarks
import Foundation
import Imaging

extension BenchCommand {
  struct CorruptionBench: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "corruptions",
      abstract: "Times each corruption of ImageNet-C on one thread: name, severity, images a second of processor time.",
      discussion: "Example: gauntlet bench corruptions --severity 3 --repeats 1")

    @Option(help: "1 to 5.") var severity = 3
    @Option(help: "Times that every picture is corrupted.") var repeats = 3
    @Option(help: "A file of pictures, 8-bit RGB of 224x224, one after the other; drawn ones otherwise.")
    var pictures: String?
    @Option(help: "A folder for CORRUPTION.rgb, the corrupted pictures one after the other.") var output: String?
    @Option(help: "A folder of pictures of frost; a texture is drawn otherwise.") var frost: String?
    @Option(help: "The key of the random numbers.") var seed: UInt64 = 1

    func run() throws {
      try Usage.check(severity, in: 1...5, option: "--severity")
      try Usage.check(repeats, in: 1...1000, option: "--repeats")
      let originals = try load()
      let frostPictures = try frost.map { try FrostFolder(path: $0).pictures() } ?? []
      if let output { try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true) }
      for corruption in Corruption.allCases {
        let result = try CorruptionBenchmark.run(
          corruption, severity: severity, pictures: originals, repeats: repeats, seed: seed,
          frostPictures: frostPictures)
        print(result)
        if let output {
          let file = URL(fileURLWithPath: output + "/" + corruption.rawValue + ".rgb")
          try Data(result.pictures.flatMap(\.pixels)).write(to: file)
        }
      }
    }

    private static let side = 224

    private func load() throws -> [RGBImage] {
      let size = Self.side * Self.side * 3
      guard let pictures else {
        // Ramps with an edge: the time of no corruption but snow's and spatter's depends on what is seen.
        let pixels = (0..<size).map { index in
          let (row, column) = (index / 3 / Self.side, index / 3 % Self.side)
          return UInt8((row + 2 * column * (index % 3) + (row > column ? 60 : 0)) & 255)
        }
        return [RGBImage(width: Self.side, height: Self.side, pixels: pixels)]
      }
      let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: pictures)))
      guard !bytes.isEmpty, bytes.count % size == 0 else {
        throw UsageError("\(pictures) has \(bytes.count) bytes, but must hold pictures of \(size) bytes each")
      }
      return stride(from: 0, to: bytes.count, by: size).map {
        RGBImage(width: Self.side, height: Self.side, pixels: Array(bytes[$0..<$0 + size]))
      }
    }
  }
}
