import Foundation
import Planning
import TestSupport
import Testing

/// Where a run's live page is, as users find it. `make live-page` looks at it in a browser.
@Suite struct LivePageTests {
  private struct Status: Decodable {
    let live: String?
  }

  private struct Record: Decodable {
    let url: String?
    let token: String?
  }

  private static func status(_ folder: RunFolder) throws -> String? {
    let outcome = try CommandLineTool.run(["status", folder.path, "--json"])
    return try JSONDecoder().decode(Status.self, from: Data(outcome.output.utf8)).live
  }

  private static func record(_ folder: RunFolder) -> Record? {
    FileManager.default.contents(atPath: folder.live).flatMap { try? JSONDecoder().decode(Record.self, from: $0) }
  }

  /// The answer to a GET of an address of this machine.
  private static func get(_ url: String) throws -> String {
    let url = try #require(URL(string: url))
    let port = try #require(url.port)
    let client = try #require(HTTPClient(port))
    let query = url.query.map { "?\($0)" } ?? ""
    client.send("GET /\(query) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    return client.rest() ?? ""
  }

  @Test(
    "A coordinator that was killed is followed by one with the same port and token; status has the address meanwhile alone",
    .hangLimit, arguments: ["127.0.0.1:0", "0.0.0.0:0"])
  func comesBack(place: String) throws {
    let scratch = try ScratchFolder()
    defer { withExtendedLifetime(scratch) {} }
    let manifest = try scratch.miniature(images: 10, shardImages: 5)
    let folder = RunFolder(scratch.path + "/run")
    let errors = try Program.OutputFile()
    let first = try CommandLineTool.start(
      ["coordinate", manifest, "--run", folder.path, "--live", place], errors: errors.handle)
    defer { if first.isRunning { first.terminate() } }
    try waitUntil("it says where its page is") { try errors.text().contains("live page: http://") }
    let record = try #require(Self.record(folder))
    let url = try #require(record.url)
    #expect(try errors.text().contains("live page: \(url)\n"))
    #expect((record.token == nil) == place.hasPrefix("127") && (record.token.map { url.contains($0) } ?? true))
    var rights = stat()
    #expect(stat(folder.live, &rights) == 0 && rights.st_mode & 0o777 == 0o600)
    #expect(try Self.status(folder) == url)
    #expect(try Self.get(url).contains("0 of "))
    if record.token != nil {
      #expect(try Self.get(url.components(separatedBy: "?")[0]).hasPrefix("HTTP/1.1 401"))
    }

    kill(first.processIdentifier, SIGKILL)
    first.waitUntilExit()
    #expect(try Self.status(folder) == nil)
    let second = try CommandLineTool.start(["coordinate", "--run", folder.path, "--live", place])
    defer { if second.isRunning { second.terminate() } }
    try waitUntil("the next one has it") { try Self.status(folder) != nil }
    #expect(try Self.status(folder) == url)
    let worker = try CommandLineTool.start(["work", "--run", folder.path, "--streams", "1"])
    worker.waitUntilExit()
    second.waitUntilExit()
    #expect(second.terminationStatus == 0)
    #expect(try Self.status(folder) == nil && Self.record(folder)?.token == record.token)
  }

  @Test("--live none serves no page, and what is no place is refused before anything is planned")
  func refused() throws {
    let scratch = try ScratchFolder()
    defer { withExtendedLifetime(scratch) {} }
    let manifest = try scratch.miniature(images: 10, shardImages: 50)
    let folder = RunFolder(scratch.path + "/run")
    for (command, text) in [("run", "9151"), ("coordinate", "host:port")] {
      let outcome = try CommandLineTool.run([command, manifest, "--run", folder.path, "--live", text])
      #expect(outcome.status == 2 && outcome.errors.contains("--live is \(text), but must be like 127.0.0.1:9151"))
    }
    #expect(!folder.isThere)
    let quiet = try CommandLineTool.run(["run", manifest, "--run", folder.path, "--live", "none"])
    #expect(quiet.status == 0 && !quiet.errors.contains("live page"))
    #expect(!FileManager.default.fileExists(atPath: folder.live))
  }
}
