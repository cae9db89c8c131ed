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

  private let socket: Mutex<ZeroMQSocket?>
  private let address: Mutex<String>
  private let context: ZeroMQContext

  /// Begins to connect to `tcp://HOST:PORT` or `ipc://PATH`; nobody needs to listen there yet.
  ///
  /// - Parameter workerID: the name by which the coordinator sends to this worker, 1 to 255 bytes. If another
  ///   connection has it, this one takes its place.
  /// - Throws: `MessagingError.badAddress`, `.badWorkerID` or `.system`.
  public init(connect address: String, workerID: String, security: ClientSecurity) throws(MessagingError) {
    try SocketSettings.check(address)
    let identity = Array(workerID.utf8)
    guard let first = identity.first, first != 0, identity.count <= WireLimits.workerIDBytes else {
      throw .badWorkerID(workerID)
    }
    waker = try Waker()
    context = try ZeroMQContext()
    let dealer = try ZeroMQSocket(ZMQ_DEALER, in: context)
    try SocketSettings.apply(to: dealer, largestMessageBytes: WireLimits.messageBytes)
    try dealer.set(ZMQ_ROUTING_ID, bytes: identity)
    try dealer.set(ZMQ_RECONNECT_IVL, SocketSettings.firstReconnectMilliseconds)
    try dealer.set(ZMQ_RECONNECT_IVL_MAX, SocketSettings.lastReconnectMilliseconds)
    try dealer.set(ZMQ_CURVE_SERVERKEY, bytes: security.serverPublicKey.bytes)
    try dealer.set(ZMQ_CURVE_PUBLICKEY, bytes: security.keyPair.publicKey.bytes)
    try dealer.set(ZMQ_CURVE_SECRETKEY, bytes: security.keyPair.secretKey.bytes)
    try dealer.connect(address)
    socket = Mutex(dealer)
    self.address = Mutex(address)
  }

  /// Leaves the address that it connects to for another one. What was sent and not delivered is lost.
  ///
  /// - Throws: `MessagingError.badAddress`, with which the endpoint stays where it is, or `.closed`.
  public func reconnect(to other: String) throws(MessagingError) {
    try SocketSettings.check(other)
    let current = address.withLock { $0 }
    try socket.withLock { socket throws(MessagingError) in
      guard try socket?.connect(other) != nil else { throw .closed }
      socket?.disconnect(current)
    }
    address.withLock { $0 = other }
  }

  deinit { close() }

  /// Waits for a message for at most `timeout`, forever if nil.
  ///
  /// - Returns: the next message, or why it is not believed; nil when the time is over, or ``waker`` was used and
  ///   there is none.
  /// - Throws: `MessagingError.closed` or `.system`.
  public func receive(timeout: Duration?) throws(MessagingError) -> Result<WireMessage, WireError>? {
    let frames = try socket.withLock { socket throws(MessagingError) in
      try SocketSettings.receive(&socket, frames: 2, waker, timeout)
    }
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
    return try socket.withLock { socket throws(MessagingError) in try SocketSettings.send(&socket, [frame]) }
  }

  /// Ends the connection, after what was sent is on its way or two seconds are over. Waits for a `receive` to return.
  public func close() {
    waker.wake()
    socket.withLock { $0 = nil }
    context.end()
  }
}
