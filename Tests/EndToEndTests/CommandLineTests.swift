import Foundation
import TestSupport
import Testing

/// Every command answers a stranger: help, nonsense, missing things.
@Suite struct CommandLineTests {
  static let commands = [
    "run", "coordinate", "work", "status", "resume", "mend", "collect", "verify", "report", "inspect", "bench", "keys",
    "demo", "miniature", "models", "predict", "launch", "export",
  ]

  @Test("--help says how to use it", arguments: commands)
  func help(_ command: String) throws {
    let outcome = try CommandLineTool.run([command, "--help"])
    #expect(outcome.status == 0)
    #expect(outcome.output.contains("USAGE: gauntlet \(command)"))
    #expect(outcome.output.contains("OVERVIEW:"))
  }

  @Test("an unknown option is refused with status 2", arguments: commands)
  func unknownOption(_ command: String) throws {
    let needed = [
      "work": [], "models": [], "bench": ["kernels"], "keys": ["new", "x"], "coordinate": ["x", "--run", "y"],
      "predict": ["x", "y"], "export": ["x", "--benchmark", "b", "--output", "o"],
    ]
    let outcome = try CommandLineTool.run([command] + (needed[command] ?? ["x"]) + ["--nonsense"])
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("--nonsense"))
  }

  @Test(
    "a command that does not exist is refused, with --help, too",
    arguments: [
      ["fly", "--help"], ["--help", "fly"], ["help", "fly"], ["fly", "a", "b"], ["bench", "fly", "--help"],
      ["keys", "fly", "-h"],
    ])
  func unknownCommand(_ arguments: [String]) throws {
    let outcome = try CommandLineTool.run(arguments)
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("unknown command gauntlet") && outcome.errors.contains("fly"))
    #expect(outcome.output.isEmpty)
  }

  @Test("an instruction set is chosen by option or by the environment; one that there is not is refused with status 2")
  func instructionSet() throws {
    let bench = ["bench", "model", "replknet-nano", "--batch", "1", "--repeats", "1"]
    #expect(try CommandLineTool.run(bench + ["--instruction-set", "scalar"]).output.contains(", scalar, "))
    let scalar = try CommandLineTool.run(bench, environment: ["GAUNTLET_INSTRUCTION_SET": "scalar"])
    #expect(scalar.output.contains(", scalar, "))
    for outcome in [
      try CommandLineTool.run(bench + ["--instruction-set", "mmx"]),
      try CommandLineTool.run(["models"], environment: ["GAUNTLET_INSTRUCTION_SET": "mmx"]),
      try CommandLineTool.run(["work", "--run", "nowhere", "--instruction-set", "mmx"]),
    ] {
      #expect(outcome.status == 2)
      #expect(outcome.errors.contains("has no instruction set \"mmx\"; choose one of scalar"), "\(outcome.errors)")
      #expect(outcome.errors.contains("by --instruction-set or GAUNTLET_INSTRUCTION_SET"), "\(outcome.errors)")
    }
  }

  @Test("an output that is a device, a folder or what is read is not replaced; a link is followed")
  func outputs() throws {
    let scratch = try ScratchFolder()
    let manifest = try scratch.miniature(images: 10, shardImages: 5)
    let run = scratch.path + "/run"
    try #require(try CommandLineTool.run(["run", manifest, "--run", run]).status == 0)
    let archive = try Data(contentsOf: URL(fileURLWithPath: run + "/archive.h5"))
    let ledger = try Data(contentsOf: URL(fileURLWithPath: run + "/ledger.sqlite"))
    let link = scratch.path + "/null"
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "/dev/null")
    for (command, output) in [
      ("report", run + "/archive.h5"), ("report", link), ("report", run), ("collect", link), ("collect", run),
      ("collect", run + "/ledger.sqlite"),
    ] {
      let outcome = try CommandLineTool.run([command, run, "-o", output])
      #expect(outcome.status == 2 && outcome.errors.contains("choose another path"), "\(command) \(output): \(outcome)")
    }
    #expect(try Data(contentsOf: URL(fileURLWithPath: run + "/archive.h5")) == archive)
    #expect(try Data(contentsOf: URL(fileURLWithPath: run + "/ledger.sqlite")) == ledger)
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == "/dev/null")
    let page = scratch.path + "/page.html"
    try "old".write(toFile: page, atomically: true, encoding: .utf8)
    let named = scratch.path + "/link.html"
    try FileManager.default.createSymbolicLink(atPath: named, withDestinationPath: page)
    #expect(try CommandLineTool.run(["report", run, "-o", named]).status == 0)
    #expect(try String(contentsOfFile: page, encoding: .utf8).contains("<html"))
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: named) == page)
  }

  @Test("an archive whose seal is broken is shown with a word of warning; data of no benchmark of its are refused")
  func oddArchives() throws {
    let scratch = try ScratchFolder()
    let manifest = try scratch.miniature(images: 10, shardImages: 5)
    let run = scratch.path + "/run"
    try #require(try CommandLineTool.run(["run", manifest, "--run", run]).status == 0)
    let refused = try CommandLineTool.run(["verify", run, "--data", "foo=d"])
    #expect(refused.status == 2 && refused.errors.contains("--data names foo"), "\(refused)")
    #expect(refused.errors.contains("it has imagenet-c, imagenet-val, live"), "\(refused)")
    for command in ["report", "inspect"] {
      #expect(try CommandLineTool.run([command, run]).errors == "")
    }
    let handle = try FileHandle(forUpdating: URL(fileURLWithPath: run + "/archive.h5"))
    let end = try handle.seekToEnd()
    try handle.seek(toOffset: end - 2)
    let digit = try handle.read(upToCount: 1)
    try handle.seek(toOffset: end - 2)
    try handle.write(contentsOf: Data((digit == Data("0".utf8) ? "1" : "0").utf8))
    try handle.close()
    for command in ["report", "inspect"] {
      let shown = try CommandLineTool.run([command, run])
      #expect(shown.status == 0 && shown.output.contains("replknet-nano"))
      #expect(
        shown.errors.contains("archive.h5: its contents do not match its seal; see gauntlet verify"), "\(shown)")
    }
  }

  @Test("miniature replaces neither the data set of other options nor files that it did not draw")
  func otherDrawings() throws {
    let scratch = try ScratchFolder()
    let data = scratch.path + "/drawn"
    #expect(try CommandLineTool.run(["miniature", data, "--images", "10"]).status == 0)
    let again = try CommandLineTool.run(["miniature", data, "--images", "12"])
    #expect(again.status != 0 && again.errors.contains("holds the data set of seed 7 with 10 images"), "\(again)")
    try "mine".write(toFile: data + "/notes.txt", atomically: true, encoding: .utf8)
    let more = try CommandLineTool.run(["miniature", data, "--images", "10", "--train", "10"])
    #expect(more.status != 0 && more.errors.contains("other files besides a data set (notes.txt)"), "\(more)")
    #expect(try String(contentsOfFile: data + "/notes.txt", encoding: .utf8) == "mine")
    try FileManager.default.removeItem(atPath: data + "/notes.txt")
    #expect(try CommandLineTool.run(["miniature", data, "--images", "10", "--train", "10"]).status == 0)
  }

  @Test("help of what exists is given in every order", arguments: [["help", "bench", "model"], ["bench", "--help"]])
  func helpInOrder(_ arguments: [String]) throws {
    let outcome = try CommandLineTool.run(arguments)
    #expect(outcome.status == 0 && outcome.output.contains("USAGE: gauntlet bench"))
  }

  static let refusals: [[String]] = [
    [], ["fly"], ["run"], ["run", "none.yaml"], ["run", "none.yaml", "--workers", "0"],
    ["run", "none.yaml", "--workers", "many"], ["coordinate", "none.yaml", "--run", "x", "--listen", "nowhere"],
    ["work"], ["work", "--connect", "tcp://127.0.0.1:1"],
    ["work", "--connect", "gopher://x", "--keys", "none"], ["status", "none"], ["resume", "none"], ["mend", "none"],
    ["collect", "none"],
    ["verify", "none.h5"], ["report", "none.h5"], ["inspect", "none"], ["bench", "everything"],
    ["verify", "."], ["report", "."], ["inspect", "."],
    ["bench", "model", "none"], ["bench", "model", "resnet18", "--precision", "fp8"], ["bench", "corruptions", "none"],
    ["bench", "photographs"], ["bench", "photographs", "x", "--count", "0"],
    ["work", "--run", "none", "--memory", "63M"], ["work", "--run", "/dev/null"],
    ["work", "--run", "none", "--keys", "x"], ["run", "none.yaml", "--run", ""], ["run", "none.yaml", "--run="],
    ["status", ""], ["resume", ""], ["collect", "."], ["launch", "none.yaml", "--memory", "1M", "--engine", "local"],
    ["models", "x"], ["inspect", "none", "--precision", "fp8"], ["miniature", "x", "--images", "0"],
    ["miniature", "x", "--images", "-5"],
    ["keys", "new"], ["predict", "none"], ["predict", "none", "none.png"],
    ["export", "none.yaml"], ["export", "none.yaml", "--benchmark", "x", "--output", "y"],
    ["inspect", "none.yaml", "--json"],
    ["inspect", "/dev/null", "--json"],
  ]

  @Test("nonsense is refused with one sentence, never a crash", arguments: refusals)
  func refuses(_ arguments: [String]) throws {
    let scratch = try ScratchFolder()
    let outcome = try CommandLineTool.run(arguments, in: scratch.path)
    // Without arguments the tool shows its help, as git and cargo do.
    #expect(outcome.status == (arguments.isEmpty ? 0 : 2), "\(outcome.output)\(outcome.errors)")
    #expect(!outcome.errors.contains("Fatal error"))
    #expect(!(outcome.output + outcome.errors).isEmpty)
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == [])
    #expect(outcome.errors.utf8.count < 900 && !outcome.errors.contains("started"), "\(outcome.errors)")
  }
}
