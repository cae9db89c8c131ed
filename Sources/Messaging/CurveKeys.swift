import CZeroMQ

/// A CURVE public key: 32 bytes, written as 40 characters of Z85 (ZeroMQ RFC 32).
public struct CurvePublicKey: Sendable, Hashable, CustomStringConvertible {
  let bytes: [UInt8]

  init(bytes: [UInt8]) { self.bytes = bytes }

  /// Reads a key from its Z85 text; nil if the text is none.
  public init?(z85 text: some StringProtocol) {
    guard let bytes = Z85.decode(text) else { return nil }
    self.bytes = bytes
  }

  /// The key's Z85 text.
  public var z85: String { Z85.encode(bytes) }

  /// The key's Z85 text.
  public var description: String { z85 }
}

/// A CURVE secret key. It is never shown by printing it.
public struct CurveSecretKey: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible {
  let bytes: [UInt8]

  /// Reads a key from its Z85 text; nil if the text is none.
  public init?(z85 text: some StringProtocol) {
    guard let bytes = Z85.decode(text) else { return nil }
    self.bytes = bytes
  }

  /// The public key that belongs to this one.
  public var publicKey: CurvePublicKey {
    var text = [CChar](repeating: 0, count: Z85.characters + 1)
    let status = zmq_curve_public(&text, z85)
    precondition(status == 0, "32 bytes are always a secret key")
    return CurvePublicKey(bytes: Z85.decode(Z85.string(text)) ?? [])
  }

  /// The key's Z85 text, for a file that only its owner reads.
  var z85: String { Z85.encode(bytes) }

  /// A word in place of the key.
  public var description: String { "(secret)" }
  /// A word in place of the key.
  public var debugDescription: String { description }
}

/// A CURVE secret key and the public key that belongs to it.
public struct CurveKeyPair: Sendable, Equatable {
  /// The key that others may know.
  public let publicKey: CurvePublicKey
  /// The key that nobody else may know.
  public let secretKey: CurveSecretKey

  /// A pair from its secret half.
  public init(secretKey: CurveSecretKey) {
    self.secretKey = secretKey
    publicKey = secretKey.publicKey
  }

  /// A new pair from the system's random numbers.
  ///
  /// - Throws: `MessagingError.system` if the installed ZeroMQ has no CURVE.
  public static func generate() throws(MessagingError) -> CurveKeyPair {
    var publicText = [CChar](repeating: 0, count: Z85.characters + 1)
    var secretText = publicText
    guard zmq_curve_keypair(&publicText, &secretText) == 0, let secret = CurveSecretKey(z85: Z85.string(secretText))
    else {
      throw .system(call: "zmq_curve_keypair", reason: "the installed libzmq lacks CURVE; install one built with it")
    }
    return CurveKeyPair(secretKey: secret)
  }
}

/// What a coordinator proves itself with, and whom it lets in.
public struct ServerSecurity: Sendable {
  /// The coordinator's secret key.
  public var secretKey: CurveSecretKey
  /// The workers' public keys. A client with any other is turned away.
  public var authorizedClients: AuthorizedKeys

  /// The coordinator's side of the keys.
  public init(secretKey: CurveSecretKey, authorizedClients: AuthorizedKeys) {
    self.secretKey = secretKey
    self.authorizedClients = authorizedClients
  }

  /// The coordinator's side of keys that stay as they are.
  public init(secretKey: CurveSecretKey, authorizedClients: Set<CurvePublicKey>) {
    self.init(secretKey: secretKey, authorizedClients: AuthorizedKeys(authorizedClients))
  }
}

/// What a worker proves itself with, and whom it believes.
public struct ClientSecurity: Sendable, Equatable {
  /// The coordinator's public key. A server with any other is not spoken to.
  public var serverPublicKey: CurvePublicKey
  /// The worker's keys.
  public var keyPair: CurveKeyPair

  /// The worker's side of the keys.
  public init(serverPublicKey: CurvePublicKey, keyPair: CurveKeyPair) {
    self.serverPublicKey = serverPublicKey
    self.keyPair = keyPair
  }
}

enum Z85 {
  static let characters = 40
  static let bytes = 32

  static func encode(_ bytes: [UInt8]) -> String {
    var text = [CChar](repeating: 0, count: characters + 1)
    zmq_z85_encode(&text, bytes, bytes.count)
    return string(text)
  }

  static func decode(_ text: some StringProtocol) -> [UInt8]? {
    guard text.utf8.count == characters, text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else { return nil }
    var bytes = [UInt8](repeating: 0, count: Self.bytes)
    return zmq_z85_decode(&bytes, String(text)) == nil ? nil : bytes
  }

  static func string(_ text: [CChar]) -> String {
    String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
