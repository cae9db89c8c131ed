import Crypto
import Foundation

/// The images of one benchmark in the archive's order: relative path and class.
public struct ImageListing: Sendable, Hashable, Codable {
  /// Paths below a condition's folder, `CLASS/FILE`, sorted by their UTF-8 bytes.
  public let paths: [String]
  /// The class index of each image.
  public let labels: [Int32]
  /// The class folders' names by class index.
  public let classNames: [String]

  /// A listing; paths and labels are of one length.
  public init(paths: [String], labels: [Int32], classNames: [String]) {
    self.paths = paths
    self.labels = labels
    self.classNames = classNames
  }

  /// SHA-256 over paths and labels, hexadecimal: a changed data set has another digest.
  public var digest: String {
    var hash = SHA256()
    for (path, label) in zip(paths, labels) {
      hash.update(data: Data("\(path)\t\(label)\n".utf8))
    }
    return hash.finalize().map { String(format: "%02x", $0) }.joined()
  }
}

/// A data set that cannot be evaluated, and what to do about it.
public enum ListingError: Error, Equatable, CustomStringConvertible {
  /// A folder that the manifest names, or that a condition needs, is not there or cannot be read.
  case missingFolder(String, reason: String)
  /// A folder holds no image in a class folder.
  case noImages(String)

  /// One sentence that says what was found and what to do.
  public var description: String {
    switch self {
    case .missingFolder(let path, let reason):
      "cannot list \(path): \(reason); check the benchmark's root in the manifest"
    case .noImages(let path):
      "no images below \(path): expected class folders that hold .JPEG, .jpg, .jpeg or .png files"
    }
  }
}

extension BenchmarkDefinition {
  /// Lists the images of all conditions: the union of what the conditions' folders hold, so that a file missing from
  /// one condition is noticed when its turn comes, not dropped.
  ///
  /// - Throws: `ListingError` for a missing folder or an empty data set.
  public func listing() throws -> ImageListing {
    var paths = Set<String>()
    var classes = Set<String>()
    for folder in Set(grid.conditions.map(folder(of:))).sorted() {
      let found = try Self.images(below: folder)
      if found.isEmpty { throw ListingError.noImages(folder) }
      paths.formUnion(found)
    }
    for path in paths { classes.insert(Self.className(of: path)) }
    let (names, index) = ClassIndex.of(folders: classes)
    let sorted = paths.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    return ImageListing(
      paths: sorted, labels: sorted.map { index[Self.className(of: $0)] ?? -1 }, classNames: names)
  }

  private static func className(of path: String) -> String {
    String(path.prefix { $0 != "/" })
  }

  private static let imageSuffixes: Set<String> = ["jpeg", "jpg", "png"]

  private static func images(below folder: String) throws -> [String] {
    var images: [String] = []
    for name in try entries(of: folder) where !name.hasPrefix(".") {
      let classFolder = folder + "/" + name
      var isDirectory: ObjCBool = false
      guard FileManager.default.fileExists(atPath: classFolder, isDirectory: &isDirectory), isDirectory.boolValue
      else { continue }
      for file in try entries(of: classFolder) where !file.hasPrefix(".") {
        let suffix = file.split(separator: ".").last.map { $0.lowercased() } ?? ""
        if imageSuffixes.contains(suffix) { images.append(name + "/" + file) }
      }
    }
    return images
  }

  private static func entries(of folder: String) throws -> [String] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: folder)
    } catch {
      let reason = FileManager.default.fileExists(atPath: folder) ? "it cannot be read" : "there is no such folder"
      throw ListingError.missingFolder(folder, reason: reason)
    }
  }
}

/// How class folders become class indices.
enum ClassIndex {
  /// ImageNet's own index where every folder is one of its 1,000 WordNet ids, otherwise the sorted folders' order.
  static func of(folders: Set<String>) -> (names: [String], index: [String: Int32]) {
    let isImageNet = folders.isSubset(of: Set(ImageNetClasses.wordNetIDs))
    let names = isImageNet ? ImageNetClasses.wordNetIDs : folders.sorted()
    let index = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, Int32($0)) })
    return (names, index)
  }
}
