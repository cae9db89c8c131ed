import GRDB

extension Ledger {
  /// Enters a batch in one transaction: all of it survives, or none. On return it is on disk.
  ///
  /// - Throws: ``LedgerError/notRecordable(shard:)`` when a shard would be recorded twice; nothing is entered then.
  public func commit(_ entries: [LedgerEntry]) throws(LedgerError) {
    guard !entries.isEmpty else { return }
    try write { database in
      for entry in entries { try Self.enter(entry, in: database) }
    }
  }

  private static func enter(_ entry: LedgerEntry, in database: Database) throws {
    switch entry {
    case .leased(let shard, let attempt, let worker, let time):
      try database.cachedStatement(
        sql: """
          INSERT INTO attempts (shard, attempt, worker, leased) VALUES (?, ?, ?, ?)
          ON CONFLICT DO UPDATE SET ended = NULL, outcome = NULL
          """
      ).execute(arguments: [shard, attempt, worker, time])
      try database.cachedStatement(sql: "UPDATE shards SET attempts = max(attempts, ?) WHERE id = ?")
        .execute(arguments: [attempt, shard])
    case .ended(let shard, let attempt, let worker, let outcome, let reason, let time):
      try end(shard, attempt, worker, outcome, time, in: database)
      guard outcome == .failed || outcome == .lost else { return }
      try database.cachedStatement(sql: "UPDATE shards SET failures = failures + 1 WHERE id = ?")
        .execute(arguments: [shard])
      try note(shard, attempt, worker, outcome.rawValue, reason, time, in: database)
    case .recorded(let shard, let attempt, let worker, let part, let computeNanoseconds, let time):
      // A late result may belong to a shard that was set aside meanwhile: it is as good as any.
      try database.cachedStatement(sql: "UPDATE shards SET state = 1 WHERE id = ? AND state <> 1")
        .execute(arguments: [shard])
      guard database.changesCount == 1 else { throw LedgerError.notRecordable(shard: shard) }
      try database.cachedStatement(
        sql: """
          INSERT INTO parts (shard, path, sha256, bytes, failed_images, worker, attempt, compute_nanoseconds, recorded)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
          """
      ).execute(arguments: [
        shard, part?.path, part?.sha256, part?.bytes, part?.failedImages, worker, attempt,
        Int64(clamping: computeNanoseconds), time,
      ])
      try end(shard, attempt, worker, .recorded, time, in: database)
    case .setAside(let shard, let reason, let time):
      try database.cachedStatement(sql: "UPDATE shards SET state = 2 WHERE id = ? AND state = 0")
        .execute(arguments: [shard])
      try note(shard, 0, "", "setAside", reason, time, in: database)
    }
  }

  /// Ends an attempt. One that the ledger does not know (its lease was lost in a crash) is entered now.
  private static func end(
    _ shard: Int64, _ attempt: Int, _ worker: String, _ outcome: AttemptOutcome, _ time: Double,
    in database: Database
  ) throws {
    try database.cachedStatement(
      sql: """
        INSERT INTO attempts (shard, attempt, worker, leased, ended, outcome) VALUES (?1, ?2, ?3, ?4, ?4, ?5)
        ON CONFLICT DO UPDATE SET ended = ?4, outcome = ?5
        """
    ).execute(arguments: [shard, attempt, worker, time, outcome.rawValue])
  }

  private static func note(
    _ shard: Int64, _ attempt: Int, _ worker: String, _ kind: String, _ reason: String, _ time: Double,
    in database: Database
  ) throws {
    try database.cachedStatement(
      sql: "INSERT INTO errors (shard, attempt, worker, kind, reason, time) VALUES (?, ?, ?, ?, ?, ?)"
    ).execute(arguments: [shard, attempt, worker, kind, reason, time])
  }

  /// Ends the attempts that a former coordinator left open. They do not count against their shards.
  func interruptOpenAttempts(at time: Double) throws(LedgerError) {
    try write { database in
      try database.execute(
        sql: "UPDATE attempts SET ended = ?, outcome = ? WHERE outcome IS NULL",
        arguments: [time, AttemptOutcome.interrupted.rawValue])
    }
  }

  /// Makes every shard that was set aside pending again, with a clean slate.
  ///
  /// - Returns: how many there were.
  public func takeUpSetAside() throws(LedgerError) -> Int {
    try write { database in
      try database.execute(sql: "UPDATE shards SET state = 0, failures = 0 WHERE state = 2")
      return database.changesCount
    }
  }
}
