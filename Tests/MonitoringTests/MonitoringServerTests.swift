import Coordination
import Foundation
import Monitoring
import Planning
import Synchronization
import Testing

@Suite struct MonitoringServerTests {
  private struct Broken: Error {}

  /// The answer to a GET, status line and all; nil where nobody listens.
  static func get(_ path: String, port: UInt16, bytes: String? = nil) -> String? {
    let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(socket) }
    // An answer that never comes is none.
    var patience = timeval(tv_sec: 60, tv_usec: 0)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let status = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard status == 0 else { return nil }
    let request = Array((bytes ?? "GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").utf8)
    guard send(socket, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else { return nil }
    if bytes != nil { shutdown(socket, Int32(SHUT_WR)) }
    var answer: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4_096)
    while case let count = recv(socket, &buffer, buffer.count, 0), count > 0 { answer += buffer[..<count] }
    return String(decoding: answer, as: UTF8.self)
  }

  /// The answer, asked for again while there is none: a server that gets no processor for ten seconds gives a connection
  /// up, as it may, and other tests hold the threads that its library's tasks share.
  private func answer(_ path: String, port: UInt16) -> String {
    for _ in 0..<60 {
      if let answer = Self.get(path, port: port), !answer.isEmpty { return answer }
    }
    return ""
  }

  /// A server on a port that was free.
  private func server(
    metrics: @escaping @Sendable () throws -> String, isHealthy: @escaping @Sendable () -> Bool
  ) throws -> (server: MonitoringServer, port: UInt16) {
    for _ in 0..<50 {
      let port = UInt16.random(in: 20_000...60_000)
      let place = try #require(MonitoringServer.Place("127.0.0.1:\(port)"))
      if let server = try? MonitoringServer(at: place, metrics: metrics, isHealthy: isHealthy) { return (server, port) }
    }
    throw Broken()
  }

  @Test("metrics and health are answered; an error is status 500, sickness 503, other paths 404")
  func answers() throws {
    final class State: Sendable {
      let isHealthy = Atomic(true)
      let isBroken = Atomic(false)
    }
    let state = State()
    let (server, port) = try server {
      if state.isBroken.load(ordering: .relaxed) { throw Broken() }
      return "gauntlet_images 7\n"
    } isHealthy: {
      state.isHealthy.load(ordering: .relaxed)
    }
    defer { withExtendedLifetime(server) {} }
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

  @Test("it answers while tasks block every thread that tasks share")
  func blockedThreads() throws {
    let (server, port) = try server(metrics: { "" }, isHealthy: { true })
    defer { withExtendedLifetime(server) {} }
    let (begun, release) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    let processors = ProcessInfo.processInfo.activeProcessorCount
    for _ in 0..<processors { Task { Self.block(begun, release) } }
    defer { for _ in 0..<processors { release.signal() } }
    // The test itself holds one of the threads, of which there is one a processor.
    for _ in 1..<processors { begun.wait() }
    let answers = (0..<3).lazy.compactMap { _ in Self.get("/healthz", port: port) }
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
