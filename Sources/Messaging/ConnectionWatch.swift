import CZeroMQ
import Foundation

/// How far a worker's connection is, as ZeroMQ's events tell it (zmq_socket_monitor(3)).
public enum ConnectionState: Sendable, Equatable {
  /// Nobody has taken the connection yet, or it was lost.
  case connecting
  /// Somebody took it, and has not proved yet that it is the coordinator.
  case greeting
  /// Both sides have proved who they are.
  case established
  /// The coordinator does not let this worker's key in.
  case keyRefused
  /// Who took it is not the coordinator whose public key this worker has, or no gauntlet at all.
  case stranger

  /// Whether ZeroMQ gives up on the connection, so that it has to be begun anew.
  public var isGivenUp: Bool { self == .keyRefused || self == .stranger }

  static let monitoredEvents =
    ZMQ_EVENT_CONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH
    | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL

  /// The state after an event.
  func after(_ event: Int32) -> ConnectionState {
    switch event {
    case ZMQ_EVENT_CONNECTED: isGivenUp ? self : .greeting
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: .established
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: .keyRefused
    // A coordinator that cannot read this side's greeting hangs up without a word. What is known of a key stays known.
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL, ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
      self == .keyRefused ? self : .stranger
    case ZMQ_EVENT_DISCONNECTED: self == .greeting ? .stranger : isGivenUp ? self : .connecting
    default: self
    }
  }

  /// The kind of a monitor's event: the first 16 bits of its first frame.
  static func event(_ frames: [Data]) -> Int32? {
    frames.first.flatMap { $0.count < 2 ? nil : $0.withUnsafeBytes { Int32($0.loadUnaligned(as: UInt16.self)) } }
  }
}

/// Why nobody answers at an address, found out by asking the system as ZeroMQ does, which does not tell.
public enum ReachabilityProblem: Sendable, Equatable, CustomStringConvertible {
  /// The host has no address.
  case unresolved(host: String, reason: String)
  /// The connection is not taken.
  case refused(address: String, reason: String)
  /// There is no such socket on this machine.
  case noSocket(path: String)

  /// What was found and what to do.
  public var description: String {
    switch self {
    case .unresolved(let host, let reason):
      "the coordinator's host \(host) cannot be resolved here (\(reason)); start the coordinator with --listen "
        + "tcp://ADDRESS:PORT, an address that this machine can reach"
    case .refused(let address, let reason):
      "cannot connect to \(address) (\(reason)); is the coordinator running there, and does the firewall allow "
        + "this machine?"
    case .noSocket(let path):
      "no such socket on this machine: \(path); the coordinator has stopped, or runs on another machine and needs "
        + "--listen tcp://0.0.0.0:PORT"
    }
  }

  /// Tries an address; nil where somebody takes the connection, or nothing can be said. Takes seconds at most where the
  /// network drops what it is sent, longer where a name server is silent.
  public static func find(at address: String) -> ReachabilityProblem? {
    if address.hasPrefix("ipc://") {
      let path = String(address.dropFirst("ipc://".count))
      return FileManager.default.fileExists(atPath: path) ? nil : .noSocket(path: path)
    }
    guard address.hasPrefix("tcp://") else { return nil }
    let place = address.dropFirst("tcp://".count)
    guard let colon = place.lastIndex(of: ":") else { return nil }
    // What stands before a semicolon is this side's own address.
    let host = (place[..<colon].split(separator: ";").last ?? "").trimmingCharacters(
      in: CharacterSet(charactersIn: "[]"))
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var first: UnsafeMutablePointer<addrinfo>?
    let status = getaddrinfo(host, String(place[place.index(after: colon)...]), &hints, &first)
    guard status == 0 else { return .unresolved(host: host, reason: String(cString: gai_strerror(status))) }
    defer { freeaddrinfo(first) }
    var reason: Int32 = 0
    for candidate in sequence(first: first, next: { $0?.pointee.ai_next }) {
      guard let candidate else { break }
      reason = knock(at: candidate.pointee)
      if reason == 0 { return nil }
    }
    return reason == 0 ? nil : .refused(address: address, reason: String(cString: strerror(reason)))
  }

  /// The error number of a connection that is closed at once; 0 where it is taken.
  private static func knock(at place: addrinfo) -> Int32 {
    let descriptor = socket(place.ai_family, place.ai_socktype | Int32(SOCK_CLOEXEC.rawValue), place.ai_protocol)
    guard descriptor >= 0 else { return errno }
    defer { close(descriptor) }
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    guard connect(descriptor, place.ai_addr, place.ai_addrlen) != 0 else { return 0 }
    guard errno == EINPROGRESS else { return errno }
    var item = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    guard poll(&item, 1, 3_000) > 0 else { return ETIMEDOUT }
    var code: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) == 0 else { return errno }
    return code
  }
}
