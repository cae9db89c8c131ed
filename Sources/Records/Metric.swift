/// One metric over some of a grid's axes.
public struct Metric: Sendable, Equatable {
  /// The variable's name in the archive.
  public let name: String
  /// What it is, with its unit.
  public let description: String
  /// Names of the axes that it runs over, slowest first; none for a single number.
  public let axes: [String]
  /// The values, row-major; NaN where there is nothing to measure.
  public let values: [Double]

  /// A metric.
  public init(name: String, description: String, axes: [String], values: [Double]) {
    self.name = name
    self.description = description
    self.axes = axes
    self.values = values
  }
}
