/// One thing that is known of a machine.
public struct Finding: Sendable, Equatable, Encodable {
  /// What it says for a run.
  public enum Verdict: String, Sendable, Encodable {
    /// As it should be, or as it is.
    case fine
    /// A run is slower, or less safe.
    case warning
    /// A run cannot start or end here.
    case problem
  }

  /// What it is of, such as `processor`.
  public let subject: String
  /// What was found.
  public let text: String
  /// What it says for a run.
  public let verdict: Verdict
  /// What to do; nil where there is nothing to do.
  public let advice: String?

  /// A finding.
  public init(_ subject: String, _ text: String, _ verdict: Verdict = .fine, advice: String? = nil) {
    (self.subject, self.text, self.verdict, self.advice) = (subject, text, verdict, advice)
  }
}
