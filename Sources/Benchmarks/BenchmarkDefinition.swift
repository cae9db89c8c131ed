/// Where a benchmark's images come from.
public enum ImageOrigin: Sendable, Hashable, Codable {
  /// The published files, already corrupted, under this folder.
  case published(root: String)
  /// Clean images in class folders under this folder, each changed as its condition says.
  case madeFrom(root: String)

  /// The folder on disk.
  public var root: String {
    switch self {
    case .published(let root), .madeFrom(let root): root
    }
  }

  /// Whether images are changed on the fly.
  var isMade: Bool { if case .madeFrom = self { true } else { false } }
}

/// One benchmark of a run: what is evaluated, over which grid, from which folder.
public struct BenchmarkDefinition: Sendable, Hashable, Codable {
  /// Which benchmark.
  public let kind: BenchmarkKind
  /// The name in the archive; unique in a run.
  public let name: String
  /// Where the pictures are.
  public let layout: PictureLayout
  /// The axes of its conditions.
  public let grid: Grid
  /// What is done at each cell of the grid, in their order.
  public let conditions: [Condition]
  /// The classes' folder names in class-index order; none: told from the folders.
  public let classes: [String]
  /// What the archive says of how pictures are changed, by the names of its attributes.
  public private(set) var attributes: [String: String]
  /// Whether accuracies are wanted; otherwise its logits are computed and archived, whatever its classes are.
  public var isScored = true
  /// Whether answers are sought among all of a network's outputs, though the benchmark has classes of its own.
  public var answersAmongAll = false
  /// Files that annotate its images; nil: none.
  public var annotationFiles: [AnnotationFile]?
  /// The names of the models that it evaluates; none: all of the run.
  public var models: [String] = []
  /// What is observed of each image.
  public let observed: Observed
  /// Which of the images are taken; nil: all.
  public private(set) var sample: ImageSample?
  /// By ImageNet-P's perturbations the unsteadiness of the network that others are measured by, where it is known.
  public let unsteadiness: [String: Unsteadiness]

  /// A benchmark of its parts.
  ///
  /// - Parameters:
  ///   - steps: what is done to pictures at a cell; without, they come to the network's size and are not changed.
  ///   - input: what is done to the network's input at a cell.
  ///   - saliency: which patches are set to 0 in a network's order, at a cell.
  ///   - attack: how images are changed so that the network errs, at a cell.
  ///   - lesion: what is left out of the network at a cell.
  ///   - observed: what is observed of each image.
  ///   - sample: which of the images are taken; nil: all.
  public init(
    kind: BenchmarkKind, name: String, layout: PictureLayout, grid: Grid = Grid(axes: []), classes: [String] = [],
    attributes: [String: String] = [:], unsteadiness: [String: Unsteadiness] = [:],
    steps: (GridCell) -> [PictureStep] = { _ in [.fit] }, input: (GridCell) -> [InputStep] = { _ in [] },
    saliency: (GridCell) -> SaliencyDrop? = { _ in nil }, attack: (GridCell) -> Attack? = { _ in nil },
    lesion: (GridCell) -> Lesion? = { _ in nil },
    observed: Observed = .logits, sample: ImageSample? = nil
  ) {
    (self.observed, self.sample) = (observed, sample)
    (self.kind, self.name, self.layout, self.grid, self.classes) = (kind, name, layout, grid, classes)
    (self.attributes, self.unsteadiness) = (attributes, unsteadiness)
    conditions = grid.cells.map {
      Condition($0, steps: steps($0), input: input($0), saliency: saliency($0), attack: attack($0), lesion: lesion($0))
    }
  }

  /// The condition at a place of the grid; nil where it has none.
  public func condition(at index: Int) -> Condition? {
    // Conditions lie at their places but for holes before them.
    guard index >= 0, !conditions.isEmpty else { return nil }
    var (low, high) = (0, conditions.count - 1)
    while low <= high {
      let middle = (low + high) / 2
      let found = conditions[middle].cell.index
      if found == index { return conditions[middle] }
      if found < index { low = middle + 1 } else { high = middle - 1 }
    }
    return nil
  }

  /// The same of a part of its images.
  public func sampling(_ count: Int) -> BenchmarkDefinition { sampling(ImageSample(count)) }

  /// The same of some of its images.
  public func sampling(_ sample: ImageSample) -> BenchmarkDefinition {
    var definition = self
    (definition.sample, definition.attributes["sample"]) = (sample, String(sample.count))
    return definition
  }

  /// Whether it evaluates a model of some name.
  public func evaluates(_ model: String) -> Bool { models.isEmpty || models.contains(model) }

  /// Whether pictures or networks are changed on the fly, with random numbers of the run's seed.
  public var isDrawn: Bool {
    conditions.contains {
      $0.lesion != nil || $0.saliency != nil || $0.attack != nil || !$0.input.isEmpty
        || $0.steps.contains { $0 != .fit }
    }
  }

  /// Where the pictures of frost lie that conditions need.
  public var frost: FrostFolder? { conditions.lazy.compactMap(\.frost).first }

  /// Where the masks lie that conditions need.
  public var masks: MaskFolder? { conditions.lazy.compactMap(\.masks).first }

  /// The named sets of images; none: one set without a name.
  public var subsets: [ImageSubset] { layout.subsets }

  /// The folder on disk.
  public var root: String { layout.root }

  /// Whether the files are videos, each a sequence of images.
  public var isVideo: Bool { layout.isVideo }

  /// The file of a listed image at a cell.
  public func file(of path: String, at cell: GridCell) -> String { layout.file(of: path, at: cell) }

  /// The file of a listed image, given its cell's folder.
  public func file(of path: String, in folder: String) -> String { layout.file(of: path, in: folder) }

  /// The folder that holds a cell's class folders.
  public func folder(of cell: GridCell) -> String { layout.folder(of: cell) }

  /// The first part of a path, and what follows it.
  static func split(_ path: String) -> (first: String, rest: String) { path.firstPathPart }
}
