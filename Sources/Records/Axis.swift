/// One axis of a benchmark's grid, such as `severity` with the values 1 to 5.
public struct Axis: Sendable, Hashable, Codable {
  /// The axis's name, which is the dimension's name in the archive.
  public let name: String
  /// The axis's values in the order of the archive's coordinate variable.
  public let values: [String]
  /// Whether the values are numbers, so that the archive stores them as such.
  public let isNumeric: Bool

  /// An axis of the given values, in their order.
  public init(name: String, values: [String], isNumeric: Bool = false) {
    self.name = name
    self.values = values
    self.isNumeric = isNumeric
  }
}
