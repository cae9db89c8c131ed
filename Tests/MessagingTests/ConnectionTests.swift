import CZeroMQ
import Foundation
import Messaging
import TestSupport
import Testing

/// What a worker's end knows of a connection that does not come about.
@Suite(.hangLimit) struct ConnectionTests {
  private let serverKeys: CurveKeyPair
  private let clientKeys: CurveKeyPair

  init() throws {
    serverKeys = try CurveKeyPair.generate()
    clientKeys = try CurveKeyPair.generate()
  }

  private func router() throws -> RouterEndpoint {
    try RouterEndpoint(
      bind: "tcp://127.0.0.1:*",
      security: ServerSecurity(secretKey: serverKeys.secretKey, authorizedClients: [clientKeys.publicKey]),
      logger: EndpointTests.quiet)
  }

  private func dealer(
    _ address: String, server: CurvePublicKey? = nil, client: CurveKeyPair? = nil
  ) throws -> DealerEndpoint {
    try DealerEndpoint(
      connect: address,
      security: ClientSecurity(serverPublicKey: server ?? serverKeys.publicKey, keyPair: client ?? clientKeys))
  }

  /// Receives until the connection is in a state.
  private func expect(_ state: ConnectionState, _ dealer: DealerEndpoint) throws {
    while dealer.connection != state { #expect(try dealer.receive(timeout: .milliseconds(20)) == nil) }
  }

  @Test("A connection is established once both sides have proved who they are")
  func established() throws {
    let router = try router()
    let dealer = try dealer(router.boundAddress)
    try expect(.established, dealer)
    router.close()
    try expect(.connecting, dealer)
  }

  @Test("A key that is not authorized and a coordinator with another key are told apart, and begun anew")
  func keys() throws {
    let router = try router()
    let unknown = try dealer(router.boundAddress, client: CurveKeyPair.generate())
    try expect(.keyRefused, unknown)
    let misled = try dealer(router.boundAddress, server: CurveKeyPair.generate().publicKey)
    try expect(.stranger, misled)
    for dealer in [unknown, misled] {
      try dealer.beginAnew()
      #expect(dealer.connection == .connecting)
    }
    try expect(.keyRefused, unknown)
    try expect(.stranger, misled)
  }

  @Test("A key that is let in later gets in, though ZeroMQ had given up")
  func letInLater() throws {
    try ScratchFolder.with { folder in
      let store = KeyStore(folder: folder + "/keys")
      try store.create()
      let router = try RouterEndpoint(
        bind: "tcp://127.0.0.1:*", security: store.serverSecurity(), logger: EndpointTests.quiet)
      let away = folder + "/worker.public"
      let authorized = store.folder + "/authorized/worker.public"
      try FileManager.default.moveItem(atPath: authorized, toPath: away)
      let dealer = try DealerEndpoint(
        connect: router.boundAddress, security: store.clientSecurity())
      try expect(.keyRefused, dealer)
      try FileManager.default.moveItem(atPath: away, toPath: authorized)
      while dealer.connection != .established {
        if dealer.connection.isGivenUp { try dealer.beginAnew() }
        #expect(try dealer.receive(timeout: .milliseconds(50)) == nil)
      }
      _ = try dealer.send(EndpointTests.heartbeat)
      #expect(try #require(try router.receive(timeout: .seconds(30))).message.get() == EndpointTests.heartbeat)
    }
  }

  @Test("What is there and speaks otherwise is a stranger; who only listens is greeted")
  func otherPrograms() throws {
    // A socket without keys: it answers, and its greeting is not that of CURVE.
    let context = zmq_ctx_new()
    let socket = zmq_socket(context, ZMQ_ROUTER)
    defer {
      zmq_close(socket)
      zmq_ctx_term(context)
    }
    #expect(zmq_bind(socket, "tcp://127.0.0.1:*") == 0)
    var text = [CChar](repeating: 0, count: 256)
    var size = text.count
    #expect(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, &text, &size) == 0)
    let address = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    try expect(.stranger, dealer(address))
  }

  @Test("Why nobody answers: the host is not known, nobody listens, there is no socket")
  func problems() throws {
    let router = try router()
    let address = router.boundAddress
    #expect(ReachabilityProblem.find(at: address) == nil)
    router.close()
    guard case .refused(address, let reason)? = ReachabilityProblem.find(at: address) else {
      Issue.record("\(address) is taken for good")
      return
    }
    #expect(reason == "Connection refused")
    guard case .unresolved("no-host.invalid", _)? = ReachabilityProblem.find(at: "tcp://no-host.invalid:5757") else {
      Issue.record("a host that cannot be there is")
      return
    }
    #expect(ReachabilityProblem.find(at: "ipc:///no/such/socket") == .noSocket(path: "/no/such/socket"))
    #expect(ReachabilityProblem.find(at: "tcp://[::1]:1") != nil)
    #expect(ReachabilityProblem.find(at: "tcp://nothing") == nil)
  }
}
