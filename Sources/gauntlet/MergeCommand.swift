import ArgumentParser
import GauntletKit

struct MergeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge",
    abstract: "Merges archives of different models or benchmarks into one.",
    discussion: """
      For models that were evaluated in runs of their own, by other people or at other times: tables, comparisons and the page \
      are then of all of them. Models and benchmarks of one name must be the same in both, and so must the seed where \
      pictures are changed on the fly. What both hold must have the same values and is taken once. Exit status 1 says that \
      results are missing; the archive marks them.
      Example: gauntlet merge miniature.h5 runs/miniature -o both.h5
      """)

  @Argument(help: ArgumentHelp("Archives, or folders of runs that were collected.", valueName: "archive"))
  var archives: [String]
  @Option(name: .shortAndLong, help: "The archive to write.") var output: String

  func run() throws {
    guard archives.count > 1 else { throw UsageError("there is one archive; name two at least to merge them") }
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
