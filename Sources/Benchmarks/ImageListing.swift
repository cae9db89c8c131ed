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
  /// A folder holds no picture.
  case noPictures(String)
  /// A folder holds more pictures than are kept in memory.
  case tooManyPictures(String, limit: String)
  /// A folder of pictures is not what the run was planned with.
  case changedPictures(String)
  /// A tar archive cannot be read.
  case damagedArchive(String, reason: String)
  /// A sample of a WebDataset has no class.
  case unclassedSample(String, key: String)
  /// A class folder's name does not start with its class's number.
  case unnumberedFolder(String)

  /// One sentence that says what was found and what to do.
  public var description: String {
    switch self {
    case .missingFolder(let path, let reason):
      "cannot list \(path): \(reason); check the benchmark's root in the manifest"
    case .noImages(let path):
      "no images below \(path): expected class folders that hold .JPEG, .jpg, .jpeg or .png files, or for ImageNet-P .mp4, or in WebDataset's shards images with their .cls"
    case .noPictures(let path): "no pictures in \(path): expected .png, .jpg or .jpeg files"
    case .tooManyPictures(let path, let limit):
      "\(path) holds more than \(limit), which would all be kept in memory; name a folder with fewer"
    case .changedPictures(let path):
      "the pictures in \(path) are no longer those that the run was planned with; restore them, or start another run"
    case .damagedArchive(let path, let reason):
      "\(path) is no whole tar archive: \(reason); fetch it again, or unpack it if it is compressed"
    case .unclassedSample(let shard, let key):
      "\(shard) has no file \(key).cls that holds a class index; images need one each, in decimal digits"
    case .unnumberedFolder(let name):
      "the class folder \(name) does not start with its class's number, as 00_dog does; rename it, or take it away"
    }
  }
}

extension BenchmarkDefinition {
  /// Lists the images of all conditions: the union of what the conditions' folders hold, so that a file missing from
  /// one condition is noticed when its turn comes, not dropped.
  ///
  /// - Throws: `ListingError` for a missing folder or an empty data set.
  public func listing() throws -> ImageListing {
    var paths: [String] = []
    if subsets.isEmpty {
      paths = try unionOfConditions()
    } else {
      for subset in subsets { paths += try images(of: subset) }
    }
    let folders = Set(paths.map(classFolder(of:)))
    let (names, index) = try classIndex(of: folders)
    let sorted = paths.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    return ImageListing(
      paths: sorted, labels: sorted.map { index[classFolder(of: $0)] ?? -1 }, classNames: names)
  }

  private func unionOfConditions() throws -> [String] {
    var paths = Set<String>()
    for folder in Set(grid.conditions.map(folder(of:))).sorted() {
      let found = try images(below: folder)
      if found.isEmpty { throw ListingError.noImages(folder) }
      paths.formUnion(found)
    }
    return Array(paths)
  }

  private func images(of subset: ImageSubset) throws -> [String] {
    var found = try images(below: subset.folder)
    if subset.isRestricted, case .among(let indices) = kind.recipe.classes {
      let names = ImageNetClasses.wordNetIDs
      let scored = Set(indices.map { names[Int($0)] })
      let others = Set(names).subtracting(scored)
      found.removeAll { others.contains(Self.split($0).first) }
    }
    if found.isEmpty { throw ListingError.noImages(subset.folder) }
    return found.map { subset.name + "/" + $0 }
  }

  private func classFolder(of path: String) -> String {
    let (first, rest) = Self.split(path)
    return subsets.isEmpty ? first : Self.split(rest).first
  }

  /// The class index of each folder. Folders that the class list lacks have none, so their images have no label.
  private func classIndex(of folders: Set<String>) throws -> (names: [String], index: [String: Int32]) {
    if FileTree.isWebDataset(origin.root) { return ClassIndex.stated(folders, names: classes) }
    if case .numberedFolders = kind.recipe.classes { return try ClassIndex.numbered(folders) }
    guard !classes.isEmpty else { return ClassIndex.of(folders: folders) }
    return (classes, Dictionary(zip(classes, 0...)) { first, _ in first })
  }

  private func images(below folder: String) throws -> [String] {
    let suffixes: Set<String> = isVideo ? ["mp4"] : ["jpeg", "jpg", "png"]
    if let dataSet = WebDataset(root: folder) { return try dataSet.images() }
    var images: [String] = []
    for name in try FileTree.entries(of: folder) where !name.hasPrefix(".") {
      guard FileTree.isFolder(folder + "/" + name) else { continue }
      for file in try FileTree.entries(of: folder + "/" + name) where !file.hasPrefix(".") {
        let suffix = file.split(separator: ".").last.map { $0.lowercased() } ?? ""
        if suffixes.contains(suffix) { images.append(name + "/" + file) }
      }
    }
    return images
  }
}

/// How class folders become class indices.
enum ClassIndex {
  /// The two digits that start a folder's name are its class: `03_reptile` is 3.
  static func numbered(_ folders: Set<String>) throws(ListingError) -> (names: [String], index: [String: Int32]) {
    var index: [String: Int32] = [:]
    for folder in folders {
      let digits = folder.prefix { $0 != "_" }
      guard digits.count == 2, let number = Int32(digits), number >= 0 else { throw .unnumberedFolder(folder) }
      index[folder] = number
    }
    var names = (0...Int(index.values.max() ?? 0)).map(String.init)
    for (folder, number) in index { names[Int(number)] = String(folder.dropFirst(3)) }
    return (names, index)
  }

  /// Folders that are class indices in decimal digits; the names of 1,000 classes are ImageNet's where none are given.
  static func stated(_ folders: Set<String>, names: [String]) -> (names: [String], index: [String: Int32]) {
    let index = Dictionary(uniqueKeysWithValues: folders.compactMap { folder in Int32(folder).map { (folder, $0) } })
    let count = Int(index.values.max() ?? 0) + 1
    guard names.isEmpty else { return (names, index.filter { $0.value < names.count }) }
    let isImageNet = count == ImageNetClasses.wordNetIDs.count
    return (isImageNet ? ImageNetClasses.wordNetIDs : (0..<count).map(String.init), index)
  }

  /// ImageNet's own index where every folder is one of its 1,000 WordNet ids, otherwise the sorted folders' order.
  static func of(folders: Set<String>) -> (names: [String], index: [String: Int32]) {
    let isImageNet = folders.isSubset(of: Set(ImageNetClasses.wordNetIDs))
    let names = isImageNet ? ImageNetClasses.wordNetIDs : folders.sorted()
    let index = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, Int32($0)) })
    return (names, index)
  }
}
