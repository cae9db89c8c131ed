/// What a benchmark is, as data: which folders hold its images and over which classes a network answers.
///
/// A benchmark of the catalogue is one `BenchmarkRecipe` in a file of its own; one of a user's own needs no code, the
/// manifest's kind `image-folder` states the same things.
public struct BenchmarkRecipe: Sendable {
  /// One line for people.
  public let description: String
  /// The named sets of images that are evaluated under each condition; none: one set without a name.
  public let subsets: [SubsetRecipe]
  /// The subset whose accuracy is the benchmark's; nil where there are no subsets.
  public let headline: String?
  /// The classes among which a network answers.
  public let classes: ClassScheme
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
}

/// How a benchmark's folders and a network's outputs meet.
public enum ClassScheme: Sendable {
  /// The answer is the largest of all outputs.
  case all
  /// For a network whose outputs hold all of these classes of ImageNet's, the answer is the largest of those outputs; for
  /// others, of all.
  case among([Int32])
  /// Folders are named `NN_name` and NN is the class; a network of as many classes as `map` has its answer mapped, -1
  /// being never right.
  case numberedFolders(map: [Int32])
}

extension BenchmarkKind {
  /// What the benchmark is, as data.
  public var recipe: BenchmarkRecipe {
    switch self {
    case .imagenetVal: .plain("clean images in class folders")
    case .imagenetC: .plain("19 common corruptions at 5 severities, published files or made on the fly")
    case .imagenetA: .imagenetA
    case .imagenetO: .imagenetO
    case .imagenetP: .plain("10 perturbation sequences of 31 or 41 frames, published files or made on the fly")
    case .imagenetR: .imagenetR
    case .imagenet9: .imagenet9
    case .occlusion: .plain("a share of the patches of clean images is set to 0")
    case .imageFolder: .plain("class folders of one's own")
    }
  }
}

extension BenchmarkKind {
  /// Where pictures lie of a benchmark of which an archive tells the root and the sets.
  public func layout(of origin: ImageOrigin, _ subsets: [ImageSubset]) -> PictureLayout {
    switch self {
    case .imagenetC where !origin.isMade: .corruptions(origin.root)
    case .imagenetP where !origin.isMade: .sequences(origin.root)
    default: PictureLayout(root: origin.root, subsets: subsets)
    }
  }
}

extension BenchmarkRecipe {
  static func plain(_ description: String) -> BenchmarkRecipe {
    BenchmarkRecipe(description: description, subsets: [], headline: nil, classes: .all)
  }
}

extension ImageNetClasses {
  static func indices(_ text: String) -> [Int32] {
    text.split(whereSeparator: \.isWhitespace).compactMap { Int32($0) }
  }
}
