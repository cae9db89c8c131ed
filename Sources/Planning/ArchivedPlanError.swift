/// Why the plan that an archive holds cannot be used.
public enum ArchivedPlanError: Error, Equatable, CustomStringConvertible {
  /// The plan is that of another version of the program.
  case otherVersion(Int)
  /// The plan contradicts itself.
  case unfit(String)

  /// What was found.
  public var description: String {
    switch self {
    case .otherVersion(let version): "its plan has version \(version), which this gauntlet does not support"
    case .unfit(let reason): "its plan cannot be used: \(reason)"
    }
  }
}
