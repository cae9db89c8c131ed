import ArgumentParser
import Foundation
import Miniature

struct MiniatureCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "miniature",
    abstract: "Draws the miniature data set: ten classes of objects in the layouts of all benchmarks.",
    discussion: """
      The same seed gives the same files on every machine. A folder that already holds this data set is left unchanged; one that \
      holds a different one, or other files, is refused.
      Example: gauntlet miniature runs/data/small --images 20
      """)

  @Argument(help: "The folder to fill.") var directory: String
  @Option(help: "The seed of everything that is drawn.") var seed: UInt64 = 7
  @Option(help: "Images in val, and in each corruption and severity.") var images = 500
  @Option(help: "Images of the training split, which evaluation never uses; 0 draws none.") var train = 0

  func run() throws {
    try Usage.check(images, in: 10...100_000, option: "--images")
    try Usage.check(train, in: 0...1_000_000, option: "--train")
    let progress = ProgressLine("drawing")
    try Miniature.write(
      to: directory,
      options: Miniature.Options(seed: seed, trainingImages: train, validationImages: images)
    ) { progress.report(fraction: $0, remark: directory) }
    progress.finish()
    print("data set: \(directory)")
  }
}
