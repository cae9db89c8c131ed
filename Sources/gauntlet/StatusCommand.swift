import ArgumentParser
import Coordination
import Foundation
import Planning

struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Shows how far a run is: progress by model and benchmark, rate, time left, failures.",
    discussion: """
      Reads the run folder only; the coordinator may be running or not, on this machine or on another. Where none has the \
      run it says so. Example: gauntlet status runs/miniature
      """)

  @Argument(help: ArgumentHelp("The run folder.", valueName: "run")) var folder: String
  @Flag(help: "Go on showing it, once a second, until the run is complete.") var watch = false
  @Flag(help: "Print one JSON object (with --watch one a line) instead of text.") var json = false

  func run() throws {
    let folder = RunFolder(folder)
    let plan = try Plan.read(from: folder)
    var opened: PlannedRun?
    while true {
      let now = Date().timeIntervalSince1970
      var status: LedgerStatus
      let presence: CoordinatorPresence
      if let reported = reported(in: folder, of: plan, now) {
        (status, presence) = reported
      } else {
        let run = try opened ?? PlannedRun.open(folder, readOnly: true)
        opened = run
        status = try run.ledger.status(now: now, cost: plan.cost(of:))
        presence = CoordinatorPresence(of: folder)
      }
      if presence != .running { status = status.withoutCoordinator() }
      let failure = CoordinatorEndpoint(in: folder) == nil ? CoordinatorFailure(in: folder) : nil
      let text = StatusText(
        status: status, presence: presence, plan: plan, folder: folder, now: now, failure: failure)
      if json {
        try printObject(text.object(), keys: .convertToSnakeCase)
      } else {
        if watch, isatty(STDOUT_FILENO) == 1 { StandardOutput.write("\u{1B}[H\u{1B}[2J") }
        print(text.lines())
        if let failure { print(failure) }
      }
      guard watch, !status.isComplete, !StandardOutput.isLost else { return }
      sleep(1)
    }
  }

  /// What a coordinator on another machine said last; nil where the ledger can be read on this one.
  private func reported(
    in folder: RunFolder, of plan: Plan, _ now: Double
  ) -> (status: LedgerStatus, presence: CoordinatorPresence)? {
    guard let host = CoordinatorEndpoint(in: folder)?.otherHost else { return nil }
    guard let report = StatusReport(in: folder), report.runID == plan.runID else {
      Terminal.complain(
        "the coordinator runs on \(host) and has not reported yet; its ledger may look older here than it is")
      return nil
    }
    // Clocks of two machines differ a little.
    let age = max(0, now - report.time)
    guard age > 60 else { return (report.status, .running) }
    Terminal.complain(
      "the coordinator on \(host) said this \(Terminal.duration(age)) ago and nothing since; does it run?")
    return (report.status, .silent)
  }
}
