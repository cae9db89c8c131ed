import Foundation
import Records

/// An image without a result, and why.
public struct ArchiveFailure: Sendable, Equatable {
  /// The condition's place in the grid.
  public let condition: Int
  /// The image's place in the group.
  public let image: Int
  /// One sentence that names the file.
  public let reason: String
  /// Whether its file could not be read, which says nothing of the picture; nil in archives that do not say.
  public let isUnreadable: Bool?
}

/// A file that lay where a benchmark's images do, but is none of them.
public struct ArchiveLeftOut: Sendable, Equatable {
  /// The benchmark's name.
  public let benchmark: String
  /// Its path below the condition's folder, or that of a folder.
  public let path: String
  /// How many files it stands for.
  public let count: Int
  /// Why it was left out.
  public let reason: String
}

/// Reads an archive, through a child that may be lost (`ReaderChild`). What it says is checked before it is believed, and is
/// no more than a file of its size can hold.
public final class ArchiveReader {
  /// One model and benchmark.
  public struct Group: Sendable {
    /// `MODEL/BENCHMARK`.
    public let path: String
    /// The grid, slowest axis first.
    public let axes: [Axis]
    /// The images' paths.
    public let imagePaths: [String]
    /// The images' classes; -1 where unknown.
    public let labels: [Int32]
    /// The classes' names.
    public let classNames: [String]
    /// Where it came from.
    public let attributes: [String: String]
    /// Cells of the grid.
    public var conditionCount: Int { axes.reduce(1) { $0 * $1.values.count } }
    /// Images of each condition.
    public var imageCount: Int { imagePaths.count }
    /// What was observed of each image.
    public let variables: [Variable]
    /// Axes of metrics that are none of the grid's.
    public let furtherAxes: [Axis]
  }

  /// The archive's path.
  public let path: String
  /// What the archive says of itself.
  public let attributes: [String: String]
  /// Its groups, in the plan's order.
  public let groups: [Group]
  let stored: ConfinedFile
  private let places: [String: Int]
  private var failuresOfGroups: [String: [ArchiveFailure]]?

  /// Opens an archive and reads all but the variables' values.
  public convenience init(path: String) throws {
    try self.init(ConfinedFile(path: path))
  }

  package init(_ stored: ConfinedFile) throws(ArchiveError) {
    path = stored.path
    self.stored = stored
    attributes = try stored.attributes(of: "/")
    guard let names = attributes["groups"]?.split(separator: "\n").map(String.init) else {
      throw stored.failure("it is not a Gauntlet archive")
    }
    guard Set(names).count == names.count else { throw stored.failure("it lists a group twice") }
    groups = try names.map { name throws(ArchiveError) in try Self.group(name, stored) }
    places = Dictionary(names.enumerated().map { ($1, $0) }) { first, _ in first }
  }

  private static func group(_ path: String, _ file: ConfinedFile) throws(ArchiveError) -> Group {
    let root = "/" + path
    guard try file.exists(root) else { throw file.failure("it has no group \(path)") }
    let attributes = try file.attributes(of: root)
    let axes = try Self.axes(attributes["axes"], path, file)
    let paths = try file.strings(root + "/path")
    let labels = try file.integers(root + "/label").map { label throws(ArchiveError) in
      guard let label = Int32(exactly: label) else { throw file.failure("\(path) has labels that are not classes") }
      return label
    }
    let names = try file.strings(root + "/class_name")
    guard labels.count == paths.count else { throw file.failure("the shapes in \(path) are inconsistent") }
    try checkGrid(axes, images: paths.count, path, file)
    let extents = axes.map(\.values.count) + [paths.count]
    // Archives of before have logits alone, and do not say so.
    let variables = try (attributes["variables"] ?? "logits").split(separator: " ").map {
      name throws(ArchiveError) -> Variable in
      let found = try file.extents(root + "/" + name)
      guard found.starts(with: extents) else { throw file.failure("the shapes in \(path) are inconsistent") }
      let attributes = try file.attributes(of: root + "/" + name)
      let names = attributes["axes"]?.split(separator: " ").dropFirst(extents.count).map(String.init) ?? ["class"]
      guard names.count == found.count - extents.count else {
        throw file.failure("the shapes in \(path) are inconsistent")
      }
      let variable = Variable(
        String(name), zip(names, found.dropFirst(extents.count)).map { .init($0, $1) },
        description: attributes["long_name"] ?? "")
      guard variable.count(atMost: 1 << 40) != nil else { throw file.failure("the shapes in \(path) are inconsistent") }
      return variable
    }
    guard !variables.isEmpty, Set(variables.map(\.name)).count == variables.count else {
      throw file.failure("\(path) does not describe each of its variables exactly once")
    }
    return Group(
      path: path, axes: axes, imagePaths: paths, labels: labels, classNames: names, attributes: attributes,
      variables: variables, furtherAxes: try Self.axes(attributes["further_axes"], path, file))
  }

  /// Refuses a grid that no file of this size is of: each condition has figures of eight bytes, and each of its images says
  /// whether it has a result.
  private static func checkGrid(
    _ axes: [Axis], images: Int, _ path: String, _ file: ConfinedFile
  ) throws(ArchiveError) {
    let conditions = axes.reduce(1) { $0.clampedMultiplication(by: $1.values.count) }
    guard conditions <= file.size / 8,
      conditions.clampedMultiplication(by: images) <= StoredFile.mostBytes(in: file.size),
      try file.extents("/\(path)/complete") == axes.map(\.values.count) + [images]
    else { throw file.failure("the shapes in \(path) are inconsistent, or too large for this file") }
  }

  /// The axes that an attribute names.
  private static func axes(
    _ names: String?, _ path: String, _ file: ConfinedFile
  ) throws(ArchiveError) -> [Axis] {
    var axes: [Axis] = []
    for name in (names ?? "").split(separator: " ") {
      switch try file.read("/\(path)/\(name)") {
      case .strings(let values): axes.append(Axis(name: String(name), values: values, isNumeric: false))
      case .integers(let values):
        axes.append(Axis(name: String(name), values: values.map { String($0) }, isNumeric: true))
      case .doubles: throw file.failure("\(path)/\(name) is not a valid axis")
      }
    }
    return axes
  }

  func find(_ path: String) throws(ArchiveError) -> Group {
    guard let place = places[path] else {
      throw .unreadable(path: self.path, reason: "it has no group \(path)")
    }
    return groups[place]
  }

  /// The most numbers that are read at once: a million images of a thousand classes, and as much again.
  private static let mostNumbers = 1 << 31

  /// A variable's values of a range of images under one condition, [image, dimensions...]; NaN where there is no result.
  public func values(
    of name: String, group path: String, conditionIndex: Int, images: Range<Int>
  ) throws -> [Float] {
    let group = try find(path)
    guard let variable = group.variables.first(where: { $0.name == name }), let count = variable.count(atMost: 1 << 40)
    else { throw ArchiveError.unreadable(path: self.path, reason: "\(path) has no variable \(name)") }
    let place = try place(conditionIndex, images, group)
    let (numbers, overflow) = images.count.multipliedReportingOverflow(by: count)
    guard !overflow, numbers <= Self.mostNumbers else {
      throw ArchiveError.unreadable(
        path: self.path, reason: "\(images.count) images of \(path)/\(variable.shape) are too many to read at once")
    }
    return try stored.floats(
      "/\(path)/\(name)", start: place + [images.lowerBound] + variable.dimensions.map { _ in 0 },
      count: place.map { _ in 1 } + [images.count] + variable.lengths)
  }

  /// Logits of a range of images under one condition, [image, class]; NaN where there is no result.
  public func logits(group path: String, conditionIndex: Int, images: Range<Int>) throws -> [Float] {
    try values(of: "logits", group: path, conditionIndex: conditionIndex, images: images)
  }

  /// Which images have a result under one condition.
  public func complete(group path: String, conditionIndex: Int) throws -> [Bool] {
    let group = try find(path)
    let place = try place(conditionIndex, 0..<group.imageCount, group)
    let complete = try stored.bytes(
      "/\(path)/complete", start: place + [0], count: place.map { _ in 1 } + [group.imageCount])
    return complete.map { $0 == 1 }
  }

  private func place(_ condition: Int, _ images: Range<Int>, _ group: Group) throws(ArchiveError) -> [Int] {
    guard (0..<group.conditionCount).contains(condition), images.lowerBound >= 0,
      images.upperBound <= group.imageCount
    else { throw .unreadable(path: path, reason: "\(group.path) has no condition \(condition) with images \(images)") }
    return ArchiveGroupPlan.place(of: condition, in: group.axes)
  }

  /// A text of each image of a group, such as `real_label`; nil where the group has none of this name.
  public func texts(_ name: String, group path: String) throws -> [String]? {
    let group = try find(path)
    guard try stored.exists("/\(path)/\(name)") else { return nil }
    let texts = try stored.strings("/\(path)/\(name)")
    guard texts.count == group.imageCount else { throw stored.failure("the shapes in \(path) are inconsistent") }
    return texts
  }

  /// The metrics of a group.
  public func metrics(group path: String) throws -> [Metric] {
    let names = (try find(path).attributes["metrics"] ?? "").split(separator: " ").map(String.init)
    guard Set(names).count == names.count else { throw stored.failure("\(path) lists a metric twice") }
    return try names.map { name in
      let dataset = "/\(path)/\(name)"
      let values = try stored.doubles(dataset)
      let attributes = try stored.attributes(of: dataset)
      return Metric(
        name: name, description: attributes["long_name"] ?? "",
        axes: (attributes["axes"] ?? "").split(separator: " ").map(String.init), values: values,
        figure: Metric.Figure(attributes: attributes))
    }
  }

  /// Files that were left out of the benchmarks; none in archives that do not say.
  public func leftOut() throws -> [ArchiveLeftOut] {
    let root = "/provenance/left_out/"
    guard try stored.exists(root + "path") else { return [] }
    let benchmarks = try stored.strings(root + "benchmark")
    let paths = try stored.strings(root + "path")
    let counts = try stored.integers(root + "count")
    let reasons = try stored.strings(root + "reason")
    guard [paths.count, counts.count, reasons.count].allSatisfy({ $0 == benchmarks.count }) else {
      throw stored.failure("the table of omitted files is inconsistent")
    }
    return benchmarks.indices.map {
      ArchiveLeftOut(
        benchmark: benchmarks[$0], path: paths[$0], count: Int(clamping: counts[$0]), reason: reasons[$0])
    }
  }

  /// Images of a group that were set aside, with the reasons.
  public func failures(group path: String) throws -> [ArchiveFailure] {
    let known = try failuresOfGroups ?? readFailures()
    failuresOfGroups = known
    return known[path] ?? []
  }

  private func readFailures() throws(ArchiveError) -> [String: [ArchiveFailure]] {
    let root = "/provenance/failures/"
    let groups = try stored.strings(root + "group")
    let conditions = try stored.integers(root + "condition")
    let images = try stored.integers(root + "image")
    let reasons = try stored.strings(root + "reason")
    let unreadable = try stored.exists(root + "unreadable") ? try stored.integers(root + "unreadable") : nil
    guard
      [conditions.count, images.count, reasons.count, unreadable?.count ?? groups.count].allSatisfy({
        $0 == groups.count
      })
    else { throw stored.failure("the table of failures is inconsistent") }
    var failures: [String: [ArchiveFailure]] = [:]
    for row in groups.indices {
      failures[groups[row], default: []].append(
        ArchiveFailure(
          condition: Int(truncatingIfNeeded: conditions[row]), image: Int(truncatingIfNeeded: images[row]),
          reason: reasons[row], isUnreadable: unreadable.map { $0[row] != 0 }))
    }
    return failures
  }
}
