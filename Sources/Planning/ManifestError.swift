/// A manifest that cannot be used: what is wrong, and where in the file.
public struct ManifestError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The manifest's path.
  public let file: String
  /// Line, counted from 1; nil where the file as a whole is meant.
  public let line: Int?
  /// Column, counted from 1.
  public let column: Int?
  /// What was found and what to write instead, one sentence without the place.
  public let problem: String

  /// An error at a place of a file.
  public init(file: String, line: Int?, column: Int?, problem: String) {
    self.file = file
    self.line = line
    self.column = column
    self.problem = problem
  }

  /// `FILE:LINE:COLUMN: PROBLEM`, the form that editors and terminals make clickable.
  public var description: String {
    guard let line, let column else { return "\(file): \(problem)" }
    return "\(file):\(line):\(column): \(problem)"
  }
}
