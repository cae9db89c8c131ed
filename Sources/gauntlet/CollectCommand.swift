import ArgumentParser
import Coordination
import Foundation
import Planning

struct CollectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "collect",
    abstract: "Merges a run's parts into one HDF5 archive.",
    discussion: """
      The archive is written beside its place, synced and renamed, so a reader never meets half of one.
      Exit status 1 says that shards or images are missing; the archive marks them.
      Example: gauntlet collect runs/miniature -o miniature.h5
      """)

  @Argument(help: ArgumentHelp("The run folder.", valueName: "run")) var folder: String
  @Option(name: .shortAndLong, help: "The archive to write [default: archive.h5 in the run folder].")
  var output: String?
  @Flag(help: "Collect a run that has not ended; what is missing is marked.") var partial = false

  func run() throws {
    let run = try PlannedRun.open(RunFolder(folder), readOnly: true)
    let folder = run.folder
    let path = try Usage.output(
      output ?? folder.archive, option: "--output", besides: [folder.ledger, folder.plan, folder.manifest])
    let outcome = try Collecting.collect(run, to: path, partial: partial)
    print("archive: \(outcome.path)")
    try outcome.throwIfIncomplete()
  }
}

/// Collecting as the commands do it: with progress, and with what is missing said on standard error.
enum Collecting {
  struct Outcome {
    let path: String
    let summary: CollectionSummary

    func throwIfIncomplete() throws {
      guard summary.missingImages > 0 else { return }
      throw ExitStatus.setAside
    }
  }

  static func collect(_ run: PlannedRun, to path: String, partial: Bool) throws -> Outcome {
    let progress = ProgressLine("collecting")
    let collector = Collector(run: run, version: Gauntlet.version)
    let summary = try collector.collect(to: path, partial: partial) {
      progress.report(fraction: $0, remark: path)
    }
    progress.finish()
    if summary.missingImages > 0 {
      let again =
        summary.unreadableImages > 0
        ? ", and gauntlet resume \(run.folder.path) --failed tries again the \(summary.unreadableImages) images that could "
          + "not be read" : ""
      Terminal.complain(
        "gauntlet: \(summary.missingImages) of \(summary.images) results are missing "
          + "(\(summary.failedImages) images set aside, \(summary.missingShards) shards without a result); "
          + "gauntlet verify \(path) names them\(again)")
    }
    return Outcome(path: path, summary: summary)
  }
}
