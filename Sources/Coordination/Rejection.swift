import Durable
import Foundation
import Planning

/// Results of a run that turned out wrong and are to be computed anew.
public enum Rejection: Sendable, Hashable {
  /// All that a worker computed, by its name.
  case worker(String)
  /// What was recorded of a shard, by its number.
  case shard(Int64)
  /// What was recorded of conditions of a model on a benchmark.
  case cells(RejectedCells)

  /// A number is a shard's, as no worker has a number for a name; everything else is a worker's name, as `gauntlet status`
  /// shows it.
  public init(_ text: String) { self = Int64(text).map(Rejection.shard) ?? .worker(text) }

  func rejects(_ shard: ShardDefinition, worker: String) -> Bool {
    switch self {
    case .worker(let name): worker == name || worker.plain == name
    case .shard(let number): shard.id == number
    case .cells(let cells):
      shard.model == cells.model && shard.benchmark == cells.benchmark && cells.conditions.contains(shard.condition)
    }
  }

  /// Takes back what the ledger has of it. A part's file is put aside before the ledger forgets it, so that whatever happens
  /// between the two, no later mending takes it up again.
  func reject(in folder: RunFolder, _ ledger: Ledger, _ summary: inout MendSummary) throws {
    if case .shard(let number) = self, ledger.definition(of: number) == nil { throw RejectionError.noShard(number) }
    var entries: [LedgerEntry] = []
    var paths: [String] = []
    try ledger.forEachPart { row in
      guard rejects(row.definition, worker: row.worker) else { return }
      paths.append(row.part?.path ?? "shard \(row.definition.id)")
      entries.append(
        .withdrawn(
          shard: row.definition.id, attempt: row.attempt, worker: row.worker, reason: "discarded by mend --reject",
          time: Date().timeIntervalSince1970))
    }
    for path in paths where FileManager.default.fileExists(atPath: folder.path + "/" + path) {
      try Self.putAside(path, in: folder)
    }
    try ledger.commit(entries)
    summary.rejected += paths
  }

  /// An archive or a report of what was taken back is none of the run any more.
  func finish(in folder: RunFolder, _ ledger: Ledger, _ summary: MendSummary) throws {
    guard !summary.rejected.isEmpty else { throw try nothing(in: ledger) }
    for path in [folder.archive, folder.report] where FileManager.default.fileExists(atPath: path) {
      try Self.putAside(path.replacing(folder.path + "/", with: "", maxReplacements: 1), in: folder)
    }
  }

  private func nothing(in ledger: Ledger) throws -> RejectionError {
    switch self {
    case .shard(let number): return .noResult(number)
    case .cells(let cells): return .noResultOf(cells.name)
    case .worker(let name):
      var counts: [String: Int] = [:]
      try ledger.forEachPart { counts[$0.worker, default: 0] += 1 }
      return .noWorker(name, counts)
    }
  }

  /// Gives a file a name that nothing of the run has: `17.h5.rejected-1`.
  static func putAside(_ file: String, in folder: RunFolder) throws {
    let path = folder.path + "/" + file
    var number = 1
    while FileManager.default.fileExists(atPath: "\(path).rejected-\(number)") { number += 1 }
    try FileManager.default.moveItem(atPath: path, toPath: "\(path).rejected-\(number)")
    DurableFile.synchroniseFolder(of: path)
  }
}

/// Conditions of a model on a benchmark.
public struct RejectedCells: Sendable, Hashable {
  /// As the user says it.
  public let name: String
  /// The model's position in the manifest.
  public let model: Int
  /// The benchmark's position in the manifest.
  public let benchmark: Int
  /// Positions in the benchmark's grid.
  public let conditions: Set<Int>

  /// Conditions by their positions.
  public init(name: String, model: Int, benchmark: Int, conditions: Set<Int>) {
    (self.name, self.model, self.benchmark, self.conditions) = (name, model, benchmark, conditions)
  }
}

/// Why nothing was taken back.
public enum RejectionError: Error, Equatable, CustomStringConvertible {
  /// The run has no shard of this number.
  case noShard(Int64)
  /// No result is recorded of this shard.
  case noResult(Int64)
  /// No result is recorded of these conditions.
  case noResultOf(String)
  /// No recorded result is of this worker; how many are of which.
  case noWorker(String, [String: Int])

  /// What was found and what to do.
  public var description: String {
    switch self {
    case .noShard(let number): return "the run has no shard \(number); gauntlet status --json names those that failed"
    case .noResult(let number): return "no result of shard \(number) is recorded, so there is nothing to discard"
    case .noResultOf(let name): return "no result of \(name) is recorded, so there is nothing to discard"
    case .noWorker(let name, let counts):
      let shown = 20
      let known = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      let list = known.prefix(shown).map { "\($0.key.plain) (\($0.value))" }.joined(separator: ", ")
      return "no result of a worker \(name.plain) is recorded; "
        + (known.isEmpty
          ? "no results are recorded"
          : "the workers that computed shards are \(list)"
            + (known.count > shown ? " and \(known.count - shown) more" : ""))
    }
  }
}
