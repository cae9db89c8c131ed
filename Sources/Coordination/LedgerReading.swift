import GRDB

extension Ledger {
  /// All shards by number. About 100 bytes each in memory.
  public func shards() throws(LedgerError) -> [ShardRow] {
    try read { database in
      let rows = try Row.fetchCursor(database, sql: "SELECT * FROM shards ORDER BY id")
      var shards: [ShardRow] = []
      while let row = try rows.next() {
        shards.append(
          ShardRow(
            definition: ShardDefinition(row: row), state: ShardState(rawValue: row["state"]) ?? .pending,
            attempts: row["attempts"], failures: row["failures"]))
      }
      return shards
    }
  }

  /// One shard, or nil if there is none of that number.
  public func shard(_ id: Int64) throws(LedgerError) -> ShardDefinition? {
    try read { database in
      try Row.fetchOne(
        database, sql: "SELECT id, model, benchmark, condition, first, count FROM shards WHERE id = ?",
        arguments: [id]
      ).map(ShardDefinition.init(row:))
    }
  }

  /// Calls `body` with every recorded shard by number, in constant memory.
  public func forEachPart(_ body: (PartRow) throws -> Void) throws {
    // Not through `read`: an error of `body` is the caller's and stays as it is.
    try database.read { database in
      let rows = try Row.fetchCursor(
        database,
        sql: """
          SELECT shards.id, model, benchmark, condition, first, count, parts.*
          FROM parts JOIN shards ON shards.id = parts.shard ORDER BY parts.shard
          """)
      while let row = try rows.next() { try body(PartRow(row: row)) }
    }
  }

  /// All recorded shards by number.
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

  /// The last attempt of each pending shard that no result and no failure ended: its worker may hold it still.
  func openAttempts() throws(LedgerError) -> [Int64: (attempt: Int, worker: String)] {
    try read { database in
      let rows = try Row.fetchCursor(
        database,
        sql: """
          SELECT attempts.shard, attempts.attempt, attempts.worker FROM attempts
          JOIN shards ON shards.id = attempts.shard
          WHERE shards.state = 0 AND (attempts.outcome IS NULL OR attempts.outcome = 'interrupted')
          ORDER BY attempts.shard, attempts.attempt
          """)
      var open: [Int64: (attempt: Int, worker: String)] = [:]
      while let row = try rows.next() { open[row[0]] = (row[1], row[2]) }
      return open
    }
  }

  /// Which workers have failed which pending shard, so that a retry goes elsewhere after a restart, too.
  func failedWorkers() throws(LedgerError) -> [Int64: Set<String>] {
    try read { database in
      let rows = try Row.fetchCursor(
        database,
        sql: """
          SELECT attempts.shard, attempts.worker FROM attempts JOIN shards ON shards.id = attempts.shard
          WHERE shards.state = 0 AND shards.failures > 0 AND attempts.outcome IN ('failed', 'lost')
          """)
      var workers: [Int64: Set<String>] = [:]
      while let row = try rows.next() { workers[row[0], default: []].insert(row[1]) }
      return workers
    }
  }
}

extension PartRow {
  init(row: Row) {
    let part: StoredPart? =
      if let path: String = row["path"] {
        StoredPart(
          path: path, sha256: row["sha256"], bytes: row["bytes"], failedImages: row["failed_images"])
      } else {
        nil
      }
    self.init(
      definition: ShardDefinition(row: row), part: part, worker: row["worker"], attempt: row["attempt"],
      computeNanoseconds: UInt64(clamping: row["compute_nanoseconds"] as Int64), recordedAt: row["recorded"])
  }
}
