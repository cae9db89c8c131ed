import ArgumentParser
import GauntletKit
import Miniature

struct DemoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Draws the miniature data set and evaluates three small networks on it.",
    discussion: """
      Does what `make run` does, without a clone: it needs no data, no checkpoint and no network, and takes a few minutes. \
      Afterwards the folder holds manifests/, models/, runs/data/miniature and runs/miniature, to continue from by hand. \
      Calling it again continues where the last call stopped.
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
    let run = try Run.prepare(manifest, in: runFolder ?? folder + "/runs/miniature") { Terminal.complain($0) }
    try ShownLocalRun(run: run, options: local).perform()
  }
}
