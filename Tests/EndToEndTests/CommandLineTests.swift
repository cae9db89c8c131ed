import Foundation
import Testing

/// Every command answers a stranger: help, nonsense, missing things.
@Suite struct CommandLineTests {
  static let commands = [
    "run", "coordinate", "work", "status", "resume", "mend", "collect", "verify", "report", "inspect", "bench", "keys",
    "miniature", "models", "predict",
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
      "predict": ["x", "y"],
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
    #expect(outcome.errors.contains("there is no command gauntlet") && outcome.errors.contains("fly"))
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
    }
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
    ["models", "x"], ["inspect", "none", "--precision", "fp8"], ["miniature", "x", "--images", "0"],
    ["miniature", "x", "--images", "-5"],
    ["keys", "new"], ["predict", "none"], ["predict", "none", "none.png"],
  ]

  @Test("nonsense is refused with one sentence, never a crash", arguments: refusals)
  func refuses(_ arguments: [String]) throws {
    let scratch = try Scratch()
    let outcome = try CommandLineTool.run(arguments, in: scratch.path)
    // Without arguments the tool shows its help, as git and cargo do.
    #expect(outcome.status == (arguments.isEmpty ? 0 : 2), "\(outcome.output)\(outcome.errors)")
    #expect(!outcome.errors.contains("Fatal error"))
    #expect(!(outcome.output + outcome.errors).isEmpty)
  }
}
