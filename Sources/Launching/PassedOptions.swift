/// Options of `gauntlet launch` that are those of the processes which it starts.
public struct PassedOptions: Sendable, Equatable {
  /// Where the coordinator listens.
  public var listen: String?
  /// Whether the coordinator takes up what was set aside.
  public var takesUpFailed = false
  /// Where the coordinator serves the run's live page: ADDRESS:PORT, or none.
  public var live: String?
  /// Seconds that workers wait for a coordinator that does not answer.
  public var patience: Int?

  /// Nothing said.
  public init() {}

  /// The coordinator's.
  var ofCoordinator: [String] {
    (listen.map { ["--listen", $0] } ?? []) + (takesUpFailed ? ["--failed"] : [])
      + (live.map { ["--live", $0] } ?? [])
  }

  /// Each worker's.
  var ofWorkers: [String] { patience.map { ["--patience", String($0)] } ?? [] }
}
