import ArgumentParser
import Coordination
import GauntletKit

struct CollectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "collect",
    abstract: "Merges a run's parts into one HDF5 archive.",
    discussion: """
      The archive is written to a temporary file, synced and renamed, so readers never see a partial one.
      Exit status 1: shards or images are missing; the archive marks them.
      Example: gauntlet collect runs/miniature -o miniature.h5
      """)

  @Argument(help: ArgumentHelp("The run folder.", valueName: "run")) var folder: String
  @Option(name: .shortAndLong, help: "The archive to write [default: archive.h5 in the run folder].")
  var output: String?
  @Flag(help: "Collect a run that has not finished; missing results are marked.") var partial = false

  func run() throws {
    let run = try Run.open(folder)
    let path = try Usage.output(
      output ?? run.folder.archive, option: "--output",
      besides: [run.folder.ledger, run.folder.plan, run.folder.manifest])
    let summary = try Collecting.collect(run, to: path, partial: partial)
    print("archive: \(path)")
    try Collecting.throwIfIncomplete(summary)
  }
}

/// Collecting as the commands show it: with progress, and with what is missing said on standard error.
enum Collecting {
  static func collect(_ run: Run, to path: String, partial: Bool) throws -> CollectionSummary {
    let progress = ProgressLine("collecting")
    let summary = try run.collect(to: path, partial: partial) { progress.report(fraction: $0, remark: path) }
    progress.finish()
    guard summary.missingImages > 0 else { return summary }
    let again =
      summary.unreadableImages > 0
      ? ", and gauntlet resume \(run.folder.path) --failed retries the \(summary.unreadableImages) images that could "
        + "not be read" : ""
    Terminal.complain(
      "gauntlet: \(summary.missingImages) of \(summary.images) results are missing "
        + "(\(summary.failedImages) images set aside, \(summary.missingShards) shards without a result); "
        + "gauntlet verify \(path) names them\(again)")
    return summary
  }

  static func throwIfIncomplete(_ summary: CollectionSummary) throws {
    guard summary.missingImages > 0 else { return }
    throw ExitStatus.setAside
  }
}
