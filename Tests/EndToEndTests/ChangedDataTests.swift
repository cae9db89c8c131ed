import Archives
import Foundation
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
    let scratch = try Scratch()
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
      #expect(same.status == 0 && same.output.contains("images that lie there now"), "\(same.output)\(same.errors)")
    }
    try FileManager.default.moveItem(atPath: moved, toPath: scratch.path + "/data")

    try change(val + "/" + (try #require(files.last)))
    let resumed = try CommandLineTool.run(["resume", run])
    #expect(resumed.status == 3 && resumed.errors.contains(files[files.count - 1]), "\(resumed.errors)")
    let verified = try CommandLineTool.run(["verify", run, "--data", scratch.path + "/data"])
    #expect(verified.status == 1 && verified.output.contains("changed: "), "\(verified.output)")
    #expect(try CommandLineTool.run(["verify", run]).status == 0)
  }
}
