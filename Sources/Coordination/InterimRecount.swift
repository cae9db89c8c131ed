import Archives
import Durable
import Foundation
import GRDB
import Planning
import Synchronization

/// Counts what former coordinators of a run recorded, from its parts, on a thread of its own that rests three times as long as
/// it works: so that provisional figures outlive a restart and cost the run little.
public final class InterimRecount: Sendable {
  /// Parts that are asked of the ledger at once.
  private static let batch = 64
  /// Rest after work, as many times as long.
  private static let rest = 3.0

  private let tally: InterimTally
  private let ledger: Ledger
  private let folder: RunFolder
  private let isStopped = Atomic(false)
  private let hasBegun = Atomic(false)
  private let ended = Atomic(false)

  /// Of the parts that a run's ledger names.
  public init(_ tally: InterimTally, ledger: Ledger, folder: RunFolder) {
    (self.tally, self.ledger, self.folder) = (tally, ledger, folder)
  }

  /// Begins, once; further calls do nothing.
  public func begin() {
    guard !hasBegun.exchange(true, ordering: .acquiringAndReleasing) else { return }
    let thread = Thread { [self] in
      count { seconds in
        var left = min(5, seconds * Self.rest)
        // In pieces, so that the end of a run does not wait for it.
        while left > 0, !isStopped.load(ordering: .acquiring) {
          usleep(UInt32(min(left, 0.1) * 1e6))
          left -= 0.1
        }
      }
      ended.store(true, ordering: .releasing)
    }
    thread.stackSize = 4 << 20
    thread.start()
  }

  /// Whether all was counted that there was.
  public var hasEnded: Bool { ended.load(ordering: .acquiring) }

  /// Ends it soon.
  public func stop() { isStopped.store(true, ordering: .releasing) }

  /// Counts all that is recorded and was not counted. A part that cannot be read is left to `collect`, which says so.
  ///
  /// - Parameter rest: told of each batch how many seconds it took.
  package func count(rest: (_ seconds: Double) -> Void = { _ in }) {
    var last: Int64 = -1
    let clock = ContinuousClock()
    while !isStopped.load(ordering: .acquiring) {
      var rows: [PartRow] = []
      let seconds = clock.measure {
        rows = (try? ledger.recordedParts(after: last, atMost: Self.batch)) ?? []
        for row in rows where !tally.has(row.definition.id) && !isStopped.load(ordering: .acquiring) { add(row) }
      }.inSeconds
      guard let end = rows.last?.definition.id else { return }
      last = end
      rest(seconds)
    }
  }

  private func add(_ row: PartRow) {
    guard let part = row.part,
      let contents = try? PartFile.read(folder.path + "/" + part.path, expectedSHA256: part.sha256),
      contents.firstImage == row.definition.firstImage, contents.imageCount == row.definition.imageCount
    else { return }
    tally.add(contents.observations, failures: contents.failures, of: row.definition)
  }
}

extension Ledger {
  /// Parts of recorded shards, by number.
  fileprivate func recordedParts(after shard: Int64, atMost limit: Int) throws -> [PartRow] {
    try read { database in
      try readPieces(in: database)
      return try Row.fetchAll(
        database,
        sql: """
          SELECT shard, path, sha256, bytes, failed_images, unreadable_images, worker, attempt, compute_nanoseconds, recorded
          FROM parts CROSS JOIN shards ON shards.id = parts.shard WHERE parts.shard > ? AND state = 1
          ORDER BY parts.shard LIMIT ?
          """, arguments: [shard, limit]
      ).compactMap { row in
        definition(of: row["shard"]).map { PartRow(row: row, definition: $0) }
      }
    }
  }
}
