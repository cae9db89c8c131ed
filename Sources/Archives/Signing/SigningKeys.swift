import Crypto
import Durable
import Foundation

/// A public key of Ed25519, as OpenSSH writes it: `ssh-ed25519 AAAA... comment`.
public struct SigningPublicKey: Sendable, Equatable {
  static let algorithm = "ssh-ed25519"

  let key: Data
  /// Whose it is said to be.
  public let comment: String

  init(key: Data, comment: String = "") { (self.key, self.comment) = (key, comment) }

  /// The key as SSH sends it.
  var blob: Data { SSHWire.string(Self.algorithm) + SSHWire.string(key) }

  /// A key as SSH sends it; nil for another algorithm's.
  init?(blob: Data, comment: String = "") {
    var wire = SSHWire(blob)
    guard wire.string() == Data(Self.algorithm.utf8), let key = wire.string(), key.count == 32, wire.isAtEnd else {
      return nil
    }
    self.init(key: key, comment: comment)
  }

  /// What OpenSSH calls the key: `SHA256:` and base64.
  public var fingerprint: String {
    "SHA256:" + Data(SHA256.hash(data: blob)).base64EncodedString().trimmingCharacters(in: ["="])
  }

  /// The keys of a file with one a line, empty lines and lines that begin with `#` left out: an `id_ed25519.pub`, or a list
  /// such as `authorized_keys` without options.
  ///
  /// - Throws: `SigningError` for a file that cannot be read, holds something else, or no key.
  public static func read(_ path: String) throws(SigningError) -> [SigningPublicKey] {
    var keys: [SigningPublicKey] = []
    for (number, line) in try SigningError.text(of: path).split(separator: "\n", omittingEmptySubsequences: false)
      .enumerated()
    {
      let line = line.trimmingCharacters(in: .whitespacesAndNewlines)
      if line.isEmpty || line.hasPrefix("#") { continue }
      let words = line.split(separator: " ", maxSplits: 2).map(String.init)
      guard words.count >= 2, words[0] == algorithm, let blob = Data(base64Encoded: words[1]),
        let key = SigningPublicKey(blob: blob, comment: words.count > 2 ? words[2] : "")
      else {
        throw .badKey(path: path, reason: "line \(number + 1) is not an Ed25519 public key (ssh-ed25519 AAAA...)")
      }
      keys.append(key)
    }
    guard !keys.isEmpty else { throw .badKey(path: path, reason: "it holds no keys") }
    return keys
  }
}

/// A private key of Ed25519, as `ssh-keygen -t ed25519` makes it.
public struct SigningKey: Sendable {
  private static let kind = "OPENSSH PRIVATE KEY"

  let key: Curve25519.Signing.PrivateKey
  /// The key that others need to check signatures.
  public let publicKey: SigningPublicKey

  /// Reads a key without a passphrase.
  ///
  /// - Throws: `SigningError` for a file that others may read, that has a passphrase, or that is none.
  public init(_ path: String) throws(SigningError) {
    let text = try SigningError.text(of: path, isSecret: true)
    guard let bytes = Armour.open(text, Self.kind) else {
      throw .badKey(path: path, reason: "it is not an OpenSSH private key; ssh-keygen -t ed25519 makes one")
    }
    var wire = SSHWire(bytes)
    guard wire.takes(Data("openssh-key-v1\0".utf8)), let cipher = wire.string(), wire.string() != nil,
      wire.string() != nil, wire.number() == 1, wire.string() != nil, let secret = wire.string()
    else { throw .badKey(path: path, reason: "it is truncated or damaged") }
    guard cipher == Data("none".utf8) else {
      throw .badKey(
        path: path,
        reason: "it has a passphrase; sign with ssh-keygen -Y sign -n \(ArchiveSignature.namespace) -f KEY ARCHIVE")
    }
    guard let (seed, comment) = Self.seed(in: secret),
      let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: seed)
    else { throw .badKey(path: path, reason: "it is not an Ed25519 key; ssh-keygen -t ed25519 makes one") }
    self.key = key
    publicKey = SigningPublicKey(key: key.publicKey.rawRepresentation, comment: comment)
  }

  private static func seed(in secret: Data) -> (Data, comment: String)? {
    var wire = SSHWire(secret)
    guard let check = wire.number(), wire.number() == check,
      wire.string() == Data(SigningPublicKey.algorithm.utf8), let publicKey = wire.string(), let pair = wire.string(),
      pair.count == 64, pair.suffix(32) == publicKey, let comment = wire.string()
    else { return nil }
    return (Data(pair.prefix(32)), String(decoding: comment, as: UTF8.self))
  }
}

/// Why something cannot be signed, or a signature not be checked.
public enum SigningError: Error, Equatable, CustomStringConvertible {
  /// A file cannot be read.
  case unreadable(path: String, reason: String)
  /// A file is no key that can be used.
  case badKey(path: String, reason: String)
  /// A file is no signature.
  case badSignature(path: String, reason: String)

  /// One sentence: what, where, what to do.
  public var description: String {
    switch self {
    case .unreadable(let path, let reason): "cannot read \(path): \(reason)"
    case .badKey(let path, let reason): "the key \(path) cannot be used: \(reason)"
    case .badSignature(let path, let reason): "the signature \(path) cannot be used: \(reason)"
    }
  }

  private static let largestBytes = 1 << 20

  /// The text of a small plain file, which, if it is secret, nobody but its owner may read.
  static func text(of path: String, isSecret: Bool = false) throws(SigningError) -> String {
    // Not blocking, so that a named pipe does not hold us up.
    let descriptor = Foundation.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .unreadable(path: path, reason: FileError("read", path).reason) }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw .unreadable(path: path, reason: "it is not a regular file")
    }
    guard !isSecret || status.st_mode & 0o077 == 0 else {
      throw .badKey(
        path: path, reason: "it is readable by others; chmod 0600 it, or make a new one if others may have read it")
    }
    guard status.st_size <= largestBytes, let bytes = try? handle.read(upToCount: largestBytes),
      let text = String(bytes: bytes, encoding: .utf8)
    else { throw .unreadable(path: path, reason: "it is not a short text file") }
    return text
  }
}
