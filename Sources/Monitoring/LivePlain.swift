import Benchmarks
import Coordination
import Durable
import Foundation

/// A live page for browsers that run no scripts: the same, as it was when the page was asked for.
struct LivePlain {
  let text: LiveText
  let layout: LiveLayout

  /// The page's body.
  func body(_ moment: LiveMoment, _ tables: [[LiveLayout.Cell]]) -> String {
    var parts = ["<p>\(Self.escaped(Self.words(of: moment)))</p>"]
    if let status = moment.status { parts.append("<p>\(Self.escaped(progress(status, at: moment.time)))</p>") }
    if let first = layout.tables.first, let cells = tables.first { parts.append(table(first, cells)) }
    if let workers = moment.workers {
      let names = WorkerSight.State.allCases.reversed().compactMap { state in
        workers.counts[state].map { "\($0) \(state.rawValue)" }
      }
      parts.append("<h2>Workers</h2><p>\(Self.escaped(names.isEmpty ? "none" : names.joined(separator: ", ")))</p>")
    }
    let failures = text.failures(moment)
    if !failures.isEmpty {
      let items = failures.map { failure in
        "<li>"
          + Self.escaped([failure.what, failure.place, failure.reason].compactMap { $0 }.joined(separator: ": "))
          + "</li>"
      }
      parts.append("<h2>Failures</h2><ul>\(items.joined())</ul>")
    }
    return parts.joined(separator: "\n")
  }

  static func words(of moment: LiveMoment) -> String {
    let words =
      switch moment.phase {
      case .starting: "Starting"
      case .running: "Running"
      case .paused: "Paused: no worker is connected"
      case .ending: "Stopping: recording what workers have finished"
      case .done: "Done"
      case .stopped: "Stopped before finishing"
      }
    return words + (moment.reason.map { ": \($0)" } ?? "")
  }

  private func progress(_ status: LedgerStatus, at now: Double) -> String {
    var words = "\(status.total.recordedImages) of \(status.total.images) images"
    if let rate = status.imagesPerSecond { words += String(format: ", %.1f a second", rate) }
    if let left = status.secondsLeft, left > 0, left < 1e9 { words += ", about \(Int(left / 60) + 1) min left" }
    if let last = status.lastRecord { words += "; last result \(Int(max(0, now - last))) s earlier" }
    return words
  }

  private func table(_ table: LiveLayout.Table, _ cells: [LiveLayout.Cell]) -> String {
    let head = table.columns.map { "<th scope=\"col\">\(Self.escaped($0))</th>" }.joined()
    let rows = table.rows.enumerated().map { row, name in
      let values = table.columns.indices.map { column in
        "<td>\(Self.escaped(Self.words(for: cells[row * table.columns.count + column])))</td>"
      }
      return "<tr><th scope=\"row\">\(Self.escaped(name))</th>\(values.joined())</tr>"
    }
    return "<table><caption>Done, and correct answers so far</caption><tr><td></td>\(head)</tr>\(rows.joined())</table>"
  }

  private static func words(for cell: LiveLayout.Cell) -> String {
    guard !cell.isEmpty else { return "" }
    let done = "\(min(100, cell.done * 100 / cell.images)) %"
    guard let share = cell.count.share(distinct: cell.distinct) else { return done }
    return done
      + String(
        format: "; %.1f %% right [%.1f, %.1f]", 100 * share.value, 100 * share.interval.low, 100 * share.interval.high)
  }

  /// Text as HTML shows it, in elements and attributes.
  static func escaped(_ text: String) -> String { text.plain.inHTML }
}
