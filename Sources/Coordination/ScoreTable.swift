import Archives
import Benchmarks
import Planning

/// The metrics of a run's groups, counted part by part while they are collected.
struct ScoreTable {
  private let plan: Plan
  private var tallies: [Int: [Int: AccuracyTally]] = [:]

  init(plan: Plan) {
    self.plan = plan
  }

  /// Counts a part's images.
  mutating func add(_ part: PartContents, of shard: ShardDefinition) {
    let benchmark = plan.manifest.benchmarks[shard.benchmark]
    let listing = plan.listings[shard.benchmark]
    // Folders that are not as many as the classes do not say which class is which.
    let isLabelled = listing.classNames.count == part.classCount
    var tally =
      tallies[shard.model]?[shard.benchmark]
      ?? AccuracyTally(
        kind: benchmark.kind, grid: benchmark.grid,
        labels: isLabelled ? listing.labels : Array(repeating: -1, count: listing.labels.count),
        population: population(of: shard.benchmark))
    tally.add(
      condition: shard.condition, firstImage: shard.firstImage, logits: part.logits, classCount: part.classCount)
    tallies[shard.model, default: [:]][shard.benchmark] = tally
  }

  /// The first benchmark that holds the same images, so that confidence intervals of both rest on the same resamples.
  private func population(of benchmark: Int) -> UInt32 {
    UInt32(plan.listings.firstIndex { $0 == plan.listings[benchmark] } ?? benchmark)
  }

  /// The metrics of every group that has a part. Relative errors are measured by the first `imagenet-val` of the run.
  func metrics() -> [(group: String, metrics: [ArchiveMetric])] {
    let clean = plan.manifest.benchmarks.firstIndex { $0.kind == .imagenetVal }
    return tallies.keys.sorted().flatMap { model in
      let ofModel = tallies[model] ?? [:]
      return ofModel.sorted { $0.key < $1.key }.map { benchmark, tally in
        (
          plan.group(model: model, benchmark: benchmark),
          tally.metrics(clean: clean.flatMap { ofModel[$0] }, seed: plan.manifest.seed).map {
            ArchiveMetric(name: $0.name, description: $0.description, axes: $0.axes, values: $0.values)
          }
        )
      }
    }
  }
}
