import Archives
import Foundation
import Planning

/// What mending a run folder found and did.
public struct MendSummary: Sendable, Equatable {
  /// Where the ledger that could not be used lies now; nil if the ledger is sound.
  public internal(set) var setAsideLedger: String?
  /// Recorded parts that were compared with the ledger.
  public internal(set) var checkedParts = 0
  /// Recorded parts that are damaged or gone: their shards will be computed anew.
  public internal(set) var discarded: [DamagedPart] = []
  /// Whole parts that the ledger did not know, and does now.
  public internal(set) var takenUp = 0
  /// Files that a crash left half-written, removed now.
  public internal(set) var removedLeftovers = 0
  /// Results that were taken back, by their files' paths: their shards will be computed anew.
  public internal(set) var rejected: [String] = []

  /// A recorded part that cannot be used.
  public struct DamagedPart: Sendable, Hashable {
    /// The file, relative to the run folder.
    public let path: String
    /// What is wrong with it.
    public let reason: String
  }
}

extension PlannedRun {
  /// Makes a run folder whole after its disk lied: a ledger that cannot be read is made anew from the plan, parts that are
  /// damaged or gone are forgotten, so that their shards are computed anew, and whole parts that the ledger does not know
  /// are entered.
  ///
  /// Nothing else may use the folder meanwhile. Nothing is removed but half-written files.
  ///
  /// - Parameters:
  ///   - rejection: results that are to be taken back, too.
  ///   - progress: told the share that is done, 0...1.
  /// - Throws: `CoordinationError.locked` while a coordinator runs, `RunFolderError` where the plan itself is damaged,
  ///   `RejectionError` where there is nothing to take back, or an error of the disk.
  public static func mend(
    _ folder: RunFolder, rejecting rejection: Rejection? = nil, progress: (Double) -> Void
  ) throws -> MendSummary {
    try folder.requirePrivate()
    let plan = try Plan.read(from: folder)
    let lock = try RunLock(folder: folder.path)
    defer { withExtendedLifetime(lock) {} }
    var summary = MendSummary()
    let ledger = try openLedger(of: plan, in: folder, &summary)
    try rejection?.reject(in: folder, ledger, &summary)
    let files = try partFiles(in: folder, &summary)
    let known = try checkRecorded(folder, ledger, &summary) { progress($0 / 2) }
    let unknown = files.filter { !known.contains($0) }
    try takeUp(unknown, of: plan, in: folder, ledger, rejection, summary: &summary) { progress(0.5 + $0 / 2) }
    try rejection?.finish(in: folder, ledger, summary)
    try ledger.close()
    return summary
  }

  /// The run's ledger; a new one where it cannot be read.
  private static func openLedger(
    of plan: Plan, in folder: RunFolder, _ summary: inout MendSummary
  ) throws -> Ledger {
    do {
      let ledger = try Ledger.open(at: folder.ledger, checksAll: true)
      guard try ledger.run()["id"] == plan.runID, ledger.shards == plan.shards else {
        throw LedgerError.foreign(path: folder.ledger)
      }
      return ledger
    } catch LedgerError.missing, LedgerError.foreign, LedgerError.damaged {
      summary.setAsideLedger = try putAside(folder.ledger)
      return try createLedger(of: plan, in: folder)
    }
  }

  static func createLedger(of plan: Plan, in folder: RunFolder) throws(LedgerError) -> Ledger {
    try Ledger.create(
      at: folder.ledger, run: ["id": plan.runID, "name": plan.manifest.run, "created": plan.created],
      shards: plan.shards)
  }

  /// Moves a ledger out of the way with what belongs to it; nil where there is none.
  private static func putAside(_ path: String) throws -> String? {
    let manager = FileManager.default
    var number = 1
    while manager.fileExists(atPath: "\(path).damaged-\(number)") { number += 1 }
    let place = "\(path).damaged-\(number)"
    for suffix in ["", "-wal", "-shm"] where manager.fileExists(atPath: path + suffix) {
      try manager.moveItem(atPath: path + suffix, toPath: place + suffix)
    }
    return manager.fileExists(atPath: place) ? place : nil
  }

  /// The parts on disk, relative to the run folder.
  private static func partFiles(in folder: RunFolder, _ summary: inout MendSummary) throws -> [String] {
    let manager = FileManager.default
    var parts: [String] = []
    guard let files = manager.enumerator(atPath: folder.path + "/parts") else { return [] }
    for case let name as String in files {
      if name.hasSuffix(".h5") {
        parts.append("parts/" + name)
      } else if name.contains(".h5.tmp-") {
        try manager.removeItem(atPath: folder.path + "/parts/" + name)
        summary.removedLeftovers += 1
      }
    }
    return parts
  }

  /// The files of each shard together, the shards in order. One that took the place of another (`17-4.h5` that of `17.h5`)
  /// comes first, the last such one.
  private static func byShard(_ files: [String]) -> [[String]] {
    func shard(_ file: String) -> Substring { file.dropLast(".h5".count).prefix { $0 != "-" } }
    let shards = Dictionary(grouping: files, by: shard).values.map {
      $0.sorted { $0.compare($1, options: .numeric) == .orderedDescending }
        .sorted { $0.contains("-") && !$1.contains("-") }
    }
    return shards.sorted { shard($0[0]).compare(shard($1[0]), options: .numeric) == .orderedAscending }
  }

  /// Compares every recorded part with its digest. Gives the paths of those that are whole.
  private static func checkRecorded(
    _ folder: RunFolder, _ ledger: Ledger, _ summary: inout MendSummary, progress: (Double) -> Void
  ) throws -> Set<String> {
    let total = try ledger.status(now: 0).total.recorded
    var whole: Set<String> = []
    var damaged: [LedgerEntry] = []
    try ledger.forEachPart { row in
      guard let part = row.part else { return }
      summary.checkedParts += 1
      progress(Double(summary.checkedParts) / Double(max(1, total)))
      let path = folder.path + "/" + part.path
      let digest = try? FileDigest.sha256(of: path)
      guard digest != part.sha256 else {
        whole.insert(part.path)
        return
      }
      let reason =
        digest != nil
        ? "its bytes do not match the recorded digest"
        : FileManager.default.fileExists(atPath: path) ? "it cannot be read" : "it is gone"
      summary.discarded.append(MendSummary.DamagedPart(path: part.path, reason: reason))
      damaged.append(
        .discarded(shard: row.definition.id, reason: "\(part.path): \(reason)", time: Date().timeIntervalSince1970))
    }
    try ledger.commit(damaged)
    return whole
  }

  /// Enters parts that are whole, of this run, and what the plan asks for: of each shard the one that lacks the fewest images,
  /// where the ledger has none that lacks as few. Others are left where they are; computing their shards replaces them.
  private static func takeUp(
    _ files: [String], of plan: Plan, in folder: RunFolder, _ ledger: Ledger, _ rejection: Rejection?,
    summary: inout MendSummary, progress: (Double) -> Void
  ) throws {
    let former = try ledger.formerParts()
    var done = 0
    for candidates in byShard(files) {
      progress(Double(done) / Double(files.count))
      done += candidates.count
      var best: WholePart?
      for file in candidates {
        guard let part = wholePart(file, of: plan, in: folder, ledger) else { continue }
        if let shard = ledger.definition(of: part.shard), rejection?.rejects(shard, worker: part.worker) == true {
          try Rejection.putAside(file, in: folder)
          summary.rejected.append(file)
          continue
        }
        if best.map({ part.lacks < $0.lacks }) ?? true { best = part }
      }
      guard let best else { continue }
      if let former = former[best.shard], former.failedImages <= best.lacks { continue }
      if try isEntered(best.entry, in: ledger) { summary.takenUp += 1 }
    }
  }

  /// A part that may be entered.
  private struct WholePart {
    let shard: Int64
    /// Who computed it.
    let worker: String
    /// Images without a result.
    let lacks: Int
    let entry: LedgerEntry
  }

  /// The part in a file; nil for one that is not whole, or not what the plan asks for.
  private static func wholePart(
    _ file: String, of plan: Plan, in folder: RunFolder, _ ledger: Ledger
  ) -> WholePart? {
    guard let stored = try? PartFile.readSealed(folder.path + "/" + file),
      let shard = ledger.definition(of: stored.part.shard), isPlace(file, of: stored.part, in: folder),
      stored.part.attributes["run_id"] == plan.runID, stored.part.conditionIndex == shard.condition,
      stored.part.group == plan.group(model: shard.model, benchmark: shard.benchmark),
      stored.part.firstImage == shard.firstImage, stored.part.imageCount == shard.imageCount
    else { return nil }
    let part = StoredPart(
      path: file, sha256: stored.sha256, bytes: stored.bytes, failedImages: stored.part.failures.count,
      unreadableImages: stored.part.failures.count(where: \.isUnreadable))
    let worker = stored.part.attributes["worker"] ?? "unknown"
    return WholePart(
      shard: shard.id, worker: worker, lacks: part.failedImages,
      entry: .recorded(
        shard: shard.id, attempt: stored.part.attributes["attempt"].flatMap(Int.init) ?? 1,
        worker: worker, part: part, computeNanoseconds: 0,
        time: Date().timeIntervalSince1970))
  }

  /// Whether a part lies where it was written.
  private static func isPlace(_ file: String, of part: PartContents, in folder: RunFolder) -> Bool {
    if folder.relativePart(shard: part.shard) == file { return true }
    guard let attempt = part.attributes["attempt"].flatMap(Int.init) else { return false }
    return folder.relativePart(shard: part.shard, attempt: attempt) == file
  }

  /// Enters a record; false where the ledger knows pieces of the shard instead.
  private static func isEntered(_ entry: LedgerEntry, in ledger: Ledger) throws -> Bool {
    do {
      try ledger.commit([entry])
      return true
    } catch {
      guard case .notRecordable = error else { throw error }
      return false
    }
  }
}
