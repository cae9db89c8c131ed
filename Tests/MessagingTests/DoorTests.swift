import CZeroMQ
import Foundation
import Messaging
import NIOCore
import Shards
import Synchronization
import TestSupport
import Testing

/// What those without a key can do to a coordinator, and those with one to its memory. Waiting is always for something to
/// come.
@Suite(.hangLimit) struct DoorTests {
  private let serverKeys: CurveKeyPair
  private let clientKeys: CurveKeyPair
  private static let greeting = [UInt8](ClientHandshake.serverGreeting)

  init() throws {
    serverKeys = try CurveKeyPair.generate()
    clientKeys = try CurveKeyPair.generate()
  }

  private func router(
    _ log: KeptLog = KeptLog(), keys: Set<CurvePublicKey>? = nil, largestMessageBytes: Int = 1 << 20,
    _ change: (inout DoorLimits) -> Void = { _ in }
  ) throws -> RouterEndpoint {
    var limits = DoorLimits(descriptors: 1_024, largestMessageBytes: largestMessageBytes)
    // Longer than any test waits, where it is not what is tested.
    limits.handshake = .hours(1)
    limits.stall = .hours(1)
    change(&limits)
    return try RouterEndpoint(
      bind: "tcp://127.0.0.1:*",
      security: ServerSecurity(secretKey: serverKeys.secretKey, authorizedClients: keys ?? [clientKeys.publicKey]),
      logger: log.logger, limits: limits, largestMessageBytes: largestMessageBytes)
  }

  private func dealer(_ address: String) throws -> DealerEndpoint {
    try DealerEndpoint(
      connect: address,
      security: ClientSecurity(serverPublicKey: serverKeys.publicKey, keyPair: clientKeys))
  }

  /// A worker joins, and is heard and answered.
  private func expectService(_ router: RouterEndpoint) throws {
    let dealer = try dealer(router.boundAddress)
    _ = try dealer.send(EndpointTests.hello("honest"))
    let received = try #require(try router.receive(timeout: .seconds(60)))
    #expect(received.name == "honest")
    #expect(try router.send(.heartbeatReply, to: received.peer) == .sent)
    #expect(try #require(try dealer.receive(timeout: .seconds(60))).get() == .heartbeatReply)
  }

  /// Greeting and HELLO of a worker that knows the coordinator's key, as ZeroMQ sends them.
  private func hello() throws -> [UInt8] {
    let listener = try Stranger.Listener()
    let dealer = try dealer(listener.address)
    let end = try listener.accept()
    end.send(Self.greeting)
    let bytes = try end.read(ClientHandshake.greetingBytes + ClientHandshake.helloBytes)
    dealer.close()
    return bytes
  }

  // MARK: Strangers

  @Test("Who says something else than a client of CURVE is hung up on at its first wrong byte")
  func wrongWords() throws {
    let log = KeptLog()
    let router = try router(log)
    var noKeys = Self.greeting
    noKeys.replaceSubrange(12..<17, with: Array("NULL\u{0}".utf8))
    let words: [[UInt8]] = [
      Array("GET / HTTP/1.1\r\n".utf8), Array("\u{16}\u{3}\u{1}".utf8), Array("SSH-2.0-x\r\n".utf8),
      [0xff] + Array(repeating: 0, count: 9),
      noKeys,
      // A command of 256 MiB before the handshake, and a megabyte of it.
      Self.greeting + [0x06] + [0, 0, 0, 0, 0x10, 0, 0, 0] + [UInt8](repeating: 0, count: 1 << 20),
      // HELLO of another size.
      Self.greeting + [0x04, 201],
      // More than HELLO before WELCOME.
      try hello() + [0],
    ]
    for words in words {
      let stranger = try Stranger(router.boundAddress)
      stranger.send(words)
      #expect(stranger.isHungUp())
    }
    #expect(router.refusedConnections == words.count)
    try expectService(router)
    // The first, the second, the fourth and the eighth, and nothing that they said.
    #expect(log.lines.count { $0.contains("refused a connection") } == 4)
    #expect(!log.lines.contains { $0.contains("HTTP") || $0.contains("SSH") })
  }

  @Test("Silent connections beyond the bound drop the oldest of their origin, and a worker joins among them")
  func silence() throws {
    let router = try router { $0.waiting = 8 }
    let strangers = try (0..<40).map { _ in try Stranger(router.boundAddress) }
    for stranger in strangers.prefix(32) { #expect(stranger.isHungUp()) }
    try expectService(router)
    // Of the last eight one made room for the worker; the others are still there.
    #expect(strangers[32].isHungUp())
    #expect(router.refusedConnections == 33)
  }

  @Test("Who does not come to its key in time is hung up on", arguments: [0, 1, 40, 64, 100, 266])
  func late(bytes: Int) throws {
    let router = try router { $0.handshake = .milliseconds(300) }
    let stranger = try Stranger(router.boundAddress)
    stranger.send(Array(try hello().prefix(bytes)))
    #expect(stranger.isHungUp())
    #expect(router.refusedConnections == 1)
    try expectService(router)
  }

  @Test("Who knows the coordinator's key gets WELCOME and no further without a whole INITIATE of some bytes")
  func introduction() throws {
    let router = try router()
    for command: [UInt8] in [
      // Two kilobytes and one; a quarter of a gigabyte; another command; a message.
      [0x06, 0, 0, 0, 0, 0, 0, 8, 1], [0x06, 0, 0, 0, 0, 0x10, 0, 0, 0],
      [0x06, 0, 0, 0, 0, 0, 0, 1, 8, 8] + Array("INITIATX".utf8), [0x00, 10],
      // INITIATE that was not made with these keys.
      [0x06, 0, 0, 0, 0, 0, 0, 2, 0, 8] + Array("INITIATE".utf8) + [UInt8](repeating: 7, count: 503),
    ] {
      let stranger = try Stranger(router.boundAddress)
      stranger.send(try hello())
      #expect(try stranger.read(ClientHandshake.greetingBytes) == Self.greeting)
      #expect(try stranger.read(10) == [0x04, 168, 7] + Array("WELCOME".utf8))
      stranger.send(command)
      #expect(stranger.isHungUp())
    }
    #expect(router.refusedConnections == 5)
    try expectService(router)
  }

  @Test("The door greets as ZeroMQ does")
  func greeting() throws {
    let context = zmq_ctx_new()
    let socket = zmq_socket(context, ZMQ_ROUTER)
    defer {
      zmq_close(socket)
      zmq_ctx_term(context)
    }
    var isServer: Int32 = 1
    zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &isServer, 4)
    var text = [CChar](repeating: 0, count: 41)
    var secret = text
    #expect(zmq_curve_keypair(&text, &secret) == 0)
    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret, 41)
    #expect(zmq_bind(socket, "tcp://127.0.0.1:*") == 0)
    var place = [CChar](repeating: 0, count: 256)
    var size = place.count
    #expect(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, &place, &size) == 0)
    let stranger = try Stranger(String(decoding: place.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
    stranger.send(Self.greeting)
    #expect(try stranger.read(ClientHandshake.greetingBytes) == Self.greeting)
  }

  @Test("Where as many are connected as may be, others are told apart from strangers and kept out")
  func full() throws {
    let log = KeptLog()
    let router = try router(log) { $0.admitted = 2 }
    let names = ["a", "b", "c"]
    let dealers = try names.map { _ in try dealer(router.boundAddress) }
    for (dealer, name) in zip(dealers, names) { _ = try dealer.send(EndpointTests.hello(name)) }
    var peers: Set<String> = []
    while router.refusedConnections == 0 || peers.count < 2 {
      if let name = try router.receive(timeout: .milliseconds(20))?.name { peers.insert(name) }
    }
    #expect(peers.count == 2)
    #expect(log.lines.contains { $0.contains("ulimit -n") })
    // Somebody leaves, and the one who waits gets in.
    dealers[names.firstIndex { peers.contains($0) } ?? 0].close()
    while peers.count < 3 {
      if let name = try router.receive(timeout: .milliseconds(20))?.name { peers.insert(name) }
      for dealer in dealers where dealer.connection.isGivenUp { try dealer.beginAnew() }
      for (dealer, name) in zip(dealers, names) {
        _ = try? dealer.send(EndpointTests.hello(name))
        _ = try? dealer.receive(timeout: .zero)
      }
    }
  }

  // MARK: Those with a key

  @Test("Many who join at once each have their own key, whoever asks the gatekeeper first")
  func manyKeys() throws {
    let pairs = try (0..<4).map { _ in try CurveKeyPair.generate() }
    let router = try RouterEndpoint(
      bind: "tcp://127.0.0.1:*",
      security: ServerSecurity(secretKey: serverKeys.secretKey, authorizedClients: Set(pairs.map(\.publicKey))),
      logger: EndpointTests.quiet)
    let dealers = try (0..<60).map { index in
      try DealerEndpoint(
        connect: router.boundAddress,
        security: ClientSecurity(serverPublicKey: serverKeys.publicKey, keyPair: pairs[index % 4]))
    }
    for (index, dealer) in dealers.enumerated() { _ = try dealer.send(EndpointTests.hello("\(index)")) }
    var peers: Set<PeerID> = []
    for _ in dealers {
      let received = try #require(try router.receive(timeout: .seconds(60)))
      let index = try #require(received.name.flatMap { Int($0) })
      #expect(received.key == pairs[index % 4].publicKey)
      peers.insert(received.peer)
    }
    #expect(peers.count == dealers.count)
  }

  @Test("A message of many parts takes no more than one message may, and its connection is closed")
  func manyParts() throws {
    var pair = (publicText: [CChar](repeating: 0, count: 41), secretText: [CChar](repeating: 0, count: 41))
    #expect(zmq_curve_keypair(&pair.publicText, &pair.secretText) == 0)
    let publicText = String(decoding: pair.publicText.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    let log = KeptLog()
    let router = try router(log, keys: [clientKeys.publicKey, try #require(CurvePublicKey(z85: publicText))]) {
      $0.stall = .milliseconds(500)
    }
    let context = zmq_ctx_new()
    let socket = zmq_socket(context, ZMQ_DEALER)
    defer {
      zmq_close(socket)
      zmq_ctx_term(context)
    }
    var zero: Int32 = 0
    zmq_setsockopt(socket, ZMQ_LINGER, &zero, 4)
    zmq_setsockopt(socket, ZMQ_SNDHWM, &zero, 4)
    zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, serverKeys.publicKey.z85, 41)
    zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, pair.publicText, 41)
    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, pair.secretText, 41)
    #expect(zmq_connect(socket, router.boundAddress) == 0)
    let part = [UInt8](repeating: 0, count: 100_000)
    for _ in 0..<300 { zmq_send(socket, part, part.count, ZMQ_SNDMORE | ZMQ_DONTWAIT) }
    zmq_send(socket, part, part.count, ZMQ_DONTWAIT)
    try waitUntil("the connection is refused") {
      let (received, waiting) = (try router.receive(timeout: .milliseconds(20)), try router.unreceivedBytes())
      #expect(received == nil)
      // Two megabytes, and what is on the way between door and ZeroMQ.
      #expect(waiting < 4 << 20)
      return router.refusedConnections > 0
    }
    #expect(log.lines.contains { $0.contains("larger than the limit") })
    try expectService(router)
  }

  @Test("Large messages wait where the coordinator is slow, each arrives, and none of their bytes is left counted")
  func slowCoordinator() throws {
    let router = try router { $0.stall = .milliseconds(500) }
    let dealer = try dealer(router.boundAddress)
    let message = WireMessage.result(
      ShardAttempt(shard: 5, attempt: 2), payload: Data(count: 500_000), computeNanoseconds: 1)
    for _ in 0..<40 { #expect(try dealer.send(message) == .sent) }
    for _ in 0..<300 { #expect(try dealer.send(EndpointTests.heartbeat) == .sent) }
    // As far as they come while nobody receives.
    var waiting = -1
    while case let now = try router.unreceivedBytes(), now == 0 || now != waiting {
      waiting = now
      #expect(try dealer.receive(timeout: .milliseconds(200)) == nil)
    }
    #expect(waiting < 4 << 20)
    for _ in 0..<40 { #expect(try #require(try router.receive(timeout: .seconds(60))).message.get() == message) }
    for _ in 0..<300 { _ = try #require(try router.receive(timeout: .seconds(60))) }
    #expect(try router.unreceivedBytes() == 0)
    #expect(router.refusedConnections == 0)
  }

  @Test("What is sent just before an end arrives, in both directions")
  func lastWords() throws {
    let router = try router(largestMessageBytes: 1 << 26)
    let dealer = try dealer(router.boundAddress)
    let message = WireMessage.result(
      ShardAttempt(shard: 5, attempt: 2), payload: Data(count: 20_000_000), computeNanoseconds: 1)
    _ = try dealer.send(message)
    let received = try #require(try router.receive(timeout: .seconds(60)))
    #expect(try received.message.get() == message)
    let task = WireMessage.lease(ShardAttempt(shard: 1, attempt: 1), task: Data(count: 20_000_000))
    let heard = Mutex<[WireMessage]>([])
    let reader = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      for _ in 0..<2 {
        guard case .success(let message)? = try? dealer.receive(timeout: .seconds(60)) else { continue }
        heard.withLock { $0.append(message) }
      }
      reader.signal()
    }
    #expect(try router.send(task, to: received.peer) == .sent)
    #expect(try router.send(.shutdown(reason: "done"), to: received.peer) == .sent)
    router.close()
    reader.wait()
    #expect(heard.withLock { $0 } == [task, .shutdown(reason: "done")])
    let second = try self.router(largestMessageBytes: 1 << 26)
    let leaver = try self.dealer(second.boundAddress)
    _ = try leaver.send(message)
    _ = try leaver.send(.goodbye)
    leaver.close()
    #expect(try #require(try second.receive(timeout: .seconds(60))).message.get() == message)
    #expect(try #require(try second.receive(timeout: .seconds(60))).message.get() == .goodbye)
  }
}
