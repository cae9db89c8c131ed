import Durable
import Foundation

/// A folder that holds the keys of a coordinator and its workers.
///
///     server.key                 the coordinator's secret key
///     worker.key                 the workers' secret key
///     authorized/worker.public   a public key that the coordinator lets in; there may be more files *.public
///     worker.bundle              what a worker needs: the coordinator's public key and the workers' pair
public struct KeyStore: Sendable {
  /// The folder's path.
  public let folder: String

  /// The keys in `folder`, which need not be there yet.
  public init(folder: String) { self.folder = folder }

  /// Whether the folder holds keys. False for one whose making was interrupted.
  public var exists: Bool { FileManager.default.fileExists(atPath: serverPath) }

  /// The file that a worker needs.
  public var bundlePath: String { folder + "/worker.bundle" }

  private var serverPath: String { folder + "/server.key" }
  private var authorizedPath: String { folder + "/authorized" }

  /// Makes the folder, mode 0700, and new keys in it, mode 0600.
  ///
  /// - Throws: `MessagingError.keysExist` rather than replacing keys.
  public func create() throws(MessagingError) {
    if exists { throw .keysExist(folder) }
    let server = try CurveKeyPair.generate()
    let worker = try CurveKeyPair.generate()
    let parent = (folder as NSString).deletingLastPathComponent
    if !parent.isEmpty {
      do { try DurableFile.makeFolder(parent, mode: 0o755) } catch {
        throw .keyFile(parent, reason: "cannot be created as a folder: \(error.reason)")
      }
    }
    try KeyFile.makeFolder(folder)
    try KeyFile.makeFolder(authorizedPath)
    try KeyFile.write(worker.secretKey.z85, to: folder + "/worker.key", mode: 0o600)
    try KeyFile.write(worker.publicKey.z85, to: authorizedPath + "/worker.public", mode: 0o600)
    let bundle = KeyBundle(
      clientSecurity: ClientSecurity(serverPublicKey: server.publicKey, keyPair: worker))
    try KeyFile.write(bundle.text, to: bundlePath, mode: 0o600)
    // Last, because it says that the keys are whole.
    try KeyFile.write(server.secretKey.z85, to: serverPath, mode: 0o600)
  }

  /// The coordinator's side: its secret key, and the keys in `authorized/`.
  ///
  /// - Throws: `MessagingError.keyFile` for a file that is missing, malformed, or open to others.
  public func serverSecurity() throws(MessagingError) -> ServerSecurity {
    guard let secret = CurveSecretKey(z85: try KeyFile.read(serverPath, isSecret: true)) else {
      throw Self.malformed(serverPath)
    }
    return ServerSecurity(secretKey: secret, authorizedClients: try AuthorizedKeys(folder: authorizedPath))
  }

  /// Makes another pair of keys and lets it in; a coordinator that runs notices.
  ///
  /// - Parameter name: letters, digits, `-` and `_`; the files are `authorized/NAME.public` and `NAME.bundle`.
  /// - Returns: the bundle's path.
  /// - Throws: `MessagingError.keysExist` where there are keys of that name, `.keyFile` for a name that is none or a folder
  ///   without the coordinator's key.
  public func add(_ name: String) throws(MessagingError) -> String {
    let bundlePath = folder + "/\(name).bundle"
    let publicPath = authorizedPath + "/\(name).public"
    guard !name.isEmpty, name.utf8.count <= 100,
      name.utf8.allSatisfy({ isalnum(Int32($0)) != 0 || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") })
    else { throw .keyFile(bundlePath, reason: "cannot be created: a name may contain only letters, digits, - and _") }
    guard !FileManager.default.fileExists(atPath: bundlePath), !FileManager.default.fileExists(atPath: publicPath)
    else {
      throw .keysExist(bundlePath)
    }
    guard let secret = CurveSecretKey(z85: try KeyFile.read(serverPath, isSecret: true)) else {
      throw Self.malformed(serverPath)
    }
    let pair = try CurveKeyPair.generate()
    let bundle = KeyBundle(clientSecurity: ClientSecurity(serverPublicKey: secret.publicKey, keyPair: pair))
    try KeyFile.write(bundle.text, to: bundlePath, mode: 0o600)
    try KeyFile.write(pair.publicKey.z85, to: publicPath, mode: 0o600)
    return bundlePath
  }

  /// The workers' side, from `worker.bundle`.
  ///
  /// - Throws: `MessagingError.keyFile` for a file that is missing, malformed, or open to others.
  public func clientSecurity() throws(MessagingError) -> ClientSecurity {
    try KeyBundle.read(from: bundlePath).clientSecurity
  }

  static func malformed(_ path: String) -> MessagingError {
    .keyFile(
      path, reason: "is malformed: it must hold one key of \(Z85.characters) characters; create new keys")
  }
}

/// The one file that a worker needs to reach its coordinator.
public struct KeyBundle: Sendable, Equatable {
  /// The keys in it.
  public let clientSecurity: ClientSecurity

  private static let title = "gauntlet worker bundle 1"

  init(clientSecurity: ClientSecurity) { self.clientSecurity = clientSecurity }

  var text: String {
    [
      Self.title, "server " + clientSecurity.serverPublicKey.z85, "public " + clientSecurity.keyPair.publicKey.z85,
      "secret " + clientSecurity.keyPair.secretKey.z85,
    ].joined(separator: "\n")
  }

  /// Reads a bundle.
  ///
  /// - Throws: `MessagingError.keyFile` for a file that is missing, malformed, or open to others.
  public static func read(from path: String) throws(MessagingError) -> KeyBundle {
    let lines = try KeyFile.read(path, isSecret: true).split(separator: "\n")
    guard lines.count == 4, lines[0] == title, let server = CurvePublicKey(z85: field("server", lines[1])),
      let client = CurvePublicKey(z85: field("public", lines[2])),
      let secret = CurveSecretKey(z85: field("secret", lines[3])), secret.publicKey == client
    else {
      throw .keyFile(
        path, reason: "is malformed: it is not a key bundle; copy the coordinator's keys/worker.bundle again")
    }
    return KeyBundle(
      clientSecurity: ClientSecurity(serverPublicKey: server, keyPair: CurveKeyPair(secretKey: secret)))
  }

  private static func field(_ name: String, _ line: Substring) -> Substring {
    line.hasPrefix(name + " ") ? line.dropFirst(name.count + 1) : ""
  }
}
