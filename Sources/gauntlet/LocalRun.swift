import GauntletKit

/// A run on this machine from its plan to its report, as `run` and `resume` show it.
struct ShownLocalRun {
  let run: Run
  let options: LocalRun.Options

  func perform() throws {
    try compute()
    let archive = run.folder.archive
    let summary = try Collecting.collect(run, to: archive, partial: false)
    let report = try Report(archives: [archive])
    try report.writePage(to: run.folder.report)
    Terminal.printTable(of: report)
    print("archive: \(archive)")
    print("report:  \(run.folder.report)")
    try Collecting.throwIfIncomplete(summary)
  }

  private func compute() throws {
    let local = try LocalRun(run, options: options, logger: Logs.stderrLogger("gauntlet.coordinator"))
    RunProgress.tell(local.takenUp)
    run.plan.pythonAdvice(folder: run.folder.path).forEach { Terminal.complain($0) }
    try RunProgress.show(drain: { local.drain() }) { onStatus in
      try local.compute(onLive: RunProgress.tell, onStatus: onStatus)
    }
  }
}
