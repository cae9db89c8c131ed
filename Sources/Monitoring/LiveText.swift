import Benchmarks
import Coordination
import Durable
import Planning

/// What a live page's two kinds of events say, as JSON.
struct LiveText {
  /// The longest reason or name from others, in bytes of UTF-8.
  static let textBytes = 400
  /// Failures that are told of one by one.
  static let mostFailures = 40

  let source: LiveSource

  /// What stays the same: names, and which tables there are.
  func layout(_ layout: LiveLayout) -> [UInt8] {
    var json = JSONBytes()
    json.object { json in
      json.pair("version", source.version)
      json.pair("run", source.plan.manifest.run.plain)
      json.pair("runID", source.plan.runID)
      json.array("tables", layout.tables) { json, table in
        json.object { json in
          json.pair("benchmark", table.benchmark?.plain)
          json.pair("model", table.model?.plain)
          json.pair("rowAxis", table.rowAxis.plain)
          json.pair("columnAxis", table.columnAxis.plain)
          json.array("rows", table.rows.lazy.map(\.plain))
          json.array("columns", table.columns.lazy.map(\.plain))
          if table.hidden > 0 { json.pair("hidden", table.hidden) }
        }
      }
    }
    return json.bytes
  }

  /// The run at a moment, whole: who missed what was said before misses nothing.
  func state(_ moment: LiveMoment, _ tables: [[LiveLayout.Cell]]) -> [UInt8] {
    var json = JSONBytes()
    json.object { json in
      json.pair("time", moment.time)
      json.pair("phase", moment.phase.rawValue)
      json.pair("reason", moment.reason?.plain(atMost: Self.textBytes))
      if let status = moment.status { add(status, moment, to: &json) }
      json.array("rates", moment.rates) { $0.value($1.imagesPerSecond) }
      json.array("tables", tables) { json, cells in add(cells, to: &json) }
      if let workers = moment.workers { add(workers, to: &json) }
      json.array("failures", failures(moment)) { json, failure in
        json.object { json in
          json.pair("what", failure.what)
          json.pair("where", failure.place?.plain)
          json.pair("reason", failure.reason.plain(atMost: Self.textBytes))
          json.pair("time", failure.time)
        }
      }
    }
    return json.bytes
  }

  private func add(_ status: LedgerStatus, _ moment: LiveMoment, to json: inout JSONBytes) {
    let total = status.total
    json.pair("images", total.images)
    json.pair("recorded", total.recordedImages - total.failedImages)
    json.pair("lost", total.setAsideImages + total.failedImages)
    json.pair("shards", total.shards)
    json.pair("shardsRecorded", total.recorded)
    json.pair("shardsRunning", total.running)
    json.pair("shardsLost", total.setAside)
    json.pair("last", status.lastRecord)
    json.pair("rate", status.imagesPerSecond)
    json.pair("left", status.isComplete ? nil : status.secondsLeft)
    if moment.isCounting, moment.interim.shards < total.recorded { json.pair("counted", moment.interim.shards) }
  }

  /// Thousandths, so that tens of thousands of numbers stay short.
  private func add(_ cells: [LiveLayout.Cell], to json: inout JSONBytes) {
    json.object { json in
      json.array("done", cells.lazy.map { $0.isEmpty ? -1 : min(1_000, $0.done * 1_000 / $0.images) })
      json.array("images", cells.lazy.map(\.images))
      if cells.contains(where: { $0.lost > 0 }) { json.array("lost", cells.lazy.map(\.lost)) }
      guard cells.contains(where: { $0.count.evaluated > 0 }) else { return }
      json.array("of", cells.lazy.map(\.count.evaluated))
      let shares = cells.map { $0.count.share(distinct: $0.distinct) }
      func thousandths(_ value: Double?) -> Int { value.map { Int(($0 * 1_000).rounded()) } ?? 0 }
      json.array("share", shares.lazy.map { thousandths($0?.value) })
      json.array("low", shares.lazy.map { thousandths($0?.interval.low) })
      json.array("high", shares.lazy.map { thousandths($0?.interval.high) })
    }
  }

  private func add(_ workers: WorkersSight, to json: inout JSONBytes) {
    json.object("workers") { json in
      json.pair("total", workers.total)
      json.object("counts") { json in
        for (state, key) in Self.states { json.pair(key, workers.counts[state] ?? 0) }
      }
      json.array("shown", workers.shown) { json, worker in
        json.object { json in
          json.pair("name", worker.name.plain(atMost: Self.textBytes))
          json.pair("host", worker.host.plain(atMost: Self.textBytes))
          json.pair("state", worker.state.rawValue)
          json.pair("held", worker.held)
          json.pair("task", worker.shard.map { words(for: $0) }?.plain)
          json.pair("images", worker.shard?.imageCount.doubled)
          json.pair("progress", worker.shard == nil ? nil : worker.progress)
          json.pair("rate", worker.imagesPerSecond)
          json.pair("silence", worker.silence)
        }
      }
    }
  }

  private static let states: [(WorkerSight.State, StaticString)] = [
    (.computing, "computing"), (.idle, "idle"), (.resting, "resting"), (.silent, "silent"),
  ]
}

extension Int {
  fileprivate var doubled: Double { Double(self) }
}

// MARK: - Words

extension LiveText {
  /// Something that went wrong.
  struct Failure {
    let what: String
    let place: String?
    let reason: String
    let time: Double?
  }

  /// `replknet-31b, imagenet-c, fog/3`.
  func words(for shard: ShardDefinition) -> String {
    words(model: shard.model, benchmark: shard.benchmark, condition: shard.condition)
  }

  private func words(model: Int, benchmark: Int, condition: Int) -> String {
    let manifest = source.plan.manifest
    guard manifest.models.indices.contains(model), manifest.benchmarks.indices.contains(benchmark) else { return "" }
    let definition = manifest.benchmarks[benchmark]
    let cell = definition.grid.axes.isEmpty ? nil : definition.grid.cell(at: condition)
    return ([manifest.models[model].name, definition.name] + (cell.map { ["\($0)"] } ?? [])).joined(separator: ", ")
  }

  /// What workers cannot read first, then shards, then images.
  func failures(_ moment: LiveMoment) -> [Failure] {
    let troubles = (moment.status?.troubles ?? []).map { trouble in
      Failure(
        what: "worker cannot read the data or model of its shards", place: trouble.worker,
        reason: trouble.reason + (trouble.count > 1 ? " (\(trouble.count) times)" : ""), time: trouble.time)
    }
    let shards = (moment.status?.recentErrors ?? []).filter { $0.kind != "troubled" }.map { error in
      let place = source.definition(error.shard).map { words(for: $0) } ?? "shard \(error.shard)"
      return Failure(
        what: "shard \(error.kind.replacing("_", with: " "))",
        place: error.worker.isEmpty ? place : "\(place); on \(error.worker)", reason: error.reason, time: error.time)
    }
    let images = moment.interim.failures.map {
      Failure(
        what: "image set aside",
        place: words(model: $0.cell.model, benchmark: $0.cell.benchmark, condition: $0.cell.condition),
        reason: $0.reason, time: nil)
    }
    return Array((troubles.prefix(10) + shards + images).prefix(Self.mostFailures))
  }
}
