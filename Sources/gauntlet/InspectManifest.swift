import Benchmarks
import Durable
import Foundation
import GauntletKit
import Kernels
import Launching
import Machine
import Planning
import Working

extension InspectCommand {
  func describeManifest() throws {
    try ManifestInspection.show(Run.plan(file) { Terminal.complain($0) }, of: file, measured: !noMeasure, json: json)
  }
}

/// What is known of a run before it starts, in words and as JSON.
struct ManifestInspection {
  let plan: Plan
  /// Of a worker.
  let streams: Int
  /// Bytes of a worker of so many streams, about.
  let memory: Int
  /// By model, nil of those that Python computes; nil where nothing was measured.
  let speeds: [MeasuredSpeed?]?

  /// Prints what is known of a manifest's plan.
  ///
  /// - Parameters:
  ///   - measured: whether the models' speeds are measured, which takes some seconds each.
  ///   - json: whether it is one JSON object.
  static func show(_ plan: Plan, of file: String, measured: Bool, json: Bool) throws {
    let streams =
      try ManifestReader(file: file).cluster(engines: LaunchEngines.names).cpus ?? Allowance.current.processors
    let inspection = ManifestInspection(
      plan: plan, streams: streams,
      memory: try WorkerMemory.needs(of: plan.manifest, streams: streams, batch: Computation.usualBatch),
      speeds: measured ? try Self.speeds(of: plan) : nil)
    if json {
      try printObject(inspection.object(), keys: .convertToSnakeCase)
    } else {
      inspection.lines.forEach { print($0) }
    }
  }

  private static func speeds(of plan: Plan) throws -> [MeasuredSpeed?] {
    let progress = ProgressLine("measuring")
    defer { progress.finish() }
    let models = plan.manifest.models
    return try models.indices.map { model in
      progress.report(fraction: Double(model) / Double(models.count), remark: models[model].name)
      return try MeasuredSpeed(of: plan, model: model, batch: Computation.usualBatch)
    }
  }

  var lines: [String] {
    let manifest = plan.manifest
    var lines = ["run \(manifest.run), seed \(manifest.seed)"]
    lines += manifest.models.map { "model \($0.name): \($0.summary)" }
    lines += plan.preparation.map { "pictures of \($0)" } + plan.assumptions.map { "data of \($0)" }
    for (benchmark, listing) in zip(manifest.benchmarks, plan.listings) {
      lines.append(
        "benchmark \(benchmark.name): \(listing.paths.count) images, \(benchmark.conditions.count) conditions, "
          + benchmark.root)
      if let reason = benchmark.whyNoMeanCorruptionError { lines.append("  \(reason)") }
    }
    let total = plan.costs.reduce(0) { $0 + $1.results }
    lines.append("\(total) images to evaluate in shards of at most \(manifest.sharding.images)")
    lines.append(
      String(format: "memory of a worker with %d streams: about %.1f GB", streams, Double(memory) / 1e9))
    return lines + cost
      + zip(manifest.models, speeds ?? []).compactMap { model, speed in speed.map { text(model.name, $0) } }
  }

  // MARK: - The cost

  private var cost: [String] {
    let costs = plan.costs
    let head = ["model", "benchmark", "images", "forward", "gradients"] + (speeds == nil ? [] : ["core-hours"])
    let rows = costs.map { cost in
      row(
        [plan.manifest.models[cost.model].name, plan.manifest.benchmarks[cost.benchmark].name], [cost])
    }
    let table = [head + ["archive"]] + rows + (rows.count > 1 ? [row(["all", ""], costs)] : [])
    let widths = table[0].indices.map { column in table.map { $0[column].count }.max() ?? 0 }
    var lines = ["cost, in passes of an image through a network"]
    lines += table.map { row in
      zip(row, widths).enumerated().map { column, cell in
        let space = String(repeating: " ", count: cell.1 - cell.0.count)
        return "  " + (column < 2 ? cell.0 + space : space + cell.0)
      }.joined()
    }
    if costs.contains(where: \.passes.isUpperBound) {
      lines.append(
        "  <: at most; attacks stop once the network errs, lesioned networks compute less, saliency is computed once"
      )
    }
    lines.append("  archive: before compression")
    return lines
  }

  private func row(_ names: [String], _ costs: [PlannedCost]) -> [String] {
    let passes = costs.reduce(Passes()) { $0 + $1.passes }
    let sign = passes.isUpperBound ? "< " : ""
    let hours = coreHours(of: costs)
    return names + ["\(costs.reduce(0) { $0 + $1.results })", sign + "\(passes.forward)"]
      + [passes.gradients > 0 ? sign + "\(passes.gradients)" : "-"]
      + (speeds == nil ? [] : [hours.map { sign + Self.text($0) } ?? "-"])
      + [Disk.size(UInt64(costs.reduce(0) { $0 + $1.archiveBytes }))]
  }

  /// Of what this program computes; nil where it computes nothing of it, or nothing was measured.
  private func coreHours(of costs: [PlannedCost]) -> Double? {
    guard let speeds else { return nil }
    let hours = costs.compactMap { cost in speeds[cost.model].map { $0.coreHours(of: cost) } }
    return hours.isEmpty ? nil : hours.reduce(0, +)
  }

  private static func text(_ hours: Double) -> String {
    hours >= 100 ? String(format: "%.0f", hours) : String(format: hours >= 1 ? "%.1f" : "%.2g", hours)
  }

  /// `vit-nano: 1500 images/s forward, 400 with gradients (3.8 forward passes each), on one core (avx512)`.
  private func text(_ model: String, _ speed: MeasuredSpeed) -> String {
    var text = String(format: "%@: %.4g images/s forward", model, 1 / speed.forward)
    if let gradient = speed.gradient {
      text += String(format: ", %.4g with gradients (%.1f forward passes each)", 1 / gradient, gradient / speed.forward)
    }
    return text + ", on one core of this machine (\(InstructionSet.chosen.rawValue))"
  }

  // MARK: - JSON

  private struct Report: Encodable {
    let run: String
    let seed: UInt64
    let models: [Model]
    let benchmarks: [Benchmark]
    let shardImages: Int
    let workerStreams: Int
    let workerMemoryBytes: Int
    let instructionSet: String
    let costs: [Cost]
    let total: Cost
  }

  private struct Model: Encodable {
    let name: String
    let architecture: String
    let checkpoint: String
    /// Of one core; nil where it was not measured.
    let forwardPerSecond: Double?
    let gradientsPerSecond: Double?
  }

  private struct Benchmark: Encodable {
    let name: String
    let kind: String
    let root: String
    let images: Int
    let conditions: Int
  }

  private struct Cost: Encodable {
    var model: String?
    var benchmark: String?
    let images: Int
    let forwardPasses: Int
    let gradientPasses: Int
    let isUpperBound: Bool
    let coreHours: Double?
    let archiveBytes: Int
  }

  func object() -> some Encodable {
    let manifest = plan.manifest
    func cost(_ costs: [PlannedCost]) -> Cost {
      let passes = costs.reduce(Passes()) { $0 + $1.passes }
      return Cost(
        images: costs.reduce(0) { $0 + $1.results }, forwardPasses: passes.forward, gradientPasses: passes.gradients,
        isUpperBound: passes.isUpperBound,
        coreHours: coreHours(of: costs),
        archiveBytes: costs.reduce(0) { $0 + $1.archiveBytes })
    }
    return Report(
      run: manifest.run, seed: manifest.seed,
      models: manifest.models.enumerated().map { place, model in
        Model(
          name: model.name, architecture: model.architecture, checkpoint: model.checkpoint,
          forwardPerSecond: speeds?[place].map { 1 / $0.forward },
          gradientsPerSecond: (speeds?[place]?.gradient).map { 1 / $0 })
      },
      benchmarks: zip(manifest.benchmarks, plan.listings).map { benchmark, listing in
        Benchmark(
          name: benchmark.name, kind: benchmark.kind.rawValue, root: benchmark.root, images: listing.paths.count,
          conditions: benchmark.conditions.count)
      },
      shardImages: manifest.sharding.images, workerStreams: streams, workerMemoryBytes: memory,
      instructionSet: InstructionSet.chosen.rawValue,
      costs: plan.costs.map { one in
        var found = cost([one])
        (found.model, found.benchmark) = (
          manifest.models[one.model].name, manifest.benchmarks[one.benchmark].name
        )
        return found
      },
      total: cost(plan.costs))
  }
}
