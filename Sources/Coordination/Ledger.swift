import Durable
import Foundation
import GRDB
import Planning
import Synchronization

/// The coordinator's journal: which shards there are, who had them, what became of them.
///
/// SQLite in WAL mode with `synchronous=FULL`: a commit that has returned survives a power cut. One process writes
/// (see ``RunLock``); any number read meanwhile, on the same host.
public final class Ledger: Sendable {
  /// Path of the SQLite file.
  public let path: String
  /// All shards of the run, as planned.
  public let shards: ShardTable
  let database: any DatabaseWriter
  /// Which file it was when it was opened for writing.
  private let identity: FileIdentity?
  /// The pieces that shards were split into, by their numbers, which follow those of the plan.
  private let pieces = Mutex<[(cell: Int, definition: ShardDefinition)]>([])

  static let applicationID = 0x4741_554E  // "GAUN"
  static let version = 3
  /// Larger files are checked page by page as they are read: SQLite's check of all would hold up the start.
  private static let largestChecked = 64 << 20

  private init(path: String, shards: ShardTable, database: any DatabaseWriter, identity: FileIdentity?) {
    self.path = path
    self.shards = shards
    self.database = database
    self.identity = identity
  }

  /// Makes a ledger of `shards`, all pending. It appears at `path` complete or not at all.
  ///
  /// - Parameters:
  ///   - path: where it goes; there must be none.
  ///   - run: facts about the run (`id` at least, the manifest's digest, ...), for whoever opens the file later.
  ///   - shards: all that there is to do.
  public static func create(
    at path: String, run: [String: String], shards: ShardTable
  ) throws(LedgerError) -> Ledger {
    guard !FileManager.default.fileExists(atPath: path) else { throw .exists(path: path) }
    let unfinished = path + ".creating"
    try Self.storage(path) {
      // A journal that a former ledger left at this place would be read as this one's.
      for leftover in [unfinished, unfinished + "-wal", unfinished + "-shm", path + "-wal", path + "-shm"]
      where FileManager.default.fileExists(atPath: leftover) {
        try FileManager.default.removeItem(atPath: leftover)
      }
      // A rollback journal, because a WAL would have to move together with the file.
      // Made here, because SQLite lets others of the group read what it makes; its WAL takes the same rights.
      guard FileManager.default.createFile(atPath: unfinished, contents: nil, attributes: [.posixPermissions: 0o600])
      else { throw FileError("write", unfinished) }
      let queue = try DatabaseQueue(path: unfinished, configuration: configuration(readOnly: false))
      try queue.write { try fill($0, run: run, shards: shards) }
      try queue.close()
      try FileManager.default.moveItem(atPath: unfinished, toPath: path)
      DurableFile.synchroniseFolder(of: path)
    }
    return try open(at: path)
  }

  /// Opens a ledger and checks that it is one and undamaged.
  ///
  /// - Parameter checksAll: whether a large one is checked whole, too, which takes a second for each million shards.
  public static func open(
    at path: String, readOnly: Bool = false, checksAll: Bool = false
  ) throws(LedgerError) -> Ledger {
    let identity = try identity(of: path)
    return try Self.storage(path) {
      do {
        let pool =
          try readOnly
          ? LedgerReader.open(path, configuration: configuration(readOnly: true))
          : writingPool(path)
        let shards = try pool.read { database in
          try check(database, path: path, checksAll: checksAll)
          return try Self.shards(database, path: path)
        }
        let ledger = Ledger(path: path, shards: shards, database: pool, identity: readOnly ? nil : identity)
        try pool.read { try ledger.readPieces(in: $0) }
        if !readOnly { try keepWhatIsRead(pool) }
        return ledger
      } catch let error as DatabaseError where error.resultCode == .SQLITE_NOTADB {
        throw LedgerError.foreign(path: path)
      } catch let error as DatabaseError where error.resultCode == .SQLITE_CORRUPT {
        throw LedgerError.damaged(path: path, detail: error.message ?? "SQLITE_CORRUPT")
      }
    }
  }

  private static func identity(of path: String) throws(LedgerError) -> FileIdentity {
    do { return try FileIdentity(of: path) } catch {
      guard error.code == ENOENT || error.code == ENOTDIR else { throw .unreachable(error) }
      throw .missing(path: path)
    }
  }

  /// Whether its path still names the file that is written to.
  ///
  /// - Throws: ``LedgerError/gone(path:)`` where the run folder was deleted or moved, so that what is written is lost.
  public func checkPlace() throws(LedgerError) {
    guard let identity else { return }
    do {
      if try FileIdentity(of: path) == identity { return }
    } catch  where ![ENOENT, ENOTDIR, ESTALE].contains(error.code) {
      throw .unreachable(error)
    } catch {}
    throw .gone(path: path)
  }

  /// The shard of a number, planned or piece; nil where there is none.
  public func definition(of id: Int64) -> ShardDefinition? {
    shards.definition(of: id) ?? piece(id)?.definition
  }

  func cellPosition(of id: Int64) -> Int? { shards.cellPosition(of: id) ?? piece(id)?.cell }

  /// All pieces by number: the first has the number ``shards`` ends with.
  var allPieces: [ShardDefinition] { pieces.withLock { $0.map(\.definition) } }

  var pieceCount: Int { pieces.withLock { $0.count } }

  func forgetPieces(after count: Int) { pieces.withLock { $0.removeLast(max(0, $0.count - count)) } }

  private func piece(_ id: Int64) -> (cell: Int, definition: ShardDefinition)? {
    pieces.withLock { pieces in
      let place = id.subtractingReportingOverflow(Int64(shards.count))
      guard !place.overflow, place.partialValue >= 0, place.partialValue < Int64(pieces.count) else { return nil }
      return pieces[Int(place.partialValue)]
    }
  }

  /// Takes in the pieces that were entered since the last call.
  ///
  /// - Throws: ``LedgerError/damaged(path:detail:)`` where a number is missing.
  func readPieces(in database: Database) throws {
    try pieces.withLock { pieces in
      let known = shards.count + pieces.count
      let rows = try Row.fetchCursor(
        database, sql: "SELECT id, cell, first, images FROM shards WHERE id >= ? ORDER BY id", arguments: [known])
      while let row = try rows.next() {
        let id: Int = row[0]
        let position: Int = row[1]
        guard id == shards.count + pieces.count, shards.cells.indices.contains(position), let first: Int = row[2] else {
          throw LedgerError.damaged(path: path, detail: "shard \(id) is not part of a planned shard")
        }
        let cell = shards.cells[position]
        pieces.append(
          (
            position,
            ShardDefinition(
              id: Int64(id), model: cell.model, benchmark: cell.benchmark, condition: cell.condition, firstImage: first,
              imageCount: row[3])
          ))
      }
    }
  }

  /// Closes the file. The ledger must not be used afterwards.
  public func close() throws(LedgerError) {
    try Self.storage(path) { try database.close() }
  }

  /// The facts that ``create(at:run:shards:)`` was given.
  public func run() throws(LedgerError) -> [String: String] {
    try read { database in
      var facts: [String: String] = [:]
      for row in try Row.fetchAll(database, sql: "SELECT key, value FROM run") { facts[row[0]] = row[1] }
      return facts
    }
  }

  func read<Value>(_ body: (Database) throws -> Value) throws(LedgerError) -> Value {
    try whereItIs { () throws(LedgerError) in try Self.storage(path) { try database.read(body) } }
  }

  func write<Value>(_ body: (Database) throws -> Value) throws(LedgerError) -> Value {
    try whereItIs { () throws(LedgerError) in try Self.storage(path) { try database.write(body) } }
  }

  /// Where the run folder is gone, that is why something could not be read or written.
  private func whereItIs<Value>(_ body: () throws(LedgerError) -> Value) throws(LedgerError) -> Value {
    do {
      return try body()
    } catch {
      if case .storage = error { try checkPlace() }
      throw error
    }
  }

  /// Gives every error of SQLite and of the file system the ledger's own words.
  private static func storage<Value>(_ path: String, _ body: () throws -> Value) throws(LedgerError) -> Value {
    do {
      return try body()
    } catch let error as LedgerError {
      throw error
    } catch let error as DatabaseError {
      // SQLite does not tell a full disk from one that fails; the disk itself does, unless it has some room again.
      let mayBeFull = [.SQLITE_FULL, .SQLITE_IOERR, .SQLITE_CANTOPEN].contains(error.resultCode)
      let full = error.resultCode == .SQLITE_FULL ? FileError("write", path, code: ENOSPC) : nil
      throw .storage(
        path: path, detail: (mayBeFull ? (Disk.refusal(beside: path) ?? full)?.reason : nil) ?? error.words)
    } catch {
      throw .storage(path: path, detail: error.sentence)
    }
  }

  /// GRDB lets a WAL go unsynced (`synchronous = NORMAL`) once all else is set up: a power cut would take back what was
  /// committed last. Nor does it hear of a disk that failed while the WAL was set up; a rollback journal's end is not
  /// synced either.
  private static func writingPool(_ path: String) throws -> DatabasePool {
    let pool = try DatabasePool(path: path, configuration: configuration(readOnly: false))
    try pool.writeWithoutTransaction { database in
      try database.execute(sql: "PRAGMA synchronous = FULL")
      guard try String.fetchOne(database, sql: "PRAGMA journal_mode") == "wal",
        try Int.fetchOne(database, sql: "PRAGMA synchronous") == 2
      else { throw LedgerError.storage(path: path, detail: "SQLite could not set up its write-ahead log there") }
    }
    return pool
  }

  /// A process that was killed, or whose sync failed, may have left commits in the WAL that are read and not on disk: a power cut
  /// would take them back after others went by them. A commit, even of nothing new, syncs all that is before it.
  private static func keepWhatIsRead(_ pool: any DatabaseWriter) throws {
    try pool.write { try $0.execute(sql: "PRAGMA user_version = \(version)") }
  }

  private static func configuration(readOnly: Bool) -> Configuration {
    var configuration = Configuration()
    configuration.readonly = readOnly
    configuration.label = "gauntlet.ledger"
    configuration.busyMode = .timeout(10)
    configuration.maximumReaderCount = 2
    configuration.prepareDatabase { database in
      if !readOnly { try database.execute(sql: "PRAGMA synchronous = FULL") }
    }
    return configuration
  }

  private static func check(_ database: Database, path: String, checksAll: Bool) throws {
    guard try Int.fetchOne(database, sql: "PRAGMA application_id") == applicationID else {
      throw LedgerError.foreign(path: path)
    }
    let found = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
    guard found == version else { throw LedgerError.version(path: path, found: found, expected: version) }
    let pages = try Int.fetchOne(database, sql: "PRAGMA page_count") ?? 0
    let pageBytes = try Int.fetchOne(database, sql: "PRAGMA page_size") ?? 0
    guard checksAll || pages * pageBytes <= largestChecked else { return }
    let verdict = try String.fetchOne(database, sql: "PRAGMA quick_check(1)") ?? "no answer"
    guard verdict == "ok" else { throw LedgerError.damaged(path: path, detail: verdict) }
  }
}
