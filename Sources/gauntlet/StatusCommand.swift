import ArgumentParser
import Coordination
import Foundation
import Planning

struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Shows how far a run is: progress by model and benchmark, rate, time left, failures.",
    discussion:
      "Reads the run folder only; the coordinator may be running or not, on this machine or on another. Example: gauntlet status runs/miniature"
  )

  @Argument(help: ArgumentHelp("The run folder.", valueName: "run")) var folder: String
  @Flag(help: "Go on showing it, once a second, until the run is complete.") var watch = false
  @Flag(help: "Print one JSON object (with --watch one a line) instead of text.") var json = false

  func run() throws {
    let folder = RunFolder(folder)
    let plan = try Plan.read(from: folder)
    var opened: PlannedRun?
    while true {
      let now = Date().timeIntervalSince1970
      let status: LedgerStatus
      if let reported = reported(in: folder, of: plan, now) {
        status = reported
      } else {
        let run = try opened ?? PlannedRun.open(folder, readOnly: true)
        opened = run
        status = try run.ledger.status(now: now)
      }
      if watch, !json, isatty(STDOUT_FILENO) == 1 { print("\u{1B}[H\u{1B}[2J", terminator: "") }
      print(json ? try StatusText.json(status, of: plan) : StatusText.lines(status, of: plan))
      if !json, CoordinatorEndpoint(in: folder) == nil, let failure = CoordinatorFailure(in: folder) { print(failure) }
      guard watch, !status.isComplete, !StandardOutput.isLost else { return }
      sleep(1)
    }
  }

  /// What a coordinator on another machine said last; nil where the ledger can be read on this one.
  private func reported(in folder: RunFolder, of plan: Plan, _ now: Double) -> LedgerStatus? {
    guard let host = CoordinatorEndpoint(in: folder)?.otherHost else { return nil }
    guard let report = StatusReport(in: folder), report.runID == plan.runID else {
      Terminal.complain(
        "the coordinator runs on \(host) and has not reported yet; its ledger may look older here than it is")
      return nil
    }
    // Clocks of two machines differ a little.
    let age = max(0, now - report.time)
    if age > 60 {
      Terminal.complain(
        "the coordinator on \(host) said this \(Terminal.duration(age)) ago and nothing since; does it run?")
    }
    return report.status
  }
}

/// A run's status in words and as JSON.
enum StatusText {
  static func lines(_ status: LedgerStatus, of plan: Plan) -> String {
    var lines = ["run \(plan.manifest.run) (\(plan.runID))"]
    for (model, specification) in plan.manifest.models.enumerated() {
      for (benchmark, definition) in plan.manifest.benchmarks.enumerated() {
        let cells = status.cells.filter { $0.model == model && $0.benchmark == benchmark }
        let shards = cells.reduce(0) { $0 + $1.counts.shards }
        let recorded = cells.reduce(0) { $0 + $1.counts.recorded }
        let setAside = cells.reduce(0) { $0 + $1.counts.setAside }
        let complete = cells.filter { $0.counts.recorded == $0.counts.shards }.count
        var line = "  \(specification.name)/\(definition.name): \(recorded) of \(shards) shards"
        line += ", \(complete) of \(cells.count) conditions complete"
        if setAside > 0 { line += ", \(setAside) shards set aside" }
        lines.append(line)
      }
    }
    let total = status.total
    lines.append(
      "images: \(total.recordedImages) of \(total.images); shards: \(total.recorded) recorded, "
        + "\(total.running) running, \(total.pending - total.running) waiting, \(total.setAside) set aside")
    if let rate = status.imagesPerSecond, let left = status.secondsLeft, !status.isComplete {
      lines.append(String(format: "rate: %.1f images/s, ", rate) + "about \(Terminal.duration(left)) left")
    }
    for error in status.recentErrors { lines.append("  shard \(error.shard), \(error.kind): \(error.reason)") }
    return lines.joined(separator: "\n")
  }

  private struct Report: Encodable {
    let run: String
    let runID: String
    let complete: Bool
    let status: LedgerStatus
  }

  static func json(_ status: LedgerStatus, of plan: Plan) throws -> String {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let report = Report(run: plan.manifest.run, runID: plan.runID, complete: status.isComplete, status: status)
    return String(decoding: try encoder.encode(report), as: UTF8.self)
  }
}
