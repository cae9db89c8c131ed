/// One metric over some of a grid's axes.
public struct MetricSeries: Sendable, Equatable {
  /// The variable's name in the archive.
  public let name: String
  /// What it is, with its unit.
  public let description: String
  /// Names of the axes that it runs over, slowest first; none for a single number.
  public let axes: [String]
  /// The values, row-major; NaN where there is nothing to measure.
  public let values: [Double]

  /// A metric.
  public init(name: String, description: String, axes: [String], values: [Double]) {
    self.name = name
    self.description = description
    self.axes = axes
    self.values = values
  }
}

/// Counts right answers of one model on one benchmark, condition by condition. It holds a byte an image and condition, of
/// a benchmark without axes also a confidence an image.
public struct AccuracyTally: Sendable {
  /// What became of an image under a condition.
  private enum Outcome {
    static let missing: UInt8 = 0
    static let evaluated: UInt8 = 1
    static let inTop5: UInt8 = 2
    static let right: UInt8 = 4
  }

  private let kind: BenchmarkKind
  private let grid: Grid
  private let labels: [Int32]
  private let population: UInt32
  /// [condition, image]
  private var outcomes: [[UInt8]]
  /// The largest softmax probability of each image that was evaluated, of a benchmark without axes; otherwise empty.
  private var confidences: [Double]

  /// A tally of images with these labels; -1 says that an image has none, which is not evaluated then.
  ///
  /// - Parameter population: tallies over the same images, in the same order, share a number, so that their confidence
  ///   intervals rest on the same resamples.
  public init(kind: BenchmarkKind, grid: Grid, labels: [Int32], population: UInt32 = 0) {
    self.kind = kind
    self.grid = grid
    self.labels = labels
    self.population = population
    confidences = grid.axes.isEmpty ? Array(repeating: .nan, count: labels.count) : []
    outcomes = Array(repeating: Array(repeating: Outcome.missing, count: labels.count), count: grid.count)
  }

  /// Counts images of a condition. One with a NaN among its logits was not computed and is left out.
  ///
  /// - Parameter logits: [image, class], row-major; the answer is the largest, of equal ones the first.
  public mutating func add(condition: Int, firstImage: Int, logits: [Float], classCount: Int) {
    guard classCount > 0, outcomes.indices.contains(condition) else { return }
    for row in 0..<logits.count / classCount {
      let image = firstImage + row
      guard labels.indices.contains(image), labels[image] >= 0, labels[image] < classCount else { continue }
      let label = Int(labels[image])
      let wanted = logits[row * classCount + label]
      var before = 0
      var isWhole = true
      for index in 0..<classCount {
        let value = logits[row * classCount + index]
        if value.isNaN { isWhole = false }
        if value > wanted || (value == wanted && index < label) { before += 1 }
      }
      guard isWhole else { continue }
      if !confidences.isEmpty {
        confidences[image] = Scoring.confidence(of: logits[row * classCount..<(row + 1) * classCount])
      }
      outcomes[condition][image] =
        Outcome.evaluated | (before < 5 ? Outcome.inTop5 : 0) | (before == 0 ? Outcome.right : 0)
    }
  }

  private func accuracies(_ outcome: UInt8) -> [Double] {
    outcomes.map { images in
      let evaluated = images.count { $0 != Outcome.missing }
      return evaluated == 0 ? .nan : Double(images.count { $0 & outcome != 0 }) / Double(evaluated)
    }
  }

  private func masks(_ outcome: UInt8) -> Outcomes {
    Outcomes(
      evaluated: outcomes.map { $0.map { $0 != Outcome.missing ? -1 : 0 } },
      right: outcomes.map { $0.map { $0 & outcome != 0 ? -1 : 0 } })
  }

  /// The metrics of what was counted.
  ///
  /// - Parameters:
  ///   - clean: the same model's tally on clean images, for relative mCE.
  ///   - seed: the seed of the confidence intervals.
  public func metrics(clean: AccuracyTally? = nil, seed: UInt64 = 0) -> [MetricSeries] {
    let top1 = accuracies(Outcome.right)
    let axes = grid.axes.map(\.name)
    var series = [
      MetricSeries(name: "top1", description: "top-1 accuracy, 0 to 1", axes: axes, values: top1),
      MetricSeries(
        name: "top5", description: "share of images whose label is among the five largest logits, 0 to 1", axes: axes,
        values: accuracies(Outcome.inTop5)),
      MetricSeries(
        name: "evaluated", description: "images evaluated", axes: axes,
        values: outcomes.map { Double($0.count { $0 != Outcome.missing }) }),
    ]
    series += wilsonEnds(of: "top1", Outcome.right) + wilsonEnds(of: "top5", Outcome.inTop5)
    if grid.rowLengths != nil {
      series.append(
        MetricSeries(
          name: "planned", description: "1 where the grid has a condition, 0 where its row has ended", axes: axes,
          values: (0..<grid.count).map { grid.isPlanned($0) ? 1 : 0 }))
    }
    if kind == .imagenetC, grid.axes.count == 2 {
      series += corruptionMetrics(top1, clean: clean, seed: seed)
    } else if kind == .occlusion {
      series.append(
        MetricSeries(
          name: "mean_top1", description: "top-1 accuracy, mean over \(axes.joined(separator: " and ")), 0 to 1",
          axes: [], values: [top1.isEmpty ? .nan : top1.reduce(0, +) / Double(top1.count)]))
      series += intervals(of: "mean_top1", Outcome.right, .mean(conditions: grid.count), seed)
    } else if grid.axes.isEmpty {
      series += calibration(seed)
    }
    return series
  }

  /// Wilson's interval of the share of each condition's images that had an outcome.
  private func wilsonEnds(of name: String, _ outcome: UInt8) -> [MetricSeries] {
    MetricSeries.ends(
      of: name, axes: grid.axes.map(\.name), method: "Wilson's",
      outcomes.map { images in
        .wilson(images.count { $0 & outcome != 0 }, of: images.count { $0 != Outcome.missing })
      })
  }

  /// How far confidences are from accuracies, over the images that were evaluated.
  private func calibration(_ seed: UInt64) -> [MetricSeries] {
    let images = labels.indices.filter { outcomes[0][$0] != Outcome.missing }
    let calibration = Calibration(
      confidences: images.map { confidences[$0] }, isRight: images.map { outcomes[0][$0] & Outcome.right != 0 })
    let figures: [(name: String, description: String, value: (Calibration) -> Double)] = [
      ("rms_calibration_error", "RMS calibration error, bins of 100 images, 0 to 1", { $0.rmsError }),
      (
        "aurra", "AURRA: area under the curve of accuracy by response rate, 0 to 1",
        { $0.areaUnderResponseRateAccuracy }
      ),
      ("ece", "ECE: expected calibration error, 15 bins of equal width, 0 to 1", { $0.expectedError }),
    ]
    var resampled = figures.map { _ in [Double]() }
    let bootstrap = Bootstrap(seed: seed, population: population)
    for resample in 0..<Bootstrap.resamples {
      let counts = bootstrap.counts(resample: resample, imageCount: labels.count)
      let drawn = calibration.resampled(images.map { counts[$0] })
      for (index, figure) in figures.enumerated() { resampled[index].append(figure.value(drawn)) }
    }
    return zip(figures, resampled).flatMap { figure, values in
      let value = figure.value(calibration)
      let interval = ConfidenceInterval(resampled: value.isNaN ? [] : values)
      return [MetricSeries(name: figure.name, description: figure.description, axes: [], values: [value])]
        + MetricSeries.ends(of: figure.name, interval.isPoint ? .undefined : interval)
    }
  }

  private func intervals(
    of name: String, _ outcome: UInt8, _ combination: AccuracyCombination, _ seed: UInt64
  ) -> [MetricSeries] {
    CombinationBootstrap([combination], of: masks(outcome)).intervals(seed: seed, population: population, clean: nil)
      .flatMap { MetricSeries.ends(of: name, $0) }
  }

  /// The conditions of the standard 15 corruptions; none where one of them is missing.
  private var standardConditions: [Int] {
    guard CorruptionCoverage(axes: grid.axes)?.hasStandard == true else { return [] }
    return grid.cells.filter { ImageNetC.standardCorruptions.contains($0.values[0]) }.map(\.index)
  }

  private func corruptionMetrics(_ top1: [Double], clean: AccuracyTally?, seed: UInt64) -> [MetricSeries] {
    let cleanTop1 = clean?.accuracies(Outcome.right).first ?? .nan
    let errors = CorruptionError(grid: grid, top1: top1, clean: cleanTop1)
    let ce = errors.errors
    let relative = errors.relativeErrors
    let corruption = [grid.axes[0].name]
    let mean = top1.isEmpty ? .nan : top1.reduce(0, +) / Double(top1.count)
    let standard = standardConditions
    let standardMean = standard.isEmpty ? .nan : standard.reduce(0) { $0 + top1[$1] } / Double(standard.count)
    let single = [
      (
        "standard_mean_top1",
        "top-1 accuracy, mean over the standard 15 corruptions and the severities, 0 to 1; NaN without all",
        standardMean, AccuracyCombination.mean(over: standard)
      ),
      (
        "mean_top1", "top-1 accuracy, mean over all corruptions and severities, 0 to 1", mean,
        .mean(conditions: top1.count)
      ),
      (
        "mce", "mCE: mean corruption error over the standard 15 corruptions, 1 = AlexNet; NaN without all",
        errors.mean(ce), errors.combination(relative: false)
      ),
      (
        "partial_mce", "mean corruption error over those standard corruptions that were evaluated",
        errors.partialMean(ce), errors.combination(relative: false)
      ),
      (
        "relative_mce",
        "relative mCE: mean relative corruption error over the standard 15, 1 = AlexNet; NaN without all",
        errors.mean(relative), errors.combination(relative: true)
      ),
    ]
    let intervals = CombinationBootstrap(single.map(\.3), of: masks(Outcome.right)).intervals(
      seed: seed, population: population,
      clean: clean.map { ($0.masks(Outcome.right), $0.population) })
    return [
      MetricSeries(
        name: "ce", description: "corruption error over AlexNet's, 1 = as many errors (Hendrycks and Dietterich 2019)",
        axes: corruption, values: ce),
      MetricSeries(
        name: "relative_ce",
        description: "what the error exceeds the clean error by, over the same of AlexNet (clean error 0.435)",
        axes: corruption, values: relative),
    ]
      + zip(single, intervals).flatMap { metric, interval in
        // A figure that is not defined has no interval either.
        let interval = metric.2.isNaN ? ConfidenceInterval(resampled: []) : interval
        return [MetricSeries(name: metric.0, description: metric.1, axes: [], values: [metric.2])]
          + MetricSeries.ends(of: metric.0, interval)
      }
  }
}

extension MetricSeries {
  /// Both ends of a figure's confidence intervals.
  ///
  /// - Parameters:
  ///   - axes: the figure's axes.
  ///   - method: what the intervals are.
  static func ends(
    of name: String, axes: [String], method: String, _ intervals: [ConfidenceInterval]
  ) -> [MetricSeries] {
    [("low", "lower", \ConfidenceInterval.low), ("high", "upper", \.high)].map { end, word, value in
      MetricSeries(
        name: "\(name)_\(end)", description: "\(word) end of the 95 % confidence interval of \(name), \(method)",
        axes: axes, values: intervals.map { $0[keyPath: value] })
    }
  }

  /// Both ends of a single figure's confidence interval by resampling.
  static func ends(of name: String, _ interval: ConfidenceInterval) -> [MetricSeries] {
    ends(of: name, axes: [], method: "\(Bootstrap.resamples) resamples of images", [interval])
  }
}
