import Imaging

/// A benchmark that Gauntlet knows how to find on disk and to lay out as a grid.
public enum BenchmarkKind: String, Sendable, Hashable, Codable, CaseIterable {
  /// Clean images in class folders: `ROOT/WNID/*.JPEG`, one condition.
  case imagenetVal = "imagenet-val"
  /// Common corruptions: `ROOT/CORRUPTION/SEVERITY/WNID/*.JPEG`, or made on the fly from clean images.
  case imagenetC = "imagenet-c"
  /// Natural adversarial examples: `ROOT/WNID/*.jpg`.
  case imagenetA = "imagenet-a"
  /// Out-of-distribution images, `ROOT/WNID/*`, beside known ones.
  case imagenetO = "imagenet-o"
  /// Renditions: `ROOT/WNID/*.jpg`.
  case imagenetR = "imagenet-r"
  /// Perturbation sequences: `ROOT/PERTURBATION/WNID/*.mp4`, or made on the fly from clean images.
  case imagenetP = "imagenet-p"
  /// Foregrounds and backgrounds: `ROOT/VARIANT/val/NN_class/*.JPEG`.
  case imagenet9 = "imagenet-9"
  /// Clean images in class folders, a share of whose patches is dropped.
  case occlusion
  /// Any folder of class folders.
  case imageFolder = "image-folder"
}

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
  public let attributes: [String: String]
  /// Whether accuracies are wanted; otherwise its logits are computed and archived, whatever its classes are.
  public var isScored = true
  /// By ImageNet-P's perturbations the unsteadiness of the network that others are measured by, where it is known.
  public let unsteadiness: [String: Unsteadiness]

  /// A benchmark of its parts.
  ///
  /// - Parameter steps: what is done at a cell; without, pictures come to the network's size and are not changed.
  public init(
    kind: BenchmarkKind, name: String, layout: PictureLayout, grid: Grid = Grid(axes: []), classes: [String] = [],
    attributes: [String: String] = [:], unsteadiness: [String: Unsteadiness] = [:],
    steps: (GridCell) -> [PictureStep] = { _ in [.fit] }
  ) {
    (self.kind, self.name, self.layout, self.grid, self.classes) = (kind, name, layout, grid, classes)
    (self.attributes, self.unsteadiness) = (attributes, unsteadiness)
    conditions = grid.cells.map { Condition($0, steps: steps($0)) }
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

  /// Where the pictures of frost lie that conditions need.
  public var frost: FrostFolder? { conditions.lazy.compactMap(\.frost).first }

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

// MARK: - Those with conditions

extension BenchmarkDefinition {
  /// Clean images in class folders.
  public static func clean(name: String, root: String) -> BenchmarkDefinition {
    BenchmarkDefinition(kind: .imagenetVal, name: name, layout: PictureLayout(root: root))
  }

  /// Random occlusion of clean images, percents of the patches.
  public static func occlusion(
    name: String, root: String, percents: [Int], patchGrid: Int, classes: [String] = []
  ) -> BenchmarkDefinition {
    let axis = GridAxis(name: "dropped_percent", values: percents.map(String.init), isNumeric: true)
    return BenchmarkDefinition(
      kind: .occlusion, name: name, layout: PictureLayout(root: root), grid: Grid(axes: [axis]), classes: classes,
      attributes: ["patch_grid": String(patchGrid)]
    ) { cell in [.fit, .drop(PatchDrop(gridSide: patchGrid, percent: percents[cell.index]))] }
  }

  /// ImageNet-C over the given corruptions and severities.
  public static func corruptions(
    name: String, origin: ImageOrigin, corruptions: [String], severities: [Int], classes: [String] = [],
    making: CorruptionMaking = CorruptionMaking()
  ) -> BenchmarkDefinition {
    let axes = [
      GridAxis(name: "corruption", values: corruptions),
      GridAxis(name: "severity", values: severities.map(String.init), isNumeric: true),
    ]
    let made = corruptions.map { origin.isMade ? Corruption(rawValue: $0) : nil }
    return BenchmarkDefinition(
      kind: .imagenetC, name: name,
      layout: origin.isMade ? PictureLayout(root: origin.root) : .corruptions(origin.root),
      grid: Grid(axes: axes), classes: classes,
      attributes: origin.isMade ? making.attributes(hasFrost: corruptions.contains(Corruption.frost.rawValue)) : [:]
    ) { cell in
      guard let corruption = made[cell.index / severities.count] else { return [.fit] }
      return [.fit, .corrupt(corruption, severity: severities[cell.index % severities.count], making)]
    }
  }

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
      GridAxis(name: "perturbation", values: perturbations),
      GridAxis(name: "frame", values: (0..<longest).map(String.init), isNumeric: true),
    ]
    let isEven = frameCounts.allSatisfy { $0 == longest }
    let made = perturbations.map { origin.isMade ? Perturbation(rawValue: $0) : nil }
    var attributes: [String: String] = [:]
    if origin.isMade { attributes["perturbations"] = "made on the fly" }
    if !unsteadiness.isEmpty {
      attributes["normalise_by"] = unsteadiness.sorted { $0.key < $1.key }
        .map { "\($0.key) \($0.value.flipRate) \($0.value.top5Distance)" }.joined(separator: "; ")
    }
    return BenchmarkDefinition(
      kind: .imagenetP, name: name, layout: origin.isMade ? PictureLayout(root: origin.root) : .sequences(origin.root),
      grid: Grid(axes: axes, rowLengths: isEven ? nil : frameCounts), classes: classes,
      attributes: attributes, unsteadiness: unsteadiness
    ) { cell in
      guard let perturbation = made[cell.index / max(1, longest)] else { return [.fit] }
      return [.perturb(perturbation, frame: cell.index % max(1, longest))]
    }
  }
}

extension PictureLayout {
  /// That of ImageNet-C's published files: `ROOT/CORRUPTION/SEVERITY/CLASS/FILE`.
  static func corruptions(_ root: String) -> PictureLayout {
    PictureLayout(root: root, folderAxes: 2, mayFitAlready: true)
  }

  /// That of ImageNet-P's: `ROOT/PERTURBATION/CLASS/FILE.mp4`.
  static func sequences(_ root: String) -> PictureLayout {
    PictureLayout(root: root, folderAxes: 1, isVideo: true, mayFitAlready: true)
  }
}
