import GRDB
import Shards

extension Ledger {
  /// Enters a batch in one transaction: all of it survives, or none. On return it is on disk.
  ///
  /// - Throws: ``LedgerError/notRecordable(shard:)`` when a shard would be recorded twice, ``LedgerError/noShard(_:)`` for
  ///   one that was not planned; nothing is entered then. ``LedgerError/gone(path:)`` where the folder is gone.
  public func commit(_ entries: [LedgerEntry]) throws(LedgerError) {
    guard !entries.isEmpty else { return }
    let known = pieceCount
    var isCommitted = false
    // What was taken in of a transaction that failed is not there.
    defer { if !isCommitted { forgetPieces(after: known) } }
    try write { database in
      for entry in entries { try enter(entry, in: database) }
    }
    isCommitted = true
    // What went into a folder that is gone must not be acknowledged.
    try checkPlace()
  }

  private func enter(_ entry: LedgerEntry, in database: Database) throws {
    switch entry {
    case .leased(let shard, let attempt, let worker, let time):
      try touch(shard, [("attempts", attempt)], onConflict: Self.laterAttempt, in: database)
      try database.cachedStatement(
        sql: """
          INSERT INTO attempts (shard, attempt, worker, leased) VALUES (?, ?, ?, ?)
          ON CONFLICT DO UPDATE SET ended = NULL, outcome = NULL
          """
      ).execute(arguments: [shard, attempt, worker, time])
    case .ended(let shard, let attempt, let worker, let outcome, let reason, let time):
      let failures = outcome == .failed || outcome == .lost ? 1 : 0
      try touch(
        shard, [("attempts", attempt), ("failures", failures)],
        onConflict: "\(Self.laterAttempt), failures = failures + excluded.failures", in: database)
      try Self.end(shard, attempt, worker, outcome: outcome, time: time, in: database)
      guard failures > 0 || outcome == .troubled else { return }
      try Self.note(shard, attempt, worker, kind: outcome.rawValue, reason: reason, time: time, in: database)
    case .recorded(let shard, let attempt, let worker, let part, let computeNanoseconds, let time):
      // A late result may belong to a shard that was set aside meanwhile: it is as good as any.
      // Its number may be none that this ledger handed out: no later attempt may have it again, whose part would have its
      // name.
      try touch(
        shard, [("attempts", attempt), ("state", ShardState.recorded.rawValue)],
        onConflict: "\(Self.laterAttempt), state = excluded.state WHERE state NOT IN (1, 3)", in: database)
      guard database.changesCount == 1 else { throw LedgerError.notRecordable(shard: shard) }
      try database.cachedStatement(
        sql: """
          INSERT OR REPLACE INTO parts
          (shard, path, sha256, bytes, failed_images, unreadable_images, worker, attempt, compute_nanoseconds, recorded)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
          """
      ).execute(arguments: [
        shard, part?.path, part?.sha256, part?.bytes, part?.failedImages, part?.unreadableImages, worker, attempt,
        Int64(clamping: computeNanoseconds), time,
      ])
      try Self.end(shard, attempt, worker, outcome: .recorded, time: time, in: database)
    case .setAside(let shard, let reason, let time):
      try touch(
        shard, [("state", ShardState.setAside.rawValue)], onConflict: "state = excluded.state WHERE state = 0",
        in: database)
      try Self.note(shard, 0, "", kind: "setAside", reason: reason, time: time, in: database)
    case .split(let shard, let pieces):
      try touch(
        shard, [("state", ShardState.split.rawValue)], onConflict: "state = excluded.state WHERE state = 0",
        in: database)
      guard database.changesCount == 1, let cell = cellPosition(of: shard) else {
        throw LedgerError.notRecordable(shard: shard)
      }
      let insertion = try database.cachedStatement(
        sql: "INSERT INTO shards (id, cell, images, first) VALUES (?, ?, ?, ?)")
      for piece in pieces { try insertion.execute(arguments: [piece.id, cell, piece.imageCount, piece.firstImage]) }
      // One that was taken up for images which could not be read has a part; its images would be collected twice.
      try database.cachedStatement(sql: "DELETE FROM parts WHERE shard = ?").execute(arguments: [shard])
      try readPieces(in: database)
    case .discarded(let shard, let reason, let time):
      try Self.forgetPart(of: shard, in: database)
      try Self.note(shard, 0, "", kind: "discarded", reason: reason, time: time, in: database)
    case .withdrawn(let shard, let attempt, let worker, let reason, let time):
      try Self.forgetPart(of: shard, in: database)
      try Self.end(shard, attempt, worker, outcome: .withdrawn, time: time, in: database)
      try Self.note(shard, attempt, worker, kind: "withdrawn", reason: reason, time: time, in: database)
    }
  }

  private static func forgetPart(of shard: Int64, in database: Database) throws {
    try database.cachedStatement(sql: "DELETE FROM parts WHERE shard = ?").execute(arguments: [shard])
    try database.cachedStatement(sql: "UPDATE shards SET state = 0 WHERE id = ? AND state = 1")
      .execute(arguments: [shard])
  }

  private static let laterAttempt = "attempts = max(attempts, excluded.attempts)"

  /// Enters a shard that is no longer as planned, or changes the one that is there.
  private func touch(
    _ shard: Int64, _ values: [(column: String, value: Int)], onConflict update: String, in database: Database
  ) throws {
    guard let cell = cellPosition(of: shard), let definition = definition(of: shard) else {
      throw LedgerError.noShard(shard)
    }
    try database.cachedStatement(
      sql: """
        INSERT INTO shards (id, cell, images, \(values.map(\.column).joined(separator: ", ")))
        VALUES (?, ?, ?\(String(repeating: ", ?", count: values.count))) ON CONFLICT (id) DO UPDATE SET \(update)
        """
    ).execute(arguments: [shard, cell, definition.imageCount] + StatementArguments(values.map(\.value)))
  }

  /// Ends an attempt. One that the ledger does not know (its lease was lost in a crash) is entered now.
  private static func end(
    _ shard: Int64, _ attempt: Int, _ worker: String, outcome: AttemptOutcome, time: Double,
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
    _ shard: Int64, _ attempt: Int, _ worker: String, kind: String, reason: String, time: Double,
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

  /// Makes every shard that was set aside pending again, with a clean slate but for who failed it, and those whose part lacks images that could
  /// not be read; such a part is replaced once there is a better one.
  ///
  /// - Returns: how many shards had been set aside, and how many images.
  public func takeUpSetAside() throws(LedgerError) -> (shards: Int, images: Int) {
    try write { database in
      try database.execute(sql: "UPDATE shards SET state = 0, failures = 0 WHERE state = 2")
      let shards = database.changesCount
      let images = try Int.fetchOne(
        database,
        sql: "SELECT sum(unreadable_images) FROM parts WHERE failed_images > 0 AND unreadable_images > 0")
      try database.execute(
        sql: """
          UPDATE shards SET state = 0, failures = 0 WHERE state = 1 AND id IN
          (SELECT shard FROM parts WHERE failed_images > 0 AND unreadable_images > 0)
          """)
      return (shards, images ?? 0)
    }
  }
}
