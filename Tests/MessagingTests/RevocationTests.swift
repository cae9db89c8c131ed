import Foundation
import Logging
import Messaging
import TestSupport
import Testing

/// Keys that are taken away from workers that are connected.
@Suite(.hangLimit) struct RevocationTests {
  private struct Scene {
    let store: KeyStore
    let log = KeptLog()
    let router: RouterEndpoint
    let revoked: DealerEndpoint
    let kept: DealerEndpoint
    /// The connections that they are reached by.
    let peers: [String: PeerID]

    var authorized: String { store.folder + "/authorized" }

    init(_ folder: String, _ transport: String) throws {
      store = KeyStore(folder: folder + "/keys")
      try store.create()
      let second = try store.add("second")
      router = try RouterEndpoint(
        bind: transport == "tcp" ? "tcp://127.0.0.1:*" : "ipc://\(folder)/socket", security: store.serverSecurity(),
        logger: log.logger)
      revoked = try DealerEndpoint(
        connect: router.boundAddress, security: store.clientSecurity())
      kept = try DealerEndpoint(
        connect: router.boundAddress, security: KeyBundle.read(from: second).clientSecurity)
      var peers: [String: PeerID] = [:]
      for (name, dealer) in [("revoked", revoked), ("kept", kept)] {
        _ = try dealer.send(EndpointTests.heartbeat)
        peers[name] = try #require(try router.receive(timeout: .seconds(60))).peer
      }
      self.peers = peers
    }

    func answer(_ name: String) throws -> SendOutcome {
      try router.send(.heartbeatReply, to: #require(peers[name]))
    }

    /// Waits until the one's connection is gone and refused, and sees that the other's is not.
    func expectRevocation() throws {
      while try answer("revoked") != .unreachable {
        #expect(try router.receive(timeout: .milliseconds(20)) == nil)
      }
      while revoked.connection != .keyRefused {
        _ = try revoked.send(EndpointTests.heartbeat)
        _ = try revoked.receive(timeout: .milliseconds(20))
      }
      #expect(try answer("kept") == .sent)
      #expect(try #require(try kept.receive(timeout: .seconds(60))).get() == .heartbeatReply)
      _ = try kept.send(.goodbye)
      let received = try #require(try router.receive(timeout: .seconds(60)))
      #expect(received.peer == peers["kept"])
    }

    func write(_ name: String, _ text: String, mode: Int) throws {
      let path = authorized + "/" + name
      try Data(text.utf8).write(to: URL(fileURLWithPath: path))
      try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    }
  }

  @Test("A key whose file is removed loses its connections, and the others keep theirs", arguments: ["tcp", "ipc"])
  func removed(transport: String) throws {
    try ScratchFolder.with { folder in
      let scene = try Scene(folder, transport)
      try FileManager.default.removeItem(atPath: scene.authorized + "/worker.public")
      try scene.expectRevocation()
    }
  }

  @Test("Files beside it that are no keys or may be changed by others are named, and bring no key back")
  func besideBadFiles() throws {
    try ScratchFolder.with { folder in
      let scene = try Scene(folder, "tcp")
      let key = try String(contentsOfFile: scene.authorized + "/worker.public", encoding: .utf8)
      try scene.write("notes.public", "not a key", mode: 0o600)
      try scene.write("group.public", key, mode: 0o664)
      try FileManager.default.removeItem(atPath: scene.authorized + "/worker.public")
      try scene.expectRevocation()
      for name in ["notes.public", "group.public"] {
        #expect(scene.log.lines.count { $0.contains("/authorized/\(name) ") } == 1, "\(scene.log.lines)")
      }
    }
  }

  @Test("A file that others may change from now on, or that is another key's, lets its former key in no more")
  func changedInPlace() throws {
    try ScratchFolder.with { folder in
      let scene = try Scene(folder, "tcp")
      // The folder's own time stays as it is.
      try FileManager.default.setAttributes(
        [.posixPermissions: 0o666], ofItemAtPath: scene.authorized + "/worker.public")
      try scene.expectRevocation()
    }
    try ScratchFolder.with { folder in
      let scene = try Scene(folder, "tcp")
      let other = try CurveKeyPair.generate().publicKey.z85
      let file = try FileHandle(forWritingTo: URL(fileURLWithPath: scene.authorized + "/worker.public"))
      try file.write(contentsOf: Data(other.utf8))
      try file.close()
      try scene.expectRevocation()
    }
  }

  @Test("A folder that is gone or that others may change holds no keys")
  func folders() throws {
    for mode in [nil, 0o770] {
      try ScratchFolder.with { folder in
        let scene = try Scene(folder, "tcp")
        if let mode {
          try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: scene.authorized)
        } else {
          try FileManager.default.moveItem(atPath: scene.authorized, toPath: folder + "/away")
        }
        for name in ["revoked", "kept"] {
          while try scene.answer(name) != .unreachable {
            #expect(try scene.router.receive(timeout: .milliseconds(20)) == nil)
          }
        }
      }
    }
  }

  @Test("A folder or a file of another user holds no keys", .enabled(if: geteuid() == 0))
  func owners() throws {
    for name in ["", "/worker.public"] {
      try ScratchFolder.with { folder in
        let store = KeyStore(folder: folder + "/keys")
        try store.create()
        #expect(try store.serverSecurity().authorizedClients.count == 1)
        #expect(chown(store.folder + "/authorized" + name, 65_533, 65_533) == 0)
        let error = #expect(throws: MessagingError.self) { try store.serverSecurity() }
        #expect("\(try #require(error))".contains("belongs to another user (65533)"))
      }
    }
  }
}
