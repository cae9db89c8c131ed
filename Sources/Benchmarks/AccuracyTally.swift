import Records

/// Counts right answers of one model on one benchmark, condition by condition. It holds a byte an image and condition, and
/// what `CalibrationTally` holds.
public struct AccuracyTally: AnswerTally {
  /// What became of an image under a condition.
  private enum Outcome {
    static let missing: UInt8 = 0
    static let evaluated: UInt8 = 1
    static let inTop5: UInt8 = 2
    static let right: UInt8 = 4
    static let hasRealLabels: UInt8 = 8
    static let reallyRight: UInt8 = 16
  }

  let grid: Grid
  let population: UInt32
  private let labels: [Int32]
  private let scoring: Scoring?
  private let figures: AccuracyFigures
  /// [condition, image]
  private var outcomes: [[UInt8]]
  /// How far confidences are from accuracies; nil where nobody asks.
  private(set) var calibration: CalibrationTally?

  /// A tally of images with these labels; -1 says that an image has none, which is not evaluated then.
  ///
  /// - Parameter population: tallies over the same images, in the same order, share a number, so that their confidence
  ///   intervals rest on the same resamples.
  public init(grid: Grid, labels: [Int32], figures: AccuracyFigures, population: UInt32 = 0) {
    self.init(grid, labels, nil, figures: figures, population: population)
  }

  /// A tally of images that are judged so.
  init(grid: Grid, scoring: Scoring, figures: AccuracyFigures, population: UInt32) {
    self.init(grid, scoring.labels, scoring, figures: figures, population: population)
  }

  private init(_ grid: Grid, _ labels: [Int32], _ scoring: Scoring?, figures: AccuracyFigures, population: UInt32) {
    (self.grid, self.labels, self.scoring, self.figures, self.population) = (grid, labels, scoring, figures, population)
    if grid.axes.isEmpty || figures.calibratesConditions {
      calibration = CalibrationTally(
        conditions: grid.count, images: labels.count, temperature: scoring?.scaling?.temperature)
    }
    outcomes = Array(repeating: Array(repeating: Outcome.missing, count: labels.count), count: grid.count)
  }

  /// Counts images of a condition. One with a NaN among its logits was not computed and is left out.
  ///
  /// - Parameter logits: [image, class], row-major; the answer is the largest, of equal ones the first.
  public mutating func add(condition: Int, firstImage: Int, logits: [Float], classCount: Int) {
    guard classCount > 0, outcomes.indices.contains(condition) else { return }
    let logits = scoring?.masked(logits, classCount: classCount) ?? logits
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
      calibration?.add(
        condition: condition, image: image, logits: logits[row * classCount..<(row + 1) * classCount], label: label,
        isRight: before == 0)
      outcomes[condition][image] =
        Outcome.evaluated | (before < 5 ? Outcome.inTop5 : 0) | (before == 0 ? Outcome.right : 0)
        | realOutcome(image, logits[row * classCount..<(row + 1) * classCount])
    }
  }

  /// Whether the answer is right by reassessed labels.
  private func realOutcome(_ image: Int, _ logits: ArraySlice<Float>) -> UInt8 {
    guard let outputs = scoring?.realOutputs?[image], let answer = scoring?.answer(logits) else { return 0 }
    return Outcome.hasRealLabels | (outputs.contains(answer) ? Outcome.reallyRight : 0)
  }

  private func accuracies(_ outcome: UInt8) -> [Double] {
    outcomes.map { images in
      let evaluated = images.count { $0 != Outcome.missing }
      return evaluated == 0 ? .nan : Double(images.count { $0 & outcome != 0 }) / Double(evaluated)
    }
  }

  /// Images, whether they are counted or not.
  var imageCount: Int { labels.count }
  /// The top-1 accuracy of each condition.
  var top1: [Double] { accuracies(Outcome.right) }
  /// Which images were evaluated and which right.
  public var rightAnswers: Outcomes { masks(Outcome.right) }
  /// Images of a condition that were evaluated.
  func evaluatedImages(_ condition: Int) -> [Int] {
    labels.indices.filter { outcomes[condition][$0] != Outcome.missing }
  }
  /// Whether an image's answer was right under a condition.
  func isRight(_ condition: Int, _ image: Int) -> Bool { outcomes[condition][image] & Outcome.right != 0 }

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
  public func metrics(clean: AccuracyTally? = nil, seed: UInt64 = 0) -> [Metric] {
    let axes = grid.axes.map(\.name)
    var series = [
      Metric(
        name: "top1", description: "top-1 accuracy, 0 to 1", axes: axes, values: top1,
        figure: .init("top-1", axes.isEmpty ? .headline : figures.cells, isOfEachCondition: true)),
      Metric(
        name: "top5", description: "share of images whose label is among the five largest logits, 0 to 1", axes: axes,
        values: accuracies(Outcome.inTop5),
        figure: .init("top-5", axes.isEmpty ? .beside : .data, isOfEachCondition: true)),
      Metric(
        name: "evaluated", description: "images evaluated", axes: axes,
        values: outcomes.map { Double($0.count { $0 != Outcome.missing }) }, figure: .count()),
    ]
    series += wilsonEnds(of: "top1", Outcome.right) + wilsonEnds(of: "top5", Outcome.inTop5)
    if grid.rowLengths != nil {
      series.append(
        Metric(
          name: "planned", description: "1 where the grid has a condition, 0 past the end of its row", axes: axes,
          values: (0..<grid.count).map { grid.isPlanned($0) ? 1 : 0 }, figure: .init("", .grid, .number)))
    }
    return series + realAccuracy + figures.series(self, clean, seed) + calibrationOfConditions + factorFigures(seed)
  }

  /// The bins of confidences, of a benchmark of one condition, and factors.
  public var furtherAxes: [Axis] {
    grid.axes.isEmpty ? [Self.confidenceBins] + (factorAxis.map { [$0] } ?? []) : []
  }

  /// What tells images from typical ones; nil where nobody says.
  var factors: ImageAnnotation? { scoring?.factors }

  /// The temperature that logits are divided by; nil where none was looked for.
  var scaling: TemperatureScaling? { scoring?.scaling }

  /// The accuracy by reassessed labels, where there are some.
  private var realAccuracy: [Metric] {
    guard scoring?.realOutputs != nil else { return [] }
    let axes = grid.axes.map(\.name)
    let counts = outcomes.map { images in
      (right: images.count { $0 & Outcome.reallyRight != 0 }, all: images.count { $0 & Outcome.hasRealLabels != 0 })
    }
    let extent = counts.count == 1 ? "over the \(counts[0].all) images with ReaL labels" : ""
    return [
      Metric(
        name: "real_top1",
        description: "share of the images with ImageNet-ReaL labels whose answer is one of them, 0 to 1",
        axes: axes, values: counts.map { $0.all == 0 ? .nan : Double($0.right) / Double($0.all) },
        figure: .init("ReaL top-1", axes.isEmpty ? .compared : .data, isOfEachCondition: true, extent: extent))
    ] + Metric.ends(of: "real_top1", axes: axes, method: "Wilson's", counts.map { .wilson($0.right, of: $0.all) })
  }

  /// Wilson's interval of the share of each condition's images that had an outcome.
  private func wilsonEnds(of name: String, _ outcome: UInt8) -> [Metric] {
    Metric.ends(
      of: name, axes: grid.axes.map(\.name), method: "Wilson's",
      outcomes.map { images in
        .wilson(images.count { $0 & outcome != 0 }, of: images.count { $0 != Outcome.missing })
      })
  }

  /// Both ends of the confidence interval of a combination of the conditions' accuracies.
  func intervals(of name: String, _ combination: AccuracyCombination, _ seed: UInt64) -> [Metric] {
    intervals(of: name, axes: [], [combination], seed)
  }

  /// The same of a figure over axes, one combination a value; all rest on the same resamples.
  func intervals(
    of name: String, axes: [String], _ combinations: [AccuracyCombination], _ seed: UInt64
  ) -> [Metric] {
    Metric.ends(
      of: name, axes: axes, method: Bootstrap.method,
      CombinationBootstrap(combinations, of: rightAnswers).intervals(seed: seed, population: population, clean: nil))
  }
}

extension Metric {
  /// Both ends of a figure's confidence intervals.
  ///
  /// - Parameters:
  ///   - axes: the figure's axes.
  ///   - method: what the intervals are.
  static func ends(
    of name: String, axes: [String], method: String, _ intervals: [ConfidenceInterval]
  ) -> [Metric] {
    [("low", "lower", \ConfidenceInterval.low), ("high", "upper", \.high)].map { end, word, value in
      Metric(
        name: "\(name)_\(end)", description: "\(word) end of the 95 % confidence interval of \(name), \(method)",
        axes: axes, values: intervals.map { $0[keyPath: value] }, figure: .support)
    }
  }

  /// Both ends of a single figure's confidence interval by resampling.
  static func ends(of name: String, _ interval: ConfidenceInterval) -> [Metric] {
    ends(of: name, axes: [], method: Bootstrap.method, [interval])
  }
}
