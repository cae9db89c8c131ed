import Foundation
import Kernels
import Logging
import Messaging
import Shards
import Synchronization

/// What is known of a run's coordinator.
public enum Whereabouts: Sendable, Equatable {
  /// It listens at an address.
  case listening(String)
  /// The run is done, and nobody listens any more.
  case done
}

/// How a worker takes part.
public struct WorkerConfiguration: Sendable {
  /// Shards that are computed at the same time, one thread each.
  public var streams: Int
  /// Shards that wait beside them, so that no stream is idle while a result travels.
  public var prefetch: Int
  /// This program's version.
  public var version: String
  /// The run that the worker is meant for; nil takes any.
  public var runID: String?
  /// What it computes.
  public var kind: WorkerKind
  /// How long a coordinator may stay silent.
  public var patience: Duration
  /// Says where the coordinator listens now; asked while it is silent, as another one may have taken its place elsewhere.
  public var locate: (@Sendable () -> Whereabouts?)?
  /// Says why the coordinator cannot be reached, where that is known without trying; asked while it is silent.
  public var remark: (@Sendable () -> String?)?

  /// A configuration.
  public init(
    streams: Int, prefetch: Int, version: String, runID: String?, patience: Duration, kind: WorkerKind = .native,
    locate: (@Sendable () -> Whereabouts?)? = nil, remark: (@Sendable () -> String?)? = nil
  ) {
    self.kind = kind
    self.locate = locate
    self.remark = remark
    self.streams = max(1, streams)
    self.prefetch = max(0, prefetch)
    self.version = version
    self.runID = runID
    self.patience = patience
  }
}

/// How a worker's part ended.
public enum WorkerOutcome: Sendable, Equatable {
  /// The coordinator said so.
  case dismissed(reason: String)
  /// The worker was asked to stop; shards at hand were finished, the others handed back.
  case drained
}

/// Why a worker cannot go on.
public enum WorkerError: Error, Equatable, CustomStringConvertible {
  /// The coordinator refuses this worker.
  case rejected(reason: String)
  /// The coordinator serves another run than the one that the worker is meant for.
  case otherRun(found: String, expected: String)
  /// The coordinator did not answer.
  case noAnswer(address: String, patience: Duration, reason: String?)

  /// What was found and what to do.
  public var description: String {
    switch self {
    case .rejected(let reason): "the coordinator rejected this worker: \(reason)"
    case .otherRun(let found, let expected):
      "the coordinator is serving run \(found), not \(expected); restart the worker"
    case .noAnswer(let address, let patience, let reason):
      "no answer from the coordinator at \(address) for \(patience.components.seconds) s: "
        + (reason ?? "is it running, and do the keys belong to it?")
    }
  }
}

/// The daemon that takes shards from a coordinator, computes them and offers their results until they are acknowledged.
public final class WorkerDaemon: Sendable {
  private let address: String
  private let configuration: WorkerConfiguration
  private let computer: any ShardComputer
  private let logger: Logger
  private let dealer: DealerEndpoint
  private let isDraining = Atomic(false)
  private let workerID: String
  private let times: StreamTimes

  /// Begins to connect; `times` is told how long compute threads wait for shards.
  ///
  /// - Throws: `MessagingError` for an address or keys that cannot be used.
  public init(
    connect address: String, security: ClientSecurity, configuration: WorkerConfiguration,
    computer: any ShardComputer, times: StreamTimes = StreamTimes(), logger: Logger
  ) throws {
    self.address = address
    self.times = times
    self.configuration = configuration
    self.computer = computer
    self.logger = logger
    let host = ProcessInfo.processInfo.hostName.prefix(150)
    workerID = "\(host)-\(ProcessInfo.processInfo.processIdentifier)-\(UInt32.random(in: 0...UInt32.max))"
    dealer = try DealerEndpoint(connect: address, security: security)
  }

  /// Asks `run` to finish what is being computed, hand back the rest and end. May be called from any thread.
  public func drain() {
    isDraining.store(true, ordering: .releasing)
    dealer.waker.wake()
  }

  /// Takes part until the coordinator dismisses the worker, or until drained. Call it once.
  ///
  /// - Throws: `WorkerError` or `MessagingError`.
  public func run() throws -> WorkerOutcome {
    let streams = ComputeStreams(count: configuration.streams, computer: computer, times: times) {
      [waker = dealer.waker] in
      waker.wake()
    }
    var session = WorkerSession(
      dealer: dealer, workerID: workerID, address: address, configuration: configuration, streams: streams,
      logger: logger)
    defer {
      streams.end()
      dealer.close()
    }
    return try session.run { isDraining.load(ordering: .acquiring) }
  }
}

/// One worker's conversation with its coordinator.
private struct WorkerSession {
  private enum Held {
    case atWork
    case finished(WireMessage, sentAt: ContinuousClock.Instant)
  }

  private let dealer: DealerEndpoint
  private let workerID: String
  private var address: String
  private let configuration: WorkerConfiguration
  private let streams: ComputeStreams
  private let logger: Logger
  private var held: [ShardAttempt: Held] = [:]
  private var runID = ""
  private var isWelcome = false
  private var heartbeat: Duration = .seconds(2)
  private var lastHeard = ContinuousClock.now
  private var nextHeartbeat = ContinuousClock.now
  private var drainEnd: ContinuousClock.Instant?
  private let probe = ReachabilityProbe()
  private var silence = SilenceLog()
  /// Why the coordinator is not heard, as far as is known.
  private var trouble: String?

  init(
    dealer: DealerEndpoint, workerID: String, address: String, configuration: WorkerConfiguration,
    streams: ComputeStreams, logger: Logger
  ) {
    self.dealer = dealer
    self.workerID = workerID
    self.address = address
    self.configuration = configuration
    self.streams = streams
    self.logger = logger
  }

  mutating func run(isDraining: () -> Bool) throws -> WorkerOutcome {
    logger.info("connecting", metadata: ["address": "\(address)"])
    while true {
      let now = ContinuousClock.now
      if now >= nextHeartbeat, try !speak(now) { return .dismissed(reason: "the run is done") }
      if now - lastHeard > configuration.patience {
        throw WorkerError.noAnswer(address: address, patience: configuration.patience, reason: trouble)
      }
      if isDraining(), try hasDrained(now) { return .drained }
      if let received = try dealer.receive(timeout: max(.milliseconds(1), nextHeartbeat - now)) {
        switch received {
        case .success(let message):
          lastHeard = .now
          trouble = nil
          silence.reset()
          if let outcome = try take(message) { return outcome }
        case .failure(let error): misunderstand(error)
        }
      }
      try sendFinished()
    }
  }

  /// Says hello until welcomed, then that it lives; offers again what was not acknowledged for long.
  ///
  /// - Returns: false where the run is done.
  private mutating func speak(_ now: ContinuousClock.Instant) throws -> Bool {
    nextHeartbeat = now + heartbeat
    // Every heartbeat is answered; one whose answer is late is reason enough to look.
    if now - lastHeard > heartbeat * 3 / 2 {
      if try !look() { return false }
      try explain(now)
    }
    guard isWelcome else {
      try sayHello()
      return true
    }
    let shards = Array(held.keys)
    _ = try dealer.send(.heartbeat(held: shards, passes: streams.passes(of: shards)))
    for (shard, state) in held {
      if case .finished(let message, let sentAt) = state, now - sentAt > heartbeat * 3 {
        _ = try dealer.send(message)
        held[shard] = .finished(message, sentAt: now)
      }
    }
    return true
  }

  /// Says why the coordinator is not heard, and begins anew where ZeroMQ has given up.
  private mutating func explain(_ now: ContinuousClock.Instant) throws {
    let connection = dealer.connection
    let found: String? =
      switch connection {
      case .keyRefused:
        "the coordinator at \(address) does not know this worker's key; copy the run's keys/worker.bundle here again, or "
          + "authorize the key with gauntlet keys add"
      case .stranger:
        "the server at \(address) is not the coordinator whose key this worker has, or not Gauntlet at all; check "
          + "the address, copy the run's keys/worker.bundle here again, or check the coordinator's log"
      case .connecting, .greeting: probe.problem(at: address)?.description
      case .established: isWelcome ? "the coordinator at \(address) is connected, but silent" : nil
      }
    trouble = configuration.remark?() ?? found ?? trouble
    if let trouble, silence.isDue(trouble, at: now) {
      logger.warning("no answer from the coordinator; retrying", metadata: ["reason": "\(trouble)"])
    }
    if connection.isGivenUp { try dealer.beginAnew() }
  }

  private mutating func misunderstand(_ error: WireError) {
    if case .version(let found, let expected) = error {
      trouble =
        "the coordinator at \(address) speaks version \(found) of the protocol, this worker \(expected); use the same "
        + "gauntlet on both machines"
    } else {
      trouble = "the coordinator at \(address) sent a malformed message: \(error)"
    }
    if let trouble, silence.isDue(trouble, at: .now) {
      logger.warning("no answer from the coordinator; retrying", metadata: ["reason": "\(trouble)"])
    }
  }

  private func sayHello() throws {
    _ = try dealer.send(
      .hello(
        .init(
          workerID: workerID, host: ProcessInfo.processInfo.hostName,
          credits: configuration.streams + configuration.prefetch, version: configuration.version,
          instructionSet: InstructionSet.chosen.rawValue, runID: runID, held: Array(held.keys),
          kind: configuration.kind)))
  }

  /// Follows a coordinator that listens elsewhere now: introduces itself there, with what it holds.
  ///
  /// - Returns: false where the run is done.
  private mutating func look() throws -> Bool {
    let whereabouts = configuration.locate?()
    if whereabouts == .done { return false }
    guard case .listening(let current) = whereabouts, current != address else { return true }
    logger.info("the coordinator moved", metadata: ["from": "\(address)", "to": "\(current)"])
    do {
      try dealer.reconnect(to: current)
    } catch .badAddress {
      logger.warning("cannot follow the coordinator", metadata: ["address": "\(current)"])
      return true
    }
    address = current
    isWelcome = false
    for (shard, state) in held {
      // What was offered to the other one is offered again as soon as this one has answered.
      if case .finished(let message, _) = state { held[shard] = .finished(message, sentAt: .now - heartbeat * 4) }
    }
    return true
  }

  private mutating func take(_ message: WireMessage) throws -> WorkerOutcome? {
    switch message {
    case .welcome(let welcome): try enter(welcome)
    case .lease(let shard, let task):
      // A lease that crossed this worker's SIGTERM on its way is not begun: the goodbye gives it to others.
      guard held[shard] == nil, drainEnd == nil else { break }
      held[shard] = .atWork
      streams.add(shard, task)
    case .acknowledgement(let shard, let outcome):
      if outcome == .refused { logger.warning("a result was refused", metadata: ["shard": "\(shard.shard)"]) }
      forget(shard)
    case .revocation(let shard): forget(shard)
    case .shutdown(let reason): return .dismissed(reason: reason)
    case .rejection(let reason): throw WorkerError.rejected(reason: reason)
    case .heartbeatReply, .hello, .heartbeat, .result, .failure, .goodbye: break
    }
    return nil
  }

  private mutating func enter(_ welcome: WireMessage.Welcome) throws {
    if let expected = configuration.runID, welcome.runID != expected {
      throw WorkerError.otherRun(found: welcome.runID, expected: expected)
    }
    heartbeat = .milliseconds(welcome.heartbeatMilliseconds)
    nextHeartbeat = min(nextHeartbeat, .now + heartbeat)
    if !runID.isEmpty, runID != welcome.runID { for shard in held.keys { forget(shard) } }
    let isUnasked = isWelcome
    runID = welcome.runID
    if !isUnasked {
      logger.info(
        "joined the run", metadata: ["run": "\(runID)", "address": "\(address)", "held": "\(held.count)"])
    }
    isWelcome = true
    guard isUnasked else { return }
    // The coordinator began again and does not know this worker: say what is held, and offer what is finished.
    try sayHello()
    for case .finished(let message, _) in held.values { _ = try dealer.send(message) }
    isWelcome = false
  }

  private mutating func forget(_ shard: ShardAttempt) {
    held[shard] = nil
    streams.remove(shard)
  }

  private mutating func sendFinished() throws {
    for (shard, result) in streams.takeFinished() where held[shard] != nil {
      let message: WireMessage
      switch result {
      case .success(let output) where output.payload.count <= WireLimits.payloadBytes:
        message = .result(shard, payload: output.payload, computeNanoseconds: output.nanoseconds)
        held[shard] = .finished(message, sentAt: .now)
      case .success(let output):
        message = .failure(shard, reason: "the output is \(output.payload.count) bytes, over the limit", kind: .output)
        held[shard] = nil
      case .failure(let failure):
        logger.warning("a shard failed", metadata: ["shard": "\(shard.shard)", "reason": "\(failure.reason)"])
        message = .failure(shard, reason: failure.reason, kind: failure.kind)
        held[shard] = nil
      }
      _ = try dealer.send(message)
    }
  }

  /// While draining: hands back what waits, and waits a while for what is computed and for its acknowledgement; not long
  /// where nobody is there to acknowledge it.
  private mutating func hasDrained(_ now: ContinuousClock.Instant) throws -> Bool {
    if drainEnd == nil {
      drainEnd = now + .seconds(600)
      for shard in streams.removeWaiting() { held[shard] = nil }
    }
    let isComputing = held.values.contains { if case .atWork = $0 { true } else { false } }
    let isAlone = !isComputing && now - lastHeard > heartbeat * 3
    guard held.isEmpty || isAlone || now > (drainEnd ?? now) else { return false }
    _ = try dealer.send(.goodbye)
    return true
  }
}
