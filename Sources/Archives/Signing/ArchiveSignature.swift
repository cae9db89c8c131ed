import Crypto
import Durable
import Foundation

/// Who made an archive: a signature of all its bytes in a file of its own, as `ssh-keygen -Y sign` writes it (OpenSSH's
/// PROTOCOL.sshsig), so that either program checks what the other one signed.
///
/// A seal tells damage; whoever changes an archive can seal it anew. A signature tells forgery.
public struct ArchiveSignature: Sendable {
  /// What the signatures are for: one that was made for something else, as for a commit, does not hold for an archive.
  public static let namespace = "gauntlet"

  private static let kind = "SSH SIGNATURE"
  private static let magic = Data("SSHSIG".utf8)
  private static let version: UInt32 = 1

  /// Whose it is; the comment is not signed, and empty.
  public let publicKey: SigningPublicKey
  private let hash: String
  private let bytes: Data

  /// Where an archive's signature lies unless it is said.
  public static func path(of archive: String) -> String { archive + ".sig" }

  /// Signs an archive's bytes as they are.
  ///
  /// - Throws: `SigningError` where it cannot be read.
  public init(of archive: String, key: SigningKey) throws(SigningError) {
    publicKey = key.publicKey
    hash = "sha512"
    let digest = try Self.digest(of: archive, hash)
    guard let bytes = try? key.key.signature(for: Self.signed(digest, hash)) else {
      throw .unreadable(path: archive, reason: "it cannot be signed")
    }
    self.bytes = bytes
  }

  /// Reads a signature.
  ///
  /// - Throws: `SigningError` for one that cannot be read, is of another algorithm or made for something else.
  public init(reading path: String) throws(SigningError) {
    guard let blob = Armour.open(try SigningError.text(of: path), Self.kind) else {
      throw .badSignature(path: path, reason: "it is not an OpenSSH signature")
    }
    var wire = SSHWire(blob)
    guard wire.takes(Self.magic), wire.number() == Self.version, let key = wire.string(), let namespace = wire.string(),
      wire.string() != nil, let hash = wire.string(), let signature = wire.string(), wire.isAtEnd
    else { throw .badSignature(path: path, reason: "it is truncated or damaged") }
    var inner = SSHWire(signature)
    guard let publicKey = SigningPublicKey(blob: key), inner.string() == Data(SigningPublicKey.algorithm.utf8),
      let bytes = inner.string(), bytes.count == 64, inner.isAtEnd
    else { throw .badSignature(path: path, reason: "it is not an Ed25519 signature") }
    guard namespace == Data(Self.namespace.utf8) else {
      throw .badSignature(
        path: path,
        reason: "it was made for \"\(String(decoding: namespace, as: UTF8.self).plain)\", not for \"\(Self.namespace)\""
      )
    }
    guard ["sha512", "sha256"].map({ Data($0.utf8) }).contains(hash) else {
      throw .badSignature(path: path, reason: "it uses an unsupported hash")
    }
    self.publicKey = publicKey
    self.hash = String(decoding: hash, as: UTF8.self)
    self.bytes = bytes
  }

  /// The signature as text for a file.
  public var text: String {
    Armour.close(
      Self.magic + SSHWire.number(Self.version) + SSHWire.string(publicKey.blob) + SSHWire.string(Self.namespace)
        + SSHWire.string("") + SSHWire.string(hash)
        + SSHWire.string(SSHWire.string(SigningPublicKey.algorithm) + SSHWire.string(bytes)), Self.kind)
  }

  /// Whether this key's holder signed these bytes.
  ///
  /// - Throws: `SigningError` for an archive that cannot be read.
  public func holds(for archive: String) throws(SigningError) -> Bool {
    let digest = try Self.digest(of: archive, hash)
    guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: publicKey.key) else { return false }
    return key.isValidSignature(bytes, for: Self.signed(digest, hash))
  }

  private static func signed(_ digest: Data, _ hash: String) -> Data {
    magic + SSHWire.string(namespace) + SSHWire.string("") + SSHWire.string(hash) + SSHWire.string(digest)
  }

  private static func digest(of path: String, _ hash: String) throws(SigningError) -> Data {
    try hash == "sha256" ? digest(of: path, SHA256()) : digest(of: path, SHA512())
  }

  private static func digest(of path: String, _ hash: some HashFunction) throws(SigningError) -> Data {
    guard let handle = FileHandle(forReadingAtPath: path) else {
      throw .unreadable(path: path, reason: FileError("read", path).reason)
    }
    defer { try? handle.close() }
    var hash = hash
    do {
      while let block = try handle.read(upToCount: 4 << 20), !block.isEmpty { hash.update(data: block) }
    } catch {
      throw .unreadable(path: path, reason: error.systemReason)
    }
    return Data(hash.finalize())
  }
}
