import Coordination
import Foundation
import Planning
import TestSupport
import Testing

/// Connections that nobody asked for, more than a coordinator may have files. `make strangers` tries many more kinds.
@Suite struct StrangersTests {
  /// A connection that says `words` and then nothing, and takes what it is given.
  private final class Connection {
    private let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)

    init(_ port: UInt16, _ words: String = "") {
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = port.bigEndian
      address.sin_addr.s_addr = inet_addr("127.0.0.1")
      let status = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      #expect(status == 0)
      let bytes = Array(words.utf8)
      _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    deinit { close(descriptor) }

    /// The first bytes of an answer; empty where the other side hangs up or says nothing for a minute.
    func answer() -> String {
      var patience = timeval(tv_sec: 60, tv_usec: 0)
      setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
      var buffer = [UInt8](repeating: 0, count: 256)
      let count = recv(descriptor, &buffer, buffer.count, 0)
      return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }
  }

  /// A port that was free a moment ago.
  private func freePort() throws -> UInt16 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        #expect(bind(descriptor, $0, size) == 0)
        getsockname(descriptor, $0, &size)
      }
    }
    return UInt16(bigEndian: address.sin_port)
  }

  @Test(
    "A run that may have 128 files is finished among 600 silent connections, and its health is answered",
    .hangLimit)
  func silence() throws {
    let scratch = try ScratchFolder()
    defer { withExtendedLifetime(scratch) {} }
    let manifest = try scratch.miniature(images: 20, shardImages: 5)
    let folder = RunFolder(scratch.path + "/run")
    let metrics = try freePort()
    let errors = try Program.OutputFile()
    let coordinator = try Program.start(
      "/bin/sh",
      [
        "-c", "ulimit -n 128; exec \"$0\" \"$@\"", CommandLineTool.path, "coordinate", manifest, "--run", folder.path,
        "--metrics", "127.0.0.1:\(metrics)",
      ], errors: errors.handle)
    try waitUntil("the coordinator listens") { CoordinatorEndpoint(in: folder) != nil }
    let port = try #require(
      CoordinatorEndpoint(in: folder)?.address?.split(separator: ":").last.flatMap { UInt16($0) })
    try waitUntil("it serves metrics") { Self.isListening(metrics) }
    let strangers = (0..<600).map { Connection($0 % 2 == 0 ? port : metrics) }
    let health = Connection(metrics, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(health.answer().hasPrefix("HTTP/1.1 200"))
    let worker = try CommandLineTool.start(["work", "--run", folder.path, "--streams", "1"])
    coordinator.waitUntilExit()
    worker.waitUntilExit()
    let said = try errors.text()
    #expect(coordinator.terminationStatus == 0, "\(said)")
    #expect(worker.terminationStatus == 0)
    withExtendedLifetime(strangers) {}
  }

  private static func isListening(_ port: UInt16) -> Bool {
    let hex = String(format: ":%04X 00000000:0000 0A", Int(port))
    return (try? String(contentsOfFile: "/proc/net/tcp", encoding: .utf8))?.contains(hex) == true
  }
}
