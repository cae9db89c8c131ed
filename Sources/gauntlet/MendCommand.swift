import ArgumentParser
import GauntletKit

struct MendCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mend",
    abstract: "Repairs a run folder whose files were damaged or lost, so that it can be resumed.",
    discussion: """
      Compares every part with the ledger: those that are damaged or gone will be recomputed. A ledger that cannot be \
      read is put aside and rebuilt from the plan and the intact parts. Use it after disk corruption; after a crash \
      gauntlet resume is enough. Example: gauntlet mend runs/miniature

      With --reject it also discards results that turned out wrong, such as those of a machine with bad memory or of \
      somebody who should not have had a key: everything a worker computed, one shard, or conditions of a model on a benchmark. \
      gauntlet resume recomputes them; the ledger keeps who computed them, and their files stay beside the others, renamed to \
      end in .rejected-1, as does the archive. Examples: gauntlet mend runs/miniature --reject node7-4242-1234567
                gauntlet mend runs/miniature --reject vit-nano/imagenet-c/corruption=contrast/severity=3
      """)

  @Argument(help: ArgumentHelp("The run folder.", valueName: "run")) var folder: String
  @Option(
    help: ArgumentHelp(
      "Discard the results of a worker, by its name as in gauntlet status, of a shard, by its number, or of MODEL/BENCHMARK, optionally with /AXIS=VALUE.",
      valueName: "what")) var reject: String?

  func run() throws {
    let progress = ProgressLine("checking")
    let summary = try Run.mend(folder, rejecting: reject) {
      progress.report(fraction: $0, remark: folder)
    }
    progress.finish()
    if let path = summary.setAsideLedger {
      print("the ledger was unusable; it was moved to \(path) and rebuilt")
    }
    for part in summary.discarded { print("\(part.path): \(part.reason)") }
    if reject != nil { print("\(summary.rejected.count) results discarded, to be recomputed") }
    print(
      "\(summary.checkedParts) recorded parts checked, \(summary.discarded.count) to be recomputed, "
        + "\(summary.takenUp) adopted that the ledger did not know")
    let run = try Run.open(folder)
    let status = try run.status()
    if !status.isComplete { print("\(status.total.pending) shards are left; next: gauntlet resume \(run.folder.path)") }
  }
}
