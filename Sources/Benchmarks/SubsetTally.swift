import Records

/// What is worked out of a benchmark's named sets, beside the accuracy on each.
public struct SubsetFigures: Sendable {
  /// The set whose accuracy is the benchmark's; nil: the first.
  public var headline: String?
  /// The accuracy of one set less that of another.
  public var gap: Gap?
  /// A set of images of no known class, which are told from known ones; their accuracy means nothing.
  public var foreign: Foreign?

  /// A difference of accuracies.
  public struct Gap: Sendable {
    let name: String
    let title: String
    /// The set whose accuracy it is, and that whose is taken away.
    let high: String
    let low: String
  }

  /// A set of foreign images, and the known ones beside it.
  public struct Foreign: Sendable {
    let out: String
    let known: String
  }

  init(headline: String? = nil, gap: Gap? = nil, foreign: Foreign? = nil) {
    (self.headline, self.gap, self.foreign) = (headline, gap, foreign)
  }
}

/// Counts right answers of one model on a benchmark of named sets of images, set by set. It holds ten bytes an image.
public struct SubsetTally: AnswerTally {
  private let figures: SubsetFigures
  private let grid: Grid
  private let scoring: Scoring
  private let population: UInt32
  private let subsets: [String]
  /// [subset]: the images that belong to it, in the listing's order.
  private var members: [[Int]]
  /// [condition][image]
  private var outcomes: [[Outcome]]

  /// What became of an image.
  private struct Outcome {
    var isLabelled = false
    var isRight = false
    /// Minus the largest softmax probability; NaN where there is no result.
    var strangeness = Double.nan

    var isEvaluated: Bool { !strangeness.isNaN }
  }

  /// How often a resample holds the members of each set.
  private typealias Draw = [[Int32]]

  /// A tally of a benchmark's images, judged so.
  ///
  /// - Parameter population: as that of `AccuracyTally`.
  public init(of benchmark: BenchmarkDefinition, listing: ImageListing, scoring: Scoring, population: UInt32 = 0) {
    figures = benchmark.kind.benchmark.subsetFigures
    grid = benchmark.grid
    self.scoring = scoring
    self.population = population
    subsets = benchmark.subsets.map(\.name)
    members = subsets.map { _ in [] }
    let index = Dictionary(zip(subsets, 0...)) { first, _ in first }
    for (image, path) in listing.paths.enumerated() {
      if let subset = index[BenchmarkDefinition.split(path).first] { members[subset].append(image) }
    }
    outcomes = Array(repeating: Array(repeating: Outcome(), count: listing.paths.count), count: grid.count)
  }

  /// Counts images of a condition. One with a NaN among its logits was not computed and is left out.
  ///
  /// - Parameter logits: [image, class], row-major.
  public mutating func add(condition: Int, firstImage: Int, logits: [Float], classCount: Int) {
    guard classCount > 0, outcomes.indices.contains(condition) else { return }
    for row in 0..<logits.count / classCount {
      let image = firstImage + row
      let values = logits[row * classCount..<(row + 1) * classCount]
      guard outcomes[condition].indices.contains(image), let answer = scoring.answer(values) else { continue }
      let label = scoring.labels[image]
      outcomes[condition][image] = Outcome(
        isLabelled: label >= 0, isRight: label >= 0 && answer == label, strangeness: -scoring.confidence(values))
    }
  }

  /// The metrics of what was counted: `top1` is that of the benchmark's headline set, `top1_SET` that of each, and
  /// `evaluated_SET` says of how many images.
  ///
  /// - Parameter seed: the seed of the confidence intervals. Every set is resampled; sets of the same size alike, so that
  ///   ImageNet-9's variants of one picture stay together.
  public func metrics(clean: AccuracyTally? = nil, seed: UInt64 = 0) -> [Metric] {
    let headline = headline
    let name = subsets.indices.contains(headline) ? subsets[headline] : "all"
    let more = (figures.gap.map(gap) ?? []) + (figures.foreign.map(detection) ?? [])
    let evaluated = outcomes.map { Double($0.count(where: \.isEvaluated)) }
    let isForeign = figures.foreign != nil
    let top1 = accuracy(
      "top1", "top-1 accuracy on the images of \(name), 0 to 1", headline,
      figure: .init("top-1", role(isForeign ? .detail : .headline), isOfEachCondition: true, sets: [name]))
    // Figures come in the order in which reports say them.
    return (isForeign ? with(more, seed: seed) + top1 : top1 + with(more, seed: seed))
      + [series("evaluated", "images evaluated", evaluated, figure: .count())]
      + (isForeign
        ? []
        : subsets.indices.flatMap {
          accuracy(
            "top1_" + subsets[$0], "top-1 accuracy on the images of \(subsets[$0]), 0 to 1", $0,
            figure: .init("top-1", subsets.count > 1 && grid.axes.isEmpty ? .table : .data, sets: [subsets[$0]]))
        }) + subsets.indices.map(evaluatedImages)
  }

  /// The set whose accuracy is the benchmark's.
  private var headline: Int { figures.headline.flatMap { subsets.firstIndex(of: $0) } ?? 0 }

  /// Those of that set; none where foreign images are to be told from known ones, which are another benchmark's.
  public var rightAnswers: Outcomes {
    let wanted = members.indices.contains(headline) && figures.foreign == nil ? members[headline] : []
    return Outcomes(outcomes.map { outcomes in wanted.map { outcomes[$0].isLabelled ? outcomes[$0].isRight : nil } })
  }

  /// That of a figure of a benchmark without axes; over axes only accuracies are shown.
  private func role(_ role: Metric.Figure.Role) -> Metric.Figure.Role { grid.axes.isEmpty ? role : .table }

  private func series(_ name: String, _ description: String, _ values: [Double], figure: Metric.Figure) -> Metric {
    Metric(name: name, description: description, axes: grid.axes.map(\.name), values: values, figure: figure)
  }

  /// A set's accuracy with its intervals.
  private func accuracy(
    _ name: String, _ description: String, _ subset: Int, figure: Metric.Figure
  ) -> [Metric] {
    [series(name, description, outcomes.indices.map { share(subset, $0, nil) }, figure: figure)]
      + Metric.ends(
        of: name, axes: grid.axes.map(\.name), method: "Wilson's", outcomes.indices.map { interval(subset, $0) })
  }

  /// Images of a set that its figures are of: those with a label and a result, of foreign ones those with a result.
  private func evaluatedImages(_ subset: Int) -> Metric {
    let isForeign = subsets[subset] == figures.foreign?.out
    return series(
      "evaluated_" + subsets[subset], "images of \(subsets[subset]) evaluated",
      outcomes.map { outcomes in
        Double(members[subset].count { isForeign ? outcomes[$0].isEvaluated : outcomes[$0].isLabelled })
      }, figure: .count(of: [subsets[subset]]))
  }

  private func interval(_ subset: Int, _ condition: Int) -> ConfidenceInterval {
    guard members.indices.contains(subset) else { return .undefined }
    let labelled = members[subset].count { outcomes[condition][$0].isLabelled }
    return .wilson(share: share(subset, condition, nil), of: labelled)
  }

  /// The accuracy on a set's labelled images, each counted as often as a resample holds it; NaN where there is none.
  private func share(_ subset: Int, _ condition: Int, _ draw: Draw?) -> Double {
    guard members.indices.contains(subset) else { return .nan }
    var (labelled, right) = (0, 0)
    for (place, image) in members[subset].enumerated() where outcomes[condition][image].isLabelled {
      let count = draw.map { Int($0[subset][place]) } ?? 1
      labelled += count
      if outcomes[condition][image].isRight { right += count }
    }
    return labelled == 0 ? .nan : Double(right) / Double(labelled)
  }
}

// MARK: - Figures and their intervals

extension SubsetTally {
  /// A figure of one condition; of a resample where one is given.
  private struct Figure {
    let name: String
    let description: String
    let figure: Metric.Figure
    let value: (_ tally: SubsetTally, _ condition: Int, _ draw: Draw?) -> Double
    /// The interval where every resample gives the same.
    let edge: (SubsetTally) -> ConfidenceInterval

    init(
      _ name: String, _ description: String, _ figure: Metric.Figure,
      edge: @escaping (SubsetTally) -> ConfidenceInterval = { _ in .undefined },
      value: @escaping (SubsetTally, Int, Draw?) -> Double
    ) {
      self.name = name
      self.description = description
      self.figure = figure
      self.edge = edge
      self.value = value
    }
  }

  /// Figures with their confidence intervals, which those of benchmarks without axes have.
  private func with(_ figures: [Figure], seed: UInt64) -> [Metric] {
    let values = figures.map { figure in outcomes.indices.map { figure.value(self, $0, nil) } }
    var resampled = figures.map { _ in [Double]() }
    if grid.axes.isEmpty {
      let bootstrap = Bootstrap(seed: seed, population: population)
      for resample in 0..<Bootstrap.resamples {
        let draw = members.map { bootstrap.counts(resample: resample, imageCount: $0.count) }
        for (index, figure) in figures.enumerated() where !values[index][0].isNaN {
          resampled[index].append(figure.value(self, 0, draw))
        }
      }
    }
    return figures.indices.flatMap { index in
      [series(figures[index].name, figures[index].description, values[index], figure: figures[index].figure)]
        + (grid.axes.isEmpty
          ? Metric.ends(of: figures[index].name, interval(figures[index], resampled[index])) : [])
    }
  }

  private func interval(_ figure: Figure, _ resampled: [Double]) -> ConfidenceInterval {
    let interval = ConfidenceInterval(resampled: resampled)
    return interval.isPoint ? figure.edge(self) : interval
  }

  private func gap(_ gap: SubsetFigures.Gap) -> [Figure] {
    guard let high = subsets.firstIndex(of: gap.high), let low = subsets.firstIndex(of: gap.low) else { return [] }
    return [
      Figure(
        gap.name, "\(gap.title): top-1 of \(gap.high) less that of \(gap.low)",
        .init(gap.title, grid.axes.isEmpty ? .detail : .data, .points, isLessBetter: true, sets: [gap.high, gap.low]),
        edge: { tally in
          .difference(
            tally.share(high, 0, nil), tally.interval(high, 0), less: tally.share(low, 0, nil), tally.interval(low, 0))
        },
        value: { tally, condition, draw in
          tally.share(high, condition, draw) - tally.share(low, condition, draw)
        })
    ]
  }

  /// How well minus the largest softmax probability tells foreign images from known ones.
  private func detection(_ sets: SubsetFigures.Foreign) -> [Figure] {
    guard let out = subsets.firstIndex(of: sets.out), let known = subsets.firstIndex(of: sets.known) else { return [] }
    // Images without a result are in neither list, and so in no resample.
    let places = outcomes.map { outcomes in
      [out, known].map { subset in
        members[subset].indices.filter { outcomes[members[subset][$0]].isEvaluated }
      }
    }
    let found = outcomes.indices.map { condition in
      Detection(
        positives: places[condition][0].map { outcomes[condition][members[out][$0]].strangeness },
        negatives: places[condition][1].map { outcomes[condition][members[known][$0]].strangeness })
    }
    func figure(
      _ name: String, _ description: String, _ title: String, role: Metric.Figure.Role, isLessBetter: Bool = false,
      edge: @escaping (SubsetTally) -> ConfidenceInterval = { _ in .undefined },
      value: @escaping (Detection) -> Double
    ) -> Figure {
      let said = Metric.Figure(
        title, grid.axes.isEmpty ? role : .data, isLessBetter: isLessBetter, sets: [sets.out, sets.known])
      return Figure(name, description, said, edge: edge) { _, condition, draw in
        guard let draw else { return value(found[condition]) }
        return value(
          found[condition].resampled(
            positives: places[condition][0].map { draw[out][$0] },
            negatives: places[condition][1].map { draw[known][$0] }))
      }
    }
    return [
      figure(
        "aupr", "AUPR: average precision at finding foreign images, 0 to 1", "AUPR", role: .headline,
        value: \.averagePrecision),
      figure("auroc", "AUROC at finding foreign images, 0 to 1", "AUROC", role: .detail, value: \.areaUnderROC),
      figure(
        "fpr95", "FPR95: share of known images taken for foreign where 95 % of the foreign are found",
        "FPR95", role: .beside, isLessBetter: true,
        edge: { _ in .wilson(share: found[0].falsePositiveRateAt95, of: places[0][1].count) },
        value: \.falsePositiveRateAt95),
    ]
  }
}
