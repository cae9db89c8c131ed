import CZeroMQ
import Foundation
import Logging
import Synchronization

/// Answers ZeroMQ's question whether a client's key is allowed, on a thread of its own (ZAP, ZeroMQ RFC 27), and counts
/// the connections that were refused, whether for their key or for what they said before it.
final class Gatekeeper: Sendable {
  static let domain = "gauntlet"
  static let monitorAddress = "inproc://gauntlet.refused"
  static let monitoredEvents =
    ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH

  private let authorized: AuthorizedKeys
  private let logger: Logger
  private let refused = Mutex(0)
  private let ended = DispatchSemaphore(value: 0)

  /// Connections that were refused until now.
  var refusedCount: Int { refused.withLock { $0 } }

  /// Starts the thread and returns once it can be asked.
  init(_ context: ZeroMQContext, authorized: AuthorizedKeys, logger: Logger) throws(MessagingError) {
    self.authorized = authorized
    self.logger = logger
    try start(context)
  }

  private func start(_ context: ZeroMQContext) throws(MessagingError) {
    let outcome = StartOutcome()
    Thread.detachNewThread { [self] in
      do throws(MessagingError) {
        let questions = try ZeroMQSocket(ZMQ_REP, in: context)
        try questions.set(ZMQ_LINGER, 0 as Int32)
        _ = try questions.bind("inproc://zeromq.zap.01")
        let refusals = try ZeroMQSocket(ZMQ_PAIR, in: context)
        try refusals.set(ZMQ_LINGER, 0 as Int32)
        try refusals.connect(Self.monitorAddress)
        outcome.report(nil)
        serve(questions, refusals)
      } catch {
        outcome.report(error)
      }
      ended.signal()
    }
    if let error = outcome.wait() { throw error }
  }

  /// Waits until the thread has closed its sockets, which it does once its context is interrupted.
  func waitForEnd() { ended.wait() }

  private func serve(_ questions: borrowing ZeroMQSocket, _ refusals: borrowing ZeroMQSocket) {
    // Every error but the end of the context would come again at once, so each ends the thread; ZeroMQ then lets
    // nobody in.
    while let ready = try? ZeroMQSocket.wait([questions.readable, refusals.readable], timeout: nil) {
      if ready[0], let question = try? questions.receive(atMost: 7) {
        guard (try? questions.send(answer(to: question))) == .sent else { return }
      }
      if ready[1], let event = try? refusals.receive(atMost: 2) { note(event) }
    }
  }

  /// The answer to a question of version, request, domain, address, identity, mechanism and credentials.
  private func answer(to question: [Data]) -> [Data] {
    let key = question.last.map { CurvePublicKey(bytes: Array($0)) }
    let isAllowed =
      question.count == 7 && question[0] == Data("1.0".utf8) && question[2] == Data(Self.domain.utf8)
      && question[5] == Data("CURVE".utf8) && key.map { authorized.contain($0, logger: logger) } == true
    let request = question.count > 1 ? question[1] : Data()
    let status = isAllowed ? ("200", "OK") : ("400", "this key is not authorized")
    // The user's name becomes the property User-Id of every message of the connection.
    let user = isAllowed ? key?.z85 ?? "" : ""
    return [Data("1.0".utf8), request, Data(status.0.utf8), Data(status.1.utf8), Data(user.utf8), Data()]
  }

  /// A monitor's event: its kind as 16 bits and its value as 32, then the address.
  private func note(_ event: [Data]) {
    let count = refused.withLock { count in
      count += 1
      return count
    }
    // A stranger that tries again and again must not fill the disk.
    guard count.nonzeroBitCount == 1 else { return }
    let kind = event.first.flatMap { $0.count < 2 ? nil : $0.withUnsafeBytes { $0.loadUnaligned(as: UInt16.self) } }
    logger.warning(
      "refused a connection",
      metadata: [
        "reason": kind == UInt16(ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
          ? "its key is not authorized" : "it does not have this coordinator's public key, or is no gauntlet",
        "address": "\(event.count > 1 ? String(decoding: event[1], as: UTF8.self) : "")", "refused": "\(count)",
      ])
  }
}

/// Carries a thread's start over to the one that started it.
private final class StartOutcome: Sendable {
  private let error = Mutex<MessagingError?>(nil)
  private let isKnown = DispatchSemaphore(value: 0)

  func report(_ error: MessagingError?) {
    self.error.withLock { $0 = error }
    isKnown.signal()
  }

  func wait() -> MessagingError? {
    isKnown.wait()
    return error.withLock { $0 }
  }
}
