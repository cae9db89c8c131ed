import Benchmarks
import Planning
import Records

/// The metrics of a run's groups, counted part by part while they are collected. Groups without a part have theirs, too:
/// nothing was evaluated.
struct ScoreTable {
  private let plan: Plan
  /// Benchmarks of the same images have the same number.
  private let populations: [UInt32]
  /// [model][benchmark]
  private var tallies: [[any Tally]]

  /// Tallies of nothing yet.
  ///
  /// - Parameter temperatures: each model's, fitted on the run's clean images; nil where it has none.
  init(plan: Plan, temperatures: [Temperature?]) {
    self.plan = plan
    // The first benchmark that holds the same images, so that confidence intervals of both rest on the same resamples.
    let populations = plan.listings.enumerated().map { benchmark, listing in
      UInt32(plan.listings.firstIndex { $0.hasSameImages(as: listing) } ?? benchmark)
    }
    self.populations = populations
    tallies = zip(plan.manifest.models, temperatures).enumerated().map { place, found in
      let (model, temperature) = found
      return plan.manifest.benchmarks.indices.map { index in
        let (benchmark, listing) = (plan.manifest.benchmarks[index], plan.listings[index])
        let kind = benchmark.kind.benchmark
        var scoring = benchmark.scoring(of: listing, classCount: model.classCount)
        scoring.scaling = temperature.map {
          TemperatureScaling($0, isFittedHere: index == plan.cleanBenchmark(of: place))
        }
        let observed = kind.observationTally(
          of: ObservedRun(
            benchmark, plan.shape(model: place, benchmark: index), listing, scoring: scoring,
            population: populations[index]))
        if let observed { return observed }
        return kind.tally(of: benchmark, listing, scoring, population: populations[index])
      }
    }
  }

  /// Counts the images of a shard.
  mutating func add(_ observations: [Observation], of shard: ShardDefinition) {
    tallies[shard.model][shard.benchmark].add(
      condition: shard.condition, firstImage: shard.firstImage, imageCount: shard.imageCount,
      observations: observations)
  }

  /// The metrics of every group. Relative errors are measured by the first benchmark of clean images.
  func metrics() -> [(group: String, metrics: [Metric], further: [Axis])] {
    plan.manifest.models.indices.flatMap { model in
      plan.manifest.benchmarks.indices.filter { plan.isEvaluated(model: model, benchmark: $0) }.map { benchmark in
        (
          plan.group(model: model, benchmark: benchmark),
          series(model: model, benchmark: benchmark), tallies[model][benchmark].furtherAxes
        )
      }
    }
  }

  /// Every two models on every benchmark whose images both answered among the same classes. p-values are corrected for all of
  /// them.
  func comparisons() -> [PairedComparison] {
    let models = plan.manifest.models
    var pairs: [(benchmark: Int, first: Int, second: Int, figures: PairedComparison.Figures)] = []
    for benchmark in plan.manifest.benchmarks.indices {
      let classes = models.map { answerClasses(of: $0, on: benchmark) }
      let wanted = models.indices.flatMap { first in
        models.indices.dropFirst(first + 1).filter { classes[first] == classes[$0] }.map { (first: first, second: $0) }
      }.filter {
        plan.isEvaluated(model: $0.first, benchmark: benchmark)
          && plan.isEvaluated(model: $0.second, benchmark: benchmark)
      }
      guard !wanted.isEmpty else { continue }
      let found = Outcomes.comparisons(
        of: models.indices.map { tallies[$0][benchmark].rightAnswers }, pairs: wanted, seed: plan.manifest.seed,
        population: populations[benchmark])
      for (pair, figures) in zip(wanted, found) {
        if let figures { pairs.append((benchmark, pair.first, pair.second, figures)) }
      }
    }
    return zip(pairs, SignTest.holm(pairs.map(\.figures.p))).map { pair, corrected in
      PairedComparison(
        benchmark: plan.manifest.benchmarks[pair.benchmark].name, first: models[pair.first].name,
        second: models[pair.second].name, figures: pair.figures, correctedP: corrected)
    }
  }

  /// What benchmarks of the same images share.
  func population(of benchmark: Int) -> UInt32 { populations[benchmark] }

  /// Which of a model's answers were right, by which models are compared.
  func rightAnswers(model: Int, benchmark: Int) -> Outcomes { tallies[model][benchmark].rightAnswers }

  /// The classes among which a network answers, where a benchmark names some; accuracies among others are not comparable.
  func answerClasses(of model: ModelSpecification, on benchmark: Int) -> Set<String>? {
    let definition = plan.manifest.benchmarks[benchmark]
    guard case .among = definition.kind.benchmark.classes else { return nil }
    let scoring = definition.scoring(of: plan.listings[benchmark], classCount: model.classCount)
    return Set(scoring.scored?.map { scoring.classNames[Int($0)] } ?? scoring.classNames)
  }

  private func series(model: Int, benchmark: Int) -> [Metric] {
    let clean = plan.cleanBenchmark(of: model)
    return tallies[model][benchmark].metrics(
      clean: clean.flatMap { tallies[model][$0] as? AccuracyTally }, seed: plan.manifest.seed
    ).map(\.defined)
  }
}

extension Plan {
  /// Each model's temperature, fitted on its logits of the run's clean images, in the images' order; nil without such.
  ///
  /// - Parameter logits: of all images of a model's clean benchmark, [image, class], NaN where there is no result.
  func temperatures(logits: (_ model: Int, _ clean: Int) throws -> [Float]) rethrows -> [Temperature?] {
    try manifest.models.indices.map { model in
      guard let clean = cleanBenchmark(of: model) else { return nil }
      let classCount = manifest.models[model].classCount
      let scoring = manifest.benchmarks[clean].scoring(of: listings[clean], classCount: classCount)
      guard scoring.obstacle == nil else { return nil }
      return Temperature.fit(
        logits: scoring.masked(try logits(model, clean), classCount: classCount), labels: scoring.labels,
        classCount: classCount)
    }
  }

  /// The first benchmark of clean images that evaluates a model, by which others are measured.
  func cleanBenchmark(of model: Int) -> Int? {
    manifest.benchmarks.indices.first {
      manifest.benchmarks[$0].kind.benchmark.isClean && isEvaluated(model: model, benchmark: $0)
    }
  }
}
