import Benchmarks
import Coordination
import Durable
import Foundation
import GauntletKit
import Planning

/// A run's status in words and as JSON.
struct StatusText {
  let status: LedgerStatus
  let presence: CoordinatorPresence
  let plan: Plan
  let folder: RunFolder
  let now: Double
  /// Why the last coordinator ended before its work, where none has the run.
  var failure: CoordinatorFailure?
  var live: LiveAddress?

  func lines() -> String {
    var lines = ["run \(plan.manifest.run) (\(plan.runID))"]
    for (model, specification) in plan.manifest.models.enumerated() {
      for (benchmark, definition) in plan.manifest.benchmarks.enumerated()
      where definition.evaluates(specification.name) {
        let cells = status.cells.filter { $0.model == model && $0.benchmark == benchmark }
        func sum(_ count: (LedgerStatus.Counts) -> Int) -> Int { cells.reduce(0) { $0 + count($1.counts) } }
        let complete = cells.filter { $0.counts.recorded == $0.counts.shards }.count
        var line = "  \(specification.name)/\(definition.name): \(sum(\.recorded)) of \(sum(\.shards)) shards"
        line += ", \(complete) of \(cells.count) conditions complete"
        if sum(\.setAside) > 0 { line += ", \(sum(\.setAside)) shards set aside" }
        if sum(\.failedImages) > 0 { line += ", \(sum(\.failedImages)) images set aside" }
        lines.append(line)
      }
    }
    let total = status.total
    lines.append(
      "images: \(total.recordedImages - total.failedImages) of \(total.images), "
        + "\(total.failedImages + total.setAsideImages) set aside; shards: \(total.recorded) recorded, "
        + "\(total.running) running, \(total.pending - total.running) waiting, \(total.setAside) set aside")
    if let rate = status.imagesPerSecond, let left = status.secondsLeft, !status.isComplete {
      lines.append(String(format: "rate: %.1f images/s, ", rate) + "about \(Terminal.duration(left)) left")
    }
    lines += workers + troubles
    if let words = live?.words { lines.append("live page: \(words)") }
    for error in status.recentErrors where error.kind != "troubled" {
      let worker = error.worker.isEmpty ? "" : " on \(error.worker.plain)"
      lines.append("  shard \(error.shard), \(error.kind)\(worker): \(error.reason.plain(atMost: 1_024))")
    }
    return (lines + verdict).joined(separator: "\n")
  }

  private func ago(_ time: Double) -> String { Terminal.duration(max(0, now - time)) + " ago" }

  private var workers: [String] {
    let shown = 5
    guard !status.workers.isEmpty else { return [] }
    let more = status.workers.count > shown ? " and \(status.workers.count - shown) more" : ""
    return ["at work: " + status.workers.prefix(shown).map(\.plain).joined(separator: ", ") + more]
  }

  private var troubles: [String] {
    let shown = 5
    var lines = status.troubles.prefix(shown).map {
      "  \($0.worker.plain) cannot read the data or model of its shards (\($0.count) times, last \(ago($0.time))): "
        + $0.reason.plain(atMost: 1_024)
    }
    if status.troubles.count > shown { lines.append("  nor can \(status.troubles.count - shown) other workers") }
    return lines
  }

  /// What there is to do.
  private var verdict: [String] {
    var lines: [String] = []
    let total = status.total
    if !status.isComplete, presence != .running {
      let last = status.lastRecord.map { "the last result came \(ago($0))" } ?? "there are no results yet"
      lines.append(
        presence == .absent
          ? "no coordinator is running, and \(last); continue with gauntlet resume \(folder.path)"
          : "whether a coordinator is running is unknown; \(last)")
    }
    if total.setAside > 0 || total.unreadableImages > 0 {
      lines.append(
        "gauntlet resume \(folder.path) --failed retries \(total.setAside) shards that were set aside and "
          + "\(total.unreadableImages) images that could not be read")
    }
    return lines
  }

  // MARK: JSON

  private struct Report: Encodable {
    let run: String
    let runID: String
    let complete: Bool
    /// Every image has a result.
    let whole: Bool
    let coordinator: CoordinatorPresence
    let coordinatorFailure: CoordinatorFailure?
    /// The address of the live page; nil where there is none.
    let live: String?
    /// Seconds since the last result; nil before the first.
    let secondsSinceRecord: Double?
    let models: [String]
    let benchmarks: [Benchmark]
    let status: Status
  }

  private struct Benchmark: Encodable {
    let name: String
    let kind: String
    let conditions: [String]
  }

  /// The ledger's status, each cell with its names.
  private struct Status: Encodable {
    let total: LedgerStatus.Counts
    let cells: [Cell]
    let imagesPerSecond: Double?
    let shardsPerSecond: Double?
    let secondsLeft: Double?
    let workers: [String]
    let recentErrors: [ErrorRow]
    let troubles: [LedgerStatus.WorkerTroubles]
  }

  private struct Cell: Encodable {
    let model: Int
    let benchmark: Int
    let condition: Int
    let modelName: String
    let benchmarkName: String
    /// `fog/3`; `all` where there is one condition alone.
    let conditionName: String
    let counts: LedgerStatus.Counts
  }

  func object() -> some Encodable {
    let models = plan.manifest.models.map(\.name)
    let benchmarks = plan.manifest.benchmarks
    let cells = status.cells.compactMap { cell -> Cell? in
      guard models.indices.contains(cell.model), benchmarks.indices.contains(cell.benchmark) else { return nil }
      let benchmark = benchmarks[cell.benchmark]
      return Cell(
        model: cell.model, benchmark: cell.benchmark, condition: cell.condition, modelName: models[cell.model],
        benchmarkName: benchmark.name,
        conditionName: benchmark.grid.cell(at: cell.condition).map { "\($0)" } ?? "", counts: cell.counts)
    }
    return Report(
      run: plan.manifest.run, runID: plan.runID, complete: status.isComplete, whole: status.isWhole,
      coordinator: presence, coordinatorFailure: failure, live: live?.url,
      secondsSinceRecord: status.lastRecord.map { max(0, now - $0) }, models: models,
      benchmarks: benchmarks.map { benchmark in
        Benchmark(
          name: benchmark.name, kind: benchmark.kind.rawValue, conditions: benchmark.grid.cells.map { "\($0)" })
      },
      status: Status(
        total: status.total, cells: cells, imagesPerSecond: status.imagesPerSecond,
        shardsPerSecond: status.shardsPerSecond, secondsLeft: status.secondsLeft, workers: status.workers,
        recentErrors: status.recentErrors, troubles: status.troubles))
  }
}
