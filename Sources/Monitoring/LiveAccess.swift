import Foundation
import NIOCore

/// Who may see a live page: whoever is on this machine where it listens there alone, otherwise who has its token.
public struct LiveAccess: Sendable {
  /// A secret of 256 bits in hexadecimal digits; nil where none is asked for.
  public let token: String?

  /// What a place needs.
  ///
  /// - Parameter former: a token that was drawn before, which viewers have; a malformed one is not taken.
  public init(at place: MonitoringServer.Place, former: String? = nil) {
    guard !place.isLoopback else {
      token = nil
      return
    }
    token = former.flatMap { Self.isToken($0) ? $0 : nil } ?? Self.drawn()
  }

  private static let bytes = 32

  private static func drawn() -> String {
    // The system's own random numbers.
    var random = SystemRandomNumberGenerator()
    return (0..<bytes).map { _ in String(format: "%02x", UInt8.random(in: 0...255, using: &random)) }.joined()
  }

  private static func isToken(_ text: String) -> Bool {
    text.utf8.count == 2 * bytes && text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
  }

  /// Why a request is not answered.
  enum Refusal: Equatable {
    /// It has no token.
    case missing
    /// It has another token.
    case wrong
    /// It asks for another host's page: a page of a stranger whose name was made to lead here would.
    case foreign
  }

  /// Whether a request is refused.
  ///
  /// - Parameters:
  ///   - uri: as the request has it; the token is its query's `token`.
  ///   - host: the request's header.
  func refusal(uri: String, host: String?) -> Refusal? {
    guard let token else { return Self.isOwn(host) ? nil : .foreign }
    let query = uri.split(separator: "?", maxSplits: 1).dropFirst().first ?? ""
    let given = query.split(separator: "&").first { $0.hasPrefix("token=") }?.dropFirst("token=".count)
    guard let given, !given.isEmpty else { return .missing }
    return Self.agree(Array(given.utf8), Array(token.utf8)) ? nil : .wrong
  }

  /// Looks at every byte, whatever the first ones are, so that the time tells nothing.
  package static func agree(_ given: [UInt8], _ wanted: [UInt8]) -> Bool {
    var difference = UInt8(given.count == wanted.count ? 0 : 1)
    for place in wanted.indices { difference |= wanted[place] ^ (place < given.count ? given[place] : 0) }
    return difference == 0
  }

  /// Names that cannot be made to lead elsewhere: addresses, and `localhost`. A client without the header is no browser.
  private static func isOwn(_ header: String?) -> Bool {
    guard let header else { return true }
    var host = header[...]
    if host.hasPrefix("[") {
      host = host.dropFirst().prefix { $0 != "]" }
    } else if let colon = host.lastIndex(of: ":") {
      host = host[..<colon]
    }
    return host.lowercased() == "localhost" || (try? SocketAddress(ipAddress: String(host), port: 0)) != nil
  }
}
