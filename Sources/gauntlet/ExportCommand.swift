import ArgumentParser
import Benchmarks
import Coordination
import Foundation
import Machine
import Planning
import Synchronization
import Working

struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Writes pictures as a network is given them (corrupted, occluded, attacked) as PNG files.",
    discussion: """
      They have the network's input size, before mean and standard deviation, and lie in the condition's folder and the \
      image's class folder: an imagenet-c is one that a manifest can name as root. 8 bits hold what is done to pictures as it \
      is; what is done to values, as by attacks, is rounded. index.csv says of each what it is, by how much it was rounded, \
      and its SHA-256. Exit status 1: some images could not be read or decoded.
      Example: gauntlet export my.yaml --benchmark imagenet-c --condition corruption=contrast --images 2 --output pictures
      """)

  @Argument(help: "The manifest.") var manifest: String
  @Option(help: "The benchmark, by its name in the manifest.") var benchmark: String
  @Option(help: "The model that is given the pictures, by its name [default: the first that the benchmark is for].")
  var model: String?
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Only conditions of this value of an axis; several of one axis are all taken [default: all conditions].",
      valueName: "axis=value"))
  var condition: [String] = []
  @Option(help: "So many images, the first of the benchmark [default: 10].") var images: Int?
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("These images, by their paths as the archive lists them.", valueName: "path"))
  var image: [String] = []
  @Option(help: "The folder to fill, which must be new or empty.") var output: String
  @Flag(help: "Print one JSON object.") var json = false

  func run() throws {
    try Usage.checkExists(manifest, what: "manifest")
    if images != nil, !image.isEmpty { throw UsageError("--images and --image exclude each other; give one of them") }
    if let images { try Usage.check(images, in: 1...1_000_000_000, option: "--images") }
    let plan = try PlannedRun.plan(of: manifest) { Terminal.complain($0) }
    let selection = try selection(of: plan)
    let export = try PictureExport(of: plan, selection, to: output)
    let pictures = try write(export, count: selection.cells.count * selection.images.count)
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

  private func write(_ export: PictureExport, count: Int) throws -> [ExportedPicture] {
    let allowance = Allowance.current
    let progress = ProgressLine("exporting")
    let share = Mutex(0.0)
    // Attacks may take minutes for their first picture.
    let timer = DispatchSource.makeTimerSource(queue: .global())
    timer.schedule(deadline: .now() + 2, repeating: 1)
    timer.setEventHandler { progress.report(fraction: share.withLock { $0 }, remark: "\(count) pictures") }
    timer.resume()
    defer {
      timer.cancel()
      progress.finish()
    }
    return try export.write(
      memory: WorkerMemory.ofModels(of: allowance.memory), batch: ComputeArguments.usualBatch,
      threads: allowance.processors
    ) { done in share.withLock { $0 = max($0, done) } }
  }

  // MARK: - What is chosen

  private func selection(of plan: Plan) throws -> PictureExport.Selection {
    let benchmarks = plan.manifest.benchmarks
    guard let place = benchmarks.firstIndex(where: { $0.name == benchmark }) else {
      throw UsageError(
        "there is no benchmark \(benchmark.prefix(60)) in \(manifest); there are "
          + benchmarks.map(\.name).joined(separator: ", "))
    }
    let models = plan.manifest.models
    let usual = models.indices.first { plan.isEvaluated(model: $0, benchmark: place) } ?? 0
    guard let chosen = model.map({ name in models.firstIndex { $0.name == name } }) ?? usual else {
      throw UsageError(
        "there is no model \(model?.prefix(60) ?? "") in \(manifest); there are "
          + models.map(\.name).joined(separator: ", "))
    }
    guard plan.isEvaluated(model: chosen, benchmark: place) else {
      throw UsageError(
        "\(benchmark) is not for \(models[chosen].name); the manifest lists "
          + benchmarks[place].models.joined(separator: ", "))
    }
    if model == nil, models.count > 1 { Terminal.complain("pictures as \(models[chosen].name) is given them") }
    return PictureExport.Selection(
      model: chosen, benchmark: place, cells: try cells(of: benchmarks[place]),
      images: try chosenImages(of: plan.listings[place]))
  }

  private func cells(of benchmark: BenchmarkDefinition) throws -> [GridCell] {
    let axes = benchmark.grid.axes
    var wanted = [Set<String>](repeating: [], count: axes.count)
    for text in condition {
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2 else { throw UsageError("--condition is \(text), but must be like AXIS=VALUE") }
      guard let axis = axes.firstIndex(where: { $0.name == parts[0] }) else {
        throw UsageError(
          "--condition is \(text), but \(benchmark.name) has "
            + (axes.isEmpty ? "one condition" : "the axes \(axes.map(\.name).joined(separator: ", "))"))
      }
      guard axes[axis].values.contains(parts[1]) else {
        throw UsageError(
          "--condition is \(text), but \(parts[0]) of \(benchmark.name) is one of "
            + axes[axis].values.joined(separator: ", "))
      }
      wanted[axis].insert(parts[1])
    }
    let cells = benchmark.conditions.map(\.cell).filter { cell in
      zip(cell.values, wanted).allSatisfy { $1.isEmpty || $1.contains($0) }
    }
    guard !cells.isEmpty else {
      throw UsageError("no condition of \(benchmark.name) is \(condition.joined(separator: ", "))")
    }
    return cells
  }

  private func chosenImages(of listing: ImageListing) throws -> [Int] {
    guard !image.isEmpty else { return Array(listing.paths.indices.prefix(images ?? 10)) }
    let places = Dictionary(
      zip(listing.paths.map { ExactText($0) }, listing.paths.indices), uniquingKeysWith: { first, _ in first })
    return try Set(
      image.map { path in
        guard let place = places[ExactText(path)] else {
          throw UsageError(
            "there is no image \(path) in \(benchmark); paths are like \(listing.paths.first ?? "CLASS/NAME.JPEG")")
        }
        return place
      }
    ).sorted()
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
