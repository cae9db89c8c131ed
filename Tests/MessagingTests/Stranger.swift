import Foundation
import Testing

/// A connection that says what it likes, without ZeroMQ. What never comes is waited for for a minute.
final class Stranger {
  struct Broken: Error {}

  private let descriptor: Int32

  private init(_ descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  /// Connects to `tcp://127.0.0.1:PORT`.
  convenience init(_ address: String) throws {
    let port = try #require(address.split(separator: ":").last.flatMap { UInt16($0) })
    self.init(socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
    let status = Self.withLoopback(port) { connect(descriptor, $0, $1) }
    guard status == 0 else { throw Broken() }
    setPatience()
  }

  private func setPatience() {
    var patience = timeval(tv_sec: 60, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
  }

  private static func withLoopback<Value>(
    _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Value
  ) -> Value {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
  }

  /// Sends all of it, or as much as the other side takes before it hangs up.
  func send(_ bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }

  func send(_ text: String) { send(Array(text.utf8)) }

  /// The next so many bytes.
  func read(_ count: Int) throws -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: count)
    while bytes.count < count {
      let more = recv(descriptor, &buffer, count - bytes.count, 0)
      guard more > 0 else { throw Broken() }
      bytes += buffer[..<more]
    }
    return bytes
  }

  /// Whether the other side hangs up, whatever it says before.
  func isHungUp() -> Bool {
    var buffer = [UInt8](repeating: 0, count: 4_096)
    while true {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      if count == 0 || (count < 0 && errno == ECONNRESET) { return true }
      if count < 0 { return false }
    }
  }

  /// Waits at a port of its own for one connection.
  struct Listener: ~Copyable {
    let address: String
    private let descriptor: Int32

    init() throws {
      let end = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      guard Stranger.withLoopback(0, { bind(end, $0, $1) }) == 0, listen(end, 1) == 0 else { throw Broken() }
      var place = sockaddr_in()
      var size = socklen_t(MemoryLayout<sockaddr_in>.size)
      withUnsafeMutablePointer(to: &place) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(end, $0, &size) }
      }
      descriptor = end
      address = "tcp://127.0.0.1:\(UInt16(bigEndian: place.sin_port))"
    }

    deinit { close(descriptor) }

    func accept() throws -> Stranger {
      let end = Foundation.accept(descriptor, nil, nil)
      guard end >= 0 else { throw Broken() }
      let stranger = Stranger(end)
      stranger.setPatience()
      return stranger
    }
  }
}
