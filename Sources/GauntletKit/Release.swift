/// This release.
public enum Release {
  /// Its version. Coordinators turn workers of another one away, since their bits may differ; archives keep it.
  public static let version = "0.9.0"
}

/// A request that cannot be met as it was made, and what to ask for instead; nothing was begun.
public struct Misuse: Error, Equatable, CustomStringConvertible {
  /// What was found, where, and what to do.
  public let description: String

  /// A reason in one sentence.
  public init(_ description: String) { self.description = description }
}
