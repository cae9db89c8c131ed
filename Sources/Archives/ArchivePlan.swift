import Records

/// What a group is to hold, known before the first part.
public struct ArchiveGroupPlan: Sendable {
  /// `MODEL/BENCHMARK`.
  public let path: String
  /// The grid, slowest axis first.
  public let axes: [Axis]
  /// The images' paths, which are the order of the image dimension.
  public let imagePaths: [String]
  /// The images' classes; -1 where unknown.
  public let labels: [Int32]
  /// The classes' names.
  public let classNames: [String]
  /// What each part holds of its images. Dimensions of one name have one length.
  public let variables: [Variable]
  /// Names of places along the variables' dimensions.
  public let coordinates: [Axis]
  /// Where it came from.
  public let attributes: [String: String]
  /// What is known of each image, in words.
  public let texts: [Text]

  /// A text an image.
  public struct Text: Sendable {
    /// The name in the archive.
    public let name: String
    /// What it is.
    public let description: String
    /// As many as images.
    public let values: [String]

    /// Texts of the images.
    public init(_ name: String, _ values: [String], description: String) {
      (self.name, self.values, self.description) = (name, values, description)
    }
  }

  /// A group; labels are as many as paths.
  public init(
    path: String, axes: [Axis], imagePaths: [String], labels: [Int32], classNames: [String], variables: [Variable],
    coordinates: [Axis] = [], attributes: [String: String], texts: [Text] = []
  ) {
    self.texts = texts
    self.coordinates = coordinates
    self.path = path
    self.axes = axes
    self.imagePaths = imagePaths
    self.labels = labels
    self.classNames = classNames
    self.variables = variables
    self.attributes = attributes
  }

  /// The variables' dimensions, each once, with `class`, which the classes' names have.
  var dimensions: [Variable.Dimension] {
    var seen: Set<String> = []
    return ([Variable.Dimension("class", classNames.count)] + variables.flatMap(\.dimensions)).filter {
      seen.insert($0.name).inserted
    }
  }

  var conditionCount: Int { axes.reduce(1) { $0 * $1.values.count } }

  /// The place along each axis of a condition, the last axis running fastest.
  static func place(of condition: Int, in axes: [Axis]) -> [Int] {
    var rest = condition
    var place: [Int] = []
    for axis in axes.reversed() {
      place.append(rest % max(1, axis.values.count))
      rest /= max(1, axis.values.count)
    }
    return place.reversed()
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
