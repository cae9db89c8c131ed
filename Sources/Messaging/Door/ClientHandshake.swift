import NIOCore

/// What a client of ZMTP 3 with CURVE says before it is let in, as far as it can be checked without keys (ZeroMQ RFCs 23
/// and 26): a greeting, HELLO and, once WELCOME has answered that, INITIATE. Whatever else comes first is refused at its
/// first wrong byte.
package enum ClientHandshake {
  /// Signature, version, mechanism, role and filler.
  package static let greetingBytes = 64
  /// HELLO as a short command: flags, size, then its 200 bytes.
  package static let helloBytes = 2 + 200
  /// INITIATE as a long command: flags, eight bytes of size, then its own, of which the metadata may be of any length;
  /// a worker's are less than 300 bytes.
  private static let initiateHeader = 1 + 8
  private static let initiateSizes = 257...2_048

  /// What the coordinator says first, the same as ZeroMQ 4.3 does: version 3.1, CURVE.
  package static let serverGreeting: [UInt8] =
    [0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1] + mechanism + [UInt8](repeating: 0, count: 32)

  private static let mechanism = Array("CURVE".utf8) + [UInt8](repeating: 0, count: 15)
  private static let hello: [UInt8] = [0x04, 200, 5] + Array("HELLO".utf8)
  private static let initiate: [UInt8] = [8] + Array("INITIATE".utf8)

  /// Whether greeting and HELLO are whole.
  ///
  /// - Throws: `Refusal.notGauntlet` for bytes that cannot become them.
  package static func hasHello(_ bytes: ByteBufferView) throws(Refusal) -> Bool {
    guard bytes.count <= greetingBytes + helloBytes else { throw .notGauntlet }
    for (place, byte) in bytes.enumerated() {
      let isRight =
        switch place {
        case 0: byte == 0xff
        case 9: byte == 0x7f
        // The version: who speaks a later one speaks this one, too.
        case 10: byte >= 3
        case 12..<32: byte == mechanism[place - 12]
        case greetingBytes..<(greetingBytes + hello.count): byte == hello[place - greetingBytes]
        default: true
        }
      guard isRight else { throw .notGauntlet }
    }
    return bytes.count == greetingBytes + helloBytes
  }

  /// Whether INITIATE is whole.
  ///
  /// - Throws: `Refusal.notGauntlet` for bytes that cannot become it, as where it would be too long.
  package static func hasInitiate(_ bytes: ByteBufferView) throws(Refusal) -> Bool {
    if let flags = bytes.first, flags != 0x06 { throw .notGauntlet }
    guard bytes.count >= initiateHeader else { return false }
    let size = bytes.dropFirst().prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard initiateSizes.contains(Int(clamping: size)) else { throw .notGauntlet }
    let command = bytes.dropFirst(initiateHeader)
    guard command.count <= size, zip(command, initiate).allSatisfy({ $0 == $1 }) else { throw .notGauntlet }
    return command.count == size
  }
}

/// Why a connection is not let in, or not any more.
package enum Refusal: Error, Hashable, CaseIterable {
  /// It said something else than a client of CURVE.
  case notGauntlet
  /// It hung up in the middle of its handshake.
  case hungUp
  /// Its handshake took too long.
  case late
  /// Others came while too many were waiting.
  case crowdedOut
  /// HELLO or INITIATE were not made with the coordinator's public key.
  case otherCoordinator
  /// The coordinator does not let its key in.
  case unknownKey
  /// As many workers are connected as there are descriptors for.
  case full
  /// The system gave no descriptor or memory for it.
  case noMeans
  /// It sent more than a message may have, and no message became whole.
  case endlessMessage

  var reason: String {
    switch self {
    case .notGauntlet: "it does not speak Gauntlet's protocol"
    case .hungUp: "it disconnected before presenting a key"
    case .late: "it timed out before presenting a key"
    case .crowdedOut: "it was displaced by others before presenting a key"
    case .otherCoordinator: "it does not have this coordinator's public key"
    case .unknownKey: "its key is not authorized"
    case .full:
      "too many workers are connected for the limit on open files; raise it (ulimit -n) and start again"
    case .noMeans: "the system is out of files or memory for connections"
    case .endlessMessage: "it sent a message larger than the limit"
    }
  }
}
