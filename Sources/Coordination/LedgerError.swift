import Durable
import Foundation

/// A ledger that cannot be used, and what to do about it.
public enum LedgerError: Error, Sendable, Equatable, CustomStringConvertible {
  /// There is no ledger at `path`.
  case missing(path: String)
  /// The run folder may not be looked into.
  case unreachable(FileError)
  /// The file at `path` is no longer the one that was opened: the run folder was deleted or moved.
  case gone(path: String)
  /// There is a ledger at `path` already.
  case exists(path: String)
  /// The file at `path` is not a ledger.
  case foreign(path: String)
  /// The ledger was written by another version of Gauntlet.
  case version(path: String, found: Int, expected: Int)
  /// SQLite's own check found the file damaged.
  case damaged(path: String, detail: String)
  /// The run has no shard of that number.
  case noShard(Int64)
  /// A second record of a shard, or the record of a shard that the ledger does not know.
  case notRecordable(shard: Int64)
  /// SQLite could not read or write.
  case storage(path: String, detail: String)

  /// One sentence: what, where and what to do.
  public var description: String {
    switch self {
    case .missing(let path):
      "No ledger at \(path); start the run with `gauntlet run` or `gauntlet coordinate`."
    case .unreachable(let error): error.description
    case .gone(let path):
      "\(DurableFile.folder(of: path)) was deleted or moved during the run, so nothing can be written there any more; "
        + "move it back and continue with `gauntlet resume`, or start a new run."
    case .exists(let path):
      "A ledger already exists at \(path); continue with `gauntlet resume`, or choose another run folder."
    case .foreign(let path):
      "\(path) is not the ledger of this run; check the run folder, then run gauntlet mend."
    case .version(let path, let found, let expected):
      "The ledger \(path) has format \(found) and this program reads format \(expected); use the version that started the run."
    case .damaged(let path, let detail):
      "The ledger \(path) is damaged (\(detail)); gauntlet mend rebuilds it from the plan and the parts."
    case .noShard(let id):
      "The run has no shard \(id), so nothing was recorded for it."
    case .notRecordable(let shard):
      "Shard \(shard) is unknown to the ledger or already recorded; its result was not recorded again."
    case .storage(let path, let detail):
      "The ledger \(path) cannot be read or written: \(detail). Fix that, then run `gauntlet resume`."
    }
  }
}
