import CZeroMQ
import Foundation
import Logging
import Messaging
import Shards
import TestSupport
import Testing

/// A coordinator's and a worker's end over loopback. Waiting is always for something to come, never for time to go by.
@Suite(.hangLimit) struct EndpointTests {
  static let quiet = Logger.silent
  static let heartbeat = WireMessage.heartbeat(held: [ShardAttempt(shard: 1, attempt: 1)])

  /// A worker's introduction.
  static func hello(_ name: String) -> WireMessage {
    .hello(.init(workerID: name, host: "h", credits: 1, version: "1", instructionSet: ""))
  }

  private let serverKeys: CurveKeyPair
  private let clientKeys: CurveKeyPair

  init() throws {
    serverKeys = try CurveKeyPair.generate()
    clientKeys = try CurveKeyPair.generate()
  }

  private var client: ClientSecurity {
    ClientSecurity(serverPublicKey: serverKeys.publicKey, keyPair: clientKeys)
  }

  private func router(_ address: String = "tcp://127.0.0.1:*") throws -> RouterEndpoint {
    try RouterEndpoint(
      bind: address,
      security: ServerSecurity(secretKey: serverKeys.secretKey, authorizedClients: [clientKeys.publicKey]),
      logger: Self.quiet)
  }

  private func dealer(_ router: RouterEndpoint) throws -> DealerEndpoint {
    try DealerEndpoint(connect: router.boundAddress, security: client)
  }

  private func next(_ router: RouterEndpoint) throws -> RouterEndpoint.Received {
    try #require(try router.receive(timeout: .seconds(30)))
  }

  private func next(_ dealer: DealerEndpoint) throws -> WireMessage {
    try #require(try dealer.receive(timeout: .seconds(30))).get()
  }

  @Test("Messages go both ways over tcp and ipc", arguments: ["tcp", "ipc"])
  func exchange(transport: String) throws {
    try ScratchFolder.with { folder in
      let router = try router(transport == "tcp" ? "tcp://127.0.0.1:*" : "ipc://\(folder)/socket")
      #expect(!router.boundAddress.contains("*"))
      let first = try dealer(router)
      let second = try dealer(router)
      let payload = Data((0..<3_000_000).map { UInt8(truncatingIfNeeded: $0) })
      let message = WireMessage.result(
        ShardAttempt(shard: 5, attempt: 2), payload: payload, computeNanoseconds: 1)
      var peers: [PeerID] = []
      for dealer in [first, second] {
        #expect(try dealer.send(message) == .sent)
        let received = try next(router)
        #expect(try received.message.get() == message)
        peers.append(received.peer)
      }
      #expect(peers[0] != peers[1])
      #expect(try router.send(.heartbeatReply, to: peers[1]) == .sent)
      #expect(try router.send(.shutdown(reason: "done"), to: peers[0]) == .sent)
      #expect(try next(second) == .heartbeatReply)
      #expect(try next(first) == .shutdown(reason: "done"))
      #expect(router.refusedConnections == 0)
    }
  }

  @Test("Every message comes with the key of its connection, whatever name is said", arguments: ["tcp", "ipc"])
  func keys(transport: String) throws {
    try ScratchFolder.with { folder in
      let other = try CurveKeyPair.generate()
      let router = try RouterEndpoint(
        bind: transport == "tcp" ? "tcp://127.0.0.1:*" : "ipc://\(folder)/socket",
        security: ServerSecurity(
          secretKey: serverKeys.secretKey, authorizedClients: [clientKeys.publicKey, other.publicKey]),
        logger: Self.quiet)
      let dealers = try [clientKeys, other].map { keys in
        try DealerEndpoint(
          connect: router.boundAddress,
          security: ClientSecurity(serverPublicKey: serverKeys.publicKey, keyPair: keys))
      }
      for (dealer, keys) in zip(dealers, [clientKeys, other]) {
        for _ in 0..<2 { _ = try dealer.send(Self.hello("\(keys.publicKey)")) }
      }
      let received = try (0..<4).map { _ in try next(router) }
      for one in received { #expect(one.name == "\(one.key)") }
      #expect(Set(received.map(\.peer)).count == 2)
      #expect(Set(received.map(\.key)) == [clientKeys.publicKey, other.publicKey])
    }
  }

  @Test("A peer that is not there is a value; so is a queue that is full")
  func unreachable() throws {
    let router = try router()
    let nobody = PeerID(number: 7)
    #expect(try router.send(.heartbeatReply, to: nobody) == .unreachable)
    let address = router.boundAddress
    router.close()
    #expect(throws: MessagingError.closed) { try router.send(.heartbeatReply, to: nobody) }
    #expect(throws: MessagingError.closed) { try router.receive(timeout: .zero) }
    let dealer = try DealerEndpoint(connect: address, security: client)
    var outcome = SendOutcome.sent
    for _ in 0..<100_000 where outcome == .sent { outcome = try dealer.send(.heartbeat(held: [])) }
    #expect(outcome == .full)
    #expect(try dealer.receive(timeout: .milliseconds(1)) == nil)
  }

  @Test("A worker finds a coordinator that comes later, and one that comes back at the same address")
  func reconnects() throws {
    let first = try router()
    let address = first.boundAddress
    first.close()
    let dealer = try DealerEndpoint(connect: address, security: client)
    #expect(try dealer.send(Self.heartbeat) == .sent)
    let second = try router(address)
    #expect(try next(second).message.get() == Self.heartbeat)
    second.close()
    let third = try router(address)
    // What is sent before the loss is noticed is lost; the protocol says it again, and so do we.
    var received: RouterEndpoint.Received?
    while received == nil {
      _ = try dealer.send(Self.heartbeat)
      received = try third.receive(timeout: .milliseconds(100))
    }
    #expect(try received?.message.get() == Self.heartbeat)
  }

  @Test("A second connection that says the same name takes no other's place")
  func places() throws {
    let router = try router()
    let first = try dealer(router)
    _ = try first.send(Self.hello("w"))
    let own = try next(router).peer
    let second = try dealer(router)
    _ = try second.send(Self.hello("w"))
    let other = try next(router).peer
    #expect(own != other)
    #expect(try router.send(.heartbeatReply, to: own) == .sent)
    #expect(try router.send(.shutdown(reason: "done"), to: other) == .sent)
    #expect(try next(first) == .heartbeatReply)
    #expect(try next(second) == .shutdown(reason: "done"))
  }

  /// Receives until a connection was refused; nothing may come through.
  ///
  /// - Parameter again: connects once more, for clients that do not by themselves.
  private func expectRefusal(_ router: RouterEndpoint, again: () -> Void = {}) throws {
    while router.refusedConnections == 0 {
      #expect(try router.receive(timeout: .milliseconds(20)) == nil)
      again()
    }
    // An authorized worker still gets in, and its message is the first.
    let dealer = try dealer(router)
    _ = try dealer.send(Self.hello("friend"))
    #expect(try next(router).name == "friend")
  }

  @Test("A client whose key is not authorized gets nothing through")
  func wrongClientKey() throws {
    let router = try router()
    let stranger = try DealerEndpoint(
      connect: router.boundAddress,
      security: ClientSecurity(serverPublicKey: serverKeys.publicKey, keyPair: try CurveKeyPair.generate()))
    _ = try stranger.send(Self.heartbeat)
    try expectRefusal(router)
  }

  @Test("Keys that are added and removed count for the next connection, without a new coordinator")
  func rotation() throws {
    try ScratchFolder.with { folder in
      let store = KeyStore(folder: folder + "/keys")
      try store.create()
      // As on a file system that counts in seconds, where two changes have one time.
      let time = Date(timeIntervalSince1970: Date().timeIntervalSince1970.rounded(.down))
      func setTime() throws {
        try FileManager.default.setAttributes([.modificationDate: time], ofItemAtPath: store.folder + "/authorized")
      }
      try setTime()
      let router = try RouterEndpoint(bind: "tcp://127.0.0.1:*", security: store.serverSecurity(), logger: Self.quiet)
      func dealer(_ bundle: String) throws -> DealerEndpoint {
        try DealerEndpoint(
          connect: router.boundAddress, security: KeyBundle.read(from: bundle).clientSecurity)
      }
      let second = try store.add("second")
      try setTime()
      let added = try dealer(second)
      _ = try added.send(Self.hello("added"))
      #expect(try next(router).name == "added")
      try FileManager.default.removeItem(atPath: store.folder + "/authorized/worker.public")
      let removed = try dealer(store.bundlePath)
      _ = try removed.send(Self.heartbeat)
      while router.refusedConnections == 0 { #expect(try router.receive(timeout: .milliseconds(20)) == nil) }
      // A file that is no key changes nothing.
      try Data("nonsense".utf8).write(to: URL(fileURLWithPath: store.folder + "/authorized/x.public"))
      let again = try dealer(store.folder + "/second.bundle")
      _ = try again.send(Self.hello("again"))
      #expect(try next(router).name == "again")
    }
  }

  @Test("A client that has another public key of the coordinator does not connect")
  func wrongServerKey() throws {
    let router = try router()
    let stranger = try DealerEndpoint(
      connect: router.boundAddress,
      security: ClientSecurity(serverPublicKey: try CurveKeyPair.generate().publicKey, keyPair: clientKeys))
    _ = try stranger.send(Self.heartbeat)
    try expectRefusal(router)
    #expect(try stranger.receive(timeout: .zero) == nil)
  }

  @Test("A client without keys gets nothing through")
  func noKey() throws {
    let router = try router()
    let context = zmq_ctx_new()
    let socket = zmq_socket(context, ZMQ_DEALER)
    defer {
      zmq_close(socket)
      zmq_ctx_term(context)
    }
    var linger: Int32 = 0
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, MemoryLayout<Int32>.size)
    #expect(zmq_connect(socket, router.boundAddress) == 0)
    let frame = try Self.heartbeat.encoded()
    // Not waiting: ZeroMQ gives the connection up at once, and then there is nobody to send to.
    _ = frame.withUnsafeBytes { zmq_send(socket, $0.baseAddress, $0.count, ZMQ_DONTWAIT) }
    // Where the door's greeting is there before it has said a word, it leaves without one, which is nothing to refuse, and does
    // not come back by itself.
    try expectRefusal(router) {
      zmq_disconnect(socket, router.boundAddress)
      zmq_connect(socket, router.boundAddress)
    }
  }

  @Test("A message that is too large is dropped, and its connection begins again")
  func oversized() throws {
    let router = try RouterEndpoint(
      bind: "tcp://127.0.0.1:*",
      security: ServerSecurity(secretKey: serverKeys.secretKey, authorizedClients: [clientKeys.publicKey]),
      logger: Self.quiet, limits: DoorLimits(descriptors: 1_024, largestMessageBytes: 65_536),
      largestMessageBytes: 65_536)
    let dealer = try dealer(router)
    let large = WireMessage.result(
      ShardAttempt(shard: 0, attempt: 1), payload: Data(count: 1 << 20), computeNanoseconds: 0)
    #expect(try dealer.send(large) == .sent)
    var received: RouterEndpoint.Received?
    while received == nil {
      _ = try dealer.send(Self.heartbeat)
      received = try router.receive(timeout: .milliseconds(100))
    }
    #expect(try received?.message.get() == Self.heartbeat)
  }

  @Test("A frame that is no message is reported with who sent it", arguments: [1, 2, 5])
  func garbage(frames: Int) throws {
    let context = zmq_ctx_new()
    let socket = zmq_socket(context, ZMQ_DEALER)
    defer {
      zmq_close(socket)
      zmq_ctx_term(context)
    }
    zmq_setsockopt(socket, ZMQ_ROUTING_ID, "raw", 3)
    try ScratchFolder.with { folder in
      let secret = try secretText(folder)
      #expect(zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, secret.server, 41) == 0)
      #expect(zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, secret.publicKey, 41) == 0)
      #expect(zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret.secretKey, 41) == 0)
      let open = try RouterEndpoint(
        bind: "tcp://127.0.0.1:*", security: secret.security, logger: Self.quiet)
      #expect(zmq_connect(socket, open.boundAddress) == 0)
      for frame in 1...frames { zmq_send(socket, "\u{7f}\u{7f}", 2, frame < frames ? ZMQ_SNDMORE : 0) }
      let received = try next(open)
      #expect("\(received.peer)" == "connection 726177")
      #expect(received.key.z85 == secret.publicKey)
      #expect(received.message == .failure(.malformed))
    }
  }

  private struct RawKeys {
    let server: String
    let publicKey: String
    let secretKey: String
    let security: ServerSecurity
  }

  /// Keys as text, which only their files give.
  private func secretText(_ folder: String) throws -> RawKeys {
    let store = KeyStore(folder: folder + "/keys")
    try store.create()
    let secret = try String(contentsOfFile: store.folder + "/worker.key", encoding: .utf8)
    let security = try store.clientSecurity()
    return RawKeys(
      server: security.serverPublicKey.z85, publicKey: security.keyPair.publicKey.z85,
      secretKey: secret.trimmingCharacters(in: .newlines), security: try store.serverSecurity())
  }

  @Test("Waking ends a wait, whether it comes before or during it")
  func wakes() throws {
    let router = try router()
    router.waker.wake()
    router.waker.wake()
    #expect(try router.receive(timeout: nil) == nil)
    let dealer = try dealer(router)
    let done = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      let outcome = try? dealer.receive(timeout: nil)
      #expect(outcome == .some(nil))
      done.signal()
    }
    dealer.waker.wake()
    done.wait()
    #expect(try router.receive(timeout: .milliseconds(1)) == nil)
  }

  @Test("What is wrong with an address is said in one sentence")
  func addresses() throws {
    let router = try router()
    #expect(throws: MessagingError.addressInUse(router.boundAddress)) { try self.router(router.boundAddress) }
    for address in [
      "udp://127.0.0.1:1", "inproc://x", "tcp://127.0.0.1:notaport", "tcp://", "", "ipc:///no/such/dir/s",
    ] {
      #expect(throws: MessagingError.self, "\(address)") { try self.router(address) }
    }
    #expect(throws: MessagingError.self) {
      try DealerEndpoint(connect: "tcp://nonsense", security: client)
    }
  }
}

extension RouterEndpoint.Received {
  /// The name that is said where it is an introduction.
  var name: String? {
    guard case .success(.hello(let hello)) = message else { return nil }
    return hello.workerID
  }
}
