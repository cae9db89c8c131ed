import ArgumentParser
import Coordination
import Foundation
import Logging
import Messaging
import Monitoring
import Planning
import Scheduling

struct CoordinateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "coordinate",
    abstract: "Plans a manifest and hands its shards to the workers that connect.",
    discussion: """
      Ends when every shard is recorded or set aside; then gauntlet collect makes the archive. Exit status 1 says that \
      shards or images were set aside, 3 that it could not go on. A run folder that was \
      begun goes on from its ledger, also without the manifest. SIGTERM drains: what workers have finished is recorded.
      Example: gauntlet coordinate manifests/imagenet-c.yaml --run /shared/runs/r1 --listen tcp://0.0.0.0:5757
      """)

  @Argument(help: "The manifest, a YAML file; see docs/manifest.md. Not needed for a run folder that was begun.")
  var manifest: String?
  @Option(name: .customLong("run"), help: "The run folder, made if it is not there.") var folder: String
  @Option(help: "Where workers connect: tcp://ADDRESS:PORT (PORT may be *), or ipc://PATH.")
  var listen = "tcp://127.0.0.1:*"
  @Flag(help: "Also take up the shards that were set aside, and the images that could not be read.") var failed = false
  @OptionGroup var log: LogArguments
  @Option(help: "Serve /metrics for Prometheus and /healthz at ADDRESS:PORT, plain HTTP that anyone there may read.")
  var metrics: String?
  @Option(help: "The folder of the run's keys [default: keys in the run folder, made if they are not there].")
  var keys: String?
  @Flag(help: "When told to end, leave the workers waiting for the coordinator that takes over.")
  var keepWorkers = false

  func run() throws {
    log.begin()
    let listen = try Usage.address(listen, option: "--listen", takesAnyPort: true)
    let place = try metrics.map { text in
      guard let place = MonitoringServer.Place(text) else {
        throw UsageError("--metrics is \(text), but must be like 127.0.0.1:9151, with a port up to 65535")
      }
      return place
    }
    let run = try plannedRun()
    do { try coordinate(run, listen: listen, metrics: place) } catch {
      // Its workers wait, and its user may look into the run folder first.
      if !(error is ExitCode || error is RunEnd) { CoordinatorFailure.leave(error, for: run) }
      throw error
    }
  }

  private func coordinate(_ run: PlannedRun, listen: String, metrics place: MonitoringServer.Place?) throws {
    let session = try CoordinatorSession(
      run: run, listen: listen, takeUpFailed: failed, keepsWorkers: keepWorkers, keys: keys,
      logFormat: log.logFormat)
    if try !session.isDone() {
      Terminal.complain(
        "listening on \(session.coordinator.reachableAddress); workers: gauntlet work --run \(run.folder.path)")
      let monitoring = try place.map { try monitor(run, session.coordinator, at: $0) }
      try session.throwIfUnfinished(session.perform())
      withExtendedLifetime(monitoring) {}
    }
    let status = try run.ledger.status(now: Date().timeIntervalSince1970)
    print(
      "\(status.total.recorded) shards recorded, \(status.total.setAside) set aside, \(status.total.failedImages) images "
        + "set aside in recorded shards; next: gauntlet collect \(run.folder.path)")
    if !status.isWhole { throw ExitStatus.setAside }
  }
}

extension CoordinateCommand {
  private func monitor(
    _ run: PlannedRun, _ coordinator: Coordinator, at place: MonitoringServer.Place
  ) throws -> MonitoringServer {
    let ledger = try Ledger.open(at: run.folder.ledger, readOnly: true)
    return try MonitoringServer(at: place) {
      let status = try ledger.status(now: Date().timeIntervalSince1970, cost: run.plan.cost(of:))
      return PrometheusText.render(status, plan: run.plan, version: Gauntlet.version)
    } isHealthy: {
      coordinator.isTurning
    }
  }

  private func plannedRun() throws -> PlannedRun {
    guard let manifest else { return try PlannedRun.resume(RunFolder(folder)) { Terminal.complain($0) } }
    try Usage.checkExists(manifest, what: "manifest")
    return try PlannedRun.prepare(manifest: manifest, folder: RunFolder(folder)) { Terminal.complain($0) }
  }
}

/// A coordinator on a run folder, locked to this process, with signals and progress as the commands show them.
struct CoordinatorSession {
  let run: PlannedRun
  let coordinator: Coordinator
  let logger: Logger
  private let lock: RunLock

  init(
    run: PlannedRun, listen: String, takeUpFailed: Bool, mayHaveWorkers: Bool = true, keepsWorkers: Bool = false,
    keys folder: String? = nil, logFormat: Logs.Format = .text
  ) throws {
    self.run = run
    logger = Logs.stderrLogger("gauntlet.coordinator", format: logFormat)
    let lock = try run.lock ?? RunLock(folder: run.folder.path)
    self.lock = lock
    if takeUpFailed {
      let takenUp = try run.ledger.takeUpSetAside()
      Terminal.complain(
        "taken up: \(takenUp.shards) shards that were set aside, and \(takenUp.images) images that could not be read")
    }
    let keys = KeyStore(folder: folder ?? run.folder.keys)
    if folder == nil, !keys.exists { try keys.create() }
    let sharding = run.plan.manifest.sharding
    var configuration = CoordinatorConfiguration(
      listen: listen, security: try keys.serverSecurity(), runFolder: run.folder.path,
      leaseSeconds: sharding.leaseSeconds, attempts: sharding.attempts, version: Gauntlet.version,
      mayHaveWorkers: mayHaveWorkers, keepsWorkers: keepsWorkers,
      pieceSizes: PieceSizes(seconds: sharding.seconds, smallest: sharding.smallest))
    configuration.checkOwner = { try lock.check() }
    coordinator = try Coordinator(
      configuration: configuration, ledger: run.ledger, source: RunWorkSource(plan: run.plan, folder: run.folder),
      logger: logger)
  }

  /// Whether there is nothing left to do; the run folder says so then.
  func isDone() throws -> Bool {
    let isDone = try run.ledger.status(now: Date().timeIntervalSince1970).isComplete
    if isDone { try coordinator.announceEnd() }
    return isDone
  }

  /// Runs until every shard is recorded or set aside, or until drained.
  func perform() throws -> RunOutcome {
    let coordinator = coordinator
    for line in run.plan.preparation { logger.info("pictures of \(line)") }
    for line in run.plan.assumptions { logger.info("data of \(line)") }
    let signals = TerminationSignals { coordinator.drain() }
    let progress = RunProgress(run: run)
    defer {
      progress.stop()
      withExtendedLifetime((signals, lock)) {}
    }
    return try coordinator.run()
  }

  /// Throws where the run did not come to its end.
  func throwIfUnfinished(_ outcome: RunOutcome) throws {
    let total = try run.ledger.status(now: Date().timeIntervalSince1970).total
    if case .stalled(let reason) = outcome, total.pending > 0 {
      throw RunEnd.stalled(folder: run.folder.path, left: total.pending, reason: reason)
    }
    if total.pending > 0 { throw RunEnd.drained(folder: run.folder.path, left: total.pending) }
  }
}
