import ArgumentParser
import GauntletKit

struct PlanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Checks a manifest, estimates the cost of its run, and prepares the run folder.",
    discussion: """
      Makes all the checks that a run makes before it starts: models, data and every setting. The cost \
      is forward passes, core-hours at the speed measured here over a few batches, a \
      worker's memory, bytes of the archive. With --dry-run nothing is written. gauntlet resume, launch --run or \
      coordinate --run continues from the folder.
      Example: gauntlet plan manifests/miniature.yaml --dry-run
      """)

  @Argument(help: "The manifest, a YAML file; see docs/manifest.md.") var manifest: String
  @Option(name: .customLong("run"), help: "The run folder [default: runs/NAME, where NAME is the manifest's run].")
  var folder: String?
  @Flag(help: "Write nothing.") var dryRun = false
  @Flag(help: "Do not measure the models' speed, which takes a few seconds each.") var noMeasure = false
  @Flag(help: "Print one JSON object.") var json = false

  func run() throws {
    try Usage.checkExists(manifest, what: "manifest")
    if dryRun {
      let plan = try Run.plan(manifest) { Terminal.complain($0) }
      return try ManifestInspection.show(plan, of: manifest, measured: !noMeasure, json: json)
    }
    let run = try Run.prepare(manifest, in: folder) { Terminal.complain($0) }
    try ManifestInspection.show(run.plan, of: manifest, measured: !noMeasure, json: json)
    Terminal.complain("planned in \(run.folder.path); next: gauntlet resume \(run.folder.path)")
  }
}
