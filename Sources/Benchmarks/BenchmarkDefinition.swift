import Foundation
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

/// A named set of a benchmark's images.
public struct ImageSubset: Sendable, Hashable, Codable {
  /// Its name, which starts its images' paths in the listing.
  public let name: String
  /// The folder that holds its class folders.
  public let folder: String
  /// Whether only images of the benchmark's scored classes are taken.
  public let isRestricted: Bool

  /// A set of the images below a folder.
  public init(name: String, folder: String, isRestricted: Bool = false) {
    self.name = name
    self.folder = folder
    self.isRestricted = isRestricted
  }
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
}

/// One benchmark of a run: what is evaluated, over which grid, from which folder.
public struct BenchmarkDefinition: Sendable, Hashable, Codable {
  /// Which benchmark.
  public let kind: BenchmarkKind
  /// The name in the archive; unique in a run.
  public let name: String
  /// Where the images are.
  public let origin: ImageOrigin
  /// The conditions.
  public let grid: Grid
  /// The named sets of images, each evaluated under every condition; none: one set without a name.
  public let subsets: [ImageSubset]
  /// The classes' folder names in class-index order; none: told from the folders.
  public let classes: [String]
  /// Patches a side that occlusion cuts an image into.
  public let patchGrid: Int
  /// How corruptions are made on the fly.
  public let making: CorruptionMaking
  /// Whether accuracies are wanted; otherwise its logits are computed and archived, whatever its classes are.
  public var isScored = true
  /// By ImageNet-P's perturbations the unsteadiness of the network that others are measured by, where it is known.
  public let unsteadiness: [String: Unsteadiness]

  /// A benchmark of its parts.
  public init(
    kind: BenchmarkKind, name: String, origin: ImageOrigin, grid: Grid, subsets: [ImageSubset] = [],
    classes: [String] = [], patchGrid: Int = 14, making: CorruptionMaking = CorruptionMaking(),
    unsteadiness: [String: Unsteadiness] = [:]
  ) {
    self.making = making
    self.unsteadiness = unsteadiness
    self.kind = kind
    self.name = name
    self.origin = origin
    self.grid = grid
    self.subsets = subsets
    self.classes = classes
    self.patchGrid = patchGrid
  }

  /// Clean images in class folders.
  public static func clean(name: String, root: String) -> BenchmarkDefinition {
    BenchmarkDefinition(kind: .imagenetVal, name: name, origin: .published(root: root), grid: Grid(axes: []))
  }

  /// Random occlusion of clean images, percents of the patches.
  public static func occlusion(
    name: String, root: String, percents: [Int], patchGrid: Int, classes: [String] = []
  ) -> BenchmarkDefinition {
    let axis = GridAxis(name: "dropped_percent", values: percents.map(String.init), isNumeric: true)
    return BenchmarkDefinition(
      kind: .occlusion, name: name, origin: .published(root: root), grid: Grid(axes: [axis]), classes: classes,
      patchGrid: patchGrid)
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
    return BenchmarkDefinition(
      kind: .imagenetC, name: name, origin: origin, grid: Grid(axes: axes), classes: classes, making: making)
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
    return BenchmarkDefinition(
      kind: .imagenetP, name: name, origin: origin, grid: Grid(axes: axes, rowLengths: isEven ? nil : frameCounts),
      classes: classes, unsteadiness: unsteadiness)
  }

  /// The perturbation that a condition asks to be made on the fly, with its frame; nil where the files hold it.
  public func livePerturbation(of condition: Condition) -> (perturbation: Perturbation, frame: Int)? {
    guard case .madeFrom = origin, let frame = frame(of: condition),
      let perturbation = Perturbation(rawValue: condition.values[0])
    else { return nil }
    return (perturbation, frame)
  }

  /// The frame of its sequence that a condition shows; nil where images are no sequences.
  public func frame(of condition: Condition) -> Int? {
    guard kind == .imagenetP, condition.values.count == 2 else { return nil }
    return Int(condition.values[1])
  }

  /// The corruption that a condition asks to be made on the fly, with its severity; nil where the files hold it.
  public func liveCorruption(of condition: Condition) -> (corruption: Corruption, severity: Int)? {
    guard case .madeFrom = origin, kind == .imagenetC, condition.values.count == 2,
      let corruption = Corruption(rawValue: condition.values[0]), let severity = Int(condition.values[1])
    else { return nil }
    return (corruption, severity)
  }

  /// The patches that a condition drops; nil where it drops none.
  public func patchDrop(of condition: Condition) -> PatchDrop? {
    guard kind == .occlusion, let percent = condition.values.first.flatMap({ Int($0) }) else { return nil }
    return PatchDrop(gridSide: patchGrid, percent: percent)
  }

  /// Whether the files are videos, each a sequence of images.
  public var isVideo: Bool {
    guard case .published = origin else { return false }
    return kind == .imagenetP
  }

  /// Whether the files were made at a network's input size. Those that have it are taken as they are, since to resize them
  /// again would blur what they measure; those for networks of another size are resized as any picture.
  public var mayFitAlready: Bool {
    guard case .published = origin else { return false }
    return kind == .imagenetC || kind == .imagenetP
  }

  /// The file of a listed image under a condition.
  public func file(of path: String, under condition: Condition) -> String {
    file(of: path, in: folder(of: condition))
  }

  /// The file of a listed image, given its condition's folder, which is looked for on disk.
  public func file(of path: String, in folder: String) -> String {
    let (name, rest) = Self.split(path)
    if let subset = subsets.first(where: { $0.name == name }) { return subset.folder + "/" + rest }
    return folder + "/" + path
  }

  /// Whether two conditions have their files in one folder.
  public func sharesFiles(_ one: Condition, _ other: Condition) -> Bool { folder(of: one) == folder(of: other) }

  /// The first part of a path, and what follows it.
  static func split(_ path: String) -> (first: String, rest: String) { path.firstPathPart }

  /// The folder that holds a condition's class folders.
  ///
  /// The public archives of ImageNet-C and ImageNet-P are of a group each (`noise.tar`, `blur.tar`, ...), which may stand
  /// above the corruption or perturbation: a folder with and without it is found, unpacked or in its archive.
  public func folder(of condition: Condition) -> String {
    let places = places(of: condition)
    return places.first(where: FileTree.isFolder) ?? places[0]
  }

  /// Throws for an archive that may hold a condition's folder, but is damaged.
  public func checkArchives(of condition: Condition) throws(ListingError) {
    for place in places(of: condition) {
      do throws(ListingError) {
        try FileTree.checkArchive(of: place)
      } catch .missingFolder {
        continue
      }
    }
  }

  /// Where a condition's folder may be.
  private func places(of condition: Condition) -> [String] {
    guard case .published(let root) = origin, condition.values.count == 2 else { return [origin.root] }
    let cell: String
    switch kind {
    case .imagenetC: cell = condition.values[0] + "/" + condition.values[1]
    case .imagenetP: cell = condition.values[0]
    default: return [root]
    }
    let groups = ImageNetC.groups.flatMap { [$0, $0 + ".tar", "\($0).tar/\($0)"] }
    return ["\(root)/\(cell)"] + groups.map { "\(root)/\($0)/\(cell)" }
  }
}
