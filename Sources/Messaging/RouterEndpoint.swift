import CZeroMQ
import Foundation
import Listening
import Logging
import Synchronization

/// A connection, by the number that ZeroMQ gave it. A worker that connects again has another one.
public struct PeerID: Sendable, Hashable, CustomStringConvertible {
  let bytes: [UInt8]

  init(bytes: [UInt8]) { self.bytes = bytes }

  /// A connection of a number, for tests that have no sockets.
  package init(number: UInt32) {
    bytes = [0] + (0..<4).reversed().map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
  }

  /// ZeroMQ's number, in hexadecimal.
  public var description: String {
    "connection " + bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
  }
}

/// The coordinator's end: workers connect to it. Every connection is encrypted, and only authorized keys get in.
///
/// It is meant for one thread; a second one that calls it waits for the first. To end another thread's waiting, use
/// ``waker``.
public final class RouterEndpoint: Sendable {
  /// What came in.
  public struct Received: Sendable, Equatable {
    /// Who sent it.
    public let peer: PeerID
    /// The authorized key that its connection was let in with.
    public let key: CurvePublicKey
    /// The message, or why it is not believed.
    public let message: Result<WireMessage, WireError>

    package init(peer: PeerID, key: CurvePublicKey, message: Result<WireMessage, WireError>) {
      self.peer = peer
      self.key = key
      self.message = message
    }
  }

  /// Where the endpoint listens, with the port that the system chose for `*`.
  public let boundAddress: String

  /// Ends the waiting in ``receive(timeout:)``.
  public let waker: Waker

  private let socket: Mutex<ZeroMQSocket?>
  private let context: ZeroMQContext
  private let gatekeeper: Gatekeeper
  private let admissions: Admissions
  private let authorized: AuthorizedKeys
  private let door: Door

  /// Listens at `tcp://ADDRESS:PORT`, where PORT may be `*`, or `ipc://PATH`.
  ///
  /// - Throws: `MessagingError.addressInUse`, `.badAddress` or `.system`.
  public convenience init(
    bind address: String, security: ServerSecurity, logger: Logger
  ) throws(MessagingError) {
    try self.init(
      bind: address, security: security, logger: logger,
      limits: DoorLimits(descriptors: OpenFiles.limit, largestMessageBytes: WireLimits.messageBytes),
      largestMessageBytes: WireLimits.messageBytes)
  }

  package init(
    bind address: String, security: ServerSecurity, logger: Logger, limits: DoorLimits, largestMessageBytes: Int
  ) throws(MessagingError) {
    waker = try Waker()
    context = try ZeroMQContext()
    authorized = security.authorizedClients
    admissions = Admissions()
    gatekeeper = try Gatekeeper(context, authorized: authorized, admissions: admissions, logger: logger)
    do throws(MessagingError) {
      let router = try ZeroMQSocket(ZMQ_ROUTER, in: context)
      let backSocket = try Self.prepare(router, security.secretKey, largestMessageBytes)
      door = try Door(
        at: address, before: backSocket, limits: limits, admissions: admissions, authorized: authorized,
        logger: logger)
      boundAddress = door.address
      socket = Mutex(router)
    } catch {
      context.interrupt()
      gatekeeper.waitForEnd()
      context.end()
      throw error
    }
  }

  private static func prepare(
    _ router: borrowing ZeroMQSocket, _ secretKey: CurveSecretKey, _ largestMessageBytes: Int
  ) throws(MessagingError) -> BackSocket {
    try SocketSettings.apply(to: router, largestMessageBytes: largestMessageBytes)
    try router.set(ZMQ_ROUTER_MANDATORY, 1 as Int32)
    try router.set(ZMQ_ZAP_DOMAIN, bytes: Array(Gatekeeper.domain.utf8))
    try router.set(ZMQ_CURVE_SERVER, 1 as Int32)
    try router.set(ZMQ_CURVE_SECRETKEY, bytes: secretKey.bytes)
    // The door watches the time. A connection that ZeroMQ gave up in the middle of its question to the gatekeeper would
    // leave an answer that is taken for the next one's.
    try router.set(ZMQ_HANDSHAKE_IVL, 0 as Int32)
    try router.set(ZMQ_BACKLOG, 4_096 as Int32)
    return try BackSocket { path throws(MessagingError) in _ = try router.bind(path) }
  }

  deinit { close() }

  /// Connections that were refused because of their keys or because they are no worker's.
  public var refusedConnections: Int { door.refusedCount }

  /// Bytes of all connections that ZeroMQ was given and that were not received.
  package func unreceivedBytes() throws -> Int { try door.unreceivedBytes() }

  /// Waits for a message for at most `timeout`, forever if nil.
  ///
  /// - Returns: the next message; nil when the time is over, or ``waker`` was used and there is none.
  /// - Throws: `MessagingError.closed` or `.system`.
  public func receive(timeout: Duration?) throws(MessagingError) -> Received? {
    let deadline = timeout.map { ContinuousClock.now + $0 }
    while true {
      let left = deadline.map { max(.zero, $0 - .now) }
      let message = try socket.withLock { socket throws(MessagingError) in
        try SocketSettings.receive(&socket, frames: 3, waker, left) { admissions.foundNothing() }
      }
      guard let message else { return nil }
      // Nobody gets in without a name from the gatekeeper.
      guard let sender = admissions.sender(message.sender) else {
        throw .system(call: "zmq_msg_gets", reason: "the installed libzmq does not identify a message's sender")
      }
      sender.meter?.add(message.wireBytes)
      // What a key sent before it was revoked, and its connection closed, may still be on its way.
      guard sender.meter != nil || authorized.contains(sender.key) else { continue }
      let peer = PeerID(bytes: Array(message.frames[0]))
      guard message.frames.count == 2 else {
        return Received(peer: peer, key: sender.key, message: .failure(.malformed))
      }
      return Received(
        peer: peer, key: sender.key,
        message: Result { () throws(WireError) in try WireMessage(decoding: message.frames[1]) })
    }
  }

  /// Hands a message over to ZeroMQ. Never waits.
  ///
  /// - Throws: `MessagingError.invalidMessage`, `.closed` or `.system`.
  public func send(_ message: WireMessage, to peer: PeerID) throws(MessagingError) -> SendOutcome {
    let frame = try message.frame()
    return try socket.withLock { socket throws(MessagingError) in
      try SocketSettings.send(&socket, [Data(peer.bytes), frame])
    }
  }

  /// Stops listening, after what was sent is on its way or two seconds are over. Waits for a `receive` to return.
  public func close() {
    waker.wake()
    let wasOpen = socket.withLock { socket in
      guard socket != nil else { return false }
      socket = nil
      return true
    }
    guard wasOpen else { return }
    door.stopListening()
    context.interrupt()
    gatekeeper.waitForEnd()
    context.end()
    door.close()
  }
}
