import ArgumentParser
import GauntletKit

struct CoordinateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "coordinate",
    abstract: "Plans a manifest and hands its shards to the workers that connect.",
    discussion: """
      Ends when every shard is recorded or set aside; then gauntlet collect makes the archive. Exit status 1: \
      shards or images were set aside; 3: it could not continue. An existing run folder is \
      continued from its ledger, even without the manifest. SIGTERM drains: what workers have finished is recorded.
      Example: gauntlet coordinate manifests/imagenet-c.yaml --run /shared/runs/r1 --listen tcp://0.0.0.0:5757
      """)

  @Argument(help: "The manifest, a YAML file; see docs/manifest.md. Not needed for an existing run.")
  var manifest: String?
  @Option(name: .customLong("run"), help: "The run folder; created if missing.") var folder: String
  @Option(help: "Where workers connect: tcp://ADDRESS:PORT (PORT may be *), or ipc://PATH.")
  var listen = "tcp://127.0.0.1:*"
  @Flag(help: "Also retry shards that were set aside, and images that could not be read.") var failed = false
  @OptionGroup var log: LogArguments
  @Option(
    help:
      "Serve /metrics for Prometheus, /healthz and the run's live page at ADDRESS:PORT, as plain HTTP that anyone who reaches it can read."
  )
  var metrics: String?
  @Option(
    help:
      "Serve the run's live page at ADDRESS:PORT, with a token unless it is a loopback address, or none [default: where --metrics is]."
  )
  var live: String?
  @Option(help: "The folder of the run's keys [default: keys in the run folder, created if missing].")
  var keys: String?
  @Flag(help: "On SIGTERM, leave the workers waiting for the coordinator that takes over.")
  var keepWorkers = false

  func run() throws {
    log.begin()
    let listen = try Usage.address(listen, option: "--listen", takesAnyPort: true)
    let place = try metrics.map { try Usage.place($0, option: "--metrics") }
    let livePlace = try live.flatMap { $0 == "none" ? nil : try Usage.place($0, option: "--live") }
    let run = try plannedRun()
    var options = RunCoordinator.Options()
    options.listen = listen
    options.keys = keys
    options.takesUpFailed = failed
    options.keepsWorkers = keepWorkers
    let coordinator = try RunCoordinator(
      run, options: options, logger: Logs.stderrLogger("gauntlet.coordinator", format: log.logFormat))
    RunProgress.tell(coordinator.takenUp)
    if try !coordinator.isDone() {
      Terminal.complain("listening on \(coordinator.address); workers: gauntlet work --run \(run.folder.path)")
      run.plan.pythonAdvice(folder: run.folder.path).forEach { Terminal.complain($0) }
      let addresses = [
        try place.flatMap { try coordinator.monitor(at: $0, showsLive: live == nil) },
        try livePlace.map { try coordinator.show(at: $0) },
      ]
      for address in addresses.compactMap({ $0 }) { RunProgress.tell(address) }
      try RunProgress.show(drain: { coordinator.drain() }) { try coordinator.perform(onStatus: $0) }
    }
    let status = try run.status()
    print(
      "\(status.total.recorded) shards recorded, \(status.total.setAside) set aside, \(status.total.failedImages) images "
        + "set aside in recorded shards; next: gauntlet collect \(run.folder.path)")
    if !status.isWhole { throw ExitStatus.setAside }
  }

  private func plannedRun() throws -> Run {
    guard let manifest else { return try Run.resume(folder) { Terminal.complain($0) } }
    try Usage.checkExists(manifest, what: "manifest")
    return try Run.prepare(manifest, in: folder) { Terminal.complain($0) }
  }
}
