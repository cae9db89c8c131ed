import Durable
import Foundation
import Planning

/// Where a run's coordinator listens, as its run folder says while it runs, or that it has ended its work.
public struct CoordinatorEndpoint: Sendable, Codable, Equatable {
  /// `tcp://ADDRESS:PORT` or `ipc://PATH`; nil where the run is done.
  public let address: String?
  /// The run that it coordinates.
  public let runID: String
  /// The machine that it runs on; nil where it does not say.
  public let host: String?

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

  /// Why this machine cannot reach the coordinator, where the address shows that: it is one of another machine's own.
  public func unreachable(from own: String = ProcessInfo.processInfo.hostName) -> String? {
    guard let address, let host, host != own else { return nil }
    let place = address.dropFirst("tcp://".count)
    let isLoopback = ["127.", "localhost:", "[::1]:", "[::ffff:127."].contains(where: place.hasPrefix)
    guard address.hasPrefix("ipc://") || (address.hasPrefix("tcp://") && isLoopback) else { return nil }
    return "the coordinator listens at \(address) on \(host), which only processes on \(host) can reach, and this is "
      + "\(own); start it with --listen tcp://0.0.0.0:PORT"
  }

  init(address: String?, runID: String, host: String? = ProcessInfo.processInfo.hostName) {
    self.address = address
    self.runID = runID
    self.host = host
  }

  func write(to folder: RunFolder) throws {
    try DurableFile.write(try JSONEncoder().encode(self), to: folder.endpoint)
  }

  /// Waits until a coordinator says where it listens, or that the run is done; the folder may be on a file system of the
  /// network, and need not be there yet. Where the last coordinator left word that it failed, and no other one comes within half a minute, it gives up.
  ///
  /// - Parameter tell: told what is waited for: after two seconds, and then less and less often.
  /// - Throws: `CoordinationError.noCoordinator` or `.coordinatorFailed`, or `FileError` where the folder may not be looked
  ///   into.
  public static func wait(
    in folder: RunFolder, seconds: Int, tell: (String) -> Void = { _ in }
  ) throws -> CoordinatorEndpoint {
    let start = ContinuousClock.now
    var nextWord = Duration.seconds(2)
    while true {
      if let endpoint = CoordinatorEndpoint(in: folder) { return endpoint }
      _ = try folder.hasPlan()
      let waited = ContinuousClock.now - start
      let failure = CoordinatorFailure(in: folder)
      if let failure, waited >= .seconds(min(seconds, failureGraceSeconds)) {
        throw CoordinationError.coordinatorFailed(failure)
      }
      guard waited < .seconds(seconds) else {
        throw CoordinationError.noCoordinator(folder: folder.path, seconds: seconds)
      }
      if waited >= nextWord {
        nextWord = max(.seconds(60), waited * 2)
        tell(
          failure.map { "\($0); waiting \(failureGraceSeconds) s for another" }
            ?? "waiting up to \(seconds) s for a coordinator of \(folder.path) to publish its address in coordinator.json"
        )
      }
      usleep(50_000)
    }
  }

  /// How long another coordinator may take to come where the last one failed.
  private static let failureGraceSeconds = 30
}
