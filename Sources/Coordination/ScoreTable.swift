import Archives
import Benchmarks
import Planning
import Records

/// The metrics of a run's groups, counted part by part while they are collected. Groups without a part have theirs, too:
/// nothing was evaluated.
struct ScoreTable {
  private let plan: Plan
  /// [model][benchmark]
  private var tallies: [[any Tally]]

  init(plan: Plan) {
    self.plan = plan
    // The first benchmark that holds the same images, so that confidence intervals of both rest on the same resamples.
    let populations = plan.listings.enumerated().map { benchmark, listing in
      UInt32(plan.listings.firstIndex { $0.hasSameImages(as: listing) } ?? benchmark)
    }
    tallies = plan.manifest.models.map { model in
      plan.manifest.benchmarks.indices.map {
        let (benchmark, listing) = (plan.manifest.benchmarks[$0], plan.listings[$0])
        return benchmark.kind.benchmark.tally(
          of: benchmark, listing, benchmark.scoring(of: listing, classCount: model.classCount),
          population: populations[$0])
      }
    }
  }

  /// Counts a part's images.
  mutating func add(_ part: PartContents, of shard: ShardDefinition) {
    guard let logits = part.observations["logits"], let classes = logits.count(images: part.imageCount) else { return }
    tallies[shard.model][shard.benchmark].add(
      condition: shard.condition, firstImage: shard.firstImage, logits: logits.values, classCount: classes)
  }

  /// The metrics of every group. Relative errors are measured by the first benchmark of clean images.
  func metrics() -> [(group: String, metrics: [Metric])] {
    plan.manifest.models.indices.flatMap { model in
      plan.manifest.benchmarks.indices.map { benchmark in
        (
          plan.group(model: model, benchmark: benchmark),
          series(model: model, benchmark: benchmark)
        )
      }
    }
  }

  private func series(model: Int, benchmark: Int) -> [Metric] {
    let clean = plan.manifest.benchmarks.firstIndex { $0.kind.benchmark.isClean }
    return tallies[model][benchmark].metrics(
      clean: clean.flatMap { tallies[model][$0] as? AccuracyTally }, seed: plan.manifest.seed)
  }
}
