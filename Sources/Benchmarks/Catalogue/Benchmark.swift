import Records

/// A benchmark of the catalogue: what manifests say of it, where its pictures lie, what is done to them, and what is counted.
/// Each is one file of this folder and one line of ``Catalogue``.
public protocol Benchmark: Sendable {
  /// What manifests call it.
  static var kind: BenchmarkKind { get }
  /// The keys of its manifest entry besides `kind`, `name`, `classes` and `scored`.
  static var keys: [String] { get }
  /// What a manifest asks for.
  ///
  /// - Throws: what the keys throw.
  static func definition(_ manifest: some ManifestKeys) throws -> BenchmarkDefinition
  /// Where pictures lie of which an archive tells the root and the sets.
  static func layout(of origin: ImageOrigin, _ subsets: [ImageSubset]) -> PictureLayout
  /// The named sets of images that are evaluated under each condition; none: one set without a name.
  static var subsets: [SubsetRecipe] { get }
  /// The classes among which a network answers.
  static var classes: ClassScheme { get }
  /// Whether manifests may ask for answers among all outputs where ``classes`` are some of them.
  static var mayAnswerAmongAll: Bool { get }
  /// Whether its figures need the images' classes.
  static var needsClasses: Bool { get }
  /// Whether other benchmarks' errors are measured by what it counts.
  static var isClean: Bool { get }
  /// Attributes that must agree for figures to be comparable, with what people call them.
  static var making: [String: String] { get }
  /// What counts one model's answers.
  ///
  /// - Parameter population: tallies over the same images, in the same order, share a number, so that their confidence
  ///   intervals rest on the same resamples.
  static func tally(
    of benchmark: BenchmarkDefinition, _ listing: ImageListing, _ scoring: Scoring, population: UInt32
  ) -> any Tally
  /// What counts one model's observations other than logits; nil: there are none.
  static func observationTally(of run: ObservedRun) -> (any Tally)?
  /// What is particular of its named sets.
  static var subsetFigures: SubsetFigures { get }
}

/// Counts what was observed of one model on one benchmark.
public protocol Tally: Sendable {
  /// Counts images of a condition. One whose numbers are NaN was not computed and is left out.
  mutating func add(condition: Int, firstImage: Int, imageCount: Int, observations: [Observation])
  /// The metrics of what was counted.
  ///
  /// - Parameters:
  ///   - clean: the same model's tally on clean images, for relative errors.
  ///   - seed: the seed of the confidence intervals.
  func metrics(clean: AccuracyTally?, seed: UInt64) -> [Metric]
  /// Which answers were right, by which models are compared in pairs; where there are several sets of images, of the one whose
  /// accuracy is the benchmark's.
  var rightAnswers: Outcomes { get }
  /// Axes of metrics that are none of the grid's.
  var furtherAxes: [Axis] { get }
}

extension Tally {
  /// None.
  public var furtherAxes: [Axis] { [] }

  /// Counts images of a condition of which logits alone were observed.
  ///
  /// - Parameter logits: [image, class], row-major.
  public mutating func add(condition: Int, firstImage: Int, logits: [Float], classCount: Int) {
    guard classCount > 0 else { return }
    let images = logits.count / classCount
    add(
      condition: condition, firstImage: firstImage, imageCount: images,
      observations: [.logits(logits, classes: classCount)])
  }
}

/// Counts what one model answers.
public protocol AnswerTally: Tally {
  /// Counts images of a condition. One with a NaN among its logits was not computed and is left out.
  ///
  /// - Parameter logits: [image, class], row-major.
  mutating func add(condition: Int, firstImage: Int, logits: [Float], classCount: Int)
}

extension AnswerTally {
  /// Counts logits.
  public mutating func add(condition: Int, firstImage: Int, imageCount: Int, observations: [Observation]) {
    guard let logits = observations["logits"], let classes = logits.count(images: imageCount) else { return }
    add(condition: condition, firstImage: firstImage, logits: logits.values, classCount: classes)
  }
}

/// A named set of images of a benchmark.
public struct SubsetRecipe: Sendable {
  /// Its name, which starts the paths of its images in the archive.
  public let name: String
  /// The manifest's key that names its folder.
  public let key: String
  /// Where below that folder its class folders are; empty: directly in it.
  public let path: String
  /// Whether the manifest must give the key.
  public let isRequired: Bool
  /// Whether only images of the classes that are answered among are taken.
  public let isRestricted: Bool

  init(_ name: String, key: String, path: String = "", isRequired: Bool = true, isRestricted: Bool = false) {
    (self.name, self.key, self.path) = (name, key, path)
    (self.isRequired, self.isRestricted) = (isRequired, isRestricted)
  }
}

/// How a benchmark's folders and a network's outputs meet.
public enum ClassScheme: Sendable {
  /// The answer is the largest of all outputs.
  case all
  /// For a network of ImageNet's 1,000 classes the answer is the largest of these outputs; for others, of all.
  case among([Int32])
  /// Folders are named `NN_name` and NN is the class; a network of as many classes as `map` has its answer mapped, -1
  /// being never right.
  case numberedFolders(map: [Int32])
}

// MARK: - What most benchmarks are

extension Benchmark {
  /// The root's key and those of the sets.
  public static var keys: [String] { Set(subsets.map(\.key) + ["root"]).sorted() }
  /// One list of images.
  public static var subsets: [SubsetRecipe] { [] }
  /// All outputs.
  public static var classes: ClassScheme { .all }
  /// Its figures are of its classes.
  public static var mayAnswerAmongAll: Bool { false }
  /// Accuracies do.
  public static var needsClasses: Bool { true }
  /// Only one is.
  public static var isClean: Bool { false }
  /// Pictures are taken as they are.
  public static var making: [String: String] { [:] }
  /// Logits alone are observed.
  public static func observationTally(of run: ObservedRun) -> (any Tally)? { nil }
  /// Nothing but accuracies.
  public static var subsetFigures: SubsetFigures { SubsetFigures() }

  /// Class folders directly in the root, or in the folders of the sets.
  public static func layout(of origin: ImageOrigin, _ subsets: [ImageSubset]) -> PictureLayout {
    PictureLayout(root: origin.root, subsets: subsets)
  }

  /// One condition, over the sets that there are.
  public static func definition(_ manifest: some ManifestKeys) throws -> BenchmarkDefinition {
    try oneCondition(manifest, takesWebDatasets: false)
  }

  /// A benchmark of one condition.
  ///
  /// - Parameter takesWebDatasets: whether its classes may come from shards of a WebDataset.
  static func oneCondition(_ manifest: some ManifestKeys, takesWebDatasets: Bool) throws -> BenchmarkDefinition {
    let root = try manifest.folder("root")
    if FileTree.isWebDataset(root), !takesWebDatasets {
      throw manifest.failure(
        nil, "\(kind) takes its classes from folders, which shards of a WebDataset do not have")
    }
    if case .numberedFolders = classes, manifest.has("classes") {
      throw manifest.failure(
        "classes",
        "\(kind) takes its classes from the two digits that start its folders' names; remove the key classes")
    }
    var sets: [ImageSubset] = []
    for subset in subsets where subset.isRequired || manifest.has(subset.key) {
      let folder = try manifest.folder(subset.key) + (subset.path.isEmpty ? "" : "/" + subset.path)
      guard FileTree.isFolder(folder) else {
        throw manifest.failure(subset.key, "\(kind) needs the folder \(folder), which does not exist")
      }
      sets.append(ImageSubset(name: subset.name, folder: folder, isRestricted: subset.isRestricted))
    }
    return BenchmarkDefinition(
      kind: kind, name: manifest.name, layout: layout(of: .published(root: root), sets), classes: manifest.classes)
  }

  /// Accuracies, set by set where there are named sets; calibration where there is one condition.
  public static func tally(
    of benchmark: BenchmarkDefinition, _ listing: ImageListing, _ scoring: Scoring, population: UInt32
  ) -> any Tally {
    benchmark.subsets.isEmpty
      ? AccuracyTally(grid: benchmark.grid, scoring: scoring, figures: .calibration, population: population)
      : SubsetTally(
        of: benchmark, listing: listing, scoring: scoring, population: population)
  }
}
