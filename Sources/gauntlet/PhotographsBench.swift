import ArgumentParser
import Miniature

extension BenchCommand {
  struct PhotographsBench: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "photographs",
      abstract: "Draws 500x375 JPEG pictures in class folders, for timing the path from files to logits.",
      discussion: """
        tools/pipeline.py evaluates a network on them and says how long its threads waited for images.
        Example: gauntlet bench photographs runs/data/photographs --count 10
        """)

    @Argument(help: "The folder to fill.") var directory: String
    @Option(help: "How many.") var count = 1000
    @Option(help: "The seed of the drawing.") var seed: UInt64 = 7

    func run() throws {
      try Usage.check(count, in: 1...100_000, option: "--count")
      let progress = ProgressLine("drawing")
      try Miniature.writePhotographs(to: directory, count: count, seed: seed) {
        progress.report(fraction: $0, remark: directory)
      }
      progress.finish()
      print("pictures: \(directory)")
    }
  }
}
