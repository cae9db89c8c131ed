/// What a worker computes.
public enum WorkerKind: Sendable, Hashable {
  /// Every model that this program knows.
  case native
  /// One model, by a Python callable; without a name the only such model of the run.
  case python(model: String?)
}
