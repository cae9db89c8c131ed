import Coordination
import Foundation
import Logging
import Messaging
import Monitoring
import Planning
import Scheduling

/// Coordinates a run in this process: leases its shards to the workers that connect, and records their results.
public final class RunCoordinator: Sendable {
  /// How a run is coordinated.
  public struct Options: Sendable {
    /// Where workers connect: `tcp://ADDRESS:PORT` (PORT may be `*`), or `ipc://PATH`.
    public var listen = "tcp://127.0.0.1:*"
    /// The folder of the run's keys; `keys` in the run folder otherwise, made if they are not there.
    public var keys: String?
    /// Whether the shards that were set aside, and the images that could not be read, are taken up again.
    public var takesUpFailed = false
    /// Whether workers of a former coordinator may still live, and others may come from elsewhere: then the run folder
    /// says why it failed if it does.
    public var mayHaveWorkers = true
    /// Whether workers are left waiting for a coordinator that takes over when this one is told to end.
    public var keepsWorkers = false

    /// As `gauntlet coordinate` does unless told otherwise.
    public init() {}
  }

  /// What was taken up again.
  public struct TakenUp: Sendable, Equatable {
    /// Shards that were set aside.
    public let shards: Int
    /// Images that could not be read.
    public let images: Int
  }

  /// The run.
  public let run: Run
  /// What was taken up again; nil where that was not asked for.
  public let takenUp: TakenUp?
  private let coordinator: Coordinator
  private let logger: Logger
  private let lock: RunLock
  private let tellsFolder: Bool

  /// Listens, so that workers may connect; they are answered once `perform` is called.
  ///
  /// - Throws: `MessagingError` where the address or the keys cannot be used, `CoordinationError` where another has the run.
  public init(_ run: Run, options: Options = Options(), logger: Logger) throws {
    (self.run, self.logger, tellsFolder) = (run, logger, options.mayHaveWorkers)
    (takenUp, lock, coordinator) = try Self.tellingFolder(of: run, if: tellsFolder) {
      let lock = try run.planned.lock ?? RunLock(folder: run.folder.path)
      let takenUp = try options.takesUpFailed ? run.planned.ledger.takeUpSetAside() : nil
      return (
        takenUp.map { TakenUp(shards: $0.shards, images: $0.images) }, lock,
        try Self.coordinator(of: run, options, lock, logger)
      )
    }
  }

  private static func coordinator(
    of run: Run, _ options: Options, _ lock: RunLock, _ logger: Logger
  ) throws -> Coordinator {
    let keys = KeyStore(folder: options.keys ?? run.folder.keys)
    if options.keys == nil, !keys.exists { try keys.create() }
    let sharding = run.plan.manifest.sharding
    var configuration = CoordinatorConfiguration(
      listen: options.listen, security: try keys.serverSecurity(), runFolder: run.folder.path,
      leaseSeconds: sharding.leaseSeconds, attempts: sharding.attempts, version: Release.version,
      mayHaveWorkers: options.mayHaveWorkers, keepsWorkers: options.keepsWorkers,
      pieceSizes: PieceSizes(seconds: sharding.seconds, smallest: sharding.smallest))
    configuration.checkOwner = { try lock.check() }
    return try Coordinator(
      configuration: configuration, ledger: run.planned.ledger,
      source: RunWorkSource(plan: run.plan, folder: run.folder),
      logger: logger)
  }

  /// The address that workers connect to.
  public var address: String { coordinator.reachableAddress }

  /// Whether there is nothing left to do; the run folder says so then, for workers that come late.
  public func isDone() throws -> Bool {
    try tellingFolder {
      let isDone = try run.planned.ledger.status(now: Date().timeIntervalSince1970).isComplete
      if isDone { try coordinator.announceEnd() }
      return isDone
    }
  }

  /// Serves `/metrics` for Prometheus and `/healthz` for as long as the result lives.
  public func monitor(at place: MonitoringServer.Place) throws -> MonitoringServer {
    try tellingFolder {
      let ledger = try Ledger.open(at: run.folder.ledger, readOnly: true)
      return try MonitoringServer(at: place) { [plan = run.plan] in
        let status = try ledger.status(now: Date().timeIntervalSince1970, cost: plan.cost(of:))
        return PrometheusText.render(status, plan: plan, version: Release.version)
      } isHealthy: { [coordinator] in
        coordinator.isTurning
      }
    }
  }

  /// Runs until every shard is recorded or set aside. Call it once.
  ///
  /// - Parameter onStatus: told twice a second how far it is, from a thread of its own; never after the end.
  /// - Throws: `RunEnd` where it ended before, or an error of ledger, disk or socket; what was acknowledged is recorded.
  public func perform(onStatus: @escaping @Sendable (LedgerStatus) -> Void = { _ in }) throws {
    try tellingFolder {
      for line in run.plan.preparation { logger.info("pictures of \(line)") }
      for line in run.plan.assumptions { logger.info("data of \(line)") }
      let keeper = StatusKeeper(of: run, onStatus: onStatus)
      let outcome: RunOutcome
      do {
        defer {
          keeper.stop()
          withExtendedLifetime(lock) {}
        }
        outcome = try coordinator.run()
      }
      let total = try run.planned.ledger.status(now: Date().timeIntervalSince1970).total
      guard total.pending > 0 else { return }
      if case .stalled(let reason) = outcome {
        throw RunEnd.stalled(folder: run.folder.path, left: total.pending, reason: reason)
      }
      throw RunEnd.drained(folder: run.folder.path, left: total.pending)
    }
  }

  /// Asks `perform` to end early: what workers have finished is recorded. May be called from any thread, also before.
  public func drain() { coordinator.drain() }

  // MARK: - What others are told

  private func tellingFolder<Result>(_ body: () throws -> Result) throws -> Result {
    try Self.tellingFolder(of: run, if: tellsFolder, body)
  }

  /// Workers wait, and the user may look into the run folder first.
  private static func tellingFolder<Result>(
    of run: Run, if isWanted: Bool, _ body: () throws -> Result
  ) throws -> Result {
    do { return try body() } catch {
      if isWanted, !(error is RunEnd) { CoordinatorFailure.leave(error, for: run.planned) }
      throw error
    }
  }
}
