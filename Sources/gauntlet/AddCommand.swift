import ArgumentParser
import Coordination
import GauntletKit

struct AddCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "add",
    abstract: "Plans an extended manifest and takes over the results that an existing run already has.",
    discussion: """
      For adding a model, a benchmark or a condition without recomputing the rest. The manifest is the old one plus what \
      is new; its run gets its own folder, and the old run is left unchanged. A result is taken over if model, \
      images, condition, seed and arithmetic are identical; what must be recomputed is listed, with the reason. \
      gauntlet resume, or launch --run on a cluster, then computes what is left.
      Example: gauntlet add my.yaml --to runs/miniature --run runs/more
      """)

  @Argument(help: "The manifest, a YAML file; see docs/manifest.md.") var manifest: String
  @Option(help: ArgumentHelp("The existing run folder.", valueName: "run")) var to: String
  @Option(
    name: .customLong("run"), help: "The new run's folder [default: runs/NAME, where NAME is the manifest's run].")
  var folder: String?

  func run() throws {
    try Usage.checkExists(manifest, what: "manifest")
    let progress = ProgressLine("taking over")
    let (run, summary) = try Run.add(manifest, to: to, in: folder, note: { Terminal.complain($0) }) {
      progress.report(fraction: $0, remark: to)
    }
    progress.finish()
    for line in summary.differing + summary.obstacles { Terminal.complain(line.plain) }
    let status = try run.status()
    print("\(summary.shards) shards, \(summary.images) results, taken over from \(to)")
    print("\(run.folder.path): \(status.total.recorded) of \(status.total.shards) shards are recorded")
    print(
      "next: gauntlet resume \(run.folder.path)"
        + (status.isComplete ? "" : ", or gauntlet launch --run \(run.folder.path)"))
  }
}
