import Coordination
import Foundation
import Logging
import Messaging
import Monitoring
import Planning
import Scheduling
import Synchronization

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
  private let live: LiveRun
  private let servers = Mutex<[MonitoringServer]>([])
  private let shownAt = Mutex<LiveAddress?>(nil)

  /// Listens, so that workers may connect; they are answered once `perform` is called.
  ///
  /// - Throws: `MessagingError` where the address or the keys cannot be used, `CoordinationError` where another has the run.
  public init(_ run: Run, options: Options = Options(), logger: Logger) throws {
    (self.run, self.logger, tellsFolder) = (run, logger, options.mayHaveWorkers)
    let live = LiveRun(of: run)
    self.live = live
    (takenUp, lock, coordinator) = try Self.tellingFolder(of: run, if: tellsFolder) {
      let lock = try run.planned.lock ?? RunLock(folder: run.folder.path)
      let takenUp = try options.takesUpFailed ? run.planned.ledger.takeUpSetAside() : nil
      return (
        takenUp.map { TakenUp(shards: $0.shards, images: $0.images) }, lock,
        try Self.coordinator(of: run, options, lock, live.tally, logger: logger)
      )
    }
  }

  private static func coordinator(
    of run: Run, _ options: Options, _ lock: RunLock, _ tally: InterimTally, logger: Logger
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
      source: RunWorkSource(plan: run.plan, folder: run.folder, tally: tally),
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

  /// Serves `/metrics` for Prometheus, `/healthz` and, at `/`, the run's live page for as long as this lives.
  ///
  /// - Parameter showsLive: whether the live page is there, too.
  /// - Returns: where the live page is; nil where there is none.
  @discardableResult
  public func monitor(at place: MonitoringServer.Place, showsLive: Bool = true) throws -> LiveAddress? {
    try tellingFolder {
      let ledger = try Ledger.open(at: run.folder.ledger, readOnly: true)
      let metrics: @Sendable () throws -> String = { [plan = run.plan] in
        let status = try ledger.status(now: Date().timeIntervalSince1970, cost: plan.cost(of:))
        return PrometheusText.render(status, plan: plan, version: Release.version)
      }
      if showsLive { return try serve(at: place, option: "--metrics", metrics: metrics) }
      let server = try MonitoringServer(at: place, metrics: metrics) { [coordinator] in coordinator.isTurning }
      servers.withLock { $0.append(server) }
      return nil
    }
  }

  /// Serves the run's live page, and `/healthz`, for as long as this lives.
  ///
  /// - Parameter place: where; nil: a port of this machine, that of the run's last page where it is free, so that pages that
  ///   are open come back by themselves.
  /// - Returns: where the live page is.
  @discardableResult
  public func show(at place: MonitoringServer.Place? = nil) throws -> LiveAddress {
    let place = place ?? .loopback(port: 0)
    if place.takesAnyPort, let former = formerAddress, let port = UInt16(exactly: former.port),
      let address = try? serve(at: place.with(port: port), option: "--live")
    {
      return address
    }
    return try tellingFolder { try serve(at: place, option: "--live") }
  }

  /// Where the run's last page was.
  private var formerAddress: LiveAddress? {
    LiveAddress(in: run.folder).flatMap { $0.runID == run.plan.runID ? $0 : nil }
  }

  private func serve(
    at place: MonitoringServer.Place, option: String, metrics: (@Sendable () throws -> String)? = nil
  ) throws -> LiveAddress {
    let access = LiveAccess(at: place, former: formerAddress?.token)
    let server = try MonitoringServer(
      at: place, option: option, metrics: metrics, live: (live.source(of: run, coordinator), access)
    ) { [coordinator] in
      coordinator.isTurning
    }
    let address = LiveAddress(at: place, port: server.port, token: access.token, runID: run.plan.runID)
    try address.write(to: run.folder)
    servers.withLock { $0.append(server) }
    shownAt.withLock { $0 = address }
    return address
  }

  /// The live page has its last state, and the run folder says that it is gone.
  private func endShow(_ error: (any Error)?) {
    live.end(error)
    for server in servers.withLock({ $0 }) { server.endShow() }
    guard let address = shownAt.withLock({ $0 }), LiveAddress(in: run.folder) == address else { return }
    // A folder that is gone, or a full disk, ends the coordinator elsewhere.
    try? address.ended.write(to: run.folder)
  }

  /// Runs until every shard is recorded or set aside. Call it once.
  ///
  /// - Parameter onStatus: told up to twice a second how far it is, from a thread of its own; never after the end.
  /// - Throws: `RunEnd` where it ended before, or an error of ledger, disk or socket; what was acknowledged is recorded.
  public func perform(onStatus: @escaping @Sendable (LedgerStatus) -> Void = { _ in }) throws {
    do { try coordinate(onStatus) } catch {
      endShow(error)
      throw error
    }
    endShow(nil)
  }

  private func coordinate(_ onStatus: @escaping @Sendable (LedgerStatus) -> Void) throws {
    try tellingFolder {
      for line in run.plan.preparation { logger.info("pictures of \(line)") }
      for line in run.plan.assumptions { logger.info("data of \(line)") }
      // That of a coordinator that was killed.
      if shownAt.withLock({ $0 == nil }) { unlink(run.folder.live) }
      let keeper = StatusKeeper(of: run) { [live] status in
        live.note(status)
        onStatus(status)
      }
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
