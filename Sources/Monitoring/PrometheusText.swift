import Coordination
import Planning

/// A run's state in Prometheus's text format, version 0.0.4.
public enum PrometheusText {
  /// The format's media type.
  public static let mediaType = "text/plain; version=0.0.4; charset=utf-8"

  /// The metrics of a run.
  ///
  /// - Parameters:
  ///   - status: from the run's ledger.
  ///   - plan: for the names of models, benchmarks and the run.
  ///   - version: the program's.
  public static func render(_ status: LedgerStatus, plan: Plan, version: String) -> String {
    var text = Page()
    text.family("gauntlet_build_info", .gauge, "The program's version.")
    text.sample("gauntlet_build_info", [("version", version)], 1)
    text.family("gauntlet_run_info", .gauge, "The run that is coordinated.")
    text.sample("gauntlet_run_info", [("run", plan.manifest.run), ("run_id", plan.runID)], 1)
    text.family("gauntlet_shards", .gauge, "Shards by state; running ones wait for a worker's result.")
    let groups = Dictionary(grouping: status.cells) { [$0.model, $0.benchmark] }
    for key in groups.keys.sorted(by: { ($0[0], $0[1]) < ($1[0], $1[1]) }) {
      let cells = groups[key] ?? []
      guard plan.manifest.models.indices.contains(key[0]), plan.manifest.benchmarks.indices.contains(key[1]) else {
        continue
      }
      let names = [
        ("model", plan.manifest.models[key[0]].name), ("benchmark", plan.manifest.benchmarks[key[1]].name),
      ]
      func sum(_ count: (LedgerStatus.Counts) -> Int) -> Int { cells.reduce(0) { $0 + count($1.counts) } }
      let states = [
        ("waiting", sum { $0.pending - $0.running }), ("running", sum(\.running)), ("recorded", sum(\.recorded)),
        ("set_aside", sum(\.setAside)),
      ]
      for (state, count) in states { text.sample("gauntlet_shards", names + [("state", state)], Double(count)) }
    }
    text.family("gauntlet_images", .gauge, "Images of all shards.")
    text.sample("gauntlet_images", [], Double(status.total.images))
    text.family("gauntlet_images_recorded_total", .counter, "Images of shards whose results are on disk.")
    text.sample("gauntlet_images_recorded_total", [], Double(status.total.recordedImages))
    text.family("gauntlet_images_set_aside", .gauge, "Images without a result that will not be computed any more.")
    text.sample("gauntlet_images_set_aside", [], Double(status.total.setAsideImages + status.total.failedImages))
    text.family("gauntlet_workers_busy", .gauge, "Workers that have a shard.")
    text.sample("gauntlet_workers_busy", [], Double(status.workers.count))
    if let left = status.secondsLeft {
      text.family("gauntlet_left_seconds", .gauge, "Time left at the rate of the last five minutes.")
      text.sample("gauntlet_left_seconds", [], left)
    }
    return text.text
  }

  private struct Page {
    enum Kind: String { case gauge, counter }
    var text = ""

    mutating func family(_ name: String, _ kind: Kind, _ help: String) {
      text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
    }

    mutating func sample(_ name: String, _ labels: [(String, String)], _ value: Double) {
      let list = labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }.joined(separator: ",")
      let number = value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
      text += name + (list.isEmpty ? "" : "{\(list)}") + " \(number)\n"
    }

    private static func escaped(_ text: String) -> String {
      text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
  }
}
