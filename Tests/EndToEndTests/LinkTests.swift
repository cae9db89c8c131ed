import Coordination
import Foundation
import Launching
import Planning
import TestSupport
import Testing

/// A worker on another network, as a namespace of this machine, whose cable is pulled and put back.
///
/// It is skipped where network namespaces cannot be made, for which root and iproute2 are needed.
@Suite(.serialized, .enabled(if: Cable.isPossible, "needs root, iproute2 and the right to make network namespaces"))
struct LinkTests {
  @Test("A worker whose link is cut loses its shards to time and goes on when it heals", .hangLimit)
  func cutAndHealed() throws {
    let scratch = try ScratchFolder()
    defer { withExtendedLifetime(scratch) {} }
    let cable = try Cable()
    defer { cable.remove() }
    let manifest = try scratch.miniature(images: 80, shardImages: 2, lease: "2s", live: "all")
    let folder = RunFolder(scratch.path + "/run")
    let coordinator = try CommandLineTool.start(
      ["coordinate", manifest, "--run", folder.path, "--listen", "tcp://\(cable.near):*"])
    defer { coordinator.terminate() }
    try waitUntil("the coordinator listens") { FileManager.default.fileExists(atPath: folder.endpoint) }
    let address = try #require(CoordinatorEndpoint(in: folder)?.address)
    let far = try cable.start(
      ["work", "--connect", address, "--keys", folder.keys + "/worker.bundle", "--streams", "1", "--batch", "1"])
    defer { far.terminate() }
    let ledger = try Ledger.open(at: folder.ledger, readOnly: true)
    func status() throws -> LedgerStatus { try ledger.status(now: 0) }
    try waitUntil("the far worker's shards are recorded") { try status().total.recorded >= 10 }

    try cable.pull()
    try waitUntil("its shards are lost") { try status().recentErrors.contains { $0.kind == "lost" } }
    let atCut = try status().total.recorded
    try cable.plug()
    try waitUntil("it goes on") { try status().total.recorded >= atCut + 10 }
    #expect(far.isRunning && coordinator.isRunning)

    let near = try CommandLineTool.start(["work", "--run", folder.path, "--streams", "2"])
    for process in [coordinator, far, near] { process.waitUntilExit() }
    #expect([coordinator, far, near].map(\.terminationStatus) == [0, 0, 0])
    let end = try status()
    #expect(end.total.recorded == end.total.shards)
    #expect(try CommandLineTool.run(["collect", folder.path]).status == 0)
    #expect(try CommandLineTool.run(["verify", folder.archive]).status == 0)
  }
}

/// A network namespace and the pair of interfaces that joins it to this one.
private struct Cable {
  let name = "g\(UInt32.random(in: 0..<1 << 30))"
  /// This machine's address on it.
  let near: String

  static var isPossible: Bool {
    guard geteuid() == 0 else { return false }
    let name = "gauntlet-probe-\(ProcessInfo.processInfo.processIdentifier)"
    guard (try? ip("netns", "add", name)) != nil else { return false }
    return (try? ip("netns", "delete", name)) != nil
  }

  init() throws {
    // Of the block for tests of networks (RFC 2544).
    let network = "198.18.\(UInt8.random(in: 0...255))"
    near = network + ".1"
    try Self.ip("netns", "add", name)
    try Self.ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
    try Self.ip("address", "add", near + "/24", "dev", name)
    try Self.ip("link", "set", name, "up")
    try Self.ip("-n", name, "address", "add", network + ".2/24", "dev", "eth0")
    try Self.ip("-n", name, "link", "set", "eth0", "up")
  }

  func pull() throws { try Self.ip("link", "set", name, "down") }
  func plug() throws { try Self.ip("link", "set", name, "up") }

  func remove() {
    try? Self.ip("link", "delete", name)
    try? Self.ip("netns", "delete", name)
  }

  /// Starts the tool at the cable's other end.
  func start(_ arguments: [String]) throws -> Process {
    try Program.start("ip", ["netns", "exec", name, CommandLineTool.path] + arguments)
  }

  private static func ip(_ arguments: String...) throws {
    struct Refused: Error { let output: String }
    let output = try CommandRunner().run(["ip"] + arguments)
    guard output.status == 0 else { throw Refused(output: "\(arguments): \(output.errors)") }
  }
}
