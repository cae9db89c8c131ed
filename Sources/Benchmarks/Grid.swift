import Records

/// One cell of a benchmark's grid: a value for each axis, in the order of the axes.
public struct GridCell: Sendable, Hashable, Codable, CustomStringConvertible {
  /// Its place in the grid, counted with the last axis running fastest.
  public let index: Int
  /// One value an axis, in the order of the grid's axes.
  public let values: [String]

  /// A cell at a place of a grid.
  public init(index: Int, values: [String]) {
    self.index = index
    self.values = values
  }

  /// The values as people write them: `fog, severity 3` is `fog/3`; a grid without axes has the one cell `all`.
  public var description: String { values.isEmpty ? "all" : values.joined(separator: "/") }
}

/// The product of a benchmark's condition axes. A grid without axes has one cell.
public struct Grid: Sendable, Hashable, Codable {
  /// The axes, slowest first.
  public let axes: [Axis]
  /// For a grid whose rows differ in length: how many values of the last axis each row has, in the rows' order.
  public let rowLengths: [Int]?

  /// The product of the given axes.
  ///
  /// - Parameter rowLengths: one a combination of all axes but the last, where some lack the last axis's last values.
  public init(axes: [Axis], rowLengths: [Int]? = nil) {
    self.axes = axes
    self.rowLengths = rowLengths
  }

  /// How many places there are, those that are no cell included.
  public var count: Int { axes.reduce(1) { $0 * $1.values.count } }

  /// Whether a place is a cell: it is not where its row is too short.
  public func isPlanned(_ index: Int) -> Bool {
    guard let rowLengths, let columns = axes.last?.values.count, columns > 0 else { return true }
    return rowLengths.indices.contains(index / columns) && index % columns < rowLengths[index / columns]
  }

  /// What would be the cell at a place, or nil where the grid has no such place.
  public func cell(at index: Int) -> GridCell? {
    guard index >= 0, index < count else { return nil }
    var rest = index
    var values: [String] = []
    for axis in axes.reversed() {
      values.append(axis.values[rest % axis.values.count])
      rest /= axis.values.count
    }
    return GridCell(index: index, values: values.reversed())
  }

  /// Every cell, the last axis running fastest.
  public var cells: [GridCell] { (0..<count).filter(isPlanned).compactMap(cell(at:)) }
}
