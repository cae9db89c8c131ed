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

  /// Opens the run in a folder and changes nothing; the coordinator may be running meanwhile.
  ///
  /// - Throws: `RunFolderError` or `LedgerError`.
  public static func open(_ folder: RunFolder, readOnly: Bool) throws -> PlannedRun {
    let plan = try Plan.read(from: folder)
    let ledger = try Ledger.open(at: folder.ledger, readOnly: readOnly)
    guard try ledger.run()["id"] == plan.runID, ledger.shards == plan.shards else {
      throw LedgerError.foreign(path: folder.ledger)
    }
    return PlannedRun(folder: folder, plan: plan, ledger: ledger)
  }

  /// Plans a manifest in a folder, or goes on with the run that is there.
  ///
  /// A crash between plan and ledger leaves a plan alone; the ledger follows from it.
  ///
  /// - Parameter note: told what is being done, for whoever waits.
  /// - Throws: `RunFolderError.otherManifest` where the folder holds a run of a manifest with other text.
  public static func prepare(
    manifest: String, folder: RunFolder, note: (String) -> Void = { _ in }
  ) throws -> PlannedRun {
    if folder.isPlanned {
      let run = try resume(folder)
      guard let text = try? String(contentsOfFile: manifest, encoding: .utf8), text == run.plan.manifestText else {
        throw RunFolderError.otherManifest(folder.path)
      }
      return run
    }
    let plan = try Plan.make(manifestPath: manifest, note: note)
    for model in plan.manifest.models {
      guard let architecture = try Architecture.named(model.architecture, checkpoint: model.checkpoint) else {
        continue
      }
      try CheckpointReader.check(model.checkpoint, fits: architecture)
    }
    try plan.write(to: folder)
    return try resume(folder)
  }

  /// Opens the run in a folder to go on with it; refuses where its inputs changed.
  public static func resume(_ folder: RunFolder) throws -> PlannedRun {
    let plan = try Plan.read(from: folder)
    try plan.checkInputsUnchanged()
    if !FileManager.default.fileExists(atPath: folder.ledger) {
      guard !FileManager.default.fileExists(atPath: folder.path + "/parts") else {
        throw RunFolderError.lostLedger(folder.path)
      }
      try createLedger(of: plan, in: folder).close()
    }
    return try open(folder, readOnly: false)
  }
}
