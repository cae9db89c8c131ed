import Coordination
import Foundation
import Monitoring
import Planning
import Synchronization
import TestSupport
import Testing

/// The live page as browsers and strangers meet it.
@Suite struct LiveServerTests {
  private let scene: LiveScene

  init() throws { scene = try LiveScene() }

  /// A server on a free port of this machine; its token is that of a server that others reach, where one is wanted.
  private func server(
    token: Bool = false, moment: (@Sendable () -> LiveMoment)? = nil,
    with change: (inout MonitoringServer.Limits) -> Void = { _ in }
  ) throws -> (MonitoringServer, String?) {
    var limits = MonitoringServer.Limits(descriptors: 1_024)
    limits.exchange = .hours(1)
    limits.frameAge = .milliseconds(1)
    limits.sweep = .milliseconds(1)
    change(&limits)
    let open = try #require(MonitoringServer.Place("0.0.0.0:0"))
    let access = LiveAccess(at: token ? open : .loopback(port: 0))
    let server = try MonitoringServer(
      at: .loopback(port: 0), limits: limits,
      Contents(
        metrics: { "gauntlet_images 7\n" },
        live: (
          scene.source(moment ?? { LiveMoment(time: 0, phase: .starting, status: nil, workers: nil) }), access
        ), isHealthy: { true }))
    return (server, access.token)
  }

  private func get(_ path: String, _ server: MonitoringServer, host: String = "localhost") -> String {
    MonitoringServerTests.get(
      "", port: server.port, bytes: "GET \(path) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n") ?? ""
  }

  @Test("Where others reach it the page and its stream ask for the token; metrics, health and the page's files do not")
  func token() throws {
    let (server, token) = try server(token: true)
    defer { withExtendedLifetime(server) {} }
    let secret = try #require(token)
    #expect(secret.utf8.count == 64)
    for path in ["/", "/events"] {
      #expect(get(path, server).hasPrefix("HTTP/1.1 401"))
      #expect(get(path + "?token=", server).hasPrefix("HTTP/1.1 401"))
      for wrong in [String(secret.dropLast()), secret + "0", String(repeating: "0", count: 64), "x"] {
        let answer = get("\(path)?token=\(wrong)", server)
        #expect(answer.hasPrefix("HTTP/1.1 403") && !answer.contains("small") && !answer.contains(secret))
      }
    }
    #expect(get("/?token=\(secret)", server, host: "node7.example.org:9151").hasPrefix("HTTP/1.1 200"))
    for path in ["/metrics", "/healthz", "/live.css", "/live.js"] {
      #expect(get(path, server).hasPrefix("HTTP/1.1 200"))
    }
  }

  @Test("A token is drawn anew unless there was one, and compared byte by byte to its end")
  func access() throws {
    let open = try #require(MonitoringServer.Place("[::]:0"))
    let (first, second) = (LiveAccess(at: open), LiveAccess(at: open))
    #expect(first.token != nil && first.token != second.token)
    #expect(LiveAccess(at: open, former: first.token).token == first.token)
    #expect(LiveAccess(at: open, former: "short").token != "short")
    for place in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1"] {
      #expect(LiveAccess(at: try #require(MonitoringServer.Place(place))).token == nil)
    }
    #expect(LiveAccess.agree([1, 2, 3], [1, 2, 3]) && LiveAccess.agree([], []))
    for other: [UInt8] in [[], [1, 2], [1, 2, 4], [0, 2, 3], [1, 2, 3, 0]] {
      #expect(!LiveAccess.agree(other, [1, 2, 3]))
    }
  }

  @Test(
    "Without a token no other site's name leads to the page: a browser would let that site read it",
    arguments: [
      ("localhost:8000", true), ("LOCALHOST", true), ("127.0.0.1:8000", true), ("[::1]:8000", true),
      ("evil.example", false), ("evil.example:8000", false), ("localhost.evil.example", false), ("", false),
    ])
  func foreignNames(host: String, isOwn: Bool) throws {
    let (server, _) = try server()
    defer { withExtendedLifetime(server) {} }
    #expect(get("/", server, host: host).hasPrefix(isOwn ? "HTTP/1.1 200" : "HTTP/1.1 403"))
  }

  @Test("The page lets a browser run and fetch nothing but its own files, and says all without scripts")
  func page() throws {
    let status = try scene.status { $0.firstImage == 0 }
    let (server, _) = try server { LiveMoment(time: 1_010, phase: .paused, status: status, workers: nil) }
    defer { withExtendedLifetime(server) {} }
    let page = get("/", server)
    #expect(page.contains("Content-Type: text/html; charset=utf-8\r\n"))
    #expect(page.contains("Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'"))
    #expect(page.contains("frame-ancestors 'none'\r\n") && page.contains("Referrer-Policy: no-referrer\r\n"))
    #expect(page.contains("Cache-Control: no-store\r\n") && page.contains("X-Content-Type-Options: nosniff\r\n"))
    #expect(page.contains("<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>"))
    #expect(page.contains("Paused: no worker is connected") && page.contains("70 of 140 images"))
    #expect(page.contains("<th scope=\"row\">model-1</th><td>50 %</td>") && !page.contains("{{"))
    for file in ["/live.css", "/live.js"] {
      let text = get(file, server)
      // The name of SVG is no address that is fetched.
      let others = text.replacing("http://www.w3.org/2000/svg", with: "")
      #expect(text.hasPrefix("HTTP/1.1 200") && !others.contains("http:") && !text.contains("innerHTML"), "\(file)")
    }
  }

  @Test("A viewer is sent what there is and then each new state; the last one before the show ends")
  func stream() throws {
    final class Phase: Sendable { let time = Atomic(0), isOver = Atomic(false) }
    let phase = Phase()
    let (server, _) = try server {
      LiveMoment(
        time: Double(phase.time.wrappingAdd(1, ordering: .relaxed).newValue),
        phase: phase.isOver.load(ordering: .relaxed) ? .done : .running, status: nil, workers: nil)
    }
    defer { withExtendedLifetime(server) {} }
    let client = try #require(HTTPClient(server.port))
    client.send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    let begin = try #require(client.text { $0.contains(#"data: {"time":3,"#) })
    #expect(begin.hasPrefix("HTTP/1.1 200") && begin.contains("text/event-stream"))
    #expect(begin.contains("retry: 2000\n\nevent: layout\ndata: {"))
    #expect(begin.contains(#"data: {"time":1,"#) && begin.contains(#"data: {"time":2,"#))
    #expect(try server.viewerCount() == 1)
    phase.isOver.store(true, ordering: .relaxed)
    server.endShow()
    #expect(client.text { $0.contains(#""phase":"done""#) } != nil)
  }

  @Test("Nothing is made where nobody watches, nor after the last viewer has gone")
  func nobody() throws {
    final class Count: Sendable { let moments = Atomic(0) }
    let count = Count()
    let (server, _) = try server {
      count.moments.wrappingAdd(1, ordering: .relaxed)
      return LiveMoment(time: 0, phase: .running, status: nil, workers: nil)
    }
    defer { withExtendedLifetime(server) {} }
    #expect(get("/healthz", server).hasPrefix("HTTP/1.1 200"))
    server.endShow()
    #expect(count.moments.load(ordering: .relaxed) == 0)
    var client = HTTPClient(server.port)
    client?.send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    try waitUntil("it watches") { try server.viewerCount() == 1 }
    client = nil
    try waitUntil("it has gone") { try server.viewerCount() == 0 }
    #expect(get("/healthz", server).hasPrefix("HTTP/1.1 200"))
    let before = count.moments.load(ordering: .relaxed)
    for _ in 0..<20 { _ = get("/healthz", server) }
    #expect(count.moments.load(ordering: .relaxed) == before)
  }

  @Test("There are so many viewers and no more; one who watches is not crowded out by strangers")
  func bounded() throws {
    let (server, _) = try server(with: {
      $0.connections = 6
      $0.viewers = 2
    })
    defer { withExtendedLifetime(server) {} }
    let clients = try (0..<2).map { _ in try #require(HTTPClient(server.port)) }
    for (place, client) in clients.enumerated() {
      client.send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
      try waitUntil("it watches") { try server.viewerCount() == place + 1 }
    }
    #expect(get("/events", server).hasPrefix("HTTP/1.1 503"))
    let strangers = try (0..<40).map { _ in try #require(HTTPClient(server.port)) }
    for stranger in strangers.prefix(36) { #expect(stranger.rest() == "") }
    #expect(try server.viewerCount() == 2)
    #expect(clients[0].text { $0.components(separatedBy: "event: state").count > 5 } != nil)
  }

  @Test("A viewer that does not take what it is sent is dropped, and costs one state's memory until then")
  func slowViewer() throws {
    let reason = String(repeating: "x", count: 390)
    let errors = (1...9).flatMap { attempt -> [LedgerEntry] in
      [
        .leased(shard: 0, attempt: attempt, worker: "w", time: 0),
        .ended(shard: 0, attempt: attempt, worker: "w", outcome: .failed, reason: reason, time: 1),
      ]
    }
    let status = try scene.status(errors: errors) { _ in false }
    let (server, _) = try server {
      LiveMoment(time: 0, phase: .running, status: status, workers: nil)
    } with: {
      $0.exchange = .milliseconds(300)
    }
    defer { withExtendedLifetime(server) {} }
    let client = try #require(HTTPClient(server.port))
    client.send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    try waitUntil("it watches") { try server.viewerCount() == 1 }
    // It reads nothing: once the system's buffers are full no state goes out whole any more.
    try waitUntil("it is dropped") { try server.viewerCount() == 0 }
    #expect(try server.connectionCount() == 0)
  }
}
