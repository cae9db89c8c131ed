import ArgumentParser
import Foundation
import GauntletKit
import Planning
import Synchronization
import Working

struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Writes pictures as the network sees them (corrupted, occluded, attacked) as PNG files.",
    discussion: """
      They have the network's input size, before mean and standard deviation, and are stored by condition and \
      class folder, so an exported imagenet-c can be a manifest's root. What is done to pictures fits into 8 bits \
      exactly; what is done to values, as by attacks, is rounded. index.csv describes each picture, with its rounding \
      and SHA-256. Exit status 1: some images could not be read or decoded.
      Example: gauntlet export my.yaml --benchmark imagenet-c --condition corruption=contrast --images 2 --output pictures
      """)

  @Argument(help: "The manifest.") var manifest: String
  @Option(help: "The benchmark, by its name in the manifest.") var benchmark: String
  @Option(help: "The model that sees the pictures, by its name [default: the benchmark's first model].")
  var model: String?
  @OptionGroup var chosen: ConditionArguments
  @Option(help: "How many images, from the start of the benchmark [default: 10].") var images: Int?
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("These images, by path as listed in the archive.", valueName: "path"))
  var image: [String] = []
  @Option(help: "The folder to fill, which must be new or empty.") var output: String
  @Flag(help: "Print one JSON object.") var json = false

  func run() throws {
    try Usage.checkExists(manifest, what: "manifest")
    if images != nil, !image.isEmpty {
      throw UsageError("--images and --image are mutually exclusive; give one of them")
    }
    if let images { try Usage.check(images, in: 1...1_000_000_000, option: "--images") }
    let plan = try Run.plan(manifest) { Terminal.complain($0) }
    let export = try Export(of: plan, choice, manifest: manifest, to: output)
    let selection = export.selection
    let models = plan.manifest.models
    if model == nil, models.count > 1 {
      Terminal.complain("pictures as \(models[selection.model].name) sees them")
    }
    let pictures = try write(export)
    let problems = pictures.compactMap(\.problem)
    if json {
      try printReport(plan, selection, pictures)
    } else {
      print(
        "\(pictures.count - problems.count) pictures of \(selection.images.count) images under "
          + "\(selection.cells.count) conditions: \(output)")
    }
    for problem in problems { Terminal.complain("gauntlet: \(problem)") }
    if !problems.isEmpty { throw ExitStatus.setAside }
  }

  private func write(_ export: Export) throws -> [ExportedPicture] {
    let progress = ProgressLine("exporting")
    let share = Mutex(0.0)
    // Attacks may take minutes for their first picture.
    let timer = DispatchSource.makeTimerSource(queue: .global())
    timer.schedule(deadline: .now() + 2, repeating: 1)
    timer.setEventHandler { progress.report(fraction: share.withLock { $0 }, remark: "\(export.count) pictures") }
    timer.resume()
    defer {
      timer.cancel()
      progress.finish()
    }
    return try export.write { done in share.withLock { $0 = max($0, done) } }
  }

  private var choice: Export.Choice {
    var choice = Export.Choice(benchmark: benchmark)
    choice.model = model
    choice.conditions = chosen.condition
    choice.images = image
    if let images { choice.count = images }
    return choice
  }

  // MARK: - What is printed

  private struct Report: Encodable {
    let folder: String
    let model: String
    let benchmark: String
    let seed: UInt64
    let pictures: [Picture]
  }

  private struct Picture: Encodable {
    let file: String?
    let sha256: String?
    let condition: [String: String]
    let image: String
    let label: Int?
    let attackBudget: Double?
    let rounding: Float?
    let problem: String?

    enum CodingKeys: String, CodingKey {
      case file, sha256, condition, image, label, rounding, problem
      case attackBudget = "attack_budget"
    }
  }

  private func printReport(
    _ plan: Plan, _ selection: PictureExport.Selection, _ pictures: [ExportedPicture]
  ) throws {
    let axes = plan.manifest.benchmarks[selection.benchmark].grid.axes.map(\.name)
    let report = Report(
      folder: RunFolder(output).path, model: plan.manifest.models[selection.model].name, benchmark: benchmark,
      seed: plan.manifest.seed,
      pictures: pictures.map {
        Picture(
          file: $0.file, sha256: $0.sha256,
          condition: Dictionary(zip(axes, $0.cell.values), uniquingKeysWith: { first, _ in first }), image: $0.image,
          label: $0.label, attackBudget: $0.budget, rounding: $0.rounding, problem: $0.problem)
      })
    try printObject(report)
  }
}
