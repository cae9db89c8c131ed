import Coordination
import Foundation
import Launching
import Planning

/// Starts a run's coordinator and workers by an engine (this machine, Slurm, Kubernetes), and returns; the run goes on.
public struct Launch: Sendable {
  /// What a launch tells as it goes on.
  public enum Event: Sendable, Equatable {
    /// What is being done or waited for.
    case note(String)
    /// What the user should know of an engine.
    case remark(String)
    /// Something was placed; `word` is what the engine calls it.
    case placed(LaunchRecord.Job, word: String)
    /// How the coordinator that was placed is.
    case coordinator(String)
    /// Nothing was placed, since nothing is left to do.
    case nothingLeft(folder: String)
    /// All is placed; jobs end by the command.
    case launched(folder: String, jobs: [LaunchRecord.Job], endCommand: String)
  }

  private let order: LaunchOrder
  private let engine: any LaunchEngine
  private let isForNewCoordinator: Bool

  private var kind: any LaunchEngine.Type { type(of: engine) }

  /// A launch of a manifest, or of the run that a folder holds.
  ///
  /// - Parameters:
  ///   - manifest: not needed for a run folder that was begun.
  ///   - folder: the run folder, as every machine sees it; `runs/NAME` otherwise.
  ///   - settings: they come before those of the manifest's `cluster` section.
  ///   - passed: options of the processes.
  ///   - executable: the program, which every machine must see.
  /// - Throws: `Misuse` where it is not said where, or an engine cannot place what is asked; `ManifestError`.
  public init(
    manifest: String?, folder: String?, settings: ClusterSettings = ClusterSettings(),
    passed: PassedOptions = PassedOptions(), executable: String = OwnExecutable.path
  ) throws {
    let reader = try Self.reader(manifest, folder)
    let settings = try settings.over(reader.cluster(engines: LaunchEngines.names))
    guard let name = settings.engine else {
      throw Misuse(
        "no engine given: use --engine \(LaunchEngines.choice), or set engine in the manifest's cluster section")
    }
    guard let kind = LaunchEngines.named(name) else {
      throw Misuse("--engine is \(name.prefix(60)), but must be \(LaunchEngines.choice)")
    }
    order = LaunchOrder(
      name: try reader.runName(), folder: folder, manifest: manifest, settings: settings, executable: executable,
      passed: passed)
    isForNewCoordinator = passed.takesUpFailed || passed.listen != nil || passed.live != nil
    do { engine = try kind.init(order) } catch let misuse as any LaunchMisuse { throw Misuse(misuse.description) }
  }

  /// Of the manifest given, or of the one that the run folder keeps.
  private static func reader(_ manifest: String?, _ folder: String?) throws -> ManifestReader {
    if let manifest { return ManifestReader(file: manifest) }
    guard let folder else { throw Misuse("give a manifest, or --run with an existing run folder") }
    let run = RunFolder(folder)
    try run.requirePlan()
    return ManifestReader(file: run.manifest)
  }

  /// Checks all, and says what would be placed.
  ///
  /// - Parameter note: told what is being done, and what is assumed of data and pictures.
  /// - Returns: a line each.
  public func rehearse(note: (String) -> Void = { _ in }) throws -> [String] {
    if kind.plansHere {
      let plan = try PlannedRun.rehearse(manifest: order.manifest, folder: order.runFolder, note: note)
      for line in plan.preparation { note("pictures of \(line)") }
      for line in plan.assumptions { note("data of \(line)") }
    }
    return try engine.rehearse()
  }

  /// Plans the run where it is not planned yet, and places coordinator and workers; on a run whose coordinator is there it
  /// adds workers.
  ///
  /// - Throws: `Misuse`, `LaunchError`, or an error of planning; nothing stays placed then.
  public func perform(tell: (Event) -> Void) throws {
    guard kind.plansHere else {
      _ = try engine.launch(isCoordinated: false) { tell(.remark($0)) }
      return
    }
    let folder = order.runFolder
    // Before the lock, which makes the folder.
    let planned = try order.manifest.flatMap { try PlannedRun.planBeforehand($0, folder) { tell(.note($0)) } }
    // One at a time, so that none submits a second coordinator or forgets what another one launched.
    let lock = try LaunchLock(of: folder) {
      tell(.note("another launch of \(folder.path) is in progress; waiting for it"))
    }
    defer { withExtendedLifetime(lock) {} }
    // A coordinator on another machine has the ledger to itself: SQLite's journal is coherent on one machine only.
    let isCoordinated = try isCoordinatedHere(tell) || engine.isCoordinated()
    guard !isCoordinated || !isForNewCoordinator else {
      throw Misuse("the run already has a coordinator; --failed, --listen and --live only apply when one is launched")
    }
    guard try isCoordinated || hasWork(planned, tell) || order.passed.takesUpFailed else {
      return tell(.nothingLeft(folder: folder.path))
    }
    let jobs = try engine.launch(isCoordinated: isCoordinated) { tell(.remark($0)) }
    for job in jobs { tell(.placed(job, word: kind.words.job)) }
    if let coordinator = jobs.first(where: { $0.role == .coordinator }) {
      do {
        let line = try LaunchWatch(folder: folder) { engine.state(of: coordinator) }.look()
        if let line { tell(.coordinator(line)) }
      } catch {
        engine.cancel(jobs)
        throw error
      }
    }
    tell(.launched(folder: folder.path, jobs: jobs, endCommand: kind.words.end))
  }

  /// Whether a process on this machine coordinates the run now.
  private func isCoordinatedHere(_ tell: (Event) -> Void) throws -> Bool {
    guard try order.runFolder.hasPlan() else { return false }
    do {
      _ = try RunLock(folder: order.runFolder.path) { tell(.note($0)) }
      return false
    } catch CoordinationError.locked, CoordinationError.owned {
      return true
    }
  }

  /// Plans the run, or opens the one that is there; whether it has shards that are neither recorded nor set aside.
  private func hasWork(_ planned: Plan?, _ tell: (Event) -> Void) throws -> Bool {
    let run =
      try order.manifest.map {
        try PlannedRun.prepare(manifest: $0, folder: order.runFolder, planned: planned) { tell(.note($0)) }
      } ?? PlannedRun.resume(order.runFolder) { tell(.note($0)) }
    return try !run.ledger.status(now: Date().timeIntervalSince1970).isComplete
  }
}
