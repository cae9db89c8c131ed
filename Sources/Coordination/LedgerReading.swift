import GRDB
import Planning
import Shards

extension Ledger {
  /// What became of the shards that were handed out. About 8 bytes in memory for each that is recorded.
  func standing() throws(LedgerError) -> LedgerStanding {
    try read { database in
      var standing = LedgerStanding()
      let recorded = try Int64.fetchCursor(database, sql: "SELECT id FROM shards WHERE state = 1")
      while let id = try recorded.next() { standing.recorded.append(id) }
      let rows = try Row.fetchCursor(
        database, sql: "SELECT id, state, attempts, failures FROM shards WHERE state <> 1")
      while let row = try rows.next() {
        standing.others.append(
          ShardRow(
            id: row[0], state: ShardState(rawValue: row[1]) ?? .pending, attempts: row[2], failures: row[3]))
      }
      return standing
    }
  }

  /// Calls `body` with every shard that has a part by number, in constant memory; one that is computed anew for images that
  /// could not be read has its former part.
  public func forEachPart(_ body: (PartRow) throws -> Void) throws {
    // Not through `read`: an error of `body` is the caller's and stays as it is.
    try database.read { database in
      let rows = try Row.fetchCursor(
        database,
        sql: """
          SELECT shard, path, sha256, bytes, failed_images, unreadable_images, worker, attempt, compute_nanoseconds, recorded
          FROM parts ORDER BY shard
          """)
      try readPieces(in: database)
      while let row = try rows.next() {
        guard let definition = definition(of: row["shard"]) else { throw LedgerError.noShard(row["shard"]) }
        try body(PartRow(row: row, definition: definition))
      }
    }
  }

  /// The parts of shards that are, or were to be, computed anew for images that could not be read, and were not yet. Such a
  /// shard may have been set aside since: a late result of it counts.
  package func formerParts() throws(LedgerError) -> [Int64: StoredPart] {
    try read { database in
      let rows = try Row.fetchCursor(
        database,
        sql: """
          SELECT parts.* FROM parts CROSS JOIN shards ON shards.id = parts.shard
          WHERE parts.failed_images > 0 AND shards.state <> 1
          """)
      var parts: [Int64: StoredPart] = [:]
      while let row = try rows.next() { parts[row["shard"]] = StoredPart(row: row) }
      return parts
    }
  }

  /// All shards that have a part by number.
  public func parts() throws -> [PartRow] {
    var parts: [PartRow] = []
    try forEachPart { parts.append($0) }
    return parts
  }

  /// Every attempt, by shard and number.
  public func attempts() throws(LedgerError) -> [AttemptRow] {
    try read { database in
      try Row.fetchAll(database, sql: "SELECT * FROM attempts ORDER BY shard, attempt, worker").map { row in
        AttemptRow(
          shard: row["shard"], attempt: row["attempt"], worker: row["worker"], leasedAt: row["leased"],
          endedAt: row["ended"], outcome: (row["outcome"] as String?).flatMap(AttemptOutcome.init(rawValue:)))
      }
    }
  }

  /// The newest `limit` errors, newest first.
  public func errors(limit: Int) throws(LedgerError) -> [ErrorRow] {
    try read { try Self.errors($0, limit: limit) }
  }

  static func errors(_ database: Database, limit: Int) throws -> [ErrorRow] {
    try Row.fetchAll(database, sql: "SELECT * FROM errors ORDER BY id DESC LIMIT ?", arguments: [limit]).map { row in
      ErrorRow(
        shard: row["shard"], attempt: row["attempt"], worker: row["worker"], kind: row["kind"],
        reason: row["reason"], time: row["time"])
    }
  }

  // CROSS JOIN has SQLite begin with the shards, few of which are pending and touched, and not with millions of attempts.

  /// The last attempt of each pending shard that no result and no failure ended: its worker may hold it still.
  func openAttempts() throws(LedgerError) -> [Int64: (attempt: Int, worker: String)] {
    try read { database in
      let rows = try Row.fetchCursor(
        database,
        sql: """
          SELECT attempts.shard, attempts.attempt, attempts.worker FROM shards
          CROSS JOIN attempts ON attempts.shard = shards.id
          WHERE shards.state = 0 AND (attempts.outcome IS NULL OR attempts.outcome = 'interrupted')
          ORDER BY attempts.shard, attempts.attempt
          """)
      var open: [Int64: (attempt: Int, worker: String)] = [:]
      while let row = try rows.next() { open[row[0]] = (row[1], row[2]) }
      return open
    }
  }

  /// How often each pending shard was lost with its worker.
  func losses() throws(LedgerError) -> [Int64: Int] {
    try read { database in
      let rows = try Row.fetchCursor(
        database,
        sql: """
          SELECT attempts.shard, count(*) FROM shards CROSS JOIN attempts ON attempts.shard = shards.id
          WHERE shards.state = 0 AND attempts.outcome = 'lost' GROUP BY attempts.shard
          """)
      var losses: [Int64: Int] = [:]
      while let row = try rows.next() { losses[row[0]] = row[1] }
      return losses
    }
  }

  /// How many of the last results each worker recorded: those that may come back.
  func recentResults() throws(LedgerError) -> [String: Int] {
    try read { database in
      let rows = try Row.fetchCursor(
        database,
        sql: """
          SELECT worker, count(*) FROM (SELECT worker FROM parts ORDER BY recorded DESC LIMIT 20000) GROUP BY worker
          """)
      var results: [String: Int] = [:]
      while let row = try rows.next() { results[row[0]] = row[1] }
      return results
    }
  }

  /// Which workers have failed which pending shard, so that a retry goes elsewhere after a restart, too, and where it was
  /// taken up again.
  package func failedWorkers() throws(LedgerError) -> [Int64: Set<String>] {
    try read { database in
      let rows = try Row.fetchCursor(
        database,
        sql: """
          SELECT attempts.shard, attempts.worker FROM shards CROSS JOIN attempts ON attempts.shard = shards.id
          WHERE shards.state = 0 AND attempts.outcome IN ('failed', 'lost')
          """)
      var workers: [Int64: Set<String>] = [:]
      while let row = try rows.next() { workers[row[0], default: []].insert(row[1]) }
      return workers
    }
  }
}

extension StoredPart {
  /// nil for a shard that left no file.
  fileprivate init?(row: Row) {
    guard let path: String = row["path"] else { return nil }
    self.init(
      path: path, sha256: row["sha256"], bytes: row["bytes"], failedImages: row["failed_images"],
      unreadableImages: row["unreadable_images"])
  }
}

extension PartRow {
  init(row: Row, definition: ShardDefinition) {
    self.init(
      definition: definition, part: StoredPart(row: row), worker: row["worker"], attempt: row["attempt"],
      computeNanoseconds: UInt64(clamping: row["compute_nanoseconds"] as Int64), recordedAt: row["recorded"])
  }
}
