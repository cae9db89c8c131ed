import ArgumentParser
import Coordination
import Durable
import Foundation
import Miniature
import Planning

struct DemoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Draws the miniature data set and evaluates three small networks on it.",
    discussion: """
      What `make run` does, without a clone: it needs no data, no checkpoint and no network, and takes some minutes. The folder \
      holds afterwards manifests/, models/, runs/data/miniature and runs/miniature, to go on from by hand. Calling it again goes \
      on where the last call ended.
      Example: gauntlet demo small --images 20
      """)

  @Argument(help: "The folder to work in.") var folder = "gauntlet-demo"
  @Option(name: .customLong("run"), help: "The run folder [default: runs/miniature in the folder].")
  var runFolder: String?
  @Option(help: "Images in val, and in each corruption and severity.") var images = 500
  @OptionGroup var local: LocalWorkerArguments

  func run() throws {
    let local = try local.validated()
    try Usage.check(images, in: 10...100_000, option: "--images")
    let shipped = try DemoFiles.find()
    let (data, manifest) = (folder + "/runs/data/miniature", folder + "/" + DemoFiles.manifest)
    try shipped.copy(to: folder)
    let progress = ProgressLine("drawing")
    try Miniature.write(to: data, options: Miniature.Options(validationImages: images)) {
      progress.report(fraction: $0, remark: data)
    }
    progress.finish()
    let run = try PlannedRun.prepare(
      manifest: manifest, folder: RunFolder(runFolder ?? folder + "/runs/miniature")
    ) { Terminal.complain($0) }
    try LocalRun(run: run, workers: local.workers, computation: local.computation).perform()
  }
}

/// The miniature's manifests and networks, which lie beside the program where it was unpacked and above it where it was built.
struct DemoFiles {
  static let manifest = "manifests/miniature.yaml"
  private static let names = [
    manifest, "manifests/study-miniature.yaml", "models/replknet-nano.safetensors", "models/resnet-nano.safetensors",
    "models/vit-nano.safetensors",
  ]

  /// The folder that holds manifests and models.
  let root: String

  /// - Parameter program: the program's own file, no link.
  /// - Throws: `UsageError` where no folder near the program holds all of them.
  static func find(near program: String = Executable.path) throws -> DemoFiles {
    var above = URL(fileURLWithPath: program).deletingLastPathComponent()
    for _ in 0..<4 {
      for root in [above.appendingPathComponent("share/gauntlet").path, above.path] where isWhole(root) {
        return DemoFiles(root: root)
      }
      above.deleteLastPathComponent()
    }
    throw UsageError(
      "the miniature's manifests and models, which are unpacked together with the program, are not near \(program); unpack "
        + "the whole archive, or in a clone of the project call make run")
  }

  private static func isWhole(_ root: String) -> Bool {
    names.allSatisfy { FileManager.default.fileExists(atPath: root + "/" + $0) }
  }

  /// Copies what is not there yet. Files of other contents are left as they are: whoever changed a manifest meant it.
  ///
  /// - Throws: `FileError` where the folder cannot be written.
  func copy(to folder: String) throws {
    for name in Self.names {
      let (source, target) = (root + "/" + name, folder + "/" + name)
      guard !FileManager.default.fileExists(atPath: target) else { continue }
      try DurableFile.makeFolder(DurableFile.folder(of: target), mode: 0o755)
      try DurableFile.write(Data(contentsOf: URL(fileURLWithPath: source)), to: target, mode: 0o644)
    }
  }
}
