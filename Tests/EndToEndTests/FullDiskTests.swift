import Foundation
import TestSupport
import Testing

/// Disks that are full, each a small tmpfs. `make full-disk` tries every size.
///
/// It is skipped where file systems cannot be mounted, for which root is needed.
@Suite(.serialized, .enabled(if: SmallDisk.isPossible, "needs root and the right to mount a tmpfs"))
struct FullDiskTests {
  /// The run ends with one sentence that names the disk.
  private func expectFull(_ outcome: Program.Outcome, _ disk: SmallDisk) {
    let lines = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("gauntlet: ") }
    #expect(outcome.status == 3 && lines.count == 1, "\(outcome.status): \(outcome.errors)")
    let line = lines.last ?? ""
    #expect(line.contains("No space left on device (the disk at \(disk.path) has "), "\(outcome.errors)")
    #expect(line.count <= 600)
  }

  @Test("run goes on where a full disk stopped it", .hangLimit)
  func run() throws {
    let scratch = try ScratchFolder()
    defer { withExtendedLifetime(scratch) {} }
    let manifest = try scratch.miniature(images: 20, shardImages: 5)
    let quiet = scratch.path + "/quiet"
    #expect(try CommandLineTool.run(["run", manifest, "--run", quiet]).status == 0)
    // While planning, before the first part, among the parts.
    for kilobytes in [8, 60, 220, 400] {
      let disk = try SmallDisk(scratch.path + "/disk", kilobytes: kilobytes)
      defer { disk.remove() }
      let folder = disk.path + "/run"
      expectFull(try CommandLineTool.run(["run", manifest, "--run", folder]), disk)
      try disk.resize(kilobytes: 65_536)
      let resumed = try CommandLineTool.run(["run", manifest, "--run", folder])
      #expect(resumed.status == 0, "\(kilobytes) kB: \(resumed.errors)")
      try expectSameLogits(quiet + "/archive.h5", folder + "/archive.h5")
    }
  }

  @Test("collect and report leave nothing half-written on a full disk, and mend tells of it", .hangLimit)
  func after() throws {
    let scratch = try ScratchFolder()
    defer { withExtendedLifetime(scratch) {} }
    let manifest = try scratch.miniature(images: 20, shardImages: 5)
    let quiet = scratch.path + "/quiet"
    #expect(try CommandLineTool.run(["run", manifest, "--run", quiet]).status == 0)
    for kilobytes in [4, 20, 60, 120] {
      let disk = try SmallDisk(scratch.path + "/disk", kilobytes: kilobytes)
      defer { disk.remove() }
      let archive = disk.path + "/a.h5"
      expectFull(try CommandLineTool.run(["collect", quiet, "-o", archive]), disk)
      #expect(try FileManager.default.contentsOfDirectory(atPath: disk.path).isEmpty)
      try disk.resize(kilobytes: 4)
      expectFull(try CommandLineTool.run(["report", quiet, "-o", disk.path + "/report.html"]), disk)
      #expect(try FileManager.default.contentsOfDirectory(atPath: disk.path).isEmpty)
      try disk.resize(kilobytes: 65_536)
      #expect(try CommandLineTool.run(["collect", quiet, "-o", archive]).status == 0)
      #expect(FileManager.default.contentsEqual(atPath: archive, andPath: quiet + "/archive.h5"))
      try FileManager.default.removeItem(atPath: archive)

      let folder = disk.path + "/run"
      try FileManager.default.copyItem(atPath: quiet, toPath: folder)
      try FileManager.default.removeItem(atPath: folder + "/ledger.sqlite")
      try disk.leave(kilobytes: kilobytes / 4 * 4)
      expectFull(try CommandLineTool.run(["mend", folder]), disk)
      try disk.resize(kilobytes: 65_536)
      #expect(try CommandLineTool.run(["mend", folder]).status == 0)
      #expect(try CommandLineTool.run(["resume", folder]).status == 0)
      try expectSameLogits(quiet + "/archive.h5", folder + "/archive.h5")
    }
  }
}

/// A file that may become no larger than a limit: as with a quota, but for everybody.
@Suite struct FileLimitTests {
  @Test("An archive that may not become so large is refused, not a signal")
  func limit() throws {
    let scratch = try ScratchFolder()
    defer { withExtendedLifetime(scratch) {} }
    let manifest = try scratch.miniature(images: 20, shardImages: 5)
    let quiet = scratch.path + "/quiet"
    #expect(try CommandLineTool.run(["run", manifest, "--run", quiet]).status == 0)
    // Half of a kilobyte each: room for SQLite's shared memory of 32 kB, and none for the archive.
    let outcome = try Program.run(
      "/bin/sh",
      [
        "-c", "ulimit -f 100; exec \"$0\" collect \"$1\" -o \"$2\"", CommandLineTool.path, quiet,
        scratch.path + "/a.h5",
      ])
    #expect(outcome.status == 3)
    #expect(
      outcome.errors.contains(
        "cannot write \(scratch.path)/a.h5: File too large; raise the file size limit (ulimit -f)"))
    #expect(!FileManager.default.fileExists(atPath: scratch.path + "/a.h5"))
  }
}

/// A file system in memory that is small.
private struct SmallDisk {
  let path: String

  static var isPossible: Bool {
    guard geteuid() == 0 else { return false }
    let path = ScratchFolder.freshPath()
    guard let disk = try? SmallDisk(path, kilobytes: 4) else { return false }
    disk.remove()
    return true
  }

  init(_ path: String, kilobytes: Int) throws {
    self.path = path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    do { try Self.call("mount", "-t", "tmpfs", "-o", "size=\(kilobytes)k", "tmpfs", path) } catch {
      rmdir(path)
      throw error
    }
  }

  func resize(kilobytes: Int) throws { try Self.call("mount", "-o", "remount,size=\(kilobytes)k", path) }

  /// Makes it as small as leaves so much free.
  func leave(kilobytes: Int) throws {
    var space = statvfs()
    try #require(statvfs(path, &space) == 0)
    try resize(kilobytes: Int(space.f_blocks - space.f_bfree) * Int(space.f_frsize) / 1024 + kilobytes)
  }

  /// A worker that is about to end may hold a file for a moment.
  func remove() {
    try? Self.call("umount", "-l", path)
    rmdir(path)
  }

  private static func call(_ arguments: String...) throws {
    let outcome = try Program.run("/usr/bin/env", arguments)
    guard outcome.status == 0 else { throw CocoaError(.featureUnsupported) }
  }
}
