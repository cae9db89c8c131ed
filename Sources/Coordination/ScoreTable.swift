import Archives
import Benchmarks
import Planning

/// The metrics of a run's groups, counted part by part while they are collected. Groups without a part have theirs, too:
/// nothing was evaluated.
struct ScoreTable {
  private let plan: Plan
  /// [model][benchmark]
  private var groups: [[Group]]

  /// What is counted of one model on one benchmark.
  private struct Group {
    let scoring: Scoring
    var accuracy: AccuracyTally?
    var subsets: SubsetTally?
    var stability: StabilityTally?

    init(_ benchmark: BenchmarkDefinition, _ listing: ImageListing, classCount: Int, population: UInt32) {
      scoring = benchmark.scoring(of: listing, classCount: classCount)
      guard benchmark.subsets.isEmpty else {
        subsets = SubsetTally(of: benchmark, listing: listing, scoring: scoring, population: population)
        return
      }
      if benchmark.kind == .imagenetP {
        stability = StabilityTally(of: benchmark, imageCount: listing.paths.count, population: population)
      }
      accuracy = AccuracyTally(
        kind: benchmark.kind, grid: benchmark.grid, labels: scoring.labels, population: population)
    }

    mutating func add(_ part: PartContents, of shard: ShardDefinition) {
      let (condition, first, classes) = (shard.condition, shard.firstImage, part.classCount)
      subsets?.add(condition: condition, firstImage: first, logits: part.logits, classCount: classes)
      stability?.add(condition: condition, firstImage: first, logits: part.logits, classCount: classes)
      guard accuracy != nil else { return }
      accuracy?.add(
        condition: condition, firstImage: first, logits: scoring.masked(part.logits, classCount: classes),
        classCount: classes)
    }
  }

  init(plan: Plan) {
    self.plan = plan
    // The first benchmark that holds the same images, so that confidence intervals of both rest on the same resamples.
    let populations = plan.listings.enumerated().map { benchmark, listing in
      UInt32(plan.listings.firstIndex { $0.hasSameImages(as: listing) } ?? benchmark)
    }
    groups = plan.manifest.models.map { model in
      plan.manifest.benchmarks.indices.map {
        Group(
          plan.manifest.benchmarks[$0], plan.listings[$0], classCount: model.classCount, population: populations[$0])
      }
    }
  }

  /// Counts a part's images.
  mutating func add(_ part: PartContents, of shard: ShardDefinition) {
    groups[shard.model][shard.benchmark].add(part, of: shard)
  }

  /// The metrics of every group. Relative errors are measured by the first `imagenet-val` of the run.
  func metrics() -> [(group: String, metrics: [ArchiveMetric])] {
    plan.manifest.models.indices.flatMap { model in
      plan.manifest.benchmarks.indices.map { benchmark in
        (
          plan.group(model: model, benchmark: benchmark),
          series(model: model, benchmark: benchmark).map {
            ArchiveMetric(name: $0.name, description: $0.description, axes: $0.axes, values: $0.values)
          }
        )
      }
    }
  }

  private func series(model: Int, benchmark: Int) -> [MetricSeries] {
    let group = groups[model][benchmark]
    let seed = plan.manifest.seed
    if let tally = group.subsets { return tally.metrics(seed: seed) }
    let clean = plan.manifest.benchmarks.firstIndex { $0.kind == .imagenetVal }
    let accuracies = group.accuracy?.metrics(clean: clean.flatMap { groups[model][$0].accuracy }, seed: seed)
    return (accuracies ?? []) + (group.stability?.metrics(seed: seed) ?? [])
  }
}
