import Foundation
import Listening
import Logging
import NIOCore
import NIOPosix

/// What stands between the network and ZeroMQ, which bounds neither connections nor what they say before they have shown a
/// key: the coordinator's address is the door's, and ZeroMQ listens behind it, where only the door reaches it. See
/// `docs/security.md` for what it refuses.
final class Door: Sendable {
  /// Where it listens, with the port that the system chose for `*`.
  let address: String
  private let thread: EventThread
  private let listener: any Channel
  private let floor: NIOLoopBound<DoorFloor>
  private let refusals: RefusalLog
  private let socketFile: SocketFile?

  /// A dead machine is noticed after the idle time and the probes: 60 + 4 * 15 seconds.
  private static let keepAlive: [(option: Int32, value: Int)] = [
    (TCP_KEEPIDLE, 60), (TCP_KEEPINTVL, 15), (TCP_KEEPCNT, 4),
  ]

  /// Listens at `tcp://ADDRESS:PORT` or `ipc://PATH`.
  init(
    at address: String, before backSocket: BackSocket, limits: DoorLimits, admissions: Admissions,
    authorized: AuthorizedKeys, logger: Logger
  ) throws(MessagingError) {
    let place = try DoorPlace(address)
    let socket = try place.listen(for: address)
    socketFile = place.path.flatMap(SocketFile.init)
    let refusals = RefusalLog(logger)
    let thread = EventThread()
    let isNetwork = place.path == nil
    do {
      floor = try thread.loop.submit {
        let floor = DoorFloor(
          thread.loop, backSocket, limits: limits, admissions: admissions, authorized: authorized, refusals: refusals,
          logger: logger)
        return NIOLoopBound(floor, eventLoop: thread.loop)
      }.wait()
      listener = try thread.accept(at: socket) { [floor] client in
        if isNetwork { try Self.tuneNetwork(client) }
        try Self.tune(client)
        try floor.value.arrive(client)
      }
      self.address = place.path == nil ? Self.text(listener.localAddress, or: address) : address
    } catch {
      thread.stop()
      throw .system(call: "listening at \(address)", reason: "\(error)")
    }
    self.thread = thread
    self.refusals = refusals
    thread.loop.scheduleRepeatedTask(initialDelay: limits.sweep, delay: limits.sweep) { [floor] _ in floor.value.sweep()
    }
  }

  /// Connections that were refused until now.
  var refusedCount: Int { refusals.count }

  /// What ZeroMQ was given of all connections that are let in, and the coordinator has not received.
  func unreceivedBytes() throws -> Int { try thread.loop.submit { [floor] in floor.value.unreceivedBytes }.wait() }

  /// Takes no connection any more; those that there are stay.
  func stopListening() {
    try? listener.close().wait()
    socketFile?.remove()
  }

  /// Waits for what is on the way to clients, for two seconds at most, and closes everything.
  func close() {
    try? thread.loop.flatSubmit { [floor] in floor.value.empty() }.wait()
    thread.stop()
  }

  // MARK: Settings

  /// How much is read at a time, and how much may wait to be written before no more is read. Each connection keeps a buffer
  /// as large as it had use for.
  private static let readBytes = (least: 512, most: 65_536)
  private static let waitingBytes = ChannelOptions.Types.WriteBufferWaterMark(low: 65_536, high: 262_144)

  static func tune(_ bootstrap: ClientBootstrap) -> ClientBootstrap {
    bootstrap
      .channelOption(.recvAllocator, value: allocator)
      .channelOption(.maxMessagesPerRead, value: 1)
      .channelOption(.writeBufferWaterMark, value: waitingBytes)
  }

  private static func tune(_ client: any Channel) throws {
    guard let options = client.syncOptions else { return }
    try options.setOption(.recvAllocator, value: allocator)
    try options.setOption(.maxMessagesPerRead, value: 1)
    try options.setOption(.writeBufferWaterMark, value: waitingBytes)
  }

  private static var allocator: AdaptiveRecvByteBufferAllocator {
    AdaptiveRecvByteBufferAllocator(minimum: readBytes.least, initial: readBytes.least, maximum: readBytes.most)
  }

  private static func tuneNetwork(_ client: any Channel) throws {
    guard let options = client.syncOptions else { return }
    try options.setOption(.tcpOption(.tcp_nodelay), value: 1)
    try options.setOption(.socketOption(.so_keepalive), value: 1)
    for (option, value) in keepAlive { try options.setOption(.tcpOption(.init(rawValue: option)), value: value) }
  }

  private static func text(_ address: SocketAddress?, or given: String) -> String {
    guard let address, let ip = address.ipAddress, let port = address.port else { return given }
    return ip.contains(":") ? "tcp://[\(ip)]:\(port)" : "tcp://\(ip):\(port)"
  }
}

/// An address of the door, read as ZeroMQ does.
private struct DoorPlace {
  /// Of a Unix socket.
  let path: String?
  private let host: String
  private let port: UInt16

  init(_ address: String) throws(MessagingError) {
    if address.hasPrefix("ipc://") {
      (path, host, port) = (String(address.dropFirst("ipc://".count)), "", 0)
      return
    }
    guard address.hasPrefix("tcp://") else { throw .badAddress(address, reason: "it is neither tcp nor ipc") }
    let place = address.dropFirst("tcp://".count)
    guard let colon = place.lastIndex(of: ":") else { throw .badAddress(address, reason: "it has no port") }
    let number = place[place.index(after: colon)...]
    guard let port = number == "*" ? 0 : UInt16(number) else {
      throw .badAddress(address, reason: "its port is not a number up to 65535")
    }
    var host = place[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    (path, self.host, self.port) = (nil, String(host), port)
  }

  func listen(for address: String) throws(MessagingError) -> ListeningSocket {
    do throws(ListeningSocket.Failure) {
      if let path { return try .unix(path: path) }
      return try .tcp(host: host, port: port)
    } catch {
      throw error.code == EADDRINUSE ? .addressInUse(address) : .badAddress(address, reason: error.reason)
    }
  }
}

/// The file of a Unix socket, which goes when nobody listens any more, unless it is another's by then.
private struct SocketFile: Sendable {
  private let path: String
  private let device: dev_t
  private let number: ino_t

  init?(_ path: String) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    (self.path, device, number) = (path, status.st_dev, status.st_ino)
  }

  func remove() {
    guard let there = SocketFile(path), there.device == device, there.number == number else { return }
    unlink(path)
  }
}
