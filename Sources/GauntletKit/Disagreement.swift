import Archives
import Benchmarks
import Durable
import Foundation
import Planning
import Records
import Working

/// Images that one model of a run answers right and another wrong, as the network that is wrong was given them.
public struct Disagreement: Sendable {
  /// Which images.
  public struct Choice: Sendable {
    /// The model that is right, by its name.
    public var right: String
    /// The model that is wrong.
    public var wrong: String
    /// The benchmark, by its name; the first that both models were evaluated on otherwise.
    public var benchmark: String?
    /// Only conditions of these values of axes, `AXIS=VALUE`; several of one axis are all taken.
    public var conditions: [String] = []
    /// How many pictures at most, spread over what there is.
    public var count = 12
    /// How many conditions are looked at, at most, spread over those that there are; nil: all.
    public var mostConditions: Int?

    /// Images of the first benchmark that both models have.
    public init(right: String, wrong: String) { (self.right, self.wrong) = (right, wrong) }
  }

  /// An image under a condition, with both answers.
  public struct Found: Sendable, Equatable {
    /// The condition's cell.
    public let cell: GridCell
    /// The image's place in the benchmark's listing.
    public let image: Int
    /// The name of its class.
    public let label: String
    /// The answer of the model that is wrong, by the class's name.
    public let answer: String
  }

  /// The plan of the run.
  public let plan: Plan
  /// The benchmark's place in the manifest.
  public let benchmark: Int
  /// How many there are, of which ``found`` are some.
  public let total: Int
  /// Those that were chosen, by condition and image.
  public let found: [Found]
  let models: (right: Int, wrong: Int)

  /// The name of the table below the folder.
  public static let table = "answers.csv"

  /// Looks in a run's archive for such images.
  ///
  /// - Throws: `Misuse` where a name is none of the run's, `RunFolderError`, `ArchiveError`.
  public init(of run: String, _ choice: Choice) throws {
    let folder = RunFolder(run)
    plan = try Plan.read(from: folder)
    let archive = try ArchiveReader(path: folder.archive)
    models = (try plan.model(named: choice.right, "--right"), try plan.model(named: choice.wrong, "--wrong"))
    guard models.right != models.wrong else {
      throw Misuse("--right and --wrong are the same model, \(choice.right); name two")
    }
    benchmark = try plan.benchmark(named: choice.benchmark, of: models.right, models.wrong)
    let cells = try plan.manifest.benchmarks[benchmark].cells(choice.conditions, option: "--condition")
      .spread(choice.mostConditions ?? .max)
    var all: [Found] = []
    for cell in cells { all += try plan.disagreements(in: archive, cell, benchmark, models) }
    total = all.count
    found = all.spread(choice.count)
  }

  /// Whether both models are given pictures of the same size that nothing changes for one of them alone; otherwise the
  /// model that is right saw other pixels.
  public var isOfSamePixels: Bool {
    plan.inputs[models.right] == plan.inputs[models.wrong]
      && plan.manifest.models[models.right].preprocessing == plan.manifest.models[models.wrong].preprocessing
      && plan.manifest.benchmarks[benchmark].conditions.allSatisfy { $0.attack == nil }
  }

  /// Writes the pictures as PNG files, a table of them (`index.csv`), and one of the answers.
  ///
  /// - Returns: the pictures; those that could not be made say why.
  /// - Throws: `ExportError` where the folder cannot be used, `FileError` where nothing can be written.
  public func write(to folder: String, with computation: Computation = Computation()) throws -> [ExportedPicture] {
    let selection = PictureExport.Selection(
      model: models.wrong, benchmark: benchmark, places: found.map { ($0.cell, $0.image) })
    let pictures = try PictureExport(of: plan, selection, to: folder).write(
      memory: WorkerMemory.ofModels(of: computation.memory), batch: computation.batch, threads: computation.streams)
    let names = plan.manifest.models.map(\.name)
    let head = ["file", "image", "condition", "class", "right", "wrong", "answer of the wrong one"]
    let lines = zip(found, pictures).map { found, picture in
      [
        picture.file ?? "", picture.image, found.cell.description, found.label, names[models.right],
        names[models.wrong], found.answer,
      ]
    }
    let text = ([head] + lines).map { CSVLine.of($0) + "\r\n" }.joined()
    try DurableFile.write(Data(text.utf8), to: folder + "/" + Self.table, mode: 0o644)
    return pictures
  }
}

extension Plan {
  fileprivate func model(named name: String, _ option: String) throws -> Int {
    guard let place = manifest.models.firstIndex(where: { $0.name == name }) else {
      throw Misuse(
        "\(option) is \(name.prefix(60)), but the run's models are \(manifest.models.map(\.name).joined(separator: ", "))"
      )
    }
    return place
  }

  fileprivate func benchmark(named name: String?, of right: Int, _ wrong: Int) throws -> Int {
    let both = manifest.benchmarks.indices.filter {
      isEvaluated(model: right, benchmark: $0) && isEvaluated(model: wrong, benchmark: $0)
        && manifest.benchmarks[$0].observed.isOfImages
    }
    let names = both.map { manifest.benchmarks[$0].name }.joined(separator: ", ")
    guard let place = both.first(where: { name == nil || manifest.benchmarks[$0].name == name }) else {
      throw Misuse(
        both.isEmpty
          ? "no benchmark of images has both models"
          : "--benchmark is \(name?.prefix(60) ?? ""), but those of both models are \(names)")
    }
    return place
  }

  /// The images under a condition that one model answers right and the other wrong, by their logits.
  fileprivate func disagreements(
    in archive: ArchiveReader, _ cell: GridCell, _ benchmark: Int, _ models: (right: Int, wrong: Int)
  ) throws -> [Disagreement.Found] {
    let right = try answers(in: archive, cell, benchmark, model: models.right)
    let wrong = try answers(in: archive, cell, benchmark, model: models.wrong)
    return zip(right, wrong).enumerated().compactMap { image, answers in
      let (one, other) = answers
      guard let one, let other, one.isRight, !other.isRight, other.label != nil else { return nil }
      return Disagreement.Found(cell: cell, image: image, label: one.label ?? "", answer: other.name)
    }
  }

  private typealias Answer = (isRight: Bool, name: String, label: String?)

  /// A model's answers to the images under a condition; nil for one without a result.
  private func answers(
    in archive: ArchiveReader, _ cell: GridCell, _ benchmark: Int, model: Int
  ) throws -> [Answer?] {
    let listing = listings[benchmark]
    let classCount = manifest.models[model].classCount
    let scoring = manifest.benchmarks[benchmark].scoring(of: listing, classCount: classCount)
    let names = scoring.names(of: listing)
    let step = max(1, (16 << 20) / max(1, classCount))
    return try stride(from: 0, to: listing.paths.count, by: step).flatMap { first in
      let images = first..<min(first + step, listing.paths.count)
      let logits = try archive.logits(
        group: group(model: model, benchmark: benchmark), conditionIndex: cell.index, images: images)
      return images.map { image -> Answer? in
        let place = (image - first) * classCount
        guard let answer = scoring.answer(logits[place..<place + classCount]) else { return nil }
        let label = scoring.labels[image]
        return (label >= 0 && answer == label, names(answer), label < 0 ? nil : names(label))
      }
    }
  }
}

extension Array {
  /// So many of them at most, from all over, and from other places within each part: the first of each part would all be of
  /// one severity.
  fileprivate func spread(_ most: Int) -> [Element] {
    most >= count ? self : (0..<most).map { self[$0 * count / most + $0 % Swift.max(1, count / most)] }
  }
}

extension Scoring {
  /// What classes are called: an output by its own name; where outputs are mapped to a benchmark's classes, by the folder
  /// of that class's images.
  fileprivate func names(of listing: ImageListing) -> (Int32) -> String {
    var folders: [Int32: String] = [:]
    if map != nil {
      for (path, label) in zip(listing.paths, labels) where label >= 0 && folders[label] == nil {
        folders[label] = path.split(separator: "/").dropLast().last.map(String.init)
      }
    }
    let (isMapped, classNames) = (map != nil, classNames)
    return { answer in
      if isMapped { return folders[answer].map(ImageNetClasses.said) ?? "none of the classes" }
      return classNames.indices.contains(Int(answer))
        ? ImageNetClasses.said(classNames[Int(answer)]) : "class \(answer)"
    }
  }
}
