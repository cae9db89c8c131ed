import ArgumentParser
import Coordination
import Foundation
import Planning

struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Shows how far a run is: progress by model and benchmark, rate, time left, failures.",
    discussion:
      "Reads the run folder only; the coordinator may be running or not. Example: gauntlet status runs/miniature")

  @Argument(help: ArgumentHelp("The run folder.", valueName: "run")) var folder: String
  @Flag(help: "Go on showing it, once a second, until the run is complete.") var watch = false
  @Flag(help: "Print one JSON object (with --watch one a line) instead of text.") var json = false

  func run() throws {
    let run = try PlannedRun.open(RunFolder(folder), readOnly: true)
    if let host = CoordinatorEndpoint(in: run.folder)?.otherHost {
      Terminal.complain(
        "the coordinator runs on \(host); its ledger is read reliably on that machine alone, what follows may be old")
    }
    while true {
      let status = try run.ledger.status(now: Date().timeIntervalSince1970)
      if watch, !json, isatty(STDOUT_FILENO) == 1 { print("\u{1B}[H\u{1B}[2J", terminator: "") }
      print(json ? try StatusText.json(status, of: run.plan) : StatusText.lines(status, of: run.plan))
      fflush(nil)
      guard watch, !status.isComplete else { return }
      sleep(1)
    }
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
