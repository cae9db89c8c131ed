/// A file that lies where images do, but is none of the listing.
public struct LeftOutFile: Sendable, Hashable, Codable {
  /// Its path below the condition's folder, or that of a folder of such files.
  public let path: String
  /// How many files it stands for; 0 for a folder that holds none.
  public let count: Int
  /// Why, as a few words: `its extension .txt is not that of an image`.
  public let reason: String

  /// A file, or a folder of `count` files.
  public init(path: String, count: Int = 1, reason: String) {
    self.path = path
    self.count = count
    self.reason = reason
  }
}

/// The files in the class folders of a folder, found as torchvision's `ImageFolder` walks them: every folder in it is a
/// class, whose folders are searched to any depth, and links are followed. Other than there, hidden files are left out, and
/// links that lead back into a folder above them end there.
struct ImageWalk {
  /// Extensions of files that are read as images; those of torchvision and GIF.
  static let imageExtensions: Set<String> = [
    "jpg", "jpeg", "png", "ppm", "pgm", "pbm", "pnm", "bmp", "tif", "tiff", "webp", "gif",
  ]
  /// Folders within each other, and files, that are more than any data set has.
  private static let limits = (depth: 128, files: 50_000_000)

  private let extensions: Set<String>
  private let isVideo: Bool
  /// Paths of images, `CLASS/FILE` or deeper, in no order.
  private(set) var images: [String] = []
  /// All other files, and class folders without any image.
  private(set) var leftOut: [LeftOutFile] = []

  /// Walks all class folders of a folder.
  ///
  /// - Throws: `ListingError` for a folder that cannot be listed.
  init(of folder: String, isVideo: Bool) throws(ListingError) {
    self.isVideo = isVideo
    extensions = isVideo ? ["mp4"] : Self.imageExtensions
    let root = try FileTree.list(folder)
    for entry in root.entries {
      let path = folder + "/" + entry.name
      let damage = entry.isFolder || !entry.name.ends(with: ".tar") ? nil : Self.damage(of: path)
      guard entry.isNamed, entry.isFolder || (entry.name.ends(with: ".tar") && FileTree.isFolder(path)) else {
        if let damage {
          leftOut.append(LeftOutFile(path: entry.name, reason: damage))
        } else if entry.isNamed, !entry.name.begins(with: ".") {
          leftOut.append(LeftOutFile(path: entry.name, reason: "it is not in a class folder"))
        } else {
          leaveOut(entry.name, entry)
        }
        continue
      }
      let before = images.count
      try visit(path, entry.name, above: [root.identity], isHidden: entry.name.begins(with: "."))
      if images.count == before, !entry.name.begins(with: ".") {
        leftOut.append(LeftOutFile(path: entry.name, count: 0, reason: "it is a class folder without images"))
      }
    }
    leftOut += try FileTree.unreadableEntries(of: folder)
  }

  /// Why what is named as an archive of a class is none; nil where it is one.
  private static func damage(of path: String) -> String? {
    do {
      try FileTree.checkArchive(of: path)
      return nil
    } catch .damagedArchive(_, let reason) {
      return "it is not a complete tar archive: \(reason)"
    } catch .missingFolder(_, let reason) {
      return "it cannot be read: \(reason)"
    } catch {
      return "\(error)"
    }
  }

  private mutating func visit(
    _ folder: String, _ relative: String, above: [FileTree.Identity?], isHidden: Bool
  ) throws(ListingError) {
    let contents = try FileTree.list(folder)
    if let identity = contents.identity, above.contains(identity) {
      leftOut.append(LeftOutFile(path: relative, count: 0, reason: "it is a link to a folder above it"))
      return
    }
    guard above.count <= Self.limits.depth, images.count + leftOut.count <= Self.limits.files else {
      throw .missingFolder(folder, reason: "it is nested too deeply, or there are too many files above it")
    }
    for entry in contents.entries {
      let path = relative + "/" + entry.name
      let isHidden = isHidden || entry.name.begins(with: ".")
      if entry.isFolder, entry.isNamed {
        try visit(folder + "/" + entry.name, path, above: above + [contents.identity], isHidden: isHidden)
      } else if isHidden || !entry.isNamed || !extensions.contains(entry.name.fileExtension ?? "") {
        leaveOut(path, entry, isHidden: isHidden)
      } else {
        images.append(path)
      }
    }
  }

  private mutating func leaveOut(_ path: String, _ entry: FileTree.Listed, isHidden: Bool = true) {
    let kind = isVideo ? "a video" : "an image"
    let reason =
      !entry.isNamed
      ? "its name is not UTF-8"
      : isHidden
        ? "it is hidden"
        : entry.name.fileExtension.map { "its extension .\($0) is not that of \(kind)" } ?? "it has no extension"
    // How many files a folder holds whose name leads nowhere is not known.
    leftOut.append(LeftOutFile(path: path, count: entry.isFolder ? 0 : 1, reason: reason))
  }
}
