import Foundation
import Messaging
import TestSupport
import Testing

@Suite struct KeyStoreTests {
  private func mode(_ path: String) throws -> Int {
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    return try #require(attributes[.posixPermissions] as? Int) & 0o777
  }

  @Test("New keys are their owner's alone and fit each other")
  func create() throws {
    try ScratchFolder.with { folder in
      let store = KeyStore(folder: folder + "/deep/keys")
      #expect(!store.exists)
      try store.create()
      #expect(store.exists)
      #expect(try mode(store.folder) == 0o700)
      for name in ["server.key", "worker.key", "worker.bundle"] {
        #expect(try mode(store.folder + "/" + name) == 0o600)
      }
      let server = try store.serverSecurity()
      let client = try store.clientSecurity()
      #expect(client.serverPublicKey == server.secretKey.publicKey)
      #expect(server.authorizedClients.contains(client.keyPair.publicKey) && server.authorizedClients.count == 1)
      #expect(try KeyBundle.read(from: store.bundlePath).clientSecurity == client)
      #expect("\(server.secretKey)" == "(secret)")
      let names = try FileManager.default.contentsOfDirectory(atPath: store.folder)
      #expect(names.sorted() == ["authorized", "server.key", "worker.bundle", "worker.key"])
      #expect(throws: MessagingError.keysExist(store.folder)) { try store.create() }
    }
  }

  @Test("Keys that others could read are not used", arguments: [0o640, 0o604, 0o644, 0o660])
  func openToOthers(mode: Int) throws {
    try ScratchFolder.with { folder in
      let store = KeyStore(folder: folder + "/keys")
      try store.create()
      for path in [store.bundlePath, store.folder + "/server.key"] {
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
      }
      #expect(throws: MessagingError.self) { try store.clientSecurity() }
      #expect(throws: MessagingError.self) { try store.serverSecurity() }
      let error = #expect(throws: MessagingError.self) { try KeyBundle.read(from: store.bundlePath) }
      #expect("\(try #require(error))".contains("chmod 0600"))
    }
  }

  @Test("Files that are no keys are refused", arguments: ["", "hello", String(repeating: "x", count: 9_999), "\u{0}"])
  func malformed(text: String) throws {
    try ScratchFolder.with { folder in
      let store = KeyStore(folder: folder + "/keys")
      try store.create()
      for path in [store.bundlePath, store.folder + "/authorized/worker.public"] {
        // Not atomically: the file keeps its mode.
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
      }
      let error = #expect(throws: MessagingError.self) { try store.clientSecurity() }
      #expect("\(try #require(error))".contains("malformed"))
      #expect(throws: MessagingError.self) { try store.serverSecurity() }
      #expect(throws: MessagingError.self) { try KeyBundle.read(from: folder) }
      #expect(throws: MessagingError.self) { try KeyBundle.read(from: folder + "/absent") }
    }
  }

  @Test("A bundle whose keys do not fit each other is refused")
  func mixedBundle() throws {
    try ScratchFolder.with { folder in
      let store = KeyStore(folder: folder + "/keys")
      try store.create()
      var lines = try String(contentsOfFile: store.bundlePath, encoding: .utf8).split(separator: "\n")
      lines[2] = Substring("public " + (try CurveKeyPair.generate().publicKey.z85))
      try lines.joined(separator: "\n").write(toFile: store.bundlePath, atomically: false, encoding: .utf8)
      #expect(throws: MessagingError.self) { try store.clientSecurity() }
    }
  }

  @Test("A pair that is added fits the coordinator; a name that is none, or taken, is refused")
  func add() throws {
    try ScratchFolder.with { folder in
      let store = KeyStore(folder: folder + "/keys")
      #expect(throws: MessagingError.self) { try store.add("early") }
      try store.create()
      let bundle = try store.add("cluster-b")
      #expect(try mode(bundle) == 0o600)
      let added = try KeyBundle.read(from: bundle).clientSecurity
      let server = try store.serverSecurity()
      #expect(server.authorizedClients.count == 2)
      #expect(server.authorizedClients.contains(added.keyPair.publicKey))
      #expect(added.serverPublicKey == server.secretKey.publicKey)
      for name in ["cluster-b", "worker", "", "a/b", "..", "ä", String(repeating: "x", count: 101)] {
        #expect(throws: MessagingError.self) { try store.add(name) }
      }
    }
  }
}
