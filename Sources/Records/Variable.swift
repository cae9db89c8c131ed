/// What is observed of every image under every condition, such as its logits.
public struct Variable: Sendable, Hashable, Codable {
  /// The name in the archive.
  public let name: String
  /// The extents of an image's values, slowest first; none for one number an image.
  public let dimensions: [Dimension]
  /// What it is, with its unit.
  public let description: String

  /// An extent with its name in the archive. Dimensions of one name have one length in a group.
  public struct Dimension: Sendable, Hashable, Codable {
    /// Such as `class`.
    public let name: String
    /// How many values.
    public let length: Int

    /// A dimension.
    public init(_ name: String, _ length: Int) { (self.name, self.length) = (name, length) }
  }

  /// A variable of an image.
  public init(_ name: String, _ dimensions: [Dimension], description: String) {
    (self.name, self.dimensions, self.description) = (name, dimensions, description)
  }

  /// A network's answer, before softmax.
  public static func logits(classes: Int) -> Variable {
    Variable("logits", [Dimension("class", classes)], description: "logits; NaN where there is no result")
  }

  /// The name with the extents of an image: `logits[1000]`.
  public var shape: String { "\(name)[\(dimensions.map { "\($0.length)" }.joined(separator: ", "))]" }

  /// Numbers an image; nil where the lengths cannot be or would not fit `limit`.
  public func count(atMost limit: Int) -> Int? {
    var count = 1
    for dimension in dimensions {
      let (product, overflow) = count.multipliedReportingOverflow(by: dimension.length)
      guard dimension.length >= 0, !overflow, product <= limit else { return nil }
      count = product
    }
    return count
  }
}

/// A variable's values for the images of a shard.
public struct Observation: Sendable, Equatable {
  /// What was observed.
  public let variable: Variable
  /// [image, dimensions...], row-major; NaN for images that failed.
  public let values: [Float]

  /// The values of some images.
  public init(_ variable: Variable, _ values: [Float]) { (self.variable, self.values) = (variable, values) }

  /// Logits, [image, class].
  public static func logits(_ values: [Float], classes: Int) -> Observation {
    Observation(.logits(classes: classes), values)
  }

  /// Numbers an image, where the values are those of so many images; nil where they are not.
  public func count(images: Int) -> Int? {
    guard let count = variable.count(atMost: 1 << 30),
      images.multipliedReportingOverflow(by: count) == (values.count, false)
    else { return nil }
    return count
  }
}

extension [Observation] {
  /// The values of a variable; nil where it is none of these.
  public subscript(_ name: String) -> Observation? { first { $0.variable.name == name } }
}
