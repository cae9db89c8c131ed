import Imaging
import Records
import Videos

/// Perturbation sequences (Hendrycks and Dietterich, ICLR 2019; hendrycks/robustness): `ROOT/PERTURBATION/WNID/*.mp4`, or made
/// on the fly from clean images.
public enum ImageNetP: Benchmark {
  /// `imagenet-p`
  public static let kind = BenchmarkKind.imagenetP
  /// Published files or clean images, which perturbations, and whose figures others are measured by.
  public static let keys = ["root", "from", "perturbations", "normalise_by"]
  /// Flip rates do without.
  public static let needsClasses = false

  /// The ten perturbations over which mFR and mT5D are defined.
  public static let standardPerturbations = Perturbation.all.filter(\.isStandard).map(\.rawValue)

  /// All that there are: the noises also at difficulty 2 and 3.
  public static let perturbations = Perturbation.all.map(\.rawValue)

  /// The standard ten perturbations, unless the manifest says otherwise. Frames are counted in the first files of each, or
  /// known where they are made on the fly.
  public static func definition(_ manifest: some ManifestKeys) throws -> BenchmarkDefinition {
    let origin = try manifest.origin()
    let names = try manifest.words("perturbations", known: perturbations) ?? standardPerturbations
    let unsteadiness = try unsteadiness(manifest)
    func definition(_ frameCounts: [Int]) -> BenchmarkDefinition {
      .perturbations(
        name: manifest.name, origin: origin, perturbations: names, frameCounts: frameCounts, classes: manifest.classes,
        unsteadiness: unsteadiness)
    }
    if origin.isMade { return definition(names.map { Perturbation(rawValue: $0)?.frameCount ?? 0 }) }
    let single = definition(names.map { _ in 1 })
    return definition(
      try single.grid.cells.map { cell in
        let folder = try manifest.existingFolder(of: cell, in: single.layout, cell.values[0])
        let count = try frameCount(below: folder)
        guard count > 1 else {
          throw manifest.failure(
            nil, "the videos below \(folder) have \(count) frame, but a sequence needs at least two to compare")
        }
        return count
      })
  }

  /// How many frames the sequences below a folder have: the most of the first few that can be decoded, since one that is
  /// damaged or cut short says nothing of the others.
  private static func frameCount(below folder: String) throws -> Int {
    var counts: [Int] = []
    var reason: any Error = ListingError.noImages(folder)
    for path in try FileTree.firstFiles(below: folder, suffix: "mp4", count: 16) {
      do {
        counts.append(try VideoDecoder.frameCount(of: FileTree.contents(of: path), name: path))
        if counts.count == 3 { break }
      } catch {
        if case ListingError.noImages = reason { reason = error }
      }
    }
    guard let most = counts.max() else { throw reason }
    return most
  }

  /// AlexNet's figures: a mapping from perturbations to `{flip_rate: , top5_distance: }`.
  private static func unsteadiness(_ manifest: some ManifestKeys) throws -> [String: Unsteadiness] {
    let entries = try manifest.mappings(
      "normalise_by", known: perturbations, keys: ["flip_rate", "top5_distance"])
    return try entries?.mapValues { entry in
      Unsteadiness(
        flipRate: try entry.number("flip_rate", above: 0, upTo: 1),
        top5Distance: try entry.number("top5_distance", above: 0, upTo: 15))
    } ?? [:]
  }

  /// A folder of videos a perturbation, or that of the clean images.
  public static func layout(of origin: ImageOrigin, _ subsets: [ImageSubset]) -> PictureLayout {
    origin.isMade
      ? PictureLayout(root: origin.root)
      : PictureLayout(root: origin.root, folderAxes: 1, groups: ImageNetC.groups, isVideo: true, mayFitAlready: true)
  }

  /// Accuracies of frames, and how steady answers are along sequences.
  public static func tally(
    of benchmark: BenchmarkDefinition, _ listing: ImageListing, _ scoring: Scoring, population: UInt32
  ) -> any Tally {
    SequenceTally(
      accuracy: AccuracyTally(grid: benchmark.grid, scoring: scoring, figures: .curves, population: population),
      stability: StabilityTally(of: benchmark, imageCount: listing.paths.count, population: population))
  }

  private struct SequenceTally: AnswerTally {
    var accuracy: AccuracyTally
    var stability: StabilityTally

    mutating func add(condition: Int, firstImage: Int, logits: [Float], classCount: Int) {
      accuracy.add(condition: condition, firstImage: firstImage, logits: logits, classCount: classCount)
      stability.add(condition: condition, firstImage: firstImage, logits: logits, classCount: classCount)
    }

    func metrics(clean: AccuracyTally?, seed: UInt64) -> [Metric] {
      accuracy.metrics(clean: clean, seed: seed) + stability.metrics(seed: seed)
    }

    var rightAnswers: Outcomes { accuracy.rightAnswers }
    var furtherAxes: [Axis] { accuracy.furtherAxes }
  }
}

extension BenchmarkKind {
  /// Perturbation sequences.
  public static let imagenetP = BenchmarkKind("imagenet-p")
}

extension BenchmarkDefinition {
  /// ImageNet-P over the given perturbations.
  ///
  /// - Parameters:
  ///   - frameCounts: of each perturbation's sequences.
  ///   - unsteadiness: AlexNet's, for mFR and mT5D.
  public static func perturbations(
    name: String, origin: ImageOrigin, perturbations: [String], frameCounts: [Int], classes: [String] = [],
    unsteadiness: [String: Unsteadiness] = [:]
  ) -> BenchmarkDefinition {
    let longest = frameCounts.max() ?? 0
    let axes = [
      Axis(name: "perturbation", values: perturbations),
      Axis(name: "frame", values: (0..<longest).map(String.init), isNumeric: true),
    ]
    let isEven = frameCounts.allSatisfy { $0 == longest }
    let made = perturbations.map { origin.isMade ? Perturbation(rawValue: $0) : nil }
    var attributes: [String: String] = [:]
    if origin.isMade { attributes["perturbations"] = "made on the fly" }
    if !unsteadiness.isEmpty {
      attributes["normalise_by"] = Unsteadiness.text(unsteadiness)
    }
    return BenchmarkDefinition(
      kind: .imagenetP, name: name, layout: ImageNetP.layout(of: origin, []),
      grid: Grid(axes: axes, rowLengths: isEven ? nil : frameCounts), classes: classes,
      attributes: attributes, unsteadiness: unsteadiness
    ) { cell in
      guard let perturbation = made[cell.index / max(1, longest)] else { return [.fit] }
      return [.perturb(perturbation, frame: cell.index % max(1, longest))]
    }
  }
}

/// How unsteady a network is along the sequences of one perturbation.
public struct Unsteadiness: Sendable, Hashable, Codable {
  /// Flip rate, 0 to 1.
  public let flipRate: Double
  /// Top-5 distance, 0 to 15.
  public let top5Distance: Double

  /// Both figures.
  public init(flipRate: Double, top5Distance: Double) {
    self.flipRate = flipRate
    self.top5Distance = top5Distance
  }

  /// What archives say of the figures of some perturbations.
  static func text(_ all: [String: Unsteadiness]) -> String {
    all.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.flipRate) \($0.value.top5Distance)" }
      .joined(separator: "; ")
  }
}
