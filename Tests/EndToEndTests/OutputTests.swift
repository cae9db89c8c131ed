import Foundation
import TestSupport
import Testing

/// Standard output and standard error that cannot be written.
@Suite struct OutputTests {
  /// Runs the tool behind a shell's redirections.
  private func shell(_ arguments: String, _ redirections: String) throws -> (status: Int32, errors: String) {
    let file = try Program.OutputFile()
    let process = try Program.start(
      "/bin/sh", ["-c", "exec \"$0\" \(arguments) \(redirections)", CommandLineTool.path], errors: file.handle)
    process.waitUntilExit()
    return (process.endStatus, try file.text())
  }

  @Test("What others call their files moves nothing on a terminal, and leaves JSON what it is")
  func namesOfOthers() throws {
    let name = "x\u{1B}[2J\u{202E}\nname"
    let text = try CommandLineTool.run(["predict", "/\(name).onnx", "a.jpg"])
    #expect(text.status == 2 && text.errors.contains(#"x\u{1B}[2J\u{202E}"#))
    #expect(!text.errors.unicodeScalars.contains { $0 == "\u{1B}" || $0 == "\u{202E}" })
    let scratch = try ScratchFolder()
    let picture = scratch.path + "/\(name).png"
    try Data("no picture".utf8).write(to: URL(fileURLWithPath: picture))
    let found = try CommandLineTool.run(["predict", PredictTests.checkpoint, picture, "--json"])
    #expect(!found.output.unicodeScalars.contains("\u{202E}"))
    let object = try JSONSerialization.jsonObject(with: Data(found.output.utf8)) as? [String: Any]
    #expect(object?["image"] as? String == picture)
  }

  @Test(
    "What is printed to a full or closed standard output is not done", arguments: ["models", "--help", "run --help"])
  func lostOutput(_ arguments: String) throws {
    let full = try shell(arguments, ">/dev/full")
    #expect(full.status == 3 && full.errors.contains("cannot write standard output: No space left on device"))
    let closed = try shell(arguments, ">&-")
    #expect(closed.status == 3 && closed.errors.contains("cannot write standard output"), "\(closed.errors)")
    #expect(try shell(arguments, "| head -n 1").status == 0)
  }

  @Test("A standard error that is full, closed or left by its reader changes nothing")
  func lostErrors() throws {
    for redirections in ["2>/dev/full", "2>&-", "2>&- >&- <&-"] {
      #expect(try shell("status none", redirections).status == 2, "\(redirections)")
    }
  }

  @Test(
    "A run whose standard files are all closed ends as others do, and its ledger is sound", .hangLimit)
  func allClosed() throws {
    let scratch = try ScratchFolder()
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

  @Test("With --log-format json every line on standard error is an object, the error at the end, too")
  func objects() throws {
    let scratch = try ScratchFolder()
    let manifest = try scratch.miniature(images: 10, shardImages: 5)
    let format = ["--run", scratch.path + "/run", "--log-format", "json"]
    let errors = try Program.OutputFile()
    let worker = try CommandLineTool.start(["work"] + format, errors: errors.handle)
    let coordinator = try CommandLineTool.run(["coordinate", manifest] + format)
    #expect(coordinator.status == 0 && coordinator.errors.contains("listening on"))
    worker.waitUntilExit()
    let other = try String(contentsOfFile: manifest, encoding: .utf8).replacing("seed: 7", with: "seed: 8")
    try other.write(toFile: manifest, atomically: true, encoding: .utf8)
    let refused = try CommandLineTool.run(["coordinate", manifest] + format)
    let misplaced = try CommandLineTool.run(["work", "--run", "/dev/null", "--log-format", "json"])
    for (text, level) in [
      (coordinator.errors, "info"), (try errors.text(), "info"), (refused.errors, "error"), (misplaced.errors, "error"),
    ] {
      let lines = try text.split(separator: "\n").map { line in
        try #require(try? JSONDecoder().decode([String: String].self, from: Data(line.utf8)), "\(line)")
      }
      #expect(lines.allSatisfy { Set($0.keys).isSuperset(of: ["time", "level", "logger", "message"]) })
      #expect(lines.last?["level"] == level, "\(text)")
    }
    #expect(refused.errors.contains("a different manifest: seed is 8 instead of 7"))
  }
}
