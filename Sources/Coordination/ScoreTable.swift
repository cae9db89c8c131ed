import Archives
import Benchmarks
import Planning

/// The metrics of a run's groups, counted part by part while they are collected.
struct ScoreTable {
  private let plan: Plan
  private var tallies: [Int: [Int: AccuracyTally]] = [:]
  private var stabilityTallies: [Int: [Int: StabilityTally]] = [:]
  private var subsetTallies: [Int: [Int: SubsetTally]] = [:]

  init(plan: Plan) {
    self.plan = plan
  }

  /// Counts a part's images.
  mutating func add(_ part: PartContents, of shard: ShardDefinition) {
    let benchmark = plan.manifest.benchmarks[shard.benchmark]
    let listing = plan.listings[shard.benchmark]
    let scoring = benchmark.scoring(of: listing, classCount: part.classCount)
    guard benchmark.subsets.isEmpty else {
      var tally =
        subsetTallies[shard.model]?[shard.benchmark]
        ?? SubsetTally(
          of: benchmark, listing: listing, scoring: scoring, population: population(of: shard.benchmark))
      tally.add(
        condition: shard.condition, firstImage: shard.firstImage, logits: part.logits, classCount: part.classCount)
      subsetTallies[shard.model, default: [:]][shard.benchmark] = tally
      return
    }
    if benchmark.kind == .imagenetP {
      var tally =
        stabilityTallies[shard.model]?[shard.benchmark]
        ?? StabilityTally(
          of: benchmark, imageCount: listing.paths.count, population: population(of: shard.benchmark))
      tally.add(
        condition: shard.condition, firstImage: shard.firstImage, logits: part.logits, classCount: part.classCount)
      stabilityTallies[shard.model, default: [:]][shard.benchmark] = tally
    }
    var tally =
      tallies[shard.model]?[shard.benchmark]
      ?? AccuracyTally(
        kind: benchmark.kind, grid: benchmark.grid,
        labels: scoring.labels, population: population(of: shard.benchmark))
    tally.add(
      condition: shard.condition, firstImage: shard.firstImage,
      logits: scoring.masked(part.logits, classCount: part.classCount), classCount: part.classCount)
    tallies[shard.model, default: [:]][shard.benchmark] = tally
  }

  /// The first benchmark that holds the same images, so that confidence intervals of both rest on the same resamples.
  private func population(of benchmark: Int) -> UInt32 {
    UInt32(plan.listings.firstIndex { $0 == plan.listings[benchmark] } ?? benchmark)
  }

  /// The metrics of every group that has a part. Relative errors are measured by the first `imagenet-val` of the run.
  func metrics() -> [(group: String, metrics: [ArchiveMetric])] {
    plan.manifest.models.indices.flatMap { model in
      plan.manifest.benchmarks.indices.compactMap { benchmark in
        series(model: model, benchmark: benchmark).map { series in
          (
            plan.group(model: model, benchmark: benchmark),
            series.map { ArchiveMetric(name: $0.name, description: $0.description, axes: $0.axes, values: $0.values) }
          )
        }
      }
    }
  }

  private func series(model: Int, benchmark: Int) -> [MetricSeries]? {
    if let tally = subsetTallies[model]?[benchmark] { return tally.metrics(seed: plan.manifest.seed) }
    let clean = plan.manifest.benchmarks.firstIndex { $0.kind == .imagenetVal }
    let accuracies = tallies[model]?[benchmark]?.metrics(
      clean: clean.flatMap { tallies[model]?[$0] }, seed: plan.manifest.seed)
    guard let stability = stabilityTallies[model]?[benchmark] else { return accuracies }
    return (accuracies ?? []) + stability.metrics(seed: plan.manifest.seed)
  }
}
