import CZeroMQ
import Foundation
import Logging
import Synchronization

/// Answers ZeroMQ's question whether a client's key is allowed, on a thread of its own (ZAP, ZeroMQ RFC 27), and looks
/// twice a second whether the keys have changed.
final class Gatekeeper: Sendable {
  static let domain = "gauntlet"
  private static let lookInterval = Duration.milliseconds(500)

  private let authorized: AuthorizedKeys
  private let admissions: Admissions
  private let logger: Logger
  private let ended = DispatchSemaphore(value: 0)

  /// Starts the thread and returns once it can be asked.
  init(
    _ context: ZeroMQContext, authorized: AuthorizedKeys, admissions: Admissions, logger: Logger
  ) throws(MessagingError) {
    self.authorized = authorized
    self.admissions = admissions
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
        outcome.report(nil)
        serve(questions)
      } catch {
        outcome.report(error)
      }
      ended.signal()
    }
    if let error = outcome.wait() { throw error }
  }

  /// Waits until the thread has closed its sockets, which it does once its context is interrupted.
  func waitForEnd() { ended.wait() }

  private func serve(_ questions: borrowing ZeroMQSocket) {
    var nextLook = ContinuousClock.now + Self.lookInterval
    // Every error but the end of the context would come again at once, so each ends the thread; ZeroMQ then lets
    // nobody in.
    while let ready = try? ZeroMQSocket.wait([questions.readable], timeout: max(.zero, nextLook - .now)) {
      if ready[0], let question = try? questions.receive(atMost: 7) {
        guard (try? questions.send(answer(to: question))) == .sent else { return }
      }
      if ContinuousClock.now >= nextLook {
        authorized.readAgain(logger: logger)
        nextLook = ContinuousClock.now + Self.lookInterval
      }
    }
  }

  /// The answer to a question of version, request, domain, address, identity, mechanism and credentials.
  private func answer(to question: [Data]) -> [Data] {
    let request = question.count > 1 ? question[1] : Data()
    // The user's name becomes the property User-Id of every message of the connection.
    let user = name(of: question)
    let status = user == nil ? ("400", "this key is not authorized") : ("200", "OK")
    return [Data("1.0".utf8), request, Data(status.0.utf8), Data(status.1.utf8), Data((user ?? "").utf8), Data()]
  }

  private func name(of question: [Data]) -> String? {
    guard question.count == 7, question[0] == Data("1.0".utf8), question[2] == Data(Self.domain.utf8),
      question[5] == Data("CURVE".utf8), question[6].count == Z85.bytes
    else { return nil }
    let key = CurvePublicKey(bytes: Array(question[6]))
    return authorized.contain(key, logger: logger) ? admissions.admit(key) : nil
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
