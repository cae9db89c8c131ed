import Coordination
import Foundation
import Monitoring
import Planning
import Synchronization
import TestSupport
import Testing

@Suite struct MonitoringServerTests {
  private struct Broken: Error {}

  /// The answer to a GET, status line and all; nil where nobody listens.
  static func get(_ path: String, port: Int, bytes: String? = nil) -> String? {
    guard let client = HTTPClient(port) else { return nil }
    client.send(bytes ?? "GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    return client.rest()
  }

  /// A server on a port that is free.
  private func server(
    metrics: @escaping @Sendable () throws -> String = { "" }, isHealthy: @escaping @Sendable () -> Bool = { true },
    with change: (inout MonitoringServer.Limits) -> Void = { _ in }
  ) throws -> MonitoringServer {
    var limits = MonitoringServer.Limits(descriptors: 1_024)
    // Longer than any test waits, where it is not what is tested.
    limits.exchange = .hours(1)
    change(&limits)
    let place = try #require(MonitoringServer.Place("127.0.0.1:0"))
    return try MonitoringServer(
      at: place, limits: limits, Contents(metrics: metrics, live: nil, isHealthy: isHealthy))
  }

  @Test("metrics and health are answered; an error is status 500, sickness 503, other paths 404")
  func answers() throws {
    final class State: Sendable {
      let isHealthy = Atomic(true)
      let isBroken = Atomic(false)
    }
    let state = State()
    let server = try server(
      metrics: {
        if state.isBroken.load(ordering: .relaxed) { throw Broken() }
        return "gauntlet_images 7\n"
      }, isHealthy: { state.isHealthy.load(ordering: .relaxed) }, with: { $0.pageAge = .zero })
    defer { withExtendedLifetime(server) {} }
    let port = server.port
    func answer(_ path: String, port: Int) -> String { Self.get(path, port: port) ?? "" }
    let page = answer("/metrics", port: port)
    #expect(page.hasPrefix("HTTP/1.1 200") && page.contains("gauntlet_images 7") && page.contains("version=0.0.4"))
    #expect(answer("/healthz", port: port).hasPrefix("HTTP/1.1 200"))
    state.isHealthy.store(false, ordering: .relaxed)
    state.isBroken.store(true, ordering: .relaxed)
    #expect(answer("/healthz", port: port).hasPrefix("HTTP/1.1 503"))
    #expect(answer("/metrics", port: port).hasPrefix("HTTP/1.1 500"))
    #expect(answer("/other", port: port).hasPrefix("HTTP/1.1 404"))
    // Garbage costs the connection, not the server.
    _ = Self.get("", port: port, bytes: "\u{1}\u{2} not http\r\n\r\n")
    _ = Self.get("", port: port, bytes: String(repeating: "x", count: 100_000))
    #expect(answer("/healthz", port: port).hasPrefix("HTTP/1.1 503"))
    let taken = try #require(MonitoringServer.Place("127.0.0.1:\(port)"))
    let error = #expect(throws: MonitoringServer.CannotListen.self) {
      try MonitoringServer(at: taken, metrics: { "" }, isHealthy: { true })
    }
    #expect(error?.description == "cannot listen at 127.0.0.1:\(port) for --metrics: Address already in use")
  }

  @Test("Only GET and HEAD are answered, without a body")
  func methods() throws {
    let server = try server(metrics: { "page\n" })
    defer { withExtendedLifetime(server) {} }
    func status(_ head: String) -> Substring? {
      Self.get("", port: server.port, bytes: head + "\r\n\r\n")?.prefix { $0 != "\r\n" }
    }
    for method in ["POST", "DELETE", "OPTIONS", "TRACE", "PUT"] {
      #expect(status("\(method) /metrics HTTP/1.1\r\nHost: x") == "HTTP/1.1 405 Method Not Allowed")
    }
    for body in ["Content-Length: 9223372036854775807", "Transfer-Encoding: chunked"] {
      #expect(status("GET /metrics HTTP/1.1\r\nHost: x\r\n\(body)") == "HTTP/1.1 413 Payload Too Large")
    }
    let head = Self.get("", port: server.port, bytes: "HEAD /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    #expect(head?.hasPrefix("HTTP/1.1 200") == true && head?.hasSuffix("\r\n\r\n") == true)
    #expect(head?.lowercased().contains("content-length: 5\r\n") == true)
  }

  @Test(
    "A request that does not come to its end in time costs its connection",
    arguments: ["", "GET /metr", "GET /metrics HTTP/1.1\r\nX: "])
  func slowHead(start: String) throws {
    let server = try server(with: { $0.exchange = .milliseconds(300) })
    defer { withExtendedLifetime(server) {} }
    let client = try #require(HTTPClient(server.port))
    client.send(start)
    #expect(client.rest() == "")
    #expect(Self.get("/healthz", port: server.port)?.hasPrefix("HTTP/1.1 200") == true)
  }

  @Test("An answer that is not taken in time costs its connection")
  func slowReader() throws {
    let server = try server(
      metrics: { String(repeating: "x", count: 50_000_000) }, with: { $0.exchange = .milliseconds(300) })
    defer { withExtendedLifetime(server) {} }
    let client = try #require(HTTPClient(server.port))
    client.send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    // Nothing of it can be seen from this side, whose system has a part of the answer.
    while try server.connectionCount() == 0 {}
    while try server.connectionCount() > 0 {}
    #expect(try #require(client.rest()).utf8.count < 50_000_000)
  }

  @Test("A head of many kilobytes is not read to its end", arguments: ["GET /", "GET /metrics HTTP/1.1\r\n"])
  func hugeHead(start: String) throws {
    let server = try server()
    defer { withExtendedLifetime(server) {} }
    let client = try #require(HTTPClient(server.port))
    client.send(start + String(repeating: "X-A: b\r\n", count: 200_000))
    #expect(client.rest()?.hasPrefix("HTTP/1.1 200") != true)
    let allowed =
      "GET /healthz HTTP/1.1\r\nConnection: close\r\n" + "X-A: \(String(repeating: "b", count: 7_000))\r\n\r\n"
    #expect(Self.get("", port: server.port, bytes: allowed)?.hasPrefix("HTTP/1.1 200") == true)
  }

  @Test("Connections beyond the bound drop the oldest, and who comes then is answered")
  func tooMany() throws {
    let server = try server(with: { $0.connections = 4 })
    defer { withExtendedLifetime(server) {} }
    let clients = try (0..<20).map { _ in try #require(HTTPClient(server.port)) }
    for client in clients.prefix(16) { #expect(client.rest() == "") }
    #expect(Self.get("/healthz", port: server.port)?.hasPrefix("HTTP/1.1 200") == true)
    // One of the four made room; the last is still there.
    clients[19].send("GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n")
    #expect(clients[19].rest()?.hasPrefix("HTTP/1.1 200") == true)
  }

  @Test("Requests that come at once are answered one after the other, from one page")
  func pipelining() throws {
    final class Count: Sendable { let pages = Atomic(0) }
    let count = Count()
    let server = try server(
      metrics: {
        count.pages.wrappingAdd(1, ordering: .relaxed)
        return "metrics\n"
      }, with: { $0.pageAge = .hours(1) })
    defer { withExtendedLifetime(server) {} }
    let client = try #require(HTTPClient(server.port))
    let request = "GET /metrics HTTP/1.1\r\nHost: x\r\n"
    client.send(String(repeating: request + "\r\n", count: 999) + request + "Connection: close\r\n\r\n")
    let answers = try #require(client.rest()).components(separatedBy: "HTTP/1.1 200 OK\r\n")
    #expect(answers.count == 1_001)
    #expect(answers.dropFirst().allSatisfy { $0.hasSuffix("\r\n\r\nmetrics\n") })
    #expect(count.pages.load(ordering: .relaxed) == 1)
  }

  @Test("it answers while tasks block every thread that tasks share")
  func blockedThreads() throws {
    let server = try server()
    defer { withExtendedLifetime(server) {} }
    let (begun, release) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    let processors = ProcessInfo.processInfo.activeProcessorCount
    for _ in 0..<processors { Task { Self.block(begun, release) } }
    defer { for _ in 0..<processors { release.signal() } }
    // The test itself holds one of the threads, of which there is one a processor.
    for _ in 1..<processors { begun.wait() }
    let answers = (0..<3).lazy.compactMap { _ in Self.get("/healthz", port: server.port) }
    #expect(answers.contains { $0.hasPrefix("HTTP/1.1 200") })
  }

  private static func block(_ begun: DispatchSemaphore, _ release: DispatchSemaphore) {
    begun.signal()
    release.wait()
  }

  @Test("addresses are read with their ports", arguments: ["", "9151", "host:", ":9151", "1.2.3.4:70000", "1.2.3.4:x"])
  func places(text: String) throws {
    #expect(MonitoringServer.Place(text) == nil)
    #expect(MonitoringServer.Place("127.0.0.1:9151") != nil && MonitoringServer.Place("[::1]:9151") != nil)
    let name = try #require(MonitoringServer.Place("no-address:9151"))
    #expect(throws: MonitoringServer.CannotListen.self) {
      try MonitoringServer(at: name, metrics: { "" }, isHealthy: { true })
    }
  }
}
