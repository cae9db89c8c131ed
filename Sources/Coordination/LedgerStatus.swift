import Foundation
import GRDB
import Planning

/// How far a run is, from its ledger alone; the coordinator may be running meanwhile, or not.
public struct LedgerStatus: Sendable, Codable, Equatable {
  /// Shards by state, and images by state.
  public struct Counts: Sendable, Codable, Equatable {
    /// Shards still to be computed, the running ones included.
    public var pending = 0
    /// Shards that a worker has now.
    public var running = 0
    /// Shards whose result is on disk.
    public var recorded = 0
    /// Shards that failed as often as is allowed.
    public var setAside = 0
    /// Images of all shards.
    public var images = 0
    /// Images of the recorded shards.
    public var recordedImages = 0
    /// Images of the shards that were set aside.
    public var setAsideImages = 0
    /// Images that were set aside in the recorded shards.
    public var failedImages = 0
    /// Those of them whose files could not be read: `gauntlet resume --failed` takes them up.
    public var unreadableImages = 0

    /// All shards.
    public var shards: Int { pending + recorded + setAside }
  }

  /// One condition of one benchmark for one model.
  public struct Cell: Sendable, Codable, Equatable {
    /// Position of the model in the plan.
    public let model: Int
    /// Position of the benchmark in the plan.
    public let benchmark: Int
    /// Position of the condition in the benchmark's grid.
    public let condition: Int
    /// Its shards.
    public let counts: Counts
  }

  /// The whole run.
  public let total: Counts
  /// The cells in order of model, benchmark and condition.
  public let cells: [Cell]
  /// Images per second over the last five minutes of recording; nil before the second record.
  public let imagesPerSecond: Double?
  /// Shards per second over the same time.
  public let shardsPerSecond: Double?
  /// Seconds left at that rate, of what images cost; nil while there is none, 0 when nothing is pending.
  public let secondsLeft: Double?
  /// Workers that have a shard now.
  public let workers: [String]
  /// The newest errors, newest first.
  public let recentErrors: [ErrorRow]
  /// Workers that could not read data or checkpoints lately, the last one first.
  public let troubles: [WorkerTroubles]
  /// When the last result was recorded, in seconds since 1970; nil before the first.
  public let lastRecord: Double?

  /// Every shard is recorded or set aside.
  public var isComplete: Bool { total.pending == 0 }

  /// Every image has a result.
  public var isWhole: Bool { isComplete && total.setAside == 0 && total.failedImages == 0 }

  /// What a worker could not read lately.
  public struct WorkerTroubles: Sendable, Codable, Equatable {
    /// The worker.
    public let worker: String
    /// How often, of late.
    public let count: Int
    /// What it said last.
    public let reason: String
    /// When, in seconds since 1970.
    public let time: Double
  }

  /// The same without a coordinator: nothing runs, and there is no rate at which it would end.
  public func withoutCoordinator() -> LedgerStatus {
    func resting(_ counts: Counts) -> Counts {
      var counts = counts
      counts.running = 0
      return counts
    }
    return LedgerStatus(
      total: resting(total),
      cells: cells.map {
        Cell(model: $0.model, benchmark: $0.benchmark, condition: $0.condition, counts: resting($0.counts))
      }, imagesPerSecond: nil, shardsPerSecond: nil, secondsLeft: isComplete ? 0 : nil, workers: [],
      recentErrors: recentErrors, troubles: troubles, lastRecord: lastRecord)
  }
}

extension Ledger {
  /// How far the run is.
  ///
  /// - Parameters:
  ///   - now: the time, in seconds since 1970; the rate is taken over the five minutes before it.
  ///   - errors: how many of the newest errors to give.
  ///   - cost: what an image of a cell costs, for the time that is left; all cost the same otherwise.
  public func status(
    now: Double, errors: Int = 10, cost: (ShardCell) -> Double = { _ in 1 }
  ) throws(LedgerError) -> LedgerStatus {
    let costs = shards.cells.map(cost)
    return try read { database in
      let cells = try cells(database)
      let total = cells.reduce(into: LedgerStatus.Counts()) { $0.add($1.counts) }
      let rate = try Self.rate(database, now: now, costs)
      let workLeft = zip(cells, costs).reduce(0) { $0 + Double($1.0.counts.imagesLeft) * $1.1 }
      let secondsLeft: Double? =
        total.pending == 0
        ? 0
        : rate.flatMap { rate in
          rate.work > 0 ? workLeft / rate.work : rate.shards > 0 ? Double(total.pending) / rate.shards : nil
        }
      return LedgerStatus(
        total: total, cells: cells, imagesPerSecond: rate?.images, shardsPerSecond: rate?.shards,
        secondsLeft: secondsLeft,
        workers: try String.fetchAll(
          database, sql: "SELECT DISTINCT worker FROM attempts WHERE outcome IS NULL ORDER BY worker"),
        recentErrors: try Self.errors(database, limit: errors), troubles: try Self.troubles(database, now: now),
        lastRecord: try Double.fetchOne(database, sql: "SELECT max(recorded) FROM parts"))
    }
  }

  /// Of the last thousand errors, those of the last five minutes.
  private static func troubles(_ database: Database, now: Double) throws -> [LedgerStatus.WorkerTroubles] {
    // SQLite gives the other columns of the row that has the greatest time.
    try Row.fetchAll(
      database,
      sql: """
        SELECT worker, count(*), reason, max(time) FROM (SELECT * FROM errors ORDER BY id DESC LIMIT 1000)
        WHERE kind = 'troubled' AND time >= ? GROUP BY worker ORDER BY max(time) DESC
        """, arguments: [now - 300]
    ).map { LedgerStatus.WorkerTroubles(worker: $0[0], count: $0[1], reason: $0[2], time: $0[3]) }
  }

  private func cells(_ database: Database) throws -> [LedgerStatus.Cell] {
    var counts = try Row.fetchAll(
      database,
      sql: """
        SELECT recorded, recorded_images, set_aside, set_aside_images, pieces - split - recorded - set_aside FROM cells
        ORDER BY position
        """
    ).enumerated().map { position, row in
      LedgerStatus.Counts(
        pending: shards.cells[position].shardCount + (row[4] as Int), recorded: row[0], setAside: row[2],
        images: shards.cells[position].imageCount, recordedImages: row[1], setAsideImages: row[3])
    }
    let running = try Row.fetchCursor(
      database,
      sql: """
        SELECT cell, count(DISTINCT shards.id) FROM attempts
        JOIN shards ON shards.id = attempts.shard
        WHERE outcome IS NULL AND state = 0 GROUP BY cell
        """)
    while let row = try running.next() {
      let cell: Int = row[0]
      if counts.indices.contains(cell) { counts[cell].running = row[1] }
    }
    let failing = try Row.fetchCursor(
      database,
      sql: """
        SELECT cell, sum(failed_images), sum(unreadable_images) FROM parts JOIN shards ON shards.id = parts.shard
        WHERE failed_images > 0 AND state = 1 GROUP BY cell
        """)
    while let row = try failing.next() {
      let cell: Int = row[0]
      guard counts.indices.contains(cell) else { continue }
      counts[cell].failedImages = row[1]
      counts[cell].unreadableImages = row[2]
    }
    return zip(shards.cells, counts).map { cell, counts in
      LedgerStatus.Cell(model: cell.model, benchmark: cell.benchmark, condition: cell.condition, counts: counts)
    }
  }

  /// The rate of recording: what came after the window's first record, over the time since that one.
  ///
  /// - Parameter costs: of an image of each cell.
  private static func rate(
    _ database: Database, now: Double, _ costs: [Double]
  ) throws -> (shards: Double, images: Double, work: Double)? {
    var (records, images, work) = (0.0, 0.0, 0.0)
    var (first, last) = (Double.infinity, -Double.infinity)
    let rows = try Row.fetchCursor(
      database,
      sql: """
        SELECT cell, count(*), coalesce(sum(images), 0), min(recorded), max(recorded)
        FROM parts JOIN shards ON shards.id = parts.shard WHERE recorded >= ? AND recorded <= ? GROUP BY cell
        """, arguments: [now - 300, now])
    while let row = try rows.next() {
      let cell: Int = row[0]
      let imagesOfCell: Double = row[2]
      records += row[1]
      images += imagesOfCell
      work += imagesOfCell * (costs.indices.contains(cell) ? costs[cell] : 1)
      first = min(first, row[3])
      last = max(last, row[4])
    }
    guard last > first else { return nil }
    let share = (records - 1) / records / (last - first)
    return (records * share, images * share, work * share)
  }
}

extension LedgerStatus.Counts {
  /// Images still to be computed.
  fileprivate var imagesLeft: Int { images - recordedImages - setAsideImages }

  fileprivate mutating func add(_ other: Self) {
    pending += other.pending
    running += other.running
    recorded += other.recorded
    setAside += other.setAside
    images += other.images
    recordedImages += other.recordedImages
    setAsideImages += other.setAsideImages
    failedImages += other.failedImages
    unreadableImages += other.unreadableImages
  }
}
