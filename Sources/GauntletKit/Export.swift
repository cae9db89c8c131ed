import Benchmarks
import Durable
import Foundation
import Planning
import Working

/// Pictures as a network is given them, chosen by the names that a manifest and an archive have for them.
public struct Export: Sendable {
  /// Which pictures.
  public struct Choice: Sendable {
    /// The benchmark, by its name in the manifest.
    public var benchmark: String
    /// The model that is given the pictures, by its name; the first that the benchmark is for otherwise.
    public var model: String?
    /// Only conditions of these values of axes, `AXIS=VALUE`; several of one axis are all taken.
    public var conditions: [String] = []
    /// These images, by their paths as the archive lists them; the first `count` where there are none.
    public var images: [String] = []
    /// How many images where none are named.
    public var count = 10

    /// The first images of a benchmark under all its conditions.
    public init(benchmark: String) { self.benchmark = benchmark }
  }

  /// The plan that it follows.
  public let plan: Plan
  /// What was chosen, by positions.
  public let selection: PictureExport.Selection
  private let export: PictureExport

  /// An export of a manifest's pictures into a folder, which must be new or empty.
  ///
  /// - Throws: `Misuse` where a name is none of the manifest's, `ExportError` where the folder cannot be used.
  public init(of plan: Plan, _ choice: Choice, manifest: String, to folder: String) throws {
    self.plan = plan
    selection = try choice.selection(of: plan, manifest: manifest)
    export = try PictureExport(of: plan, selection, to: folder)
  }

  /// How many pictures there will be.
  public var count: Int { selection.cells.count * selection.images.count }

  /// Makes and writes all pictures, and a table of them.
  ///
  /// - Parameter progress: told the share that is done, 0...1, from any thread.
  /// - Returns: the pictures, by condition and image; those that could not be made say why.
  public func write(
    with computation: Computation = Computation(), progress: @escaping @Sendable (Double) -> Void = { _ in }
  ) throws -> [ExportedPicture] {
    try export.write(
      memory: WorkerMemory.ofModels(of: computation.memory), batch: computation.batch, threads: computation.streams,
      progress: progress)
  }
}

extension Export.Choice {
  fileprivate func selection(of plan: Plan, manifest: String) throws -> PictureExport.Selection {
    let benchmarks = plan.manifest.benchmarks
    guard let place = benchmarks.firstIndex(where: { $0.name == benchmark }) else {
      throw Misuse(
        "unknown benchmark \(benchmark.prefix(60)); \(manifest) has "
          + benchmarks.map(\.name).joined(separator: ", "))
    }
    return PictureExport.Selection(
      model: try modelPlace(in: plan, benchmark: place, manifest: manifest), benchmark: place,
      cells: try benchmarks[place].cells(conditions, option: "--condition"),
      images: try chosenImages(of: plan.listings[place]))
  }

  private func modelPlace(in plan: Plan, benchmark place: Int, manifest: String) throws -> Int {
    let models = plan.manifest.models
    let usual = models.indices.first { plan.isEvaluated(model: $0, benchmark: place) } ?? 0
    guard let chosen = model.map({ name in models.firstIndex { $0.name == name } }) ?? usual else {
      throw Misuse(
        "unknown model \(model?.prefix(60) ?? ""); \(manifest) has "
          + models.map(\.name).joined(separator: ", "))
    }
    guard plan.isEvaluated(model: chosen, benchmark: place) else {
      throw Misuse(
        "\(benchmark) does not include \(models[chosen].name); the manifest lists "
          + plan.manifest.benchmarks[place].models.joined(separator: ", "))
    }
    return chosen
  }

  private func chosenImages(of listing: ImageListing) throws -> [Int] {
    guard !images.isEmpty else { return Array(listing.paths.indices.prefix(count)) }
    let places = Dictionary(
      zip(listing.paths.map { ExactText($0) }, listing.paths.indices), uniquingKeysWith: { first, _ in first })
    return try Set(
      images.map { path in
        guard let place = places[ExactText(path)] else {
          throw Misuse(
            "no such image in \(benchmark): \(path); paths look like \(listing.paths.first ?? "CLASS/NAME.JPEG")")
        }
        return place
      }
    ).sorted()
  }
}
