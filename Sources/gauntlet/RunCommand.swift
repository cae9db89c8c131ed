import ArgumentParser
import GauntletKit

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Evaluates a manifest on this machine: coordinator and workers in one command.",
    discussion: """
      Plans the manifest, computes it, collects the archive, prints the table and writes the report. Calling it again \
      continues where the last call stopped; a finished run is only shown again. A refused manifest leaves no run folder.
      Example: gauntlet run manifests/miniature.yaml --run runs/miniature --workers 2
      """)

  @Argument(help: "The manifest, a YAML file; see docs/manifest.md.") var manifest: String
  @Option(name: .customLong("run"), help: "The run folder [default: runs/NAME, where NAME is the manifest's run].")
  var folder: String?
  @OptionGroup var local: LocalWorkerArguments

  func run() throws {
    let local = try local.validated()
    try Usage.checkExists(manifest, what: "manifest")
    let run = try Run.prepare(manifest, in: folder) { Terminal.complain($0) }
    try ShownLocalRun(run: run, options: local).perform()
  }
}

struct ResumeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume",
    abstract: "Continues a run on this machine from the last committed shard.",
    discussion: """
      Workers and batch size may differ from before; the results do not. To continue a run on a cluster, use \
      gauntlet launch --run or gauntlet coordinate --run.
      Example: gauntlet resume runs/miniature --failed
      """)

  @Argument(help: "The run folder.") var folder: String
  @Flag(help: "Also retry shards that were set aside, and images that could not be read.") var failed = false
  @OptionGroup var local: LocalWorkerArguments

  func run() throws {
    var options = try local.validated()
    options.takesUpFailed = failed
    let run = try Run.resume(folder) { Terminal.complain($0) }
    try ShownLocalRun(run: run, options: options).perform()
  }
}
