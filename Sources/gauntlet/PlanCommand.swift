import ArgumentParser
import GauntletKit

struct PlanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Checks a manifest, says what its run will cost, and makes the run folder ready to be computed.",
    discussion: """
      All is checked that a run checks before it starts: that models and data are there and fit, and every setting. The cost \
      is passes of images through networks, hours of one core at the speed that a few batches are measured at here, a \
      worker's memory, bytes of the archive. With --dry-run nothing is written. gauntlet resume, launch --run or \
      coordinate --run goes on from the folder.
      Example: gauntlet plan manifests/miniature.yaml --dry-run
      """)

  @Argument(help: "The manifest, a YAML file; see docs/manifest.md.") var manifest: String
  @Option(name: .customLong("run"), help: "The run folder [default: runs/NAME, NAME being the manifest's run].")
  var folder: String?
  @Flag(help: "Write nothing.") var dryRun = false
  @Flag(help: "Measure no speed of the models, which takes some seconds each.") var noMeasure = false
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
