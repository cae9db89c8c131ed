import GRDB

extension Ledger {
  private static let schema = """
    CREATE TABLE run (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE shards (
      id INTEGER PRIMARY KEY,
      model INTEGER NOT NULL, benchmark INTEGER NOT NULL, condition INTEGER NOT NULL,
      first INTEGER NOT NULL, count INTEGER NOT NULL,
      state INTEGER NOT NULL DEFAULT 0,
      attempts INTEGER NOT NULL DEFAULT 0,
      failures INTEGER NOT NULL DEFAULT 0);
    CREATE INDEX shards_by_cell ON shards (model, benchmark, condition, state);
    CREATE TABLE attempts (
      shard INTEGER NOT NULL REFERENCES shards (id), attempt INTEGER NOT NULL, worker TEXT NOT NULL,
      leased REAL NOT NULL, ended REAL, outcome TEXT,
      PRIMARY KEY (shard, attempt, worker)) WITHOUT ROWID;
    CREATE INDEX attempts_running ON attempts (worker) WHERE outcome IS NULL;
    CREATE TABLE parts (
      shard INTEGER PRIMARY KEY REFERENCES shards (id),
      path TEXT, sha256 TEXT, bytes INTEGER, failed_images INTEGER,
      worker TEXT NOT NULL, attempt INTEGER NOT NULL, compute_nanoseconds INTEGER NOT NULL, recorded REAL NOT NULL);
    CREATE INDEX parts_by_time ON parts (recorded);
    CREATE TABLE errors (
      id INTEGER PRIMARY KEY, shard INTEGER NOT NULL REFERENCES shards (id), attempt INTEGER NOT NULL,
      worker TEXT NOT NULL, kind TEXT NOT NULL, reason TEXT NOT NULL, time REAL NOT NULL);
    """

  static func fill(_ database: Database, run: [String: String], shards: some Sequence<ShardDefinition>) throws {
    try database.execute(sql: "PRAGMA application_id = \(applicationID); PRAGMA user_version = \(version)")
    try database.execute(sql: schema)
    for (key, value) in run {
      try database.execute(sql: "INSERT INTO run (key, value) VALUES (?, ?)", arguments: [key, value])
    }
    let insertion = try database.makeStatement(
      sql: "INSERT INTO shards (id, model, benchmark, condition, first, count) VALUES (?, ?, ?, ?, ?, ?)")
    for shard in shards {
      guard shard.id >= 0, shard.firstImage >= 0, shard.imageCount >= 0, shard.model >= 0 else {
        throw LedgerError.shard(id: shard.id, detail: "its numbers must not be negative")
      }
      do {
        try insertion.execute(arguments: [
          shard.id, shard.model, shard.benchmark, shard.condition, shard.firstImage, shard.imageCount,
        ])
      } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
        throw LedgerError.shard(id: shard.id, detail: "another shard has the same number")
      }
    }
  }
}

extension ShardDefinition {
  /// Reads the columns `id, model, benchmark, condition, first, count`.
  init(row: Row) {
    self.init(
      id: row["id"], model: row["model"], benchmark: row["benchmark"], condition: row["condition"],
      firstImage: row["first"], imageCount: row["count"])
  }
}
