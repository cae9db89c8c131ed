import Coordination
import Foundation
import Planning

/// A manifest's run: planned in a folder, coordinated, computed, collected and reported.
///
/// The verbs block until they are done and tell how far they are through closures; each may be called from any thread.
/// One process at a time has a run to change it; others may look at it meanwhile.
public struct Run: Sendable {
  /// Plan, ledger and lock.
  public let planned: PlannedRun

  /// Where it lies.
  public var folder: RunFolder { planned.folder }
  /// What is to be done.
  public var plan: Plan { planned.plan }

  /// Plans a manifest in a folder, or goes on with the run that is there.
  ///
  /// - Parameters:
  ///   - manifest: a YAML file; see `docs/manifest.md`.
  ///   - folder: made if it is not there; `runs/NAME` otherwise, NAME being the manifest's run.
  ///   - note: told what is being done, for whoever waits.
  /// - Throws: `ManifestError` and the like for what cannot be planned, which leaves no folder; `RunFolderError` where the
  ///   folder holds something else; `CoordinationError.locked` where another process has the run.
  public static func prepare(
    _ manifest: String, in folder: String? = nil, note: (String) -> Void = { _ in }
  ) throws -> Run {
    let path = try folder ?? usualFolder(of: manifest)
    return Run(planned: try PlannedRun.prepare(manifest: manifest, folder: RunFolder(path), note: note))
  }

  /// Plans a manifest as `prepare` does, and takes over what another run recorded of the same models, benchmarks and
  /// conditions: only what is new is left to be computed.
  ///
  /// - Parameters:
  ///   - other: the other run's folder, which is not changed.
  ///   - progress: told the share that is done, 0...1.
  /// - Throws: what `prepare` does, and `RunFolderError` where the other folder is no run.
  public static func add(
    _ manifest: String, to other: String, in folder: String? = nil, note: (String) -> Void = { _ in },
    progress: (Double) -> Void = { _ in }
  ) throws -> (run: Run, takenOver: TakeOverSummary) {
    let former = try PlannedRun.open(RunFolder(other), readOnly: true)
    let run = try prepare(manifest, in: folder, note: note)
    guard run.plan.runID != former.plan.runID else { throw RunFolderError.sameRun(run.folder.path) }
    return (run, try run.planned.takeOver(from: former, progress: progress))
  }

  /// Where a manifest's run lies unless somebody says otherwise.
  public static func usualFolder(of manifest: String) throws -> String {
    try "runs/" + ManifestReader(file: manifest).read().run
  }

  /// Plans a manifest and writes nothing: all that a run checks before it starts is checked.
  public static func plan(_ manifest: String, note: (String) -> Void = { _ in }) throws -> Plan {
    try PlannedRun.plan(of: manifest, note: note)
  }

  /// Opens the run in a folder to go on with it; refuses where its inputs have changed.
  public static func resume(_ folder: String, note: (String) -> Void = { _ in }) throws -> Run {
    Run(planned: try PlannedRun.resume(RunFolder(folder), note: note))
  }

  /// Opens the run in a folder to look at it; it may be computed meanwhile.
  public static func open(_ folder: String) throws -> Run {
    Run(planned: try PlannedRun.open(RunFolder(folder), readOnly: true))
  }

  /// Makes a run folder whole whose files were damaged or lost, or takes results back; see `PlannedRun.mend`.
  ///
  /// - Parameters:
  ///   - rejecting: a worker's name, a shard's number, or `MODEL/BENCHMARK` with or without `/AXIS=VALUE`, whose results are taken
  ///     back, too.
  ///   - progress: told the share that is done, 0...1.
  public static func mend(
    _ folder: String, rejecting: String? = nil, progress: (Double) -> Void = { _ in }
  ) throws -> MendSummary {
    let place = RunFolder(folder)
    let rejection = try rejecting.map { try Rejection($0, of: Plan.read(from: place)) }
    return try PlannedRun.mend(place, rejecting: rejection, progress: progress)
  }

  /// How far it is, as the ledger says now.
  public func status() throws -> LedgerStatus {
    try planned.ledger.status(now: Date().timeIntervalSince1970, cost: plan.cost(of:))
  }

  /// Merges the parts into one archive, which is written beside its place, synced and renamed.
  ///
  /// - Parameters:
  ///   - path: where it is written; `archive.h5` in the run folder otherwise.
  ///   - partial: collect a run that has not ended; what is missing is marked.
  ///   - progress: told the share that is done, 0...1.
  /// - Throws: `CollectionError` where the run has not ended, or an error of parts, disk or HDF5.
  public func collect(
    to path: String? = nil, partial: Bool = false, progress: (Double) -> Void = { _ in }
  ) throws -> CollectionSummary {
    try Collector(run: planned, version: Release.version).collect(
      to: path ?? folder.archive, partial: partial, progress: progress)
  }
}

/// Why a run ended before its work.
public enum RunEnd: Error, Equatable, CustomStringConvertible {
  /// Every local worker died.
  case workersGaveUp(String)
  /// It was asked to end.
  case drained(folder: String, left: Int)
  /// No worker could compute anything.
  case stalled(folder: String, left: Int, reason: String)

  /// What is left, and how to go on.
  public var description: String {
    switch self {
    case .workersGaveUp(let reason): reason
    case .drained(let folder, let left):
      "stopped with \(left) shards left; nothing is lost, continue with gauntlet resume \(folder)"
    case .stalled(let folder, let left, let reason):
      "no worker could compute anything for a long time: \(reason.prefix(300)); \(left) shards are left and nothing is "
        + "lost: once that is fixed, continue with gauntlet resume \(folder)"
    }
  }
}
