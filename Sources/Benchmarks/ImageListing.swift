import Crypto
import Foundation

/// The images of one benchmark in the archive's order: relative path and class.
public struct ImageListing: Sendable, Hashable, Codable {
  /// Paths below a condition's folder, `CLASS/FILE` or deeper, sorted by their UTF-8 bytes.
  public let paths: [String]
  /// The class of each image: its place in ``classNames``, -1 where it has none. ``BenchmarkDefinition/scoring(of:classCount:)``
  /// says which output of a network that is.
  public let labels: [Int32]
  /// The classes' names.
  public let classNames: [String]
  /// What the classes were told from.
  public let rule: ClassRule
  /// Files in the same folders that are none of the images, and why, in the order of their paths.
  public let leftOut: [LeftOutFile]
  private var stated: [ImageAnnotation]?

  /// What is known of the images beside their classes.
  public var annotations: [ImageAnnotation] {
    get { stated ?? [] }
    // Left out where there are none, as in plans of before.
    set { stated = newValue.isEmpty ? nil : newValue }
  }

  /// A listing; paths and labels are of one length.
  ///
  /// - Parameter rule: nil for WordNet ids where the names are those of ImageNet, otherwise for names.
  public init(
    paths: [String], labels: [Int32], classNames: [String], rule: ClassRule? = nil, leftOut: [LeftOutFile] = []
  ) {
    self.paths = paths
    self.labels = labels
    self.classNames = classNames
    self.rule = rule ?? (classNames == ImageNetClasses.wordNetIDs ? .wordNetIDs : .names)
    self.leftOut = leftOut
  }

  /// Files that the folders hold: images and those that are left out.
  public var filesFound: Int { paths.count + leftOut.reduce(0) { $0 + $1.count } }

  /// Whether every image has a label, and what is known of it, and every label a class.
  public var isConsistent: Bool {
    labels.count == paths.count
      && annotations.allSatisfy { annotation in
        annotation.ofImages.count == paths.count
          && (annotation.values.isEmpty
            || annotation.ofImages.allSatisfy { ($0 ?? []).allSatisfy { annotation.values.indices.contains(Int($0)) } })
      }
      && labels.allSatisfy { $0 == -1 || classNames.indices.contains(Int($0)) }
  }

  /// Whether the images and their classes are the same, whatever else the folders hold.
  public func hasSameImages(as other: ImageListing) -> Bool {
    labels == other.labels && paths.count == other.paths.count
      && zip(paths, other.paths).allSatisfy { $0.utf8.elementsEqual($1.utf8) }
  }

  /// SHA-256 over paths and labels, hexadecimal: a changed data set has another digest.
  public var digest: String {
    var hash = SHA256()
    for (path, label) in zip(paths, labels) {
      hash.update(data: Data("\(path)\t\(label)\n".utf8))
    }
    return hash.finalize().map { String(format: "%02x", $0) }.joined()
  }

  /// The same with annotations, where there are some: what a plan keeps to know its listings again.
  public var planDigest: String {
    guard !annotations.isEmpty else { return digest }
    var hash = SHA256()
    hash.update(data: Data(digest.utf8))
    for annotation in annotations {
      hash.update(data: Data("\(annotation.kind.rawValue)\t\(annotation.values)\n".utf8))
      for values in annotation.ofImages { hash.update(data: Data("\(values.map { "\($0)" } ?? "-")\n".utf8)) }
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
  /// A file is not the one that was listed.
  case changedFile(String, reason: String)
  /// A sample of a WebDataset has no class.
  case unclassedSample(String, key: String)
  /// No image has a mask in a folder.
  case noMasks(String, example: String?)
  /// A list names images that a folder does not hold.
  case unknownImages(String, first: String, count: Int, of: Int)
  /// Two class folders have one number.
  case twoFoldersOfOneNumber(String, String)
  /// Two class folders' names start with one class's number.
  case twoFoldersOfOneClass(String, String)
  /// A class folder's name does not start with its class's number.
  case unnumberedFolder(String)

  /// One sentence that says what was found and what to do.
  public var description: String {
    switch self {
    case .missingFolder(let path, let reason):
      "cannot list \(path): \(reason); check the benchmark's root in the manifest"
    case .noImages(let path):
      "no images below \(path): expected class folders that hold images (.jpg, .jpeg, .png, .webp, .bmp, .tif, .gif), for ImageNet-P .mp4; a single WebDataset shard is named like w-{00..00}.tar"
    case .noPictures(let path): "no pictures in \(path): expected .png, .jpg or .jpeg files"
    case .tooManyPictures(let path, let limit):
      "\(path) holds more than \(limit), which must all fit into memory; name a folder with fewer"
    case .changedPictures(let path):
      "the pictures in \(path) changed since the run was planned; restore them, or start a new run"
    case .damagedArchive(let path, let reason):
      "\(path) is not a complete tar archive: \(reason); fetch it again, or unpack it if it is compressed"
    case .changedFile(let path, let reason):
      "\(path) changed since the run was planned: \(reason); restore it or start a new run"
    case .unclassedSample(let shard, let key):
      "\(shard) has no file \(key).cls that holds a class index; images need one each, in decimal digits"
    case .noMasks(let path, let example):
      "no masks in \(path): expected a grey picture for each image, at the image's path with the extension .png"
        + (example.map { ", such as \($0)" } ?? ", in class folders")
    case .unknownImages(let path, let first, let count, let all):
      "\(path) lacks \(count == all ? "all" : "\(count)") of the \(all) listed images, first \(first); give the list that belongs to it, one path below the folder or file name per line"
    case .twoFoldersOfOneNumber(let one, let other):
      "the class folders \(one) and \(other) are the same number, so one class has two folders; rename one, or list the folders with the key classes"
    case .twoFoldersOfOneClass(let one, let other):
      "the class folders \(one) and \(other) start with the same class number; rename or remove one"
    case .unnumberedFolder(let name):
      "the class folder \(name) does not start with a class number, such as 00_dog; rename or remove it"
    }
  }
}

extension BenchmarkDefinition {
  /// Lists the images of all conditions: the union of what the conditions' folders hold, so that a file missing from
  /// one condition is noticed when its turn comes, not dropped.
  ///
  /// - Throws: `ListingError` for a missing folder or an empty data set.
  public func listing() throws -> ImageListing {
    guard observed.isOfImages else {
      return ImageListing(paths: [Self.weights], labels: [-1], classNames: [], rule: .names)
    }
    var found = try found()
    let folders = Set(found.images.map { ExactText(classFolder(of: $0)) })
    let classes = try classes(of: folders)
    if let sample { try leaveOutOthers(than: sample, &found) }
    return ImageListing(
      paths: found.images, labels: found.images.map { classes.index[ExactText(classFolder(of: $0))] ?? -1 },
      classNames: classes.names, rule: classes.rule, leftOut: found.leftOut)
  }

  /// The paths of the images of all conditions, as ``listing()`` has them, whatever their classes are.
  ///
  /// - Throws: `ListingError` for a missing folder or an empty data set.
  public func imagePaths() throws -> [String] { observed.isOfImages ? try sampled(found().images) : [Self.weights] }

  private func sampled(_ images: [String]) -> [String] { sample.map { $0.drawn(of: images) } ?? images }

  /// What stands in an image's place where a network alone is observed.
  private static let weights = "weights"

  private func found() throws -> Found {
    var found = subsets.isEmpty ? try unionOfConditions() : try allSubsets()
    if let masks { try leaveOutUnmasked(masks, &found) }
    return found
  }

  /// Leaves out images that are not drawn.
  private func leaveOutOthers(than sample: ImageSample, _ found: inout Found) throws {
    let missing = sample.missing(of: found.images)
    if let first = missing.first {
      throw ListingError.unknownImages(root, first: first, count: missing.count, of: sample.count)
    }
    let drawn = sample.drawn(of: found.images)
    let chosen = Set(drawn.lazy.map { ExactText($0) })
    guard let first = found.images.first(where: { !chosen.contains(ExactText($0)) }) else { return }
    let left = LeftOutFile(
      path: first, count: found.images.count - drawn.count,
      reason: "they are not among the \(drawn.count) images that are \(sample.names == nil ? "drawn" : "listed")")
    found = Self.sorted((drawn, found.leftOut + [left]))
  }

  /// Leaves out images that a condition needs a mask of and that have none.
  private func leaveOutUnmasked(_ masks: MaskFolder, _ found: inout Found) throws {
    let files = found.images.map(masks.file)
    let isMasked = files.map(FileTree.isFile)
    guard isMasked.contains(true) else { throw ListingError.noMasks(masks.path, example: files.first) }
    let unmasked = zip(zip(found.images, files), isMasked).filter { !$1 }.map(\.0)
    found.images = zip(found.images, isMasked).filter(\.1).map(\.0)
    found = Self.sorted(
      (found.images, found.leftOut + unmasked.map { LeftOutFile(path: $0, reason: "it has no mask \($1)") }))
  }

  /// Images and other files, each in the order of their paths.
  private typealias Found = (images: [String], leftOut: [LeftOutFile])

  /// What any condition's folder holds; a file that is an image under one condition is no other under the next.
  private func unionOfConditions() throws -> Found {
    let folders = Set(grid.cells.map(folder(of:))).sorted()
    let all = try Concurrently.map(folders) { folder in
      let found = try files(below: folder)
      if found.images.isEmpty { throw ListingError.noImages(folder) }
      return found
    }
    guard all.count > 1 else { return all.first.map(Self.sorted) ?? ([], []) }
    let images = all.reduce(into: Set<ExactText>()) { $0.formUnion($1.images.lazy.map { ExactText($0) }) }
    var leftOut: [ExactText: LeftOutFile] = [:]
    for file in all.lazy.flatMap(\.leftOut) where !images.contains(ExactText(file.path)) {
      if (leftOut[ExactText(file.path)]?.count ?? 0) <= file.count { leftOut[ExactText(file.path)] = file }
    }
    let classes = Set(images.map { ExactText(classFolder(of: $0.text)) })
    return Self.sorted(
      (images.map(\.text), leftOut.values.filter { $0.count > 0 || !classes.contains(ExactText($0.path)) }))
  }

  private static func sorted(_ found: Found) -> Found {
    (
      found.images.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) },
      found.leftOut.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
    )
  }

  private func allSubsets() throws -> Found {
    var all: Found = ([], [])
    for subset in subsets {
      var found = try files(below: subset.folder)
      if subset.isRestricted, case .among(let indices) = kind.benchmark.classes {
        leaveOutOthers(than: indices, &found)
      }
      if found.images.isEmpty { throw ListingError.noImages(subset.folder) }
      all.images += found.images.map { subset.name + "/" + $0 }
      all.leftOut += found.leftOut.map {
        LeftOutFile(path: subset.name + "/" + $0.path, count: $0.count, reason: $0.reason)
      }
    }
    return Self.sorted(all)
  }

  /// Leaves out images of ImageNet's other classes, a class folder at a time.
  private func leaveOutOthers(than indices: [Int32], _ found: inout Found) {
    let names = ImageNetClasses.wordNetIDs
    let others = Set(names).subtracting(indices.map { names[Int($0)] })
    var counts: [String: Int] = [:]
    found.images.removeAll { path in
      let folder = Self.split(path).first
      guard others.contains(folder) else { return false }
      counts[folder, default: 0] += 1
      return true
    }
    found.leftOut += counts.map {
      LeftOutFile(path: $0.key, count: $0.value, reason: "its class is not one of the \(indices.count) that are scored")
    }
  }

  private func classFolder(of path: String) -> String {
    let (first, rest) = Self.split(path)
    return subsets.isEmpty ? first : Self.split(rest).first
  }

  /// What each class folder's class is.
  private func classes(of folders: Set<ExactText>) throws(ListingError) -> FolderClasses {
    if FileTree.isWebDataset(root) { return .stated(folders, names: classes) }
    if case .numberedFolders = kind.benchmark.classes { return try .numbered(folders) }
    return classes.isEmpty ? try .told(from: folders) : .listed(classes)
  }

  private func files(below folder: String) throws -> Found {
    if let dataSet = WebDataset(root: folder) { return try dataSet.files() }
    let walk = try ImageWalk(of: folder, isVideo: isVideo)
    return (walk.images, walk.leftOut)
  }
}
