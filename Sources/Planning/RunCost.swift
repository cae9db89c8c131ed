import Benchmarks
import Records

/// What a part of a run asks of machines: one model on one benchmark.
public struct PlannedCost: Sendable, Hashable {
  /// The model's position in the manifest.
  public let model: Int
  /// The benchmark's position in the manifest.
  public let benchmark: Int
  /// Images, each once a condition.
  public let results: Int
  /// What all of them ask of the network.
  public let passes: Passes
  /// Bytes of what is observed, before compression.
  public let archiveBytes: Int
}

extension Plan {
  /// What the run asks of machines, benchmarks within models.
  public var costs: [PlannedCost] {
    manifest.models.indices.flatMap { model in
      manifest.benchmarks.indices.filter { isEvaluated(model: model, benchmark: $0) }.map {
        cost(model: model, benchmark: $0)
      }
    }
  }

  /// What an image of a condition asks of a model's network; nil where the plan has no such condition.
  public func passes(model: Int, benchmark: Int, condition: Int) -> Passes? {
    guard manifest.models.indices.contains(model), manifest.benchmarks.indices.contains(benchmark) else { return nil }
    return manifest.benchmarks[benchmark].condition(at: condition).map {
      asked(by: $0, model: model, benchmark: benchmark)
    }
  }

  /// What an image of a condition costs, in forward passes of its model, about; models are not compared.
  public func cost(model: Int, benchmark: Int, condition: Int) -> Double {
    // Reading and folding weights takes about so long, and is no measure of images.
    guard manifest.benchmarks[benchmark].observed.isOfImages else { return 1000 }
    return max(1, passes(model: model, benchmark: benchmark, condition: condition)?.inForwardPasses ?? 1)
  }

  /// What an image of a cell costs, likewise.
  public func cost(of cell: ShardCell) -> Double {
    cost(model: cell.model, benchmark: cell.benchmark, condition: cell.condition)
  }

  private func asked(by condition: Condition, model: Int, benchmark: Int) -> Passes {
    let observed = manifest.benchmarks[benchmark].observed
    var passes = condition.passes(classCount: manifest.models[model].classCount, observing: observed)
    // Other models' passes are counted as if they were its own.
    passes.forward += observed.others(than: manifest.models[model], in: manifest).count
    return passes
  }

  private func cost(model: Int, benchmark: Int) -> PlannedCost {
    let (images, conditions) = (listings[benchmark].paths.count, manifest.benchmarks[benchmark].conditions)
    let passes = conditions.reduce(Passes()) { $0 + images * asked(by: $1, model: model, benchmark: benchmark) }
    let values = variables(model: model, benchmark: benchmark).reduce(0) { $0 + ($1.count(atMost: .max) ?? 0) }
    let results = images * conditions.count
    // A value takes four bytes, and whether there is a result one.
    return PlannedCost(
      model: model, benchmark: benchmark, results: results, passes: passes, archiveBytes: results * (4 * values + 1))
  }
}

extension Passes {
  /// Forward passes that take as long, about: there and back takes three to four times as long as there.
  public var inForwardPasses: Double { Double(forward) + 3.5 * Double(gradients) }
}
