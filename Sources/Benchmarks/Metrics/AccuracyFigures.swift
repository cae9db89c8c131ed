import Records

/// What is worked out of the accuracies of all conditions, beside themselves.
public struct AccuracyFigures: Sendable {
  /// Whether the accuracies of a grid's conditions are a table or curves.
  let cells: Metric.Figure.Role
  let series: @Sendable (_ tally: AccuracyTally, _ clean: AccuracyTally?, _ seed: UInt64) -> [Metric]

  init(
    cells: Metric.Figure.Role = .table,
    _ series: @escaping @Sendable (AccuracyTally, AccuracyTally?, UInt64) -> [Metric]
  ) {
    self.cells = cells
    self.series = series
  }

  /// Nothing: accuracies are drawn as curves.
  public static let curves = AccuracyFigures(cells: .curve) { _, _, _ in [] }

  /// The mean over all conditions.
  ///
  /// - Parameter words: what it is over, given their count.
  public static func mean(over words: @escaping @Sendable (Int) -> String) -> AccuracyFigures {
    AccuracyFigures { tally, _, seed in
      let top1 = tally.top1
      let axes = tally.grid.axes.map(\.name)
      return [
        Metric(
          name: "mean_top1", description: "top-1 accuracy, mean over \(axes.joined(separator: " and ")), 0 to 1",
          axes: [], values: [top1.isEmpty ? .nan : top1.reduce(0, +) / Double(top1.count)],
          figure: .init("mean top-1", .headline, extent: words(top1.count)))
      ] + tally.intervals(of: "mean_top1", .mean(conditions: tally.grid.count), seed)
    }
  }

  /// How far confidences are from accuracies, where there is one condition.
  public static let calibration = AccuracyFigures { tally, _, seed in
    tally.grid.axes.isEmpty ? tally.calibration(seed) : []
  }
}

extension AccuracyTally {
  /// How far confidences are from accuracies, over the images that were evaluated.
  fileprivate func calibration(_ seed: UInt64) -> [Metric] {
    let images = evaluatedImages(0)
    let calibration = Calibration(
      confidences: images.map { confidences[$0] }, isRight: images.map { isRight(0, $0) })
    let figures: [(name: String, description: String, figure: Metric.Figure, value: (Calibration) -> Double)] = [
      (
        "rms_calibration_error", "RMS calibration error, bins of 100 images, 0 to 1",
        .init("RMS calibration error", .detail, isLessBetter: true), { $0.rmsError }
      ),
      (
        "aurra", "AURRA: area under the curve of accuracy by response rate, 0 to 1", .init("AURRA", .beside),
        { $0.areaUnderResponseRateAccuracy }
      ),
      (
        "ece", "ECE: expected calibration error, 15 bins of equal width, 0 to 1",
        .init("ECE", .beside, isLessBetter: true), { $0.expectedError }
      ),
    ]
    var resampled = figures.map { _ in [Double]() }
    let bootstrap = Bootstrap(seed: seed, population: population)
    for resample in 0..<Bootstrap.resamples {
      let counts = bootstrap.counts(resample: resample, imageCount: imageCount)
      let drawn = calibration.resampled(images.map { counts[$0] })
      for (index, figure) in figures.enumerated() { resampled[index].append(figure.value(drawn)) }
    }
    return zip(figures, resampled).flatMap { figure, values in
      let value = figure.value(calibration)
      let interval = ConfidenceInterval(resampled: value.isNaN ? [] : values)
      return [
        Metric(name: figure.name, description: figure.description, axes: [], values: [value], figure: figure.figure)
      ]
        + Metric.ends(of: figure.name, interval.isPoint ? .undefined : interval)
    }
  }
}
