import Foundation
import Testing

/// Standard output and standard error that cannot be written.
@Suite struct OutputTests {
  /// Runs the tool behind a shell's redirections.
  private func shell(_ arguments: String, _ redirections: String) throws -> (status: Int32, errors: String) {
    let file = try TemporaryFile()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", "exec \"$0\" \(arguments) \(redirections)", CommandLineTool.executable.path]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = file.handle
    try process.run()
    process.waitUntilExit()
    return (
      process.terminationReason == .uncaughtSignal ? -process.terminationStatus : process.terminationStatus,
      try file.text()
    )
  }

  @Test(
    "What is printed to a full or closed standard output is not done", arguments: ["models", "--help", "run --help"])
  func lostOutput(_ arguments: String) throws {
    let full = try shell(arguments, ">/dev/full")
    #expect(full.status == 3 && full.errors.contains("standard output cannot be written: No space left on device"))
    let closed = try shell(arguments, ">&-")
    #expect(closed.status == 3 && closed.errors.contains("standard output cannot be written"), "\(closed.errors)")
    #expect(try shell(arguments, "| head -n 1").status == 0)
  }

  @Test("A standard error that is full, closed or left by its reader changes nothing")
  func lostErrors() throws {
    for redirections in ["2>/dev/full", "2>&-", "2>&- >&- <&-"] {
      #expect(try shell("status none", redirections).status == 2, "\(redirections)")
    }
  }

  @Test(
    "A run whose standard files are all closed ends as others do, and its ledger is sound", .timeLimit(.minutes(30)))
  func allClosed() throws {
    let scratch = try Scratch()
    let manifest = try scratch.miniature(images: 20, shardImages: 5)
    let folder = scratch.path + "/run"
    // Standard output is not there to print the table to.
    #expect(try shell("run '\(manifest)' --run '\(folder)'", "2>&- >&- <&-").status == 3)
    #expect(try CommandLineTool.run(["verify", folder]).status == 0)
    #expect(try CommandLineTool.run(["status", folder]).output.contains(" 0 set aside"))
    let other = scratch.path + "/other"
    #expect(try CommandLineTool.run(["run", manifest, "--run", other]).status == 0)
    try expectSameLogits(folder + "/archive.h5", other + "/archive.h5")
  }
}
