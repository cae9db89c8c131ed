/// Where a benchmark's pictures lie on disk.
public struct PictureLayout: Sendable, Hashable, Codable {
  /// The folder that holds everything, or the only one of several sets.
  public let root: String
  /// How many of a cell's first values name the folder below the root that holds its class folders: ImageNet-C's `fog/3`.
  public let folderAxes: Int
  /// Folders that may stand above that one, as the public archives have them, unpacked or not.
  public let groups: [String]
  /// Whether the files are videos, each a sequence of which the cell's last value is the frame.
  public let isVideo: Bool
  /// Whether the files were made at a network's input size. Those that have it are taken as they are, since to resize them
  /// again would blur what they measure; those for networks of another size are resized as any picture.
  public let mayFitAlready: Bool
  /// The named sets of images, each evaluated under every condition; none: one set without a name.
  public let subsets: [ImageSubset]

  /// A layout; without more than a root its class folders lie directly in it.
  public init(
    root: String, folderAxes: Int = 0, groups: [String] = [], isVideo: Bool = false, mayFitAlready: Bool = false,
    subsets: [ImageSubset] = []
  ) {
    (self.root, self.folderAxes, self.groups, self.isVideo) = (root, folderAxes, groups, isVideo)
    (self.mayFitAlready, self.subsets) = (mayFitAlready, subsets)
  }

  /// The frame of its sequence that a cell shows; nil where files are no sequences.
  public func frame(of cell: GridCell) -> Int? { isVideo ? cell.values.last.flatMap { Int($0) } : nil }

  /// The file of a listed image at a cell.
  public func file(of path: String, at cell: GridCell) -> String { file(of: path, in: folder(of: cell)) }

  /// The file of a listed image, given its cell's folder, which is looked for on disk.
  public func file(of path: String, in folder: String) -> String {
    let (name, rest) = path.firstPathPart
    if let subset = subsets.first(where: { $0.name == name }) { return subset.folder + "/" + rest }
    return folder + "/" + path
  }

  /// Whether two cells have their files in one folder.
  public func sharesFiles(_ one: GridCell, _ other: GridCell) -> Bool { folder(of: one) == folder(of: other) }

  /// The folder that holds a cell's class folders.
  ///
  /// The public archives of ImageNet-C and ImageNet-P are of a group each (`noise.tar`, `blur.tar`, ...), which may stand
  /// above the corruption or perturbation: a folder with and without it is found, unpacked or in its archive.
  public func folder(of cell: GridCell) -> String {
    let places = places(of: cell)
    return places.first(where: FileTree.isFolder) ?? places[0]
  }

  /// Throws for an archive that may hold a cell's folder, but is damaged.
  public func checkArchives(of cell: GridCell) throws(ListingError) {
    for place in places(of: cell) {
      do throws(ListingError) {
        try FileTree.checkArchive(of: place)
      } catch .missingFolder {
        continue
      }
    }
  }

  /// Where a cell's folder may be.
  private func places(of cell: GridCell) -> [String] {
    guard folderAxes > 0 else { return [root] }
    let folder = cell.values.prefix(folderAxes).joined(separator: "/")
    let groups = groups.flatMap { [$0, $0 + ".tar", "\($0).tar/\($0)"] }
    return ["\(root)/\(folder)"] + groups.map { "\(root)/\($0)/\(folder)" }
  }
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
