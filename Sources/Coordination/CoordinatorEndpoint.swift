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
    let host = place[..<colon]
    let own = ["127.0.0.1", "[::1]", "localhost", ProcessInfo.processInfo.hostName]
    return own.contains { $0 == host } ? nil : String(host)
  }

  init(address: String?, runID: String) {
    self.address = address
    self.runID = runID
  }

  func write(to folder: RunFolder) throws {
    try RunFolder.writeAtomically(try JSONEncoder().encode(self), to: folder.endpoint)
  }

  /// Waits until a coordinator says where it listens, or that the run is done; the folder may be on a file system of the
  /// network.
  public static func wait(in folder: RunFolder, seconds: Int) throws(CoordinationError) -> CoordinatorEndpoint {
    let end = ContinuousClock.now + .seconds(seconds)
    while true {
      if let endpoint = CoordinatorEndpoint(in: folder) { return endpoint }
      guard ContinuousClock.now < end else { throw .noCoordinator(folder: folder.path, seconds: seconds) }
      usleep(50_000)
    }
  }
}
