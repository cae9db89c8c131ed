import ArgumentParser
import GauntletKit

struct MendCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mend",
    abstract: "Makes a run folder whole whose files were damaged or lost, so that resume can go on.",
    discussion: """
      Compares every part with the ledger: those that are damaged or gone will be computed anew. A ledger that cannot be \
      read is put aside and made anew from the plan and the parts that are whole. For after a disk that lied; a crash \
      alone needs only gauntlet resume. Example: gauntlet mend runs/miniature

      With --reject it also takes back results that turned out wrong, such as those of a machine with bad memory or of \
      somebody who should not have had a key: all that a worker computed, one shard, or conditions of a model on a benchmark. They are computed anew by gauntlet \
      resume; the ledger keeps who computed them, and their files stay beside the others under names that end in \
      .rejected-1, as does the archive. Examples: gauntlet mend runs/miniature --reject node7-4242-1234567
                gauntlet mend runs/miniature --reject vit-nano/imagenet-c/corruption=contrast/severity=3
      """)

  @Argument(help: ArgumentHelp("The run folder.", valueName: "run")) var folder: String
  @Option(
    help: ArgumentHelp(
      "Take back the results of a worker, by its name as in gauntlet status, of a shard, by its number, or of MODEL/BENCHMARK, perhaps with /AXIS=VALUE.",
      valueName: "what")) var reject: String?

  func run() throws {
    let progress = ProgressLine("checking")
    let summary = try Run.mend(folder, rejecting: reject) {
      progress.report(fraction: $0, remark: folder)
    }
    progress.finish()
    if let path = summary.setAsideLedger {
      print("the ledger could not be used; it is \(path) now, and there is a new one")
    }
    for part in summary.discarded { print("\(part.path): \(part.reason)") }
    if reject != nil { print("\(summary.rejected.count) results taken back, to be computed anew") }
    print(
      "\(summary.checkedParts) recorded parts checked, \(summary.discarded.count) to be computed anew, "
        + "\(summary.takenUp) taken up that the ledger did not know")
    let run = try Run.open(folder)
    let status = try run.status()
    if !status.isComplete { print("\(status.total.pending) shards are left; next: gauntlet resume \(run.folder.path)") }
  }
}
