/// Where a shard stands, in the scheduler and in the ledger.
public enum ShardState: Int, Sendable, Codable, CaseIterable {
  /// To be computed, or being computed.
  case pending = 0
  /// Its result is on disk and in the ledger.
  case recorded = 1
  /// It failed as often as is allowed; `gauntlet resume --failed` takes it up again.
  case setAside = 2
  /// Pieces have taken its place.
  case split = 3
}

/// How an attempt ended.
public enum AttemptOutcome: String, Sendable, Codable, CaseIterable {
  /// The result was recorded.
  case recorded
  /// The worker reported a failure, or its result was refused. Counts against the shard.
  case failed
  /// The worker fell silent. Counts: a shard that kills its workers must come to an end.
  case lost
  /// The worker could not read what the shard needs, nor anything beside it. Does not count.
  case troubled
  /// The worker gave the shard back, or never had it.
  case returned
  /// Another attempt was recorded first.
  case superseded
  /// The coordinator ended before the attempt did.
  case interrupted
  /// The result was recorded, and taken back by `gauntlet mend --reject`.
  case withdrawn
}

/// What became of a result.
public enum Acknowledgement: String, Sendable, CaseIterable {
  /// It is on disk and in the ledger.
  case recorded
  /// Another attempt's result is, or is just being stored, or pieces have taken the shard's place.
  case duplicate
  /// It is not valid, or of another run.
  case refused
}
