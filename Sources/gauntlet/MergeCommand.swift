import ArgumentParser
import GauntletKit

struct MergeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge",
    abstract: "Merges archives of different models or benchmarks into one.",
    discussion: """
      For models that were evaluated in separate runs, by other people or at other times: tables, comparisons and the page \
      then cover all of them. Models and benchmarks with the same name must be identical, and so must the seed if \
      pictures are changed on the fly. Results in several archives must be equal, and are kept once. Exit status 1: \
      results are missing; the archive marks them.
      Example: gauntlet merge miniature.h5 runs/miniature -o both.h5
      """)

  @Argument(help: ArgumentHelp("Archives, or folders of collected runs.", valueName: "archive"))
  var archives: [String]
  @Option(name: .shortAndLong, help: "The archive to write.") var output: String

  func run() throws {
    guard archives.count > 1 else { throw UsageError("only one archive given; name at least two to merge") }
    let paths = try archives.map { try Usage.archive($0) }
    let path = try Usage.output(output, option: "--output", besides: paths)
    let progress = ProgressLine("merging")
    let summary = try Merge.merge(paths, to: path) { progress.report(fraction: $0, remark: path) }
    progress.finish()
    print("archive: \(path)")
    guard summary.missingImages > 0 else { return }
    Terminal.complain(
      "gauntlet: \(summary.missingImages) of \(summary.images) results are missing; gauntlet verify \(path) names them")
    throw ExitStatus.setAside
  }
}
