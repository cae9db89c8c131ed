import GRDB
import Planning

extension Ledger {
  /// `shards` has only those that were handed out once: the rest is as planned, and follows from `cells` by counting.
  /// A shard that was split has the state 3, and its pieces, numbered after the planned ones, say at which image they begin.
  /// A shard that is pending and has a part is computed anew for the images that could not be read then.
  /// The triggers keep the cells' counts, so that looking at a run costs nothing, however many shards it has.
  private static let schema = """
    CREATE TABLE run (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE cells (
      position INTEGER PRIMARY KEY,
      model INTEGER NOT NULL, benchmark INTEGER NOT NULL, condition INTEGER NOT NULL,
      images INTEGER NOT NULL, shard_images INTEGER NOT NULL,
      recorded INTEGER NOT NULL DEFAULT 0, recorded_images INTEGER NOT NULL DEFAULT 0,
      set_aside INTEGER NOT NULL DEFAULT 0, set_aside_images INTEGER NOT NULL DEFAULT 0,
      split INTEGER NOT NULL DEFAULT 0, pieces INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE shards (
      id INTEGER PRIMARY KEY, cell INTEGER NOT NULL REFERENCES cells (position), images INTEGER NOT NULL,
      first INTEGER,
      state INTEGER NOT NULL DEFAULT 0,
      attempts INTEGER NOT NULL DEFAULT 0,
      failures INTEGER NOT NULL DEFAULT 0);
    CREATE TRIGGER shard_enters AFTER INSERT ON shards WHEN new.state <> 0 OR new.first IS NOT NULL BEGIN
      UPDATE cells SET
        recorded = recorded + (new.state = 1), recorded_images = recorded_images + (new.state = 1) * new.images,
        set_aside = set_aside + (new.state = 2), set_aside_images = set_aside_images + (new.state = 2) * new.images,
        split = split + (new.state = 3), pieces = pieces + (new.first IS NOT NULL)
        WHERE position = new.cell;
    END;
    CREATE TRIGGER shard_changes AFTER UPDATE OF state ON shards WHEN new.state <> old.state BEGIN
      UPDATE cells SET
        recorded = recorded + (new.state = 1) - (old.state = 1),
        recorded_images = recorded_images + ((new.state = 1) - (old.state = 1)) * new.images,
        set_aside = set_aside + (new.state = 2) - (old.state = 2),
        set_aside_images = set_aside_images + ((new.state = 2) - (old.state = 2)) * new.images,
        split = split + (new.state = 3) - (old.state = 3)
        WHERE position = new.cell;
    END;
    CREATE TABLE attempts (
      shard INTEGER NOT NULL REFERENCES shards (id), attempt INTEGER NOT NULL, worker TEXT NOT NULL,
      leased REAL NOT NULL, ended REAL, outcome TEXT,
      PRIMARY KEY (shard, attempt, worker)) WITHOUT ROWID;
    CREATE INDEX attempts_running ON attempts (worker) WHERE outcome IS NULL;
    CREATE TABLE parts (
      shard INTEGER PRIMARY KEY REFERENCES shards (id),
      path TEXT, sha256 TEXT, bytes INTEGER, failed_images INTEGER, unreadable_images INTEGER,
      worker TEXT NOT NULL, attempt INTEGER NOT NULL, compute_nanoseconds INTEGER NOT NULL, recorded REAL NOT NULL);
    CREATE INDEX parts_by_time ON parts (recorded);
    CREATE INDEX parts_with_failures ON parts (shard) WHERE failed_images > 0;
    CREATE TABLE errors (
      id INTEGER PRIMARY KEY, shard INTEGER NOT NULL REFERENCES shards (id), attempt INTEGER NOT NULL,
      worker TEXT NOT NULL, kind TEXT NOT NULL, reason TEXT NOT NULL, time REAL NOT NULL);
    """

  static func fill(_ database: Database, run: [String: String], shards: ShardTable) throws {
    try database.execute(sql: "PRAGMA application_id = \(applicationID); PRAGMA user_version = \(version)")
    try database.execute(sql: schema)
    for (key, value) in run {
      try database.execute(sql: "INSERT INTO run (key, value) VALUES (?, ?)", arguments: [key, value])
    }
    let insertion = try database.makeStatement(
      sql: "INSERT INTO cells (position, model, benchmark, condition, images, shard_images) VALUES (?, ?, ?, ?, ?, ?)")
    for (position, cell) in shards.cells.enumerated() {
      try insertion.execute(arguments: [
        position, cell.model, cell.benchmark, cell.condition, cell.imageCount, cell.shardImages,
      ])
    }
  }

  /// - Throws: ``LedgerError/damaged(path:detail:)`` for cells that no plan has: what is made of them must not be without
  ///   bound.
  static func shards(_ database: Database, path: String) throws -> ShardTable {
    let rows = try Row.fetchCursor(
      database, sql: "SELECT position, model, benchmark, condition, images, shard_images FROM cells ORDER BY position")
    let largest = 1 << 40
    var cells: [ShardCell] = []
    var images = 0
    while let row = try rows.next() {
      let numbers = (0..<6).compactMap { Int.fromDatabaseValue(row[$0]) }
      guard numbers.count == 6, numbers[0] == cells.count, numbers[1...].allSatisfy({ (0...largest).contains($0) }),
        numbers[4] > 0, numbers[5] > 0, images + numbers[4] <= largest
      else { throw LedgerError.damaged(path: path, detail: "cell \(cells.count) cannot come from a plan") }
      images += numbers[4]
      cells.append(
        ShardCell(
          model: numbers[1], benchmark: numbers[2], condition: numbers[3], imageCount: numbers[4],
          shardImages: numbers[5]))
    }
    return ShardTable(cells: cells)
  }
}
