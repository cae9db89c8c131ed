import CZeroMQ
import Foundation

/// What both kinds of endpoint do alike.
enum SocketSettings {
  /// How long a closed endpoint goes on sending, in milliseconds.
  static let lingerMilliseconds: Int32 = 2_000
  /// The first wait before connecting again, in milliseconds; it doubles up to the last.
  static let firstReconnectMilliseconds: Int32 = 100
  static let lastReconnectMilliseconds: Int32 = 5_000
  /// A dead machine is noticed after the idle time and the probes: 60 + 4 * 15 seconds.
  private static let keepAliveIdleSeconds: Int32 = 60
  private static let keepAliveIntervalSeconds: Int32 = 15
  private static let keepAliveProbes: Int32 = 4

  static func check(_ address: String) throws(MessagingError) {
    guard address.hasPrefix("tcp://") || address.hasPrefix("ipc://") else {
      throw .badAddress(address, reason: "it is neither tcp nor ipc")
    }
  }

  static func apply(to socket: borrowing ZeroMQSocket, largestMessageBytes: Int) throws(MessagingError) {
    try socket.set(ZMQ_MAXMSGSIZE, Int64(largestMessageBytes))
    try socket.set(ZMQ_LINGER, lingerMilliseconds)
    try socket.set(ZMQ_IPV6, 1 as Int32)
    try socket.set(ZMQ_TCP_KEEPALIVE, 1 as Int32)
    try socket.set(ZMQ_TCP_KEEPALIVE_IDLE, keepAliveIdleSeconds)
    try socket.set(ZMQ_TCP_KEEPALIVE_INTVL, keepAliveIntervalSeconds)
    try socket.set(ZMQ_TCP_KEEPALIVE_CNT, keepAliveProbes)
  }

  /// The next message.
  ///
  /// - Parameters:
  ///   - limit: how many of its frames are given.
  ///   - wait: told that there is none yet.
  static func receive(
    _ socket: inout ZeroMQSocket?, frames limit: Int, _ waker: Waker, _ timeout: Duration?, wait: () -> Void
  ) throws(MessagingError) -> ZeroMQSocket.Message? {
    guard let open = socket.take() else { throw .closed }
    let result: Result<ZeroMQSocket.Message?, MessagingError> = Result { () throws(MessagingError) in
      if let message = try open.receiveWithSender(atMost: limit) { return message }
      wait()
      let ready = try ZeroMQSocket.wait([open.readable, waker.readable], timeout: timeout)
      if ready[1] { waker.drain() }
      return ready[0] ? try open.receiveWithSender(atMost: limit) : nil
    }
    socket = consume open
    return try result.get()
  }

  static func send(_ socket: inout ZeroMQSocket?, _ frames: [Data]) throws(MessagingError) -> SendOutcome {
    guard let open = socket.take() else { throw .closed }
    let result = Result { () throws(MessagingError) in try open.send(frames) }
    socket = consume open
    return try result.get()
  }
}

extension WireMessage {
  /// The message as bytes to send.
  func frame() throws(MessagingError) -> Data {
    do {
      return try encoded()
    } catch {
      throw .invalidMessage(error)
    }
  }
}
