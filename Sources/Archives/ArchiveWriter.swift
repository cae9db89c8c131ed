import CHDF5
import Durable
import Foundation
import Records

/// Writes an archive beside its place and renames it when it is whole; one that is not closed leaves nothing.
///
/// Groups follow netCDF-4's conventions for HDF5: every dimension is a dimension scale that its variables refer to.
/// Parts in the order of their shards give the same bytes; in any order, the same values.
public final class ArchiveWriter {
  private struct Recorded {
    let part: PartContents
    let fileSHA256: String
    /// Of each variable's values, in the group's order.
    let sha256s: [String: String]
  }

  private let path: String
  private let draft: DraftFile
  private let output: HDF5Output
  private let groups: [String: ArchiveGroupPlan]
  private var stored: StoredBox?
  private var covered: [String: [UInt8]] = [:]
  private var recorded: [Recorded] = []
  private var metrics: [String: [String]] = [:]
  /// Axes of metrics that are none of their grids', by group.
  private var furtherAxes: [String: [Axis]] = [:]

  /// A class for the noncopyable file, so that closing it is letting it go.
  private final class StoredBox {
    let file: StoredFile
    init(_ file: consuming StoredFile) { self.file = file }
  }

  /// Begins an archive of these groups.
  public init(
    path: String, attributes: [String: String], groups: [ArchiveGroupPlan], compressed: Bool
  ) throws {
    self.path = path
    self.groups = Dictionary(groups.map { ($0.path, $0) }) { first, _ in first }
    draft = try DraftFile(for: path, mode: 0o644)
    output = try HDF5Output(path: path, descriptor: draft.descriptor)
    try written {
      let stored = StoredBox(try output.create())
      self.stored = stored
      for (name, value) in attributes.sorted(by: { $0.key < $1.key }) {
        try stored.file.setAttribute(name, of: "/", to: value)
      }
      try stored.file.setAttribute("groups", of: "/", to: groups.map(\.path).joined(separator: "\n"))
      for group in groups { try Self.makeGroup(group, in: stored.file, compressed) }
    }
  }

  // HDF5 lets go of the file before what it writes to goes.
  deinit { HDF5.exclusively { stored = nil } }

  /// Writes with the library to itself. What the disk refused meanwhile comes before what HDF5 makes of it.
  private func written(_ body: () throws -> Void) throws {
    let result = Result { try HDF5.exclusively(body) }
    try output.check()
    try result.get()
  }

  private static func makeGroup(
    _ group: ArchiveGroupPlan, in file: borrowing StoredFile, _ compressed: Bool
  ) throws(ArchiveError) {
    let root = "/" + group.path
    try file.makeGroup(root)
    for (name, value) in group.attributes.sorted(by: { $0.key < $1.key }) {
      try file.setAttribute(name, of: root, to: value)
    }
    try file.setAttribute("axes", of: root, to: group.axes.map(\.name).joined(separator: " "))
    for axis in group.axes { try makeAxis(axis, root, in: file) }
    let images = group.imagePaths.count
    try makeDimension(root + "/image", length: images, in: file)
    for dimension in group.dimensions {
      if let axis = group.coordinates.first(where: { $0.name == dimension.name }) {
        guard axis.values.count == dimension.length else {
          throw .unwritable(
            path: file.path, reason: "\(axis.name) differs in length from the variables in \(group.path)")
        }
        try makeAxis(axis, root, in: file)
        continue
      }
      try makeDimension(root + "/" + dimension.name, length: dimension.length, in: file)
    }
    try file.setAttribute("variables", of: root, to: group.variables.map(\.name).joined(separator: " "))
    let extents = group.axes.map(\.values.count)
    let ones = extents.map { _ in 1 }
    for variable in group.variables {
      let count = variable.count(atMost: 1 << 30) ?? 1 << 30
      let rows = min(max(1, images), max(1, 65_536 / max(1, count)))
      try file.makeArray(
        root + "/" + variable.name, type: gauntlet_h5_file_float(), extents: extents + [images] + variable.lengths,
        chunk: ones + [rows] + variable.lengths.map { max(1, $0) }, compressed: compressed, fill: .nan)
      let name = root + "/" + variable.name
      try file.setAttribute("long_name", of: name, to: variable.description)
      let axes = group.axes.map(\.name) + ["image"] + variable.dimensions.map(\.name)
      try file.setAttribute("axes", of: name, to: axes.joined(separator: " "))
    }
    try file.makeArray(
      root + "/complete", type: gauntlet_h5_file_int8(), extents: extents + [images],
      chunk: ones + [min(max(1, images), 65_536)], compressed: compressed, fill: nil)
    try file.write(.integers(group.labels.map { Int64($0) }), to: root + "/label")
    try file.write(.strings(group.imagePaths), to: root + "/path")
    try file.write(.strings(group.classNames), to: root + "/class_name")
    for name in group.variables.map(\.name) + ["complete"] {
      for (axis, description) in group.axes.enumerated() {
        try file.attach(root + "/" + description.name, to: root + "/" + name, axis: axis)
      }
      try file.attach(root + "/image", to: root + "/" + name, axis: extents.count)
    }
    for variable in group.variables {
      for (place, dimension) in variable.dimensions.enumerated() {
        try file.attach(
          root + "/" + dimension.name, to: root + "/" + variable.name, axis: extents.count + 1 + place)
      }
    }
    for text in group.texts {
      try file.write(.strings(text.values), to: root + "/" + text.name)
      try file.setAttribute("long_name", of: root + "/" + text.name, to: text.description)
    }
    for name in ["label", "path"] + group.texts.map(\.name) {
      try file.attach(root + "/image", to: root + "/" + name, axis: 0)
    }
    try file.attach(root + "/class", to: root + "/class_name", axis: 0)
    try file.setAttribute("long_name", of: root + "/complete", to: "1 where the image has a result")
    try file.setAttribute("long_name", of: root + "/label", to: "class index; -1 where it is unknown")
  }

  private static func makeAxis(_ axis: Axis, _ root: String, in file: borrowing StoredFile) throws(ArchiveError) {
    let numbers = axis.isNumeric ? axis.values.compactMap { Int64($0) } : []
    let isWhole = axis.isNumeric && numbers.count == axis.values.count
    try file.write(isWhole ? .integers(numbers) : .strings(axis.values), to: root + "/" + axis.name)
    try file.makeScale(root + "/" + axis.name, label: axis.name)
  }

  /// A dimension that has no coordinates, with the label that netCDF-4 prescribes.
  private static func makeDimension(
    _ name: String, length: Int, in file: borrowing StoredFile
  ) throws(ArchiveError) {
    try file.makeArray(
      name, type: gauntlet_h5_file_float(), extents: [length], chunk: [max(1, length)], compressed: false, fill: nil)
    let digits = String(length)
    let padding = String(repeating: " ", count: max(0, 10 - digits.count))
    try file.makeScale(name, label: "This is a netCDF dimension but not a netCDF variable." + padding + digits)
  }

  /// Enters a part.
  ///
  /// - Throws: `ArchiveError.misplaced` for one outside its group, of another width, or over cells that are taken.
  public func add(_ part: PartContents, fileSHA256: String) throws {
    guard let stored else { throw ArchiveError.unwritable(path: path, reason: "the archive is closed") }
    guard let group = groups[part.group] else {
      throw ArchiveError.misplaced(shard: part.shard, reason: "no such group: \(part.group)")
    }
    let images = group.imagePaths.count
    guard part.agrees, part.observations.map(\.variable) == group.variables, part.conditionIndex < group.conditionCount,
      part.imageCount <= images, part.firstImage <= images - part.imageCount
    else {
      throw ArchiveError.misplaced(
        shard: part.shard,
        reason: "\(part.imageCount) images from \(part.firstImage), condition \(part.conditionIndex), with "
          + "\(Self.text(part.observations.map(\.variable))), in a group of \(images) images, \(group.conditionCount) "
          + "conditions, with \(Self.text(group.variables))")
    }
    let cells =
      part.conditionIndex * images + part.firstImage..<part.conditionIndex * images + part.firstImage + part.imageCount
    var taken = covered[part.group] ?? Array(repeating: 0, count: images * group.conditionCount)
    covered[part.group] = nil
    let isFree = taken[cells].allSatisfy { $0 == 0 }
    if isFree { for cell in cells { taken[cell] = 1 } }
    covered[part.group] = taken
    guard isFree else { throw ArchiveError.misplaced(shard: part.shard, reason: "another part holds the same images") }
    try write(part, group, stored)
    recorded.append(
      Recorded(
        part: part.withoutValues, fileSHA256: fileSHA256,
        sha256s: Dictionary(part.observations.map { ($0.variable.name, Digest.of($0.values)) }) { first, _ in first }))
  }

  private static func text(_ variables: [Variable]) -> String {
    variables.map(\.shape).joined(separator: ", ")
  }

  private func write(_ part: PartContents, _ group: ArchiveGroupPlan, _ stored: StoredBox) throws {
    let place = ArchiveGroupPlan.place(of: part.conditionIndex, in: group.axes)
    let ones = place.map { _ in 1 }
    var complete = [Int8](repeating: 1, count: part.imageCount)
    for failure in part.failures { complete[failure.offset] = 0 }
    let root = "/" + part.group
    try written {
      for observation in part.observations {
        var values = observation.values
        let lengths = observation.variable.lengths
        try values.withUnsafeMutableBufferPointer {
          try stored.file.box(
            root + "/" + observation.variable.name, type: gauntlet_h5_native_float(),
            start: place + [part.firstImage] + lengths.map { _ in 0 }, count: ones + [part.imageCount] + lengths,
            write: true, $0)
        }
      }
      try complete.withUnsafeMutableBufferPointer {
        try stored.file.box(
          root + "/complete", type: gauntlet_h5_native_int8(), start: place + [part.firstImage],
          count: ones + [part.imageCount], write: true, $0)
      }
    }
  }

  /// Adds variables to a group.
  ///
  /// - Parameter further: axes of theirs that are none of the grid's.
  public func writeMetrics(group: String, _ series: [Metric], further: [Axis] = []) throws {
    guard let stored, let plan = groups[group] else {
      throw ArchiveError.unwritable(path: path, reason: "no such group: \(group)")
    }
    furtherAxes[group, default: plan.coordinates] += further
    let axesOfMetrics = plan.axes + plan.coordinates + further
    try written {
      for axis in further { try Self.makeAxis(axis, "/" + group, in: stored.file) }
      for metric in series {
        let axes = metric.axes.compactMap { name in axesOfMetrics.first { $0.name == name } }
        let extents = axes.map(\.values.count)
        guard axes.count == metric.axes.count, extents.reduce(1, *) == metric.values.count else {
          throw ArchiveError.unwritable(
            path: path, reason: "the shape of the metric \(metric.name) does not match its axes")
        }
        let name = "/\(group)/\(metric.name)"
        try stored.file.write(.doubles(metric.values), to: name, extents: extents)
        try stored.file.setAttribute("long_name", of: name, to: metric.description)
        try stored.file.setAttribute("axes", of: name, to: metric.axes.joined(separator: " "))
        for (attribute, value) in (metric.figure?.attributes ?? [:]).sorted(by: { $0.key < $1.key }) {
          try stored.file.setAttribute(attribute, of: name, to: value)
        }
        for (index, axis) in metric.axes.enumerated() {
          try stored.file.attach("/\(group)/\(axis)", to: name, axis: index)
        }
      }
    }
    metrics[group, default: []] += series.map(\.name)
  }

  /// Writes a table to `/provenance/NAME`, a variable a column, over a dimension `row`.
  public func writeTable(_ name: String, columns: [TableColumn]) throws {
    try writeTable(at: "/provenance/" + name, columns: columns)
  }

  func writeTable(at root: String, columns: [TableColumn]) throws {
    guard let stored else { throw ArchiveError.unwritable(path: path, reason: "the archive is closed") }
    try written {
      let rows = columns.first?.count ?? 0
      guard columns.allSatisfy({ $0.count == rows }) else {
        throw ArchiveError.unwritable(path: path, reason: "the columns of \(root) differ in length")
      }
      try stored.file.makeGroup(root)
      try Self.makeDimension(root + "/row", length: rows, in: stored.file)
      for column in columns {
        try stored.file.write(column.column, to: root + "/" + column.name)
        try stored.file.attach(root + "/row", to: root + "/" + column.name, axis: 0)
      }
    }
  }

  /// Writes the provenance of the parts, and makes the archive appear at its place.
  public func close() throws {
    recorded.sort { $0.part.shard < $1.part.shard }
    try writeTable("parts", columns: partColumns())
    let failures = recorded.flatMap { entry in entry.part.failures.map { (entry.part, $0) } }
    try writeTable(
      "failures",
      columns: [
        .strings("group", failures.map(\.0.group)), .integers("condition", failures.map { Int64($0.0.conditionIndex) }),
        .integers("image", failures.map { Int64($0.0.firstImage + $0.1.offset) }),
        .strings("reason", failures.map(\.1.reason)),
        .integers("unreadable", failures.map { $0.1.isUnreadable ? 1 : 0 }),
      ])
    try written {
      guard let stored else { throw ArchiveError.unwritable(path: path, reason: "the archive is closed") }
      for (group, names) in metrics.sorted(by: { $0.key < $1.key }) {
        try stored.file.setAttribute("metrics", of: "/" + group, to: names.joined(separator: " "))
        guard let further = furtherAxes[group], !further.isEmpty else { continue }
        try stored.file.setAttribute(
          "further_axes", of: "/" + group, to: further.map(\.name).joined(separator: " "))
      }
      guard gauntlet_h5_flush(stored.file.file.id) >= 0 else { throw stored.file.failure(HDF5.lastMessage) }
    }
    HDF5.exclusively { stored = nil }
    try output.checkClosed()
    try Seal.append(to: draft)
    try draft.moveIntoPlace()
  }

  private func partColumns() -> [TableColumn] {
    let parts = recorded.map(\.part)
    let names = Set(parts.flatMap(\.attributes.keys)).sorted()
    let variables = Set(groups.values.flatMap { $0.variables.map(\.name) }).sorted()
    return [
      .integers("shard", parts.map(\.shard)), .strings("group", parts.map(\.group)),
      .integers("condition", parts.map { Int64($0.conditionIndex) }),
      .integers("first_image", parts.map { Int64($0.firstImage) }),
      .integers("image_count", parts.map { Int64($0.imageCount) }),
      .strings("file_sha256", recorded.map(\.fileSHA256)),
    ]
      + variables.map { name in .strings(name + "_sha256", recorded.map { $0.sha256s[name] ?? "" }) }
      + names.map { name in .strings(name, parts.map { $0.attributes[name] ?? "" }) }
  }
}

extension PartContents {
  /// What provenance keeps of a part.
  fileprivate var withoutValues: PartContents {
    PartContents(
      shard: shard, group: group, conditionIndex: conditionIndex, firstImage: firstImage, imageCount: imageCount,
      observations: [], failures: failures, attributes: attributes)
  }
}
