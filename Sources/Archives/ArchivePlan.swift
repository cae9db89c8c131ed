/// One axis of a group's grid.
public struct ArchiveAxis: Sendable, Equatable {
  /// The dimension's name.
  public let name: String
  /// The coordinates.
  public let values: [String]
  /// Whether the coordinates are stored as numbers.
  public let isNumeric: Bool

  /// An axis.
  public init(name: String, values: [String], isNumeric: Bool) {
    self.name = name
    self.values = values
    self.isNumeric = isNumeric
  }
}

/// What a group is to hold, known before the first part.
public struct ArchiveGroupPlan: Sendable {
  /// `MODEL/BENCHMARK`.
  public let path: String
  /// The grid, slowest axis first.
  public let axes: [ArchiveAxis]
  /// The images' paths, which are the order of the image dimension.
  public let imagePaths: [String]
  /// The images' classes; -1 where unknown.
  public let labels: [Int32]
  /// The classes' names.
  public let classNames: [String]
  /// Logits an image.
  public let classCount: Int
  /// Where it came from.
  public let attributes: [String: String]

  /// A group; labels are as many as paths.
  public init(
    path: String, axes: [ArchiveAxis], imagePaths: [String], labels: [Int32], classNames: [String], classCount: Int,
    attributes: [String: String]
  ) {
    self.path = path
    self.axes = axes
    self.imagePaths = imagePaths
    self.labels = labels
    self.classNames = classNames
    self.classCount = classCount
    self.attributes = attributes
  }

  var conditionCount: Int { axes.reduce(1) { $0 * $1.values.count } }

  /// The place along each axis of a condition, the last axis running fastest.
  static func place(of condition: Int, in axes: [ArchiveAxis]) -> [Int] {
    var rest = condition
    var place: [Int] = []
    for axis in axes.reversed() {
      place.append(rest % max(1, axis.values.count))
      rest /= max(1, axis.values.count)
    }
    return place.reversed()
  }
}

/// One metric over some of a group's axes.
public struct ArchiveMetric: Sendable, Equatable {
  /// The variable's name.
  public let name: String
  /// What it is, with its unit.
  public let description: String
  /// Names of axes of the group; none for a single number.
  public let axes: [String]
  /// The values, row-major.
  public let values: [Double]

  /// A metric.
  public init(name: String, description: String, axes: [String], values: [Double]) {
    self.name = name
    self.description = description
    self.axes = axes
    self.values = values
  }
}

/// One column of a table below `/provenance`.
public enum TableColumn: Sendable {
  /// Whole numbers.
  case integers(String, [Int64])
  /// Text.
  case strings(String, [String])
  /// Numbers.
  case numbers(String, [Double])

  var name: String {
    switch self {
    case .integers(let name, _), .strings(let name, _), .numbers(let name, _): name
    }
  }

  var column: StoredFile.Column {
    switch self {
    case .integers(_, let values): .integers(values)
    case .strings(_, let values): .strings(values)
    case .numbers(_, let values): .doubles(values)
    }
  }

  var count: Int {
    switch self {
    case .integers(_, let values): values.count
    case .strings(_, let values): values.count
    case .numbers(_, let values): values.count
    }
  }
}
