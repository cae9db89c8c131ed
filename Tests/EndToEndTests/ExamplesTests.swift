import Foundation
import Launching
import TestSupport
import Testing

/// Every example of every help, and every command of the documents, runs as it stands.
@Suite struct ExamplesTests {
  /// What cannot run here: how it begins, and why. One that no example begins with any more is to be removed.
  private static let reasons: [(beginning: String, reason: String)] = [
    ("make ", "builds Gauntlet, evaluates all of the miniature or runs all tests"),
    ("python3 -m venv", "downloads packages"),
    (".venv/bin/python", "needs those packages"),
    ("pip install", "installs packages"),
    ("tar xzf", "unpacks what make dist makes"),
    ("gauntlet-0.9.0", "is what was unpacked"),
    ("gauntlet demo   ", "evaluates all of the miniature; DemoTests does in small"),
    ("gauntlet launch my.yaml --run /runs/r1", "needs Kubernetes; EngineTests renders its objects"),
    ("gauntlet work --connect tcp://head:5757", "needs a machine of that name; LaunchTests connects to one on this"),
  ]

  /// What another machine has in an example, and what this one has instead.
  private static let places = [("/shared/", "shared/"), ("tcp://0.0.0.0:5757", "tcp://127.0.0.1:*")]

  /// A folder as a user has it: the repository's models, the miniature (small), a manifest, a checkpoint, a photograph, and
  /// a Slurm that only counts.
  private final class Desk {
    let scratch: ScratchFolder
    /// Coordinators that wait for the workers of a later example.
    private var coordinators: [(line: String, process: Process, errors: Program.OutputFile)] = []

    init() throws {
      scratch = try ScratchFolder()
      let path = scratch.path
      func put(_ source: String, _ name: String) throws {
        try FileManager.default.createDirectory(
          atPath: ("\(path)/\(name)" as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: source, toPath: "\(path)/\(name)")
      }
      let models = Repository.path + "/models"
      try FileManager.default.createSymbolicLink(atPath: path + "/models", withDestinationPath: models)
      try FileManager.default.createDirectory(atPath: path + "/runs/data", withIntermediateDirectories: true)
      try Drawings.copy(images: 10, to: path + "/runs/data/miniature")
      let data = path + "/runs/data/miniature"
      let manifest = """
        run: small
        models:
          - {architecture: replknet-nano, checkpoint: \(path)/models/replknet-nano.safetensors}
          - {architecture: vit-nano, checkpoint: \(path)/models/vit-nano.safetensors}
        benchmarks:
          - {kind: imagenet-val, root: \(data)/val}
          - {kind: imagenet-c, root: \(data)/imagenet-c, corruptions: [contrast, pixelate]}
        sharding: {images: 5}
        """
      try FileManager.default.createDirectory(atPath: path + "/manifests", withIntermediateDirectories: true)
      for name in ["manifests/miniature.yaml", "manifests/imagenet-c.yaml", "my.yaml", "my-manifest.yaml"] {
        try manifest.write(toFile: "\(path)/\(name)", atomically: true, encoding: .utf8)
      }
      let fixtures = Repository.path + "/Tests/NetworksTests/Fixtures/"
      try put(fixtures + "tiny-convnext.pth", "my-checkpoint.pth")
      try put(models + "/replknet-nano.safetensors", "ckpt/RepLKNet-31B.pth")
      try put(fixtures + "onnx-efficientnet.onnx", "efficientnet_b0.onnx")
      try put(data + "/val/arrow/val_00000001.JPEG", "photograph.jpg")
      try put(Repository.path + "/Tests/EndToEndTests/Fixtures/signing-key", "key")
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path + "/key")
      for (name, script) in [("sbatch", "echo $$"), ("squeue", "echo PENDING")] {
        let file = "\(path)/bin/\(name)"
        try FileManager.default.createDirectory(atPath: path + "/bin", withIntermediateDirectories: true)
        try "#!/bin/sh\n\(script)\n".write(toFile: file, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file)
      }
    }

    /// Runs a line of a shell. A coordinator is left waiting for workers.
    func run(_ line: String, from source: String) throws {
      var line = line
      for (place, stand) in ExamplesTests.places { line.replace(place, with: stand) }
      let isCoordinator = line.hasPrefix("gauntlet coordinate ")
      if isCoordinator { line = line.trimmingCharacters(in: ["&", " "]) }
      let errors = try Program.OutputFile()
      let program = (CommandLineTool.path as NSString).deletingLastPathComponent
      let process = try Program.start(
        "/bin/bash", ["-o", "pipefail", "-c", line], errors: errors.handle, in: scratch.path,
        environment: ["PATH": "\(scratch.path)/bin:\(program):/usr/bin:/bin"])
      if isCoordinator { return coordinators.append(("\(source): \(line)", process, errors)) }
      process.waitUntilExit()
      let said = try errors.text()
      #expect(process.terminationStatus == 0, "\(source): \(line)\n\(said)")
    }

    /// Waits for the coordinators to be done: some example brought each its worker.
    func finish() throws {
      for (line, process, errors) in coordinators {
        process.waitUntilExit()
        let said = try errors.text()
        #expect(process.terminationStatus == 0, "\(line)\n\(said)")
      }
      coordinators = []
    }
  }

  private static func help(_ command: [String]) throws -> String {
    // Wide, so that no example is broken.
    let outcome = try CommandRunner().run(
      [CommandLineTool.path] + command + ["--help"], environment: ["COLUMNS": "1000"])
    try #require(outcome.status == 0, "\(command)")
    return outcome.output
  }

  /// The commands that have no subcommands, each as its words.
  private static func commands(below command: [String] = []) throws -> [[String]] {
    let parts = try help(command).components(separatedBy: "SUBCOMMANDS:\n")
    guard parts.count > 1 else { return [command] }
    return try parts[1].split(separator: "\n").filter { $0.hasPrefix("  ") && !$0.hasPrefix("   ") }
      .compactMap { $0.split(separator: " ").first.map(String.init) }.filter { $0 != "See" && $0 != "help" }
      .flatMap { try commands(below: command + [$0]) }
  }

  /// The commands after `Example:` or `Examples:`, up to an empty line.
  private static func examples(in help: String) -> [String] {
    guard let start = help.firstRange(of: #/Examples?: /#) else { return [] }
    let text = help[start.upperBound...].components(separatedBy: "\n\n")[0]
    return text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
  }

  /// The lines of a document's blocks of shell.
  private static func lines(of document: String) throws -> [String] {
    let text = try String(contentsOfFile: Repository.path + "/" + document, encoding: .utf8)
    return text.matches(of: #/```sh\n([^`]*)```/#).flatMap { $0.output.1.split(separator: "\n").map(String.init) }
  }

  private static func documents() throws -> [String] {
    let folders = ["", "docs/", "cluster/", "cluster/slurm/", "cluster/kubernetes/", "cluster/systemd/"]
    return try folders.flatMap { folder in
      try FileManager.default.contentsOfDirectory(atPath: Repository.path + "/" + folder)
        .filter { $0.hasSuffix(".md") }.sorted().map { folder + $0 }
    }
  }

  @Test("Every example of every help and of every document runs as it stands", .hangLimit)
  func run() throws {
    let desk = try Desk()
    var unused = Set(Self.reasons.map(\.beginning))
    func run(_ line: String, from source: String) throws {
      if let reason = Self.reasons.first(where: { line.hasPrefix($0.beginning) }) {
        unused.remove(reason.beginning)
      } else {
        try desk.run(line, from: source)
      }
    }
    let commands = try Self.commands()
    #expect(commands.count > 15)
    for command in commands {
      let name = (["gauntlet"] + command).joined(separator: " ")
      let examples = Self.examples(in: try Self.help(command))
      #expect(!examples.isEmpty, "\(name) --help has no example")
      for example in examples {
        #expect(example.hasPrefix(name), "\(name) --help: \(example)")
        try run(example, from: "\(name) --help")
      }
    }
    try desk.finish()
    for document in try Self.documents() {
      for line in try Self.lines(of: document) { try run(line, from: document) }
      try desk.finish()
    }
    #expect(unused == [], "no example begins so")
  }

  @Test("The manifests of the repository can be planned, as far as their data are here")
  func manifests() throws {
    let scratch = try ScratchFolder()
    for folder in ["manifests", "models"] {
      try FileManager.default.copyItem(atPath: Repository.path + "/" + folder, toPath: scratch.path + "/" + folder)
    }
    try FileManager.default.createDirectory(atPath: scratch.path + "/runs/data", withIntermediateDirectories: true)
    try Drawings.copy(images: 10, to: scratch.path + "/runs/data/miniature")
    let outcome = try CommandLineTool.run(["inspect", "manifests/miniature.yaml"], in: scratch.path)
    #expect(outcome.status == 0 && outcome.output.contains("images to evaluate"), "\(outcome.errors)")
  }
}
