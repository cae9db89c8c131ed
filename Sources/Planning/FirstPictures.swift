import Benchmarks
import Foundation
import Imaging
import Networks
import Videos

/// The first picture of every folder that a benchmark takes pictures from, looked at before anything is computed.
///
/// One damaged file does not hold up a run, so a few are tried; a folder of which none can be decoded does.
struct FirstPictures {
  /// How many pictures of a folder are tried.
  static let tries = 16

  let benchmark: BenchmarkDefinition
  let listing: ImageListing

  /// The different sizes of the first pictures that can be decoded, a folder each.
  ///
  /// - Throws: `PlanningError.undecodable` for a folder of which none can be.
  func sizes() throws -> [PictureSize] {
    guard benchmark.observed.isOfImages else { return [] }
    var sizes = Set<PictureSize>()
    for (place, files) in folders { sizes.insert(try size(in: place, of: files)) }
    return sizes.sorted { ($0.width, $0.height) < ($1.width, $1.height) }
  }

  /// Each folder with the files that it may hold, in the listing's order.
  private var folders: [(place: String, files: LazyMapSequence<[String], String>)] {
    guard benchmark.subsets.isEmpty else {
      return benchmark.subsets.map { subset in
        let paths = listing.paths.filter { $0.hasPrefix(subset.name + "/") }
        return (subset.folder, paths.lazy.map { benchmark.file(of: $0, in: "") })
      }
    }
    let folders = Set(benchmark.grid.cells.map(benchmark.folder(of:))).sorted()
    return folders.map { folder in (folder, listing.paths.lazy.map { benchmark.file(of: $0, in: folder) }) }
  }

  private func size(in place: String, of files: some Sequence<String>) throws -> PictureSize {
    var reason: (any Error)?
    var tried = 0
    // A file that another condition has and this one lacks is set aside when its turn comes.
    for file in files where FileTree.isFile(file) {
      do {
        return try size(of: file)
      } catch {
        reason = reason ?? error
        tried += 1
        if tried == Self.tries { break }
      }
    }
    throw PlanningError.undecodable(
      benchmark: benchmark.name, place: place, tried: tried, reason: reason.map { "\($0)" } ?? "there are none")
  }

  private func size(of file: String) throws -> PictureSize {
    let bytes = try FileTree.contents(of: file)
    return try
      (benchmark.isVideo
      ? VideoDecoder.frame(0, of: bytes, name: file) : ImageDecoder.decode(bytes, name: file)).size
  }
}

extension BenchmarkDefinition {
  /// The size of what a network is given of a picture of some size.
  func size(of picture: PictureSize, for model: ModelSpecification, taking input: PictureSize) throws -> PictureSize {
    layout.mayFitAlready && picture == input ? picture : try model.preprocessing.size(of: picture)
  }
}

extension Plan {
  /// How a model is given a benchmark's published files, which were made at a network's input size; nil for pictures of
  /// any size, which are prepared as usual.
  public func publishedFiles(model: Int, benchmark: Int) -> String? {
    guard manifest.benchmarks[benchmark].layout.mayFitAlready else { return nil }
    let (input, sizes) = (inputs[model], pictures[benchmark])
    let steps = manifest.models[model].preprocessing.steps
    guard sizes.contains(input) else {
      let shown = sizes.prefix(3).map(\.description) + (sizes.count > 3 ? ["\(sizes.count - 3) more sizes"] : [])
      return "\(shown.joined(separator: " and ")): \(steps), since the network takes \(input)"
    }
    return sizes.count == 1
      ? "\(input): taken as they are" : "\(input): taken as they are; those of a different size: \(steps)"
  }

  /// What people should know of a run before it starts: how pictures are prepared, a line or two a model.
  public var preparation: [String] {
    manifest.models.enumerated().flatMap { index, model in
      var lines = ["\(model.name): \(model.preprocessing)"]
      if let found = try? PretrainedConfiguration(beside: model.checkpoint), found.preprocessing == model.preprocessing
      {
        lines.append("\(model.name): as \(found.path.plain) says")
      } else if let note = (try? model.ownArchitecture())?.recipeNote(for: model.preprocessing) {
        lines.append("\(model.name): \(note)")
      }
      for benchmark in manifest.benchmarks.indices {
        guard let files = publishedFiles(model: index, benchmark: benchmark), pictures[benchmark] != [inputs[index]]
        else { continue }
        lines.append("\(model.name): the files of \(manifest.benchmarks[benchmark].name) are \(files)")
      }
      return lines
    }
  }

  /// Refuses a benchmark whose pictures, prepared as a model's specification says, are none that its network takes.
  func checkFit() throws {
    for (model, input) in zip(manifest.models, inputs) {
      for (benchmark, sizes) in zip(manifest.benchmarks, pictures) where benchmark.evaluates(model.name) {
        for size in sizes {
          let made = try benchmark.size(of: size, for: model, taking: input)
          guard made == input else {
            throw PlanningError.misfit(model: model.name, takes: input, benchmark: benchmark.name, made: made)
          }
        }
      }
    }
  }

  /// The size of the images that a model's network takes.
  static func input(of model: ModelSpecification) throws -> PictureSize {
    guard let architecture = try model.ownArchitecture() else {
      let side = model.preprocessing.crop ?? 0
      return PictureSize(width: side, height: side)
    }
    return PictureSize(width: architecture.inputWidth, height: architecture.inputHeight)
  }
}

/// What makes a plan useless, found before anything is computed.
public enum PlanningError: Error, Equatable, CustomStringConvertible {
  /// No picture of a folder can be decoded.
  case undecodable(benchmark: String, place: String, tried: Int, reason: String)
  /// The pictures of a benchmark do not become what a network takes.
  case misfit(model: String, takes: PictureSize, benchmark: String, made: PictureSize)
  /// There is no such architecture.
  case unknown(model: String, architecture: String)

  /// One sentence that says what was found and what to do.
  public var description: String {
    switch self {
    case .undecodable(let benchmark, let place, let tried, let reason):
      "\(benchmark) cannot be evaluated: none of the first \(tried) pictures below \(place) can be decoded, the first "
        + "because \(reason.prefix(200)); repair the data, or remove the benchmark or condition from the manifest"
    case .misfit(let model, let takes, let benchmark, let made):
      "\(model) takes images of \(takes), but those of \(benchmark) would be \(made); export the network for square "
        + "images, or remove the benchmark from the manifest"
    case .unknown(let model, let architecture):
      "\(model) has the unknown architecture \(architecture); see gauntlet models"
    }
  }
}
