import Durable
import Foundation
import Planning

/// Where a run's coordinator listens, as its run folder says while it runs, or that it has ended its work.
public struct CoordinatorEndpoint: Sendable, Codable, Equatable {
  /// `tcp://ADDRESS:PORT` or `ipc://PATH`; nil where the run is done.
  public let address: String?
  /// The run that it coordinates.
  public let runID: String

  /// What a run folder says at the moment.
  public init?(in folder: RunFolder) {
    guard let data = FileManager.default.contents(atPath: folder.endpoint),
      let endpoint = try? JSONDecoder().decode(CoordinatorEndpoint.self, from: data)
    else { return nil }
    self = endpoint
  }

  /// The machine that it says it listens on, where that is another one than this; nil where it is this one, or not told.
  public var otherHost: String? {
    guard let address, address.hasPrefix("tcp://") else { return nil }
    let place = address.dropFirst("tcp://".count)
    guard let colon = place.lastIndex(of: ":") else { return nil }
    // [::ffff:10.0.0.1] is an IPv4 address as a socket for both kinds tells it.
    let host = place[..<colon].trimmingCharacters(in: CharacterSet(charactersIn: "[]")).replacing("::ffff:", with: "")
    let isOwn =
      host.hasPrefix("127.") || ["localhost", ProcessInfo.processInfo.hostName].contains(host)
      || Self.ownAddresses().contains(host)
    return isOwn ? nil : host
  }

  /// The addresses of this machine's network interfaces, as text.
  private static func ownAddresses() -> Set<String> {
    var first: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&first) == 0 else { return [] }
    defer { freeifaddrs(first) }
    var addresses: Set<String> = []
    for interface in sequence(first: first, next: { $0?.pointee.ifa_next }) {
      guard let address = interface?.pointee.ifa_addr else { continue }
      let isLong = Int32(address.pointee.sa_family) == AF_INET6
      guard isLong || Int32(address.pointee.sa_family) == AF_INET else { continue }
      let length = isLong ? MemoryLayout<sockaddr_in6>.size : MemoryLayout<sockaddr_in>.size
      var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
      guard getnameinfo(address, socklen_t(length), &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0 else {
        continue
      }
      addresses.insert(String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
    }
    return addresses
  }

  init(address: String?, runID: String) {
    self.address = address
    self.runID = runID
  }

  func write(to folder: RunFolder) throws {
    try DurableFile.write(try JSONEncoder().encode(self), to: folder.endpoint)
  }

  /// Waits until a coordinator says where it listens, or that the run is done; the folder may be on a file system of the
  /// network, and need not be there yet.
  ///
  /// - Parameter onWait: called once where it has to wait.
  /// - Throws: `CoordinationError.noCoordinator`, or `FileError` where the folder may not be looked into.
  public static func wait(
    in folder: RunFolder, seconds: Int, onWait: () -> Void = {}
  ) throws -> CoordinatorEndpoint {
    let end = ContinuousClock.now + .seconds(seconds)
    var isFirst = true
    while true {
      if let endpoint = CoordinatorEndpoint(in: folder) { return endpoint }
      _ = try folder.hasPlan()
      guard ContinuousClock.now < end else {
        throw CoordinationError.noCoordinator(folder: folder.path, seconds: seconds)
      }
      if isFirst { onWait() }
      isFirst = false
      usleep(50_000)
    }
  }
}
