import ArgumentParser
import Benches
import Benchmarks
import Imaging

extension BenchCommand {
  struct CorruptionBench: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "corruptions",
      abstract: "Times each corruption of ImageNet-C on one thread: name, severity, images a second of processor time.",
      discussion: "Example: gauntlet bench corruptions --severity 3 --repeats 1")

    @Option(help: "1 to 5.") var severity = 3
    @Option(help: "How often every picture is corrupted.") var repeats = 3
    @Option(help: "A file of pictures, 8-bit RGB of 224x224, one after the other [default: drawn pictures].")
    var pictures: String?
    @Option(help: "A folder for CORRUPTION.rgb, the corrupted pictures one after the other.") var output: String?
    @Option(help: "A folder of frost pictures [default: a drawn texture].") var frost: String?
    @Option(help: "The key of the random numbers.") var seed: UInt64 = 1

    func run() throws {
      try Usage.check(severity, in: 1...5, option: "--severity")
      try Usage.check(repeats, in: 1...1000, option: "--repeats")
      let originals = try originals()
      let frostPictures = try frost.map { try FrostFolder(path: $0).pictures() } ?? []
      for corruption in Corruption.allCases {
        let result = try CorruptionBenchmark.run(
          corruption, severity: severity, pictures: originals, repeats: repeats, seed: seed,
          frostPictures: frostPictures)
        print(result)
        if let output { try result.write(to: output) }
      }
    }

    private func originals() throws -> [RGBImage] {
      guard let pictures else { return [CorruptionBenchmark.drawnPicture] }
      guard let found = try CorruptionBenchmark.pictures(in: pictures) else {
        throw UsageError("\(pictures) must hold pictures of 224x224x3 bytes each, one after the other")
      }
      return found
    }
  }
}
