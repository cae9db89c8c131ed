import Archives
import Coordination
import Foundation
import Planning
import TestSupport
import Testing

/// What the world does to a run's data is not what the data are: nothing is lost for good by it.
@Suite(.serialized) struct DataGoneTests {
  private let scratch: ScratchFolder
  private let manifest: String
  private let quiet: String
  private let folder: RunFolder

  init() throws {
    scratch = try ScratchFolder()
    manifest = try scratch.miniature(images: 60, shardImages: 2, lease: "0.3s")
    quiet = scratch.path + "/quiet"
    folder = RunFolder(scratch.path + "/run")
    let undisturbed = try CommandLineTool.run(["run", manifest, "--run", quiet])
    try #require(undisturbed.status == 0, "\(undisturbed.errors)")
  }

  private func move(_ from: String, _ to: String) throws {
    try FileManager.default.moveItem(atPath: scratch.path + "/data/" + from, toPath: scratch.path + "/data/" + to)
  }

  private func status() throws -> [String: Any] {
    let outcome = try CommandLineTool.run(["status", folder.path, "--json"])
    return try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
  }

  private func expectWhole() throws {
    let resumed = try CommandLineTool.run(["resume", folder.path, "--failed"])
    #expect(resumed.status == 0, "\(resumed.errors)")
    try expectSameLogits(quiet + "/archive.h5", folder.archive)
    let verified = try CommandLineTool.run(["verify", folder.path])
    #expect(verified.status == 0 && verified.output.hasSuffix("whole and sound\n"), "\(verified.output)")
  }

  @Test(
    "Data that go away for good end the run with nothing set aside; once they are back it goes on",
    .hangLimit)
  func dataGoneForGood() throws {
    defer { withExtendedLifetime(scratch) {} }
    let errors = try Program.OutputFile()
    let coordinator = try CommandLineTool.start(["coordinate", manifest, "--run", folder.path], errors: errors.handle)
    try waitUntil("the coordinator listens") { FileManager.default.fileExists(atPath: folder.endpoint) }
    let worker = try CommandLineTool.start(["work", "--run", folder.path, "--streams", "1", "--batch", "3"])
    let ledger = try Ledger.open(at: folder.ledger, readOnly: true)
    try waitUntil("shards are recorded") { try ledger.status(now: 0).total.recorded >= 20 }
    for name in ["val", "imagenet-c"] { try move(name, name + ".gone") }
    for process in [coordinator, worker] { process.waitUntilExit() }
    let total = try ledger.status(now: 0).total
    #expect(total.recorded < total.shards, "the data went after the end; make the run longer")
    #expect(coordinator.terminationStatus == 3 && worker.terminationStatus == 0)
    #expect(total.setAside == 0 && total.failedImages == 0)
    let log = try errors.text()
    #expect(
      log.contains("a worker cannot read the data or model of its shards") && log.contains("No such file"), "\(log)")
    #expect(log.contains("gauntlet resume"), "\(log)")

    // Nobody has the run now, and status does not speak as if somebody had.
    let said = try CommandLineTool.run(["status", folder.path])
    #expect(said.output.contains("no coordinator is running"), "\(said.output)")
    #expect(said.output.contains(" 0 running") && !said.output.contains("left\n"), "\(said.output)")
    #expect(said.output.contains("cannot read the data or model of its shards"), "\(said.output)")
    let object = try status()
    #expect(object["coordinator"] as? String == "absent" && object["models"] as? [String] == ["replknet-nano"])
    let failure = try #require(object["coordinator_failure"] as? [String: Any])
    #expect((failure["reason"] as? String)?.hasPrefix("no worker could compute anything for a long time") == true)
    #expect(said.output.contains("ended: no worker could compute anything for a long time: the data of "))
    let inner = try #require(object["status"] as? [String: Any])
    #expect((inner["workers"] as? [String])?.isEmpty == true && inner["seconds_left"] == nil)
    let cells = try #require(inner["cells"] as? [[String: Any]])
    #expect(
      cells.contains {
        $0["benchmark_name"] as? String == "imagenet-c" && $0["condition_name"] as? String == "contrast/5"
      })

    for name in ["val", "imagenet-c"] { try move(name + ".gone", name) }
    try expectWhole()
    #expect(try status()["coordinator_failure"] == nil)
  }

  @Test(
    "One benchmark's data that go away end the run only once all others are done, and it is named",
    .hangLimit)
  func oneBenchmarkGone() throws {
    defer { withExtendedLifetime(scratch) {} }
    let errors = try Program.OutputFile()
    let coordinator = try CommandLineTool.start(["coordinate", manifest, "--run", folder.path], errors: errors.handle)
    try waitUntil("the coordinator listens") { FileManager.default.fileExists(atPath: folder.endpoint) }
    try move("imagenet-c", "imagenet-c.gone")
    let worker = try CommandLineTool.start(["work", "--run", folder.path, "--streams", "2"])
    for process in [coordinator, worker] { process.waitUntilExit() }
    #expect(coordinator.terminationStatus == 3 && worker.terminationStatus == 0)
    let cells = try Ledger.open(at: folder.ledger, readOnly: true).status(now: 0).cells
    #expect(cells.allSatisfy { $0.counts.recorded == ($0.benchmark == 1 ? 0 : $0.counts.shards) }, "\(cells)")
    #expect(cells.allSatisfy { $0.counts.setAside == 0 && $0.counts.failedImages == 0 })
    let said = try errors.text()
    #expect(said.contains("for a long time: the data of imagenet-c: cannot read"), "\(said)")
    try move("imagenet-c.gone", "imagenet-c")
    try expectWhole()
  }

  @Test(
    "A file that is missing everywhere costs its own images alone, and they are taken up when it is back",
    .hangLimit)
  func oneFileGone() throws {
    defer { withExtendedLifetime(scratch) {} }
    let coordinator = try CommandLineTool.start(["coordinate", manifest, "--run", folder.path])
    try waitUntil("the coordinator listens") { FileManager.default.fileExists(atPath: folder.endpoint) }
    let archived = try ArchiveReader(path: quiet + "/archive.h5")
    let path = try #require(archived.groups.first).imagePaths[7]
    try move("val/" + path, "gone.JPEG")
    let workers = try (0..<2).map { _ in try CommandLineTool.start(["work", "--run", folder.path, "--streams", "2"]) }
    for process in [coordinator] + workers { process.waitUntilExit() }
    #expect(coordinator.terminationStatus == 1 && workers.allSatisfy { $0.terminationStatus == 0 })
    let collected = try CommandLineTool.run(["collect", folder.path])
    #expect(collected.status == 1 && collected.errors.contains("--failed"), "\(collected.errors)")
    // One of imagenet-val, four of the corruptions made of the same pictures.
    let verified = try CommandLineTool.run(["verify", folder.path])
    let named = verified.output.split(separator: "\n").filter { $0.contains(path) }
    #expect(verified.status == 1 && named.count == 5, "\(verified.output)")
    let archive = try ArchiveReader(path: folder.archive)
    for group in archive.groups {
      #expect(
        try archive.failures(group: group.path).count == ["imagenet-val": 1, "live": 4][
          group.path.split(separator: "/").last.map(String.init) ?? ""] ?? 0)
    }
    let said = try CommandLineTool.run(["status", folder.path])
    #expect(said.output.contains("5 images that could not be read"), "\(said.output)")
    // Without a word it stays as it is; asked for, it is tried again, and that which was computed stays.
    let again = try CommandLineTool.run(["resume", folder.path])
    #expect(again.status == 3, "the data differ from the plan's")

    try move("gone.JPEG", "val/" + path)
    try expectWhole()
    #expect(try Ledger.open(at: folder.ledger, readOnly: true).status(now: 0).isWhole)
    let parts = try FileManager.default.subpathsOfDirectory(atPath: folder.path + "/parts").filter {
      $0.hasSuffix(".h5")
    }
    #expect(parts.count == (try Ledger.open(at: folder.ledger, readOnly: true).parts().count), "a part was left behind")
  }
}
