import Archives
import Benchmarks
import Foundation

/// Compares the images that lie below a folder now with those that an archive's logits were computed from.
public struct DataVerifier {
  /// What was found.
  public struct Result: Sendable {
    /// Parts whose images are those of now.
    public var same = 0
    /// Parts that do not say of which bytes they are: those of archives of before.
    public var unknown = 0
    /// Parts whose images are others now, or are gone, each with its range of images, and benchmarks that have more.
    public var changed: [String] = []
  }

  private let archive: ArchiveReader
  private let folders: [String: String]
  private let moved: (String, String)?

  /// A comparison with data that may have moved.
  ///
  /// - Parameter places: `FOLDER`, that lies now where the folder above all of the benchmarks' roots was, or that root itself
  ///   where there is one; or `BENCHMARK=ROOT` for each benchmark.
  public init(archive: String, places: [String]) throws {
    self.archive = try ArchiveReader(path: archive)
    let names = Set(self.archive.groups.compactMap { $0.attributes["benchmark"] })
    var folders: [String: String] = [:]
    var plain: [String] = []
    for place in places {
      if let equals = place.firstIndex(of: "="), names.contains(String(place[..<equals])) {
        folders[String(place[..<equals])] = Self.absolute(String(place[place.index(after: equals)...]))
      } else if let equals = place.firstIndex(of: "="), !place[..<equals].contains("/"),
        !FileManager.default.fileExists(atPath: place)
      {
        throw DataVerificationError.noBenchmark(String(place[..<equals].prefix(60)), names.sorted())
      } else {
        plain.append(Self.absolute(place))
      }
    }
    guard plain.count <= 1 else { throw DataVerificationError.severalFolders(names.sorted()) }
    self.folders = folders
    let roots = Set(self.archive.groups.flatMap(Self.roots(of:)))
    moved = plain.first.map { (Self.common(roots), $0) }
  }

  private static func absolute(_ path: String) -> String {
    URL(fileURLWithPath: (path as NSString).expandingTildeInPath).standardizedFileURL.path
  }

  /// The deepest folder that holds all of these.
  private static func common(_ roots: Set<String>) -> String {
    guard var parts = roots.first?.split(separator: "/").map(String.init) else { return "/" }
    for root in roots {
      let others = root.split(separator: "/").map(String.init)
      parts = zip(parts, others).prefix { $0 == $1 }.map(\.0)
    }
    return "/" + parts.joined(separator: "/")
  }

  private static func roots(of group: ArchiveReader.Group) -> [String] {
    ([group.attributes["data_root"]] + subsets(of: group).map(\.folder)).compactMap { $0 }.filter { !$0.isEmpty }
  }

  private static func subsets(of group: ArchiveReader.Group) -> [(name: String, folder: String)] {
    (group.attributes["data_folders"] ?? "").split(separator: "\n").compactMap { line in
      let fields = line.split(separator: "\t", maxSplits: 1).map(String.init)
      return fields.count == 2 ? (fields[0], fields[1]) : nil
    }
  }

  /// Reads the images of every part that says of which bytes it is, each set of images once.
  ///
  /// - Parameter progress: told the share that is done, 0...1.
  /// - Throws: an error of the archive, or `ListingError` where a folder is not there.
  public func verify(progress: (Double) -> Void = { _ in }) throws -> Result {
    var result = Result()
    var found: [String: [[UInt8]?]] = [:]
    let failures = try failedImages()
    let parts = try archive.parts()
    for (position, part) in parts.enumerated() {
      progress(Double(position) / Double(max(1, parts.count)))
      let group = archive.groups.first { $0.path == part.group }
      // Where a network alone was observed there are no images.
      if group?.attributes["data_root"] == "" { continue }
      guard let recorded = part.imagesSHA256, !recorded.isEmpty, let group,
        let benchmark = definition(of: group), let cell = benchmark.grid.cell(at: part.condition),
        part.images.upperBound <= group.imageCount
      else {
        result.unknown += 1
        continue
      }
      let folder = benchmark.folder(of: cell)
      let key = "\(benchmark.name)\t\(folder)\t\(part.images)"
      let digests =
        try found[key]
        ?? ShardBytes.digests(of: group.imagePaths[part.images], at: cell, of: benchmark)
      found[key] = digests
      let failed = failures["\(part.group)\t\(part.condition)"]?.filter { part.images.contains($0.image) } ?? []
      if Self.unreadSets(failed, from: part.images.lowerBound).contains(where: {
        ShardBytes(digests, unread: $0).sha256 == recorded
      }) {
        result.same += 1
      } else {
        let first = group.imagePaths[part.images].first ?? ""
        result.changed.append(
          "\(part.group), \(cell): of \(part.images.count) images from \(benchmark.file(of: first, in: folder)) on, "
            + "some differ from those that the logits were computed from")
      }
    }
    var seen = Set<String>()
    for group in archive.groups {
      guard let benchmark = definition(of: group), seen.insert(benchmark.name).inserted else { continue }
      result.changed += try added(to: group, benchmark)
    }
    return result
  }

  /// The images that were set aside, by group and condition.
  private func failedImages() throws -> [String: [ArchiveFailure]] {
    var found: [String: [ArchiveFailure]] = [:]
    for group in archive.groups {
      for failure in try archive.failures(group: group.path) {
        found["\(group.path)\t\(failure.condition)", default: []].append(failure)
      }
    }
    return found
  }

  /// Which images of a part may have gone unread when its digest was made: those that could not be read, whatever lies there
  /// now. Archives of before do not tell them from those that could not be decoded: either all were of the one kind or
  /// of the other.
  private static func unreadSets(_ failures: [ArchiveFailure], from first: Int) -> [[Int]] {
    let unreadable = failures.filter { $0.isUnreadable == true }.map { $0.image - first }
    guard failures.contains(where: { $0.isUnreadable == nil }) else { return [unreadable] }
    return [unreadable, failures.map { $0.image - first }]
  }

  /// What is said of images that lie there now, and are neither in the archive nor named as left out.
  private func added(to group: ArchiveReader.Group, _ benchmark: BenchmarkDefinition) throws -> [String] {
    let known = Set(group.imagePaths.map { Array($0.utf8) })
    let leftOut = Set(try archive.leftOut().filter { $0.benchmark == benchmark.name }.map { Array($0.path.utf8) })
    let added = try benchmark.imagePaths().filter { path in
      !known.contains(Array(path.utf8)) && !leftOut.contains(Array(path.utf8))
    }
    guard let first = added.first else { return [] }
    return ["\(benchmark.name), \(added.count) images are there now but not in the archive, such as \(first)"]
  }

  /// The benchmark as its group tells it, where its data are now; nil where it does not.
  private func definition(of group: ArchiveReader.Group) -> BenchmarkDefinition? {
    guard let name = group.attributes["benchmark"], let root = group.attributes["data_root"], !root.isEmpty,
      let kind = group.attributes["benchmark_kind"].flatMap(BenchmarkKind.init(rawValue:))
    else { return nil }
    let isLive = group.attributes["corruptions"] != nil || group.attributes["perturbations"] != nil
    let place = now(root, of: name, root: root)
    let subsets = Self.subsets(of: group).map { subset in
      ImageSubset(
        name: subset.name, folder: now(subset.folder, of: name, root: root),
        isRestricted: kind.benchmark.subsets.first { $0.name == subset.name }?.isRestricted ?? false)
    }
    return BenchmarkDefinition(
      kind: kind, name: name,
      layout: kind.benchmark.layout(of: isLive ? .madeFrom(root: place) : .published(root: place), subsets),
      grid: Grid(axes: group.axes),
      sample: group.attributes["sample"].map { _ in ImageSample(names: group.imagePaths) })
  }

  /// Where a folder of a benchmark is now.
  private func now(_ path: String, of benchmark: String, root: String) -> String {
    let (from, to) = folders[benchmark].map { (root, $0) } ?? moved ?? (root, root)
    guard path == from || path.hasPrefix(from == "/" ? "/" : from + "/") else { return path }
    return to + path.dropFirst(from == "/" ? 0 : from.count)
  }
}

/// Data that cannot be compared.
public enum DataVerificationError: Error, Equatable, CustomStringConvertible {
  /// More than one folder, of which it is not said which benchmark's it is.
  case severalFolders([String])
  /// A name that is none of the archive's benchmarks.
  case noBenchmark(String, [String])

  /// What to write instead.
  public var description: String {
    switch self {
    case .severalFolders(let names):
      "--data names several folders; write BENCHMARK=ROOT for each; the benchmarks are \(Self.few(names))"
    case .noBenchmark(let name, let names):
      "--data names \(name), but the archive has no such benchmark; it has \(Self.few(names))"
    }
  }

  private static func few(_ names: [String]) -> String {
    names.prefix(10).joined(separator: ", ") + (names.count > 10 ? " and \(names.count - 10) more" : "")
  }
}
