import ArgumentParser
import Coordination
import GauntletKit

struct AddCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "add",
    abstract: "Plans a manifest that asks for more than a run has, and takes over what that run has of it.",
    discussion: """
      For a model, a benchmark or a condition more, without computing the rest again. The manifest is the old one with what \
      is new; its run goes into a folder of its own, and the old run stays as it is. A result is taken over where model, \
      images, condition, seed and arithmetic are just the same; what is computed anew is said, with the reason. \
      gauntlet resume, or launch --run on a cluster, then computes what is left.
      Example: gauntlet add my.yaml --to runs/miniature --run runs/more
      """)

  @Argument(help: "The manifest, a YAML file; see docs/manifest.md.") var manifest: String
  @Option(help: ArgumentHelp("The folder of the run that there is.", valueName: "run")) var to: String
  @Option(name: .customLong("run"), help: "The new run's folder [default: runs/NAME, NAME being the manifest's run].")
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
