import Archives
import Foundation
import TestSupport
import Testing

/// Keys and signatures of ssh-keygen 9.2, made for this test:
/// `ssh-keygen -t ed25519 -N '' -f key` and `ssh-keygen -Y sign -n gauntlet -f key a.h5`.
@Suite struct SigningTests {
  private static let privateKey = """
    -----BEGIN OPENSSH PRIVATE KEY-----
    b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
    QyNTUxOQAAACBRmAbddx06AmGD6kX5EChrQ0eYRvW4eqr0U2PSjB2EbAAAAJgajcPsGo3D
    7AAAAAtzc2gtZWQyNTUxOQAAACBRmAbddx06AmGD6kX5EChrQ0eYRvW4eqr0U2PSjB2EbA
    AAAEAtsaRI7mLt32zgoYacs6n0E3XGGAcHfMF5c2VwCBX7NVGYBt13HToCYYPqRfkQKGtD
    R5hG9bh6qvRTY9KMHYRsAAAAEnRlc3RlckBleGFtcGxlLm9yZwECAw==
    -----END OPENSSH PRIVATE KEY-----

    """
  private static let lockedKey = """
    -----BEGIN OPENSSH PRIVATE KEY-----
    b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABCRzxnSnh
    4Z6ed4t0FhEI6aAAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIDMv2i1bueamuyyM
    F4CdrHTwhGbXjaEyfsNE3YVoDOqUAAAAkJwWcpTES7s2irhleeWAFYAPz7+tUi/lLyZgIH
    38Q6Fbveqt8o1UbjSLx1Euitt4elncw90Upt93XYUHBj+BUr3UykV/y2hSZlJ5f1BBgcVc
    vqFciYnCQYlBfR1y3g/zKNlywRAEpr+xUKRGQG4aMMqBme9tC2YZiOTgFy4BlQalzsjSCc
    sU0AovvSbugXsD8g==
    -----END OPENSSH PRIVATE KEY-----

    """
  private static let publicKey =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFGYBt13HToCYYPqRfkQKGtDR5hG9bh6qvRTY9KMHYRs tester@example.org"
  private static let signature = """
    -----BEGIN SSH SIGNATURE-----
    U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgUZgG3XcdOgJhg+pF+RAoa0NHmE
    b1uHqq9FNj0owdhGwAAAAIZ2F1bnRsZXQAAAAAAAAABnNoYTUxMgAAAFMAAAALc3NoLWVk
    MjU1MTkAAABATaxAL0JHbvkdbCQiMUSHTUBD6z8M481bFhEiS2P8vDboeI9Q+j+Fn/Vu8O
    BpWCZBrnKEaJft7sPznRy14SIOBg==
    -----END SSH SIGNATURE-----

    """
  private static let signatureForGit = """
    -----BEGIN SSH SIGNATURE-----
    U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgUZgG3XcdOgJhg+pF+RAoa0NHmE
    b1uHqq9FNj0owdhGwAAAADZ2l0AAAAAAAAAAZzaGE1MTIAAABTAAAAC3NzaC1lZDI1NTE5
    AAAAQEBjo4vRsHzu4E6VqubbFQ+IpyGhjwWJxv+SgLscQT6CBRbukzg1OQsYORyiqGVxi7
    /pWRzsKbGC1BXTTNT8UAc=
    -----END SSH SIGNATURE-----

    """
  private let folder = ScratchFolder.freshPath()

  init() throws { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) }

  private func remove() { try? FileManager.default.removeItem(atPath: folder) }

  private func file(_ name: String, _ text: String, mode: Int = 0o600) throws -> String {
    let path = folder + "/" + name
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    return path
  }

  @Test("A signature is that of ssh-keygen, byte by byte, and the key's name is that of ssh-keygen -l")
  func signs() throws {
    defer { remove() }
    let archive = try file("a.h5", "not really an archive\n")
    let key = try SigningKey(file("key", Self.privateKey))
    #expect(key.publicKey.comment == "tester@example.org")
    #expect(key.publicKey.fingerprint == "SHA256:KssAJ6xbsAmKug0bAPuyiDBhkHZSEH0Uy8thJm+c9yE")
    #expect(try ArchiveSignature(of: archive, key: key).text == Self.signature)
    #expect(try SigningPublicKey.read(file("key.pub", "# mine\n\n" + Self.publicKey + "\n")) == [key.publicKey])
  }

  @Test("A signature of ssh-keygen holds for the bytes that were signed, and for no others")
  func holds() throws {
    defer { remove() }
    let archive = try file("a.h5", "not really an archive\n")
    let signature = try ArchiveSignature(reading: file("a.sig", Self.signature))
    #expect(try signature.holds(for: archive))
    #expect(try !signature.holds(for: file("b.h5", "not really an Archive\n")))
    // Whose key stands in the file is not believed: the signature must be that key's.
    let forged = try Self.withOtherKey(Self.signature)
    #expect(try !ArchiveSignature(reading: file("f.sig", forged)).holds(for: archive))
  }

  @Test("What cannot be used is refused in words")
  func refuses() throws {
    defer { remove() }
    #expect(throws: SigningError.self) { try SigningKey(file("open", Self.privateKey, mode: 0o644)) }
    for (text, reason) in [
      (Self.lockedKey, "it has a passphrase"), (Self.publicKey, "it is not an OpenSSH private key"),
      (Self.privateKey.replacing("AAAAtzc2gtZW", with: "AAAAtzc2gtZX"), "it is not an Ed25519 key"),
    ] {
      let error = #expect(throws: SigningError.self) { try SigningKey(file("key", text)) }
      #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
    }
    for (text, reason) in [
      (Self.signatureForGit, "it was made for \"git\""), ("nothing", "it is not an OpenSSH signature"),
      (Self.signature.replacing("U1NIU0lH", with: "U1NIU0lI"), "truncated or damaged"),
    ] {
      let error = #expect(throws: SigningError.self) { try ArchiveSignature(reading: file("s", text)) }
      #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
    }
    for text in [
      "", "# none\n", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQDb tester", "ssh-ed25519 AAAA", "option " + Self.publicKey,
    ] {
      #expect(throws: SigningError.self) { try SigningPublicKey.read(file("k.pub", text)) }
    }
    #expect(throws: SigningError.self) { try ArchiveSignature(reading: folder) }
    #expect(throws: SigningError.self) { try ArchiveSignature(reading: folder + "/none") }
  }

  @Test("A signature that is truncated anywhere, or has another byte, is refused or does not hold")
  func damaged() throws {
    defer { remove() }
    let archive = try file("a.h5", "not really an archive\n")
    let body = try #require(Data(base64Encoded: Self.signature.split(separator: "\n").dropFirst().dropLast().joined()))
    func holds(_ bytes: Data) throws -> Bool {
      let text = "-----BEGIN SSH SIGNATURE-----\n\(bytes.base64EncodedString())\n-----END SSH SIGNATURE-----\n"
      do { return try ArchiveSignature(reading: file("d.sig", text)).holds(for: archive) } catch is SigningError {
        return false
      }
    }
    #expect(try holds(body))
    for length in 0..<body.count { #expect(try !holds(body.prefix(length)), "\(length)") }
    for place in body.indices {
      var changed = body
      changed[place] ^= 1
      #expect(try !holds(changed), "\(place)")
    }
  }

  private static let otherKey =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDMv2i1bueamuyyMF4CdrHTwhGbXjaEyfsNE3YVoDOqU root@vm"

  /// The signature with another public key in it.
  private static func withOtherKey(_ text: String) throws -> String {
    var bytes = try #require(Data(base64Encoded: text.split(separator: "\n").dropFirst().dropLast().joined()))
    let other = try #require(Data(base64Encoded: String(otherKey.split(separator: " ")[1])))
    // The magic, the version and the length come before it.
    bytes.replaceSubrange(14..<(14 + other.count), with: other)
    return "-----BEGIN SSH SIGNATURE-----\n\(bytes.base64EncodedString())\n-----END SSH SIGNATURE-----\n"
  }
}
