import ArgumentParser
import Miniature

extension BenchCommand {
  struct PhotographsBench: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "photographs",
      abstract: "Draws JPEG pictures of 500x375 in class folders, to time the way from files to logits with.",
      discussion: """
        tools/pipeline.py evaluates a network on them and says how long its threads waited for images.
        Example: gauntlet bench photographs runs/data/photographs --count 10
        """)

    @Argument(help: "The folder to fill.") var directory: String
    @Option(help: "How many.") var count = 1000
    @Option(help: "The seed that they are drawn from.") var seed: UInt64 = 7

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
