import Foundation

/// The only owner of a socket that listens.
public struct ListeningSocket: ~Copyable {
  /// Why one cannot listen: the system's number of the error, and its words.
  public struct Failure: Error, Equatable {
    /// As errno(3).
    public let code: Int32
    /// What the system says of it.
    public let reason: String

    init(_ code: Int32) { self.init(code, String(cString: strerror(code))) }

    init(_ code: Int32, _ reason: String) {
      self.code = code
      self.reason = reason
    }
  }

  /// How many connections the system takes before they are accepted.
  private static let backlog: Int32 = 4_096

  private let descriptor: Int32

  /// Gives the descriptor away, to one who closes it.
  public consuming func take() -> Int32 {
    let taken = descriptor
    discard self
    return taken
  }

  static func listenAgain(_ descriptor: Int32) { listen(descriptor, backlog) }

  private init(_ descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  /// Listens at an IP address of this machine, or at that of one of its network interfaces; at all of them for `*`.
  ///
  /// - Parameter port: zero for one that is free.
  public static func tcp(host: String, port: UInt16) throws(Failure) -> ListeningSocket {
    guard host == "*" else { return try at(resolve(host, port)) }
    do throws(Failure) { return try at(resolve("::", port)) } catch {
      // A machine without IPv6.
      guard error.code == EAFNOSUPPORT || error.code == EADDRNOTAVAIL else { throw error }
      return try at(resolve("0.0.0.0", port))
    }
  }

  /// Listens at the path of a socket, whose file is replaced, or at a name of Linux's own that begins with `@`.
  public static func unix(path: String) throws(Failure) -> ListeningSocket {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let isAbstract = path.hasPrefix("@")
    let bytes = Array(path.utf8)
    guard !bytes.isEmpty, bytes.count < MemoryLayout.size(ofValue: address.sun_path), !bytes.contains(0) else {
      throw Failure(ENAMETOOLONG)
    }
    withUnsafeMutableBytes(of: &address.sun_path) { room in
      room.copyBytes(from: bytes)
      if isAbstract { room[0] = 0 }
    }
    let length = MemoryLayout<sa_family_t>.size + bytes.count + (isAbstract ? 0 : 1)
    if !isAbstract {
      var status = stat()
      if lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK { unlink(path) }
    }
    return try at(Place(bytes: withUnsafeBytes(of: address) { Array($0.prefix(length)) }, family: AF_UNIX))
  }

  // MARK: Addresses

  private struct Place {
    var bytes: [UInt8]
    let family: Int32
  }

  private static func at(_ place: Place) throws(Failure) -> ListeningSocket {
    let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    let descriptor = socket(place.family, type, 0)
    guard descriptor >= 0 else { throw Failure(errno) }
    let open = ListeningSocket(descriptor)
    if place.family != AF_UNIX {
      open.set(SOL_SOCKET, SO_REUSEADDR, 1)
      // Both kinds of addresses at "::".
      if place.family == AF_INET6 { open.set(Int32(IPPROTO_IPV6), IPV6_V6ONLY, 0) }
    }
    let status = place.bytes.withUnsafeBytes { bytes in
      bytes.baseAddress.map { bind(descriptor, $0.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count)) }
        ?? -1
    }
    guard status == 0, listen(descriptor, backlog) == 0 else { throw Failure(errno) }
    return open
  }

  private borrowing func set(_ level: Int32, _ option: Int32, _ value: Int32) {
    var value = value
    setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
  }

  private static func resolve(_ host: String, _ port: UInt16) throws(Failure) -> Place {
    if let place = interfaceAddress(host, port) { return place }
    var hints = addrinfo()
    hints.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var first: UnsafeMutablePointer<addrinfo>?
    let status = getaddrinfo(host, "\(port)", &hints, &first)
    defer { if let first { freeaddrinfo(first) } }
    guard status == 0, let found = first?.pointee, let address = found.ai_addr else {
      throw Failure(EINVAL, "\(host.isEmpty ? "it" : host) is not an IP address")
    }
    return Place(
      bytes: Array(UnsafeRawBufferPointer(start: address, count: Int(found.ai_addrlen))), family: found.ai_family)
  }

  /// The first address of a network interface of this name, IPv4 before IPv6.
  private static func interfaceAddress(_ name: String, _ port: UInt16) -> Place? {
    var first: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&first) == 0 else { return nil }
    defer { freeifaddrs(first) }
    for (family, size) in [
      (AF_INET, MemoryLayout<sockaddr_in>.size), (AF_INET6, MemoryLayout<sockaddr_in6>.size),
    ] {
      for interface in sequence(first: first, next: { $0?.pointee.ifa_next }) {
        guard let interface, let address = interface.pointee.ifa_addr,
          String(cString: interface.pointee.ifa_name) == name,
          Int32(address.pointee.sa_family) == family
        else { continue }
        var bytes = Array(UnsafeRawBufferPointer(start: address, count: size))
        // The port stands after the family in both kinds.
        withUnsafeBytes(of: port.bigEndian) { bytes.replaceSubrange(2..<4, with: $0) }
        return Place(bytes: bytes, family: family)
      }
    }
    return nil
  }
}
