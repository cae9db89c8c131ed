import CZeroMQ
import Synchronization

/// The only owner of a ZeroMQ context.
///
/// A context may be used from every thread (zmq_ctx_new(3)), so this is `Sendable` although the compiler cannot see
/// it. Every socket holds its context, so a context ends after its sockets.
final class ZeroMQContext: @unchecked Sendable {
  private let handle: UnsafeMutableRawPointer
  private let isEnded = Mutex(false)

  init() throws(MessagingError) {
    guard let handle = zmq_ctx_new() else { throw MessagingError.last("zmq_ctx_new") }
    self.handle = handle
  }

  deinit { end() }

  func makeSocket(_ type: Int32) throws(MessagingError) -> UnsafeMutableRawPointer {
    guard let socket = zmq_socket(handle, type) else { throw MessagingError.last("zmq_socket") }
    return socket
  }

  /// Makes every waiting call on the context's sockets return with an error, so that their threads close them.
  func interrupt() { zmq_ctx_shutdown(handle) }

  /// Waits until what closed sockets had to send is sent or their linger is over. Call it when all are closed.
  func end() {
    isEnded.withLock { isEnded in
      guard !isEnded else { return }
      isEnded = true
      while zmq_ctx_term(handle) != 0, zmq_errno() == EINTR {}
    }
  }
}

extension MessagingError {
  /// What ZeroMQ's last call of this thread failed with.
  static func last(_ call: String) -> MessagingError { .system(call: call, reason: reason(zmq_errno())) }

  static func reason(_ code: Int32) -> String { String(cString: zmq_strerror(code)) }
}
