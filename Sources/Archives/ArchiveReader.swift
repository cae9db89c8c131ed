import CHDF5
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

/// Reads an archive. What it says is checked before it is believed.
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
  let stored: StoredFile

  /// Opens an archive and reads all but the variables' values.
  public init(path: String) throws {
    self.path = path
    let (stored, attributes, groups) = try HDF5.exclusively { () throws -> (Opened, [String: String], [Group]) in
      let access = try Handle(gauntlet_h5_file_access()) { .unreadable(path: path, reason: $0) }
      let file = try Handle(gauntlet_h5_open(path, access.id)) {
        .unreadable(path: path, reason: $0.isEmpty ? "it is no HDF5 file" : $0)
      }
      let opened = Opened(StoredFile(path: path, file: file, isWritten: false))
      let attributes = try opened.file.attributes(of: "/")
      guard let names = attributes["groups"] else {
        throw ArchiveError.unreadable(path: path, reason: "it is no archive of gauntlet")
      }
      return (opened, attributes, try names.split(separator: "\n").map { try Self.group(String($0), opened.file) })
    }
    self.stored = stored.take()
    self.attributes = attributes
    self.groups = groups
  }

  /// Carries the noncopyable file out of the lock.
  private final class Opened {
    var file: StoredFile
    init(_ file: consuming StoredFile) { self.file = file }
    func take() -> StoredFile {
      // The reader's own handle to the same open file.
      H5Iinc_ref(file.file.id)
      return StoredFile(path: file.path, file: Handle(adopting: file.file.id), isWritten: false)
    }
  }

  private static func group(_ path: String, _ file: borrowing StoredFile) throws(ArchiveError) -> Group {
    let root = "/" + path
    guard file.exists(root) else { throw file.failure("it lacks the group \(path)") }
    let attributes = try file.attributes(of: root)
    let axes = try Self.axes(attributes["axes"], path, file)
    let paths = try file.strings(root + "/path")
    let labels = try file.integers(root + "/label").map { Int32(truncatingIfNeeded: $0) }
    let names = try file.strings(root + "/class_name")
    guard labels.count == paths.count else { throw file.failure("the shapes in \(path) do not agree") }
    let extents = axes.map(\.values.count) + [paths.count]
    // Archives of before have logits alone, and do not say so.
    let variables = try (attributes["variables"] ?? "logits").split(separator: " ").map {
      name throws(ArchiveError) -> Variable in
      let found = try file.extents(root + "/" + name)
      guard found.starts(with: extents) else { throw file.failure("the shapes in \(path) do not agree") }
      let attributes = try file.attributes(of: root + "/" + name)
      let names = attributes["axes"]?.split(separator: " ").dropFirst(extents.count).map(String.init) ?? ["class"]
      guard names.count == found.count - extents.count else {
        throw file.failure("the shapes in \(path) do not agree")
      }
      let variable = Variable(
        String(name), zip(names, found.dropFirst(extents.count)).map { .init($0, $1) },
        description: attributes["long_name"] ?? "")
      guard variable.count(atMost: 1 << 40) != nil else { throw file.failure("the shapes in \(path) do not agree") }
      return variable
    }
    guard !variables.isEmpty, Set(variables.map(\.name)).count == variables.count else {
      throw file.failure("\(path) does not say once what each of its variables is")
    }
    return Group(
      path: path, axes: axes, imagePaths: paths, labels: labels, classNames: names, attributes: attributes,
      variables: variables, furtherAxes: try Self.axes(attributes["further_axes"], path, file))
  }

  /// The axes that an attribute names.
  private static func axes(
    _ names: String?, _ path: String, _ file: borrowing StoredFile
  ) throws(ArchiveError) -> [Axis] {
    var axes: [Axis] = []
    for name in (names ?? "").split(separator: " ") {
      switch try file.read("/\(path)/\(name)") {
      case .strings(let values): axes.append(Axis(name: String(name), values: values, isNumeric: false))
      case .integers(let values):
        axes.append(Axis(name: String(name), values: values.map { String($0) }, isNumeric: true))
      case .doubles: throw file.failure("\(path)/\(name) is no axis of gauntlet")
      }
    }
    return axes
  }

  private func find(_ path: String) throws(ArchiveError) -> Group {
    guard let group = groups.first(where: { $0.path == path }) else {
      throw .unreadable(path: self.path, reason: "it has no group \(path)")
    }
    return group
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
    // Extents cost a file nothing, memory they do.
    let (numbers, overflow) = images.count.multipliedReportingOverflow(by: count)
    guard !overflow, numbers <= Self.mostNumbers else {
      throw ArchiveError.unreadable(
        path: self.path, reason: "\(images.count) images of \(path)/\(variable.shape) are more than are read at once")
    }
    var values = [Float](repeating: .nan, count: numbers)
    try HDF5.exclusively {
      try values.withUnsafeMutableBufferPointer {
        try stored.box(
          "/\(path)/\(name)", type: gauntlet_h5_native_float(),
          start: place + [images.lowerBound] + variable.dimensions.map { _ in 0 },
          count: place.map { _ in 1 } + [images.count] + variable.lengths, write: false, $0)
      }
    }
    return values
  }

  /// Logits of a range of images under one condition, [image, class]; NaN where there is no result.
  public func logits(group path: String, conditionIndex: Int, images: Range<Int>) throws -> [Float] {
    try values(of: "logits", group: path, conditionIndex: conditionIndex, images: images)
  }

  /// Which images have a result under one condition.
  public func complete(group path: String, conditionIndex: Int) throws -> [Bool] {
    let group = try find(path)
    let place = try place(conditionIndex, 0..<group.imageCount, group)
    var complete = [Int8](repeating: 0, count: group.imageCount)
    try HDF5.exclusively {
      try complete.withUnsafeMutableBufferPointer {
        try stored.box(
          "/\(path)/complete", type: gauntlet_h5_native_int8(), start: place + [0],
          count: place.map { _ in 1 } + [group.imageCount], write: false, $0)
      }
    }
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
    return try HDF5.exclusively {
      guard stored.exists("/\(path)/\(name)") else { return nil }
      let texts = try stored.strings("/\(path)/\(name)")
      guard texts.count == group.imageCount else { throw stored.failure("the shapes in \(path) do not agree") }
      return texts
    }
  }

  /// The metrics of a group.
  public func metrics(group path: String) throws -> [Metric] {
    let group = try find(path)
    return try HDF5.exclusively {
      try (group.attributes["metrics"] ?? "").split(separator: " ").map { name in
        let dataset = "/\(path)/\(name)"
        guard case .doubles(let values) = try stored.read(dataset) else {
          throw stored.failure("\(name) holds no numbers")
        }
        let attributes = try stored.attributes(of: dataset)
        return Metric(
          name: String(name), description: attributes["long_name"] ?? "",
          axes: (attributes["axes"] ?? "").split(separator: " ").map(String.init), values: values,
          figure: Metric.Figure(attributes: attributes))
      }
    }
  }

  /// Files that were left out of the benchmarks; none in archives that do not say.
  public func leftOut() throws -> [ArchiveLeftOut] {
    try HDF5.exclusively {
      let root = "/provenance/left_out/"
      guard stored.exists(root + "path") else { return [] }
      let benchmarks = try stored.strings(root + "benchmark")
      let paths = try stored.strings(root + "path")
      let counts = try stored.integers(root + "count")
      let reasons = try stored.strings(root + "reason")
      guard [paths.count, counts.count, reasons.count].allSatisfy({ $0 == benchmarks.count }) else {
        throw stored.failure("the table of files that were left out does not hold together")
      }
      return benchmarks.indices.map {
        ArchiveLeftOut(
          benchmark: benchmarks[$0], path: paths[$0], count: Int(clamping: counts[$0]), reason: reasons[$0])
      }
    }
  }

  /// Images of a group that were set aside, with the reasons.
  public func failures(group path: String) throws -> [ArchiveFailure] {
    try HDF5.exclusively {
      let root = "/provenance/failures/"
      let groups = try stored.strings(root + "group")
      let conditions = try stored.integers(root + "condition")
      let images = try stored.integers(root + "image")
      let reasons = try stored.strings(root + "reason")
      let unreadable = stored.exists(root + "unreadable") ? try stored.integers(root + "unreadable") : nil
      guard
        [conditions.count, images.count, reasons.count, unreadable?.count ?? groups.count].allSatisfy({
          $0 == groups.count
        })
      else { throw stored.failure("the table of failures does not hold together") }
      return groups.indices.filter { groups[$0] == path }.map { row in
        ArchiveFailure(
          condition: Int(truncatingIfNeeded: conditions[row]), image: Int(truncatingIfNeeded: images[row]),
          reason: reasons[row], isUnreadable: unreadable.map { $0[row] != 0 })
      }
    }
  }
}

extension Handle {
  /// Owns a reference that the caller holds already.
  init(adopting id: hid_t) { self.id = id }
}
