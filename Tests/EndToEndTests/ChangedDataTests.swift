import Archives
import Foundation
import Planning
import TestSupport
import Testing

/// Images that are replaced under their names: between start and resume, and after the run.
@Suite struct ChangedDataTests {
  private func change(_ file: String) throws {
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
    bytes[bytes.count / 2] ^= 1
    try Data(bytes).write(to: URL(fileURLWithPath: file))
  }

  private func touch(_ file: String) throws {
    let late = timespec(tv_sec: time(nil) + 100, tv_nsec: 0)
    try #require(utimensat(AT_FDCWD, file, [late, late], 0) == 0)
  }

  @Test(
    "a run goes on over files that were touched, not over one of other bytes; verify --data finds it in the archive")
  func changedImages() throws {
    let scratch = try ScratchFolder()
    let manifest = try scratch.miniature(images: 20, shardImages: 5)
    let run = scratch.path + "/run"
    try #require(CommandLineTool.run(["run", manifest, "--run", run]).status == 0)
    let val = scratch.path + "/data/val"
    let files = try FileManager.default.subpathsOfDirectory(atPath: val).filter { $0.hasSuffix(".JPEG") }.sorted()
    for file in files { try touch(val + "/" + file) }
    let touched = try CommandLineTool.run(["resume", run])
    #expect(touched.status == 0, "\(touched.errors)")

    // Data that moved are found where they are said to be: below the folder that holds all roots, or each root by name.
    let moved = scratch.path + "/moved"
    try FileManager.default.moveItem(atPath: scratch.path + "/data", toPath: moved)
    for places in [[moved], ["imagenet-val=\(moved)/val", "live=\(moved)/val", "imagenet-c=\(moved)/imagenet-c"]] {
      let same = try CommandLineTool.run(["verify", run] + places.flatMap { ["--data", $0] })
      #expect(same.status == 0 && same.output.contains("images that are there now"), "\(same.output)\(same.errors)")
    }
    try FileManager.default.moveItem(atPath: moved, toPath: scratch.path + "/data")

    try change(val + "/" + (try #require(files.last)))
    let resumed = try CommandLineTool.run(["resume", run])
    #expect(resumed.status == 3 && resumed.errors.contains(files[files.count - 1]), "\(resumed.errors)")
    let verified = try CommandLineTool.run(["verify", run, "--data", scratch.path + "/data"])
    #expect(verified.status == 1 && verified.output.contains("changed: "), "\(verified.output)")
    #expect(try CommandLineTool.run(["verify", run]).status == 0)
  }

  @Test("an image that could not be read and is back is no change, neither to resume nor to verify --data")
  func unreadAndBack() throws {
    let scratch = try ScratchFolder()
    let manifest = try scratch.miniature(images: 20, shardImages: 5, lease: "0.3s")
    let val = scratch.path + "/data/val/"
    let names = try FileManager.default.subpathsOfDirectory(atPath: val).filter { $0.hasSuffix(".JPEG") }.sorted()
    // Too large for the sample of contents that a plan keeps, so that what shards recorded decides whether it changed.
    let large = val + names[0] + "0.JPEG"
    try Data([1]).write(to: URL(fileURLWithPath: large))
    try #require(truncate(large, 257 << 20) == 0)
    let run = scratch.path + "/run"
    let coordinator = try CommandLineTool.start(["coordinate", manifest, "--run", run])
    try waitUntil("the coordinator listens") { FileManager.default.fileExists(atPath: RunFolder(run).endpoint) }
    let gone = scratch.path + "/gone.JPEG"
    try FileManager.default.moveItem(atPath: val + names[1], toPath: gone)
    let workers = try (0..<2).map { _ in try CommandLineTool.start(["work", "--run", run, "--streams", "1"]) }
    for process in [coordinator] + workers { process.waitUntilExit() }
    try FileManager.default.moveItem(atPath: gone, toPath: val + names[1])
    try touch(large)
    let resumed = try CommandLineTool.run(["resume", run])
    #expect(resumed.status == 1 && !resumed.errors.contains("contents"), "\(resumed.status) \(resumed.errors)")
    let verified = try CommandLineTool.run(["verify", run, "--data", scratch.path + "/data"])
    #expect(verified.status == 1 && !verified.output.contains("changed: "), "\(verified.output)\(verified.errors)")
    try change(val + names[1])
    let changed = try CommandLineTool.run(["verify", run, "--data", scratch.path + "/data"])
    #expect(!changed.output.contains("changed: replknet-nano/imagenet-val"), "nobody read it")
    try change(val + names[2])
    let other = try CommandLineTool.run(["verify", run, "--data", scratch.path + "/data"])
    #expect(other.output.contains("changed: replknet-nano/imagenet-val"), "\(other.output)")
  }

  @Test("verify --data needs no classes of what lies there: two folders of one number are as good as others")
  func twoFoldersOfOneNumber() throws {
    let scratch = try ScratchFolder()
    try Drawings.copy(images: 10, to: scratch.path + "/data")
    let val = scratch.path + "/data/val/"
    let folders = try FileManager.default.contentsOfDirectory(atPath: val).sorted()
    for (folder, name) in zip(folders, ["1", "01"]) {
      try FileManager.default.moveItem(atPath: val + folder, toPath: val + name)
    }
    for folder in folders.dropFirst(2) { try FileManager.default.removeItem(atPath: val + folder) }
    try Data(
      """
      run: numbers
      models:
        - {architecture: replknet-nano, checkpoint: "\(Repository.path)/models/replknet-nano.safetensors"}
      benchmarks:
        - {kind: image-folder, root: data/val, classes: ["1", "01"], scored: false}
      """.utf8
    ).write(to: URL(fileURLWithPath: scratch.path + "/manifest.yaml"))
    let run = scratch.path + "/run"
    let outcome = try CommandLineTool.run(["run", scratch.path + "/manifest.yaml", "--run", run])
    try #require(outcome.status == 0, "\(outcome.errors)")
    let verified = try CommandLineTool.run(["verify", run, "--data", val])
    #expect(verified.status == 0, "\(verified.output)\(verified.errors)")
  }
}
