import Foundation
import Networks
import Planning

/// A run folder with its plan and its ledger, ready to be coordinated, looked at or collected.
public struct PlannedRun: Sendable {
  /// Where it lies.
  public let folder: RunFolder
  /// What is to be done.
  public let plan: Plan
  /// What was done.
  public let ledger: Ledger
  /// Keeps others off it; nil where it is only looked at.
  public let lock: RunLock?

  /// Opens the run in a folder and changes nothing; the coordinator may be running meanwhile.
  ///
  /// - Throws: `RunFolderError` or `LedgerError`.
  public static func open(_ folder: RunFolder, readOnly: Bool) throws -> PlannedRun {
    try open(folder, readOnly: readOnly, lock: nil)
  }

  private static func open(_ folder: RunFolder, readOnly: Bool, lock: RunLock?) throws -> PlannedRun {
    let plan = try Plan.read(from: folder)
    let ledger = try Ledger.open(at: folder.ledger, readOnly: readOnly)
    guard try ledger.run()["id"] == plan.runID, ledger.shards == plan.shards else {
      throw LedgerError.foreign(path: folder.ledger)
    }
    return PlannedRun(folder: folder, plan: plan, ledger: ledger, lock: lock)
  }

  /// Plans a manifest in a folder, or goes on with the run that is there. The folder is locked before it is looked into,
  /// for as long as the result lives: of two manifests that are started at once in one folder, one is told so. A manifest
  /// that is refused leaves no folder where none was.
  ///
  /// A crash between plan and ledger leaves a plan alone; the ledger follows from it.
  ///
  /// - Parameters:
  ///   - planned: the manifest's plan where it was made already.
  ///   - note: told what is being done, for whoever waits.
  /// - Throws: `RunFolderError.otherManifest` where the folder holds a run of a manifest that asks for something else,
  ///   `.othersFiles` where it holds files of no run, `CoordinationError.locked` where another process has it.
  public static func prepare(
    manifest: String, folder: RunFolder, planned: Plan? = nil, note: (String) -> Void = { _ in }
  ) throws -> PlannedRun {
    let planned = try planned ?? planBeforehand(manifest, folder, note)
    try folder.create()
    let lock = try RunLock(folder: folder.path, note: note)
    if try folder.hasPlan() {
      try check(manifest, isOf: Plan.read(from: folder), in: folder)
    } else {
      try (planned ?? plan(of: manifest, note: note)).write(to: folder)
    }
    return try resume(folder, lock)
  }

  /// The manifest's plan where there is no folder yet, nil where there is one: that is locked first, and then looked into.
  ///
  /// - Throws: what `prepare` would where the manifest or the folder cannot be used; nothing is written.
  public static func planBeforehand(
    _ manifest: String, _ folder: RunFolder, _ note: (String) -> Void = { _ in }
  ) throws -> Plan? {
    // Before the lock, which would be a file of ours among others'.
    try folder.requireFree(for: ManifestReader(file: manifest).contents())
    guard !folder.isThere else { return nil }
    try folder.requireMakeable()
    return try plan(of: manifest, note: note)
  }

  /// Plans a manifest, and refuses whatever would make a run of it useless; writes nothing.
  public static func plan(of manifest: String, note: (String) -> Void = { _ in }) throws -> Plan {
    let plan = try Plan.make(manifestPath: manifest, note: note)
    for model in plan.manifest.models {
      try model.ownArchitecture()?.check(model.checkpoint)
    }
    return plan
  }

  /// The plan that `prepare` would go on with or make; writes nothing.
  ///
  /// - Throws: what `prepare` would.
  public static func rehearse(
    manifest: String?, folder: RunFolder, note: (String) -> Void = { _ in }
  ) throws -> Plan {
    guard try folder.hasPlan() else {
      guard let manifest else { throw RunFolderError.notARun(folder.path) }
      try folder.requireFree(for: ManifestReader(file: manifest).contents())
      return try plan(of: manifest, note: note)
    }
    let plan = try Plan.read(from: folder)
    if let manifest { try check(manifest, isOf: plan, in: folder) }
    try plan.checkInputsUnchanged()
    return plan
  }

  private static func check(_ manifest: String, isOf plan: Plan, in folder: RunFolder) throws {
    let differences = try ManifestReader(file: manifest).read().differences(from: plan.manifest)
    guard differences.isEmpty else { throw RunFolderError.otherManifest(folder.path, differences: differences) }
  }

  /// Opens the run in a folder to go on with it, locked; refuses where its inputs changed.
  ///
  /// - Parameter note: told why it takes longer, for whoever waits.
  public static func resume(_ folder: RunFolder, note: (String) -> Void = { _ in }) throws -> PlannedRun {
    try folder.requirePlan()
    try folder.requirePrivate()
    return try resume(folder, RunLock(folder: folder.path, note: note))
  }

  private static func resume(_ folder: RunFolder, _ lock: RunLock) throws -> PlannedRun {
    // Why an earlier one ended is not why this one does.
    CoordinatorFailure.clear(in: folder)
    let plan = try Plan.read(from: folder)
    let touched = try plan.checkInputsUnchanged()
    if !FileManager.default.fileExists(atPath: folder.ledger) {
      guard !FileManager.default.fileExists(atPath: folder.path + "/parts") else {
        throw RunFolderError.lostLedger(folder.path)
      }
      try createLedger(of: plan, in: folder).close()
    }
    let run = try open(folder, readOnly: false, lock: lock)
    try run.compareRecorded(touched)
    return run
  }
}
