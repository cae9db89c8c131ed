import Durable
import Foundation
import GRDB

/// Opens a ledger for reading, also where nothing may be written beside it.
///
/// SQLite keeps a file in shared memory beside a database with a write-ahead log. On a file system that is mounted
/// read-only, in a folder of another user, or on a file system without locks it cannot. There a ledger without a log is read
/// as one that nobody changes, and one with a log from a copy.
enum LedgerReader {
  static func open(_ path: String, configuration: Configuration) throws -> any DatabaseWriter {
    do {
      let pool = try DatabasePool(path: path, configuration: configuration)
      _ = try pool.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM sqlite_schema") }
      return pool
    } catch let error as DatabaseError where needsOtherWay(error) {
      guard try hasLog(path) else {
        guard let place = path.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) else { throw error }
        return try DatabaseQueue(path: "file:\(place)?immutable=1", configuration: configuration)
      }
      return try copy(of: path)
    }
  }

  private static func needsOtherWay(_ error: DatabaseError) -> Bool {
    [.SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_IOERR, .SQLITE_PROTOCOL].contains(error.resultCode)
  }

  private static func hasLog(_ path: String) throws -> Bool {
    var status = stat()
    if stat(path + "-wal", &status) == 0 { return status.st_size > 0 }
    guard errno == ENOENT else { throw FileError("read", path + "-wal") }
    return false
  }

  /// A copy with its log taken in, which has no name any more when this returns and goes with its connection.
  private static func copy(of path: String) throws -> DatabaseQueue {
    let place = TemporaryFolder.path + "/gauntlet-ledger-" + UUID().uuidString
    defer { for suffix in ["", "-wal", "-shm", "-journal"] { unlink(place + suffix) } }
    for suffix in ["", "-wal"] {
      try FileManager.default.copyItem(atPath: path + suffix, toPath: place + suffix)
      chmod(place + suffix, 0o600)
    }
    let queue = try DatabaseQueue(path: place)
    try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA journal_mode = DELETE") }
    return queue
  }
}

extension DatabaseError {
  /// What SQLite said, in words that tell what to do.
  var words: String {
    switch resultCode {
    case .SQLITE_FULL: "database or disk is full"
    case .SQLITE_READONLY: "it is read-only here"
    case .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_AUTH: "it cannot be opened"
    case .SQLITE_BUSY, .SQLITE_LOCKED: "another process has locked it"
    case .SQLITE_NOMEM: "out of memory"
    case .SQLITE_PROTOCOL, .SQLITE_NOLFS: Self.lacksLocks
    case .SQLITE_IOERR where Self.failedLocks.contains(extendedResultCode): Self.lacksLocks
    case .SQLITE_IOERR: "its file system is failing (I/O error)"
    default: message ?? "SQLite error \(extendedResultCode.rawValue)"
    }
  }

  private static let lacksLocks =
    "its file system does not support locking, which a run folder needs; choose one that does, such as a local disk"

  private static let failedLocks: [ResultCode] = [
    .SQLITE_IOERR_LOCK, .SQLITE_IOERR_RDLOCK, .SQLITE_IOERR_UNLOCK, .SQLITE_IOERR_CHECKRESERVEDLOCK,
    .SQLITE_IOERR_SHMLOCK, .SQLITE_IOERR_SHMOPEN, .SQLITE_IOERR_SHMMAP,
  ]
}
