import Durable
import Foundation
import Listening
import NIOCore
import NIOHTTP1

/// Serves `/metrics`, `/healthz` and a live page over HTTP for as long as it lives, on a thread of its own.
///
/// All only read. There is no encryption, and for metrics nobody is asked who they are: listen where the monitoring alone reaches. Whoever
/// does reach it takes no more than a few dozen connections of some kilobytes each, none for longer than ``Limits/exchange``
/// without having got an answer whole.
public final class MonitoringServer: Sendable {
  /// Where to listen, from `ADDRESS:PORT` or `[ADDRESS]:PORT`; nil for text that says no such thing.
  public struct Place: Sendable, Equatable {
    let address: String
    let port: UInt16

    /// Reads the text of an option.
    public init?(_ text: String) {
      guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
        return nil
      }
      let address = text[..<colon].trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
      guard !address.isEmpty else { return nil }
      self.address = address
      self.port = port
    }

    private init(address: String, port: UInt16) { (self.address, self.port) = (address, port) }

    /// A port of this machine that other machines do not reach; 0 is one that is free.
    public static func loopback(port: UInt16) -> Place { Place(address: "127.0.0.1", port: port) }

    /// Whether only this machine reaches it.
    public var isLoopback: Bool { address.hasPrefix("127.") || address == "::1" }

    /// Whether any free port will do.
    public var takesAnyPort: Bool { port == 0 }

    /// The same address, another port.
    public func with(port: UInt16) -> Place { Place(address: address, port: port) }

    /// The host of an address for those who may sit on another machine: of "every address" this machine's name.
    public var reachableHost: String {
      if ["0.0.0.0", "::"].contains(address) { return ProcessInfo.processInfo.hostName }
      return address.contains(":") ? "[\(address)]" : address
    }
  }

  /// What the server takes upon itself.
  package struct Limits: Sendable {
    /// Connections at once. Where another one comes, that goes which its origin opened first.
    package var connections: Int
    /// How long a connection may take from one whole answer to the next, waiting for a request included.
    package var exchange = TimeAmount.seconds(10)
    /// The most bytes of a request's first line and its headers.
    package var headBytes = 8_192
    /// How long a page of metrics is given again before it is made anew.
    package var pageAge = TimeAmount.seconds(1)
    /// How long a state of the run is shown before there is a new one.
    package var frameAge = TimeAmount.seconds(2)
    /// Viewers of the live page at once, each of which is one of the connections.
    package var viewers: Int
    /// How often the clock is looked at.
    package var sweep = TimeAmount.milliseconds(250)

    /// The limits of a process that may have so many descriptors.
    package init(descriptors: Int) {
      connections = max(4, min(64, descriptors / 16))
      viewers = max(2, connections / 4)
    }
  }

  /// Why it cannot listen.
  public struct CannotListen: Error, CustomStringConvertible {
    /// What was tried, and what came of it.
    public let description: String
  }

  /// The port that it listens at.
  public let port: Int
  private let thread: EventThread
  private let visitors: NIOLoopBound<Visitors>

  /// Listens, and answers from then on.
  ///
  /// - Parameters:
  ///   - option: what the user calls the place, for errors.
  ///   - metrics: makes the page of `/metrics`; an error becomes status 500. nil: there is none.
  ///   - live: the live page at `/`, and who may see it; nil: there is none.
  ///   - isHealthy: whether `/healthz` has status 200, else 503.
  /// - Throws: `CannotListen`.
  public convenience init(
    at place: Place, option: String = "--metrics", metrics: (@Sendable () throws -> String)?,
    live: (source: LiveSource, access: LiveAccess)? = nil, isHealthy: @escaping @Sendable () -> Bool
  ) throws {
    try self.init(
      at: place, option: option, limits: Limits(descriptors: OpenFiles.limit),
      Contents(metrics: metrics, live: live, isHealthy: isHealthy))
  }

  package init(at place: Place, option: String = "--metrics", limits: Limits, _ contents: Contents) throws {
    guard (try? SocketAddress(ipAddress: place.address, port: 0)) != nil else {
      throw CannotListen(description: "\(option) \(place.address) is not an IP address")
    }
    let thread = EventThread()
    let loop = thread.loop
    do {
      let socket = try ListeningSocket.tcp(host: place.address, port: place.port)
      visitors = try loop.submit {
        NIOLoopBound(
          Visitors(
            loop, limits: limits,
            pages: Pages(contents, metricsAge: limits.pageAge, frameAge: limits.frameAge)),
          eventLoop: loop)
      }.wait()
      let listener = try thread.accept(at: socket) { [visitors] in try visitors.value.arrive($0) }
      port = listener.localAddress?.port ?? Int(place.port)
      loop.scheduleRepeatedTask(initialDelay: limits.sweep, delay: limits.sweep) { [visitors] _ in
        visitors.value.sweep()
      }
    } catch {
      thread.stop()
      let reason = (error as? ListeningSocket.Failure).map { FileError.reason($0.code) } ?? error.sentence
      throw CannotListen(description: "cannot listen at \(place.address):\(place.port) for \(option): \(reason)")
    }
    self.thread = thread
  }

  /// Sends the live page's viewers the run's last state, which they have when this returns, but for those that are slow.
  public func endShow() {
    try? thread.loop.flatSubmit { [visitors] in visitors.value.endShow() }.wait()
  }

  deinit { thread.stop() }

  /// How many connections there are.
  package func connectionCount() throws -> Int { try thread.loop.submit { [visitors] in visitors.value.count }.wait() }

  /// How many of them watch the live page.
  package func viewerCount() throws -> Int {
    try thread.loop.submit { [visitors] in visitors.value.viewerCount }.wait()
  }
}
