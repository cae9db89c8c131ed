import CZeroMQ
import Foundation
import Synchronization

/// A worker's end: it connects to a coordinator, and again whenever the connection is lost. Messages that were sent
/// meanwhile wait. The connection is encrypted, and only the coordinator whose key is known is spoken to.
///
/// It is meant for one thread; a second one that calls it waits for the first. To end another thread's waiting, use
/// ``waker``.
public final class DealerEndpoint: Sendable {
  /// Ends the waiting in ``receive(timeout:)``.
  public let waker: Waker

  private let sockets: Mutex<Sockets?>
  private let context: ZeroMQContext
  private static let monitorAddress = "inproc://gauntlet.connection"

  /// The socket, and that on which ZeroMQ tells how its connection is. They may go from one thread to another with a fence
  /// between (zmq_socket(3)), which the lock is.
  private struct Sockets: ~Copyable, @unchecked Sendable {
    let dealer: ZeroMQSocket
    let events: ZeroMQSocket
    var address: String
    var state = ConnectionState.connecting

    mutating func receive(_ waker: Waker, _ timeout: Duration?) throws(MessagingError) -> [Data]? {
      let end = timeout.map { ContinuousClock.now + $0 }
      while true {
        if let frames = try dealer.receive(atMost: 2) { return frames }
        let ready = try ZeroMQSocket.wait(
          [dealer.readable, waker.readable, events.readable], timeout: end.map { max(.zero, $0 - .now) })
        while ready[2], let event = try events.receive(atMost: 2) {
          if let event = ConnectionState.event(event) { state = state.after(event) }
        }
        if ready[1] { waker.drain() }
        // What is left to wait for is waited for, but for a wake and the end of the time.
        if ready[1] || !ready.contains(true) { return try dealer.receive(atMost: 2) }
      }
    }
  }

  /// Begins to connect to `tcp://HOST:PORT` or `ipc://PATH`; nobody needs to listen there yet.
  ///
  /// The coordinator numbers connections itself: names are said in ``WireMessage/hello(_:)``.
  ///
  /// - Throws: `MessagingError.badAddress` or `.system`.
  public init(connect address: String, security: ClientSecurity) throws(MessagingError) {
    try SocketSettings.check(address)
    waker = try Waker()
    context = try ZeroMQContext()
    let dealer = try ZeroMQSocket(ZMQ_DEALER, in: context)
    try SocketSettings.apply(to: dealer, largestMessageBytes: WireLimits.messageBytes)
    try dealer.set(ZMQ_RECONNECT_IVL, SocketSettings.firstReconnectMilliseconds)
    try dealer.set(ZMQ_RECONNECT_IVL_MAX, SocketSettings.lastReconnectMilliseconds)
    try dealer.set(ZMQ_CURVE_SERVERKEY, bytes: security.serverPublicKey.bytes)
    try dealer.set(ZMQ_CURVE_PUBLICKEY, bytes: security.keyPair.publicKey.bytes)
    try dealer.set(ZMQ_CURVE_SECRETKEY, bytes: security.keyPair.secretKey.bytes)
    try dealer.monitor(ConnectionState.monitoredEvents, at: Self.monitorAddress)
    let events = try ZeroMQSocket(ZMQ_PAIR, in: context)
    try events.set(ZMQ_LINGER, 0 as Int32)
    try events.connect(Self.monitorAddress)
    try dealer.connect(address)
    sockets = Mutex(Sockets(dealer: dealer, events: events, address: address))
  }

  /// How far the connection is; up to date after each `receive`.
  public var connection: ConnectionState {
    sockets.withLock { sockets in
      guard let open = sockets.take() else { return .connecting }
      let state = open.state
      sockets = consume open
      return state
    }
  }

  /// Begins anew to connect to the same address: ZeroMQ gives up where the other side's keys do not fit, and they may be
  /// changed. What was sent and not delivered is lost.
  ///
  /// - Throws: `MessagingError.closed`, or `.badAddress` where the address has become none.
  public func beginAnew() throws(MessagingError) {
    try change { open throws(MessagingError) in
      open.dealer.disconnect(open.address)
      try open.dealer.connect(open.address)
      open.state = .connecting
    }
  }

  private func change<Value>(
    _ body: (inout Sockets) throws(MessagingError) -> Value
  ) throws(MessagingError) -> Value {
    try sockets.withLock { sockets throws(MessagingError) in
      guard var open = sockets.take() else { throw .closed }
      let result: Result<Value, MessagingError>
      do throws(MessagingError) { result = .success(try body(&open)) } catch { result = .failure(error) }
      sockets = consume open
      return try result.get()
    }
  }

  /// Leaves the address that it connects to for another one. What was sent and not delivered is lost.
  ///
  /// - Throws: `MessagingError.badAddress`, with which the endpoint stays where it is, or `.closed`.
  public func reconnect(to other: String) throws(MessagingError) {
    try SocketSettings.check(other)
    try change { open throws(MessagingError) in
      try open.dealer.connect(other)
      open.dealer.disconnect(open.address)
      open.address = other
      open.state = .connecting
    }
  }

  deinit { close() }

  /// Waits for a message for at most `timeout`, forever if nil.
  ///
  /// - Returns: the next message, or why it is not believed; nil when the time is over, or ``waker`` was used and
  ///   there is none.
  /// - Throws: `MessagingError.closed` or `.system`.
  public func receive(timeout: Duration?) throws(MessagingError) -> Result<WireMessage, WireError>? {
    let frames = try change { open throws(MessagingError) in try open.receive(waker, timeout) }
    guard let frames else { return nil }
    guard frames.count == 1 else { return .failure(.malformed) }
    return Result { () throws(WireError) in try WireMessage(decoding: frames[0]) }
  }

  /// Hands a message over to ZeroMQ, which keeps it until the coordinator is there. Never waits.
  ///
  /// - Returns: `.sent`, or `.full` when too many messages wait.
  /// - Throws: `MessagingError.invalidMessage`, `.closed` or `.system`.
  public func send(_ message: WireMessage) throws(MessagingError) -> SendOutcome {
    let frame = try message.frame()
    return try change { open throws(MessagingError) in try open.dealer.send([frame]) }
  }

  /// Ends the connection, after what was sent is on its way or two seconds are over. Waits for a `receive` to return.
  public func close() {
    waker.wake()
    sockets.withLock { $0 = nil }
    context.end()
  }
}
