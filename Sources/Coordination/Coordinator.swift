import Durable
import Foundation
import Listening
import Logging
import Messaging
import Planning
import Scheduling
import Synchronization

/// What a coordinator needs to know beside its ledger.
public struct CoordinatorConfiguration: Sendable {
  /// Where it listens: `tcp://ADDRESS:PORT`, PORT may be `*`, or `ipc://PATH`.
  public var listen: String
  /// Its keys and those of the workers it lets in.
  public var security: ServerSecurity
  /// Where it says its address; nil says it nowhere.
  public var runFolder: String?
  /// Seconds that a lease lives without a heartbeat that names it.
  public var leaseSeconds: Double
  /// Failures that set a shard aside.
  public var attempts: Int
  /// This program's version; a worker of another one is turned away, since its bits may differ.
  public var version: String
  /// Workers of a former coordinator may still live: what they held is kept for them for three heartbeats.
  public var mayHaveWorkers: Bool

  /// How long shards should take, where their workers' speed is known; nil leaves them as they are planned.
  public var pieceSizes: PieceSizes?

  /// Asked now and then whether the run is still this process's; what it throws ends the run.
  public var checkOwner: @Sendable () throws -> Void = {}

  /// Told of each worker that joins, how many have so far; from the coordinator's thread.
  public var onJoin: @Sendable (_ workers: Int) -> Void = { _ in }

  /// Another coordinator takes over when this one is told to end: workers are not sent home.
  public var keepsWorkers: Bool

  /// How long nobody may compute anything, because no worker can read data or checkpoints, before the coordinator gives up.
  var stallSeconds: Double { 10 * leaseSeconds }

  /// How long what workers say that have computed nothing waits for one that has, in seconds.
  var doubtSeconds: Double { min(60, 2 * leaseSeconds) }

  /// How often workers are to say that they live, in seconds.
  var heartbeatSeconds: Double { min(10, leaseSeconds / 4) }

  /// A configuration.
  public init(
    listen: String, security: ServerSecurity, runFolder: String?, leaseSeconds: Double, attempts: Int, version: String,
    mayHaveWorkers: Bool = true, keepsWorkers: Bool = false, pieceSizes: PieceSizes? = nil
  ) {
    self.pieceSizes = pieceSizes
    self.keepsWorkers = keepsWorkers
    self.listen = listen
    self.security = security
    self.runFolder = runFolder
    self.leaseSeconds = leaseSeconds
    self.attempts = attempts
    self.version = version
    self.mayHaveWorkers = mayHaveWorkers
  }
}

/// How a coordinator's run ended.
public enum RunOutcome: Sendable, Equatable {
  /// Every shard is recorded or set aside.
  case finished
  /// It was asked to stop; what workers had sent is recorded.
  case drained
  /// No worker could read data or checkpoints for long; `reason` tells what the last one could not. What was recorded is
  /// recorded, and what was not waits.
  case stalled(reason: String)
}

/// The daemon that leases shards to workers and records their results: sockets, scheduler and ledger joined.
///
/// One thread speaks to the workers and asks the scheduler, another one writes; see `LedgerWriter`.
public final class Coordinator: Sendable {
  private let configuration: CoordinatorConfiguration
  private let ledger: Ledger
  private let source: any WorkSource
  private let logger: Logger
  private let router: RouterEndpoint
  private let board = WorkerBoard()
  private let isAnnounced = Atomic(false)
  private let isDraining = Atomic(false)
  /// Nanoseconds from `start` to the loop's last turn.
  private let lastTurn = Atomic<Int64>(0)
  private let start = ContinuousClock.now

  /// Listens, so that workers may connect; they are answered once `run` is called.
  ///
  /// - Throws: `MessagingError` where the address cannot be used, or an error of the run folder.
  public init(
    configuration: CoordinatorConfiguration, ledger: Ledger, source: any WorkSource, logger: Logger
  ) throws {
    self.configuration = configuration
    self.ledger = ledger
    self.source = source
    self.logger = logger
    // Every worker is a connection.
    OpenFiles.raiseLimit()
    router = try RouterEndpoint(bind: configuration.listen, security: configuration.security, logger: logger)
    if let folder = configuration.runFolder {
      try CoordinatorEndpoint(address: reachableAddress, runID: source.runID).write(to: RunFolder(folder))
      CoordinatorFailure.clear(in: RunFolder(folder))
      isAnnounced.store(true, ordering: .releasing)
    }
  }

  /// An address for those who may sit on another machine, to which "every address" says nothing: the host's name instead.
  static func reachable(_ address: String) -> String {
    for every in ["0.0.0.0", "[::]", "[::ffff:0.0.0.0]"] where address.hasPrefix("tcp://\(every):") {
      return "tcp://\(ProcessInfo.processInfo.hostName)" + address.dropFirst("tcp://\(every)".count)
    }
    return address
  }

  /// A coordinator that found nothing to do never ran, and leaves no address at which nobody listens.
  deinit { withdraw() }

  private func withdraw() {
    guard isAnnounced.exchange(false, ordering: .acquiringAndReleasing), let folder = configuration.runFolder else {
      return
    }
    // The folder may be gone, and another one in its place.
    let place = RunFolder(folder)
    guard CoordinatorEndpoint(in: place) == CoordinatorEndpoint(address: reachableAddress, runID: source.runID) else {
      return
    }
    unlink(place.endpoint)
  }

  /// Says in the run folder that the run is done, so that workers that come late do not wait.
  public func announceEnd() throws {
    guard isAnnounced.exchange(false, ordering: .acquiringAndReleasing), let folder = configuration.runFolder else {
      return
    }
    try CoordinatorEndpoint(address: nil, runID: source.runID).write(to: RunFolder(folder))
  }

  /// The address that it listens at, its port resolved.
  public var boundAddress: String { router.boundAddress }

  /// The address that workers connect to, from other machines, too, where it listens for them.
  public var reachableAddress: String { Self.reachable(router.boundAddress) }

  /// Whether the loop turned lately: it waits for at most a minute.
  public var isTurning: Bool {
    let last = Duration.nanoseconds(lastTurn.load(ordering: .acquiring))
    return ContinuousClock.now - start - last < .seconds(90)
  }

  /// What the workers did at the time of the last call, or a little later; nil at first. It costs the loop next to nothing,
  /// and nothing where nobody calls. May be called from any thread.
  public func workers() -> WorkersSight? {
    defer { router.waker.wake() }
    return board.look()
  }

  /// Whether it was asked to end early.
  public var isEnding: Bool { isDraining.load(ordering: .acquiring) }

  /// Asks `run` to end early. May be called from any thread.
  public func drain() {
    isDraining.store(true, ordering: .releasing)
    router.waker.wake()
  }

  /// Coordinates until every shard is recorded or set aside, or until drained. Call it once.
  ///
  /// - Throws: an error of the ledger, the disk or the socket; everything acknowledged is in the ledger then.
  public func run() throws -> RunOutcome {
    defer {
      router.close()
      withdraw()
    }
    var session = try CoordinatorLoop(
      configuration: configuration, ledger: ledger, source: source, logger: logger,
      surroundings: CoordinatorSurroundings(line: router), board: board)
    defer { session.end() }
    let outcome = try session.run {
      lastTurn.store((ContinuousClock.now - start).inNanoseconds, ordering: .releasing)
      return isDraining.load(ordering: .acquiring)
    }
    if outcome == .finished { try announceEnd() }
    if case .stalled(let reason) = outcome, let folder = configuration.runFolder {
      CoordinatorFailure.leave(
        "no worker could compute anything for a long time: \(reason.prefix(300))", in: RunFolder(folder), ledger)
    }
    return outcome
  }
}
