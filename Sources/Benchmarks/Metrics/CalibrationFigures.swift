import Records

extension AccuracyFigures {
  /// How far confidences are from accuracies, where there is one condition.
  public static let calibration = AccuracyFigures { tally, _, seed in
    tally.grid.axes.isEmpty ? tally.calibrationOfImages(seed) : []
  }
}

// MARK: - One condition

/// A figure of images, each counted as often as a resample holds it.
private struct ImageFigure {
  let name: String
  let description: String
  let figure: Metric.Figure
  let value: (_ counts: [Int32]?) -> Double

  init(
    _ name: String, _ description: String, _ figure: Metric.Figure, value: @escaping (_ counts: [Int32]?) -> Double
  ) {
    (self.name, self.description, self.figure, self.value) = (name, description, figure, value)
  }
}

extension AccuracyTally {
  /// The figures of a benchmark of one condition, with their intervals, and its images by confidence.
  fileprivate func calibrationOfImages(_ seed: UInt64) -> [Metric] {
    guard let tally = calibration else { return [] }
    let places = evaluatedImages(0)
    let isRight = places.map { self.isRight(0, $0) }
    let images = places.compactMap { tally.images[$0] }
    let plain = plainFigures(images, isRight)
    let figures = plain + (tally.inverseTemperature == nil ? [] : scaledFigures(images, isRight))
    var resampled = figures.map { _ in [Double]() }
    let bootstrap = Bootstrap(seed: seed, population: population)
    for resample in 0..<Bootstrap.resamples {
      let all = bootstrap.counts(resample: resample, imageCount: imageCount)
      let counts = places.map { all[$0] }
      for (index, figure) in figures.enumerated() { resampled[index].append(figure.value(counts)) }
    }
    let metrics = zip(figures, resampled).flatMap { figure, values in
      let value = figure.value(nil)
      let interval = ConfidenceInterval(resampled: value.isNaN ? [] : values)
      return [
        Metric(name: figure.name, description: figure.description, axes: [], values: [value], figure: figure.figure)
      ] + Metric.ends(of: figure.name, interval.isPoint ? .undefined : interval)
    }
    // A figure has both ends of its interval.
    let own = metrics.prefix(3 * plain.count)
    return own + temperatureMetric + metrics.dropFirst(own.count) + byConfidence(tally.plain[0])
  }

  private func plainFigures(_ images: [CalibrationTally.Image], _ isRight: [Bool]) -> [ImageFigure] {
    let calibration = Calibration(confidences: images.map(\.plain.confidence), isRight: isRight)
    func figure(
      _ name: String, _ description: String, _ figure: Metric.Figure, value: @escaping (Calibration) -> Double
    ) -> ImageFigure {
      ImageFigure(name, description, figure) { value($0.map(calibration.resampled) ?? calibration) }
    }
    return [
      figure(
        "rms_calibration_error", "RMS calibration error, bins of 100 images, 0 to 1",
        .init("RMS calibration error", .detail, isLessBetter: true), value: \.rmsError),
      figure(
        "aurra", "AURRA: area under the curve of accuracy by response rate, 0 to 1", .init("AURRA", .beside),
        value: \.areaUnderResponseRateAccuracy),
      figure(
        "ece", "ECE: expected calibration error, 15 bins of equal width, 0 to 1",
        .init("ECE", .beside, isLessBetter: true), value: \.expectedError),
      ImageFigure(
        "nll", "NLL: mean of minus the natural logarithm of the label's probability",
        .init("NLL", .beside, .number, isLessBetter: true), value: mean(images.map(\.plain.logLoss))),
      ImageFigure(
        "brier", "Brier score: mean over images of the squared error of all probabilities, 0 to 2",
        .init("Brier score", .beside, .number, isLessBetter: true), value: mean(images.map(\.plain.brierScore))),
    ]
  }

  private func scaledFigures(_ images: [CalibrationTally.Image], _ isRight: [Bool]) -> [ImageFigure] {
    let scaled = images.compactMap(\.scaled)
    let calibration = Calibration(confidences: scaled.map(\.confidence), isRight: isRight)
    return [
      ImageFigure(
        "ece_after_temperature", "ECE of the logits over the temperature, 0 to 1",
        .init(
          "ECE scaled", .detail, isLessBetter: true,
          explanation: "logits over the temperature that fits the run's clean images best"),
        value: { ($0.map(calibration.resampled) ?? calibration).expectedError }),
      ImageFigure(
        "nll_after_temperature", "NLL of the logits over the temperature",
        .init("NLL scaled", .beside, .number, isLessBetter: true), value: mean(scaled.map(\.logLoss))),
      ImageFigure(
        "brier_after_temperature", "Brier score of the logits over the temperature, 0 to 2",
        .init("Brier score scaled", .beside, .number, isLessBetter: true), value: mean(scaled.map(\.brierScore))),
    ]
  }

  /// The mean of values, each counted as often as a resample holds it.
  private func mean(_ values: [Double]) -> (_ counts: [Int32]?) -> Double {
    { counts in
      guard let counts else { return values.isEmpty ? .nan : values.reduce(0, +) / Double(values.count) }
      let all = counts.reduce(0, +)
      return all == 0 ? .nan : zip(values, counts).reduce(0) { $0 + $1.0 * Double($1.1) } / Double(all)
    }
  }

  /// The temperature itself, where these are the images that it was fitted on.
  private var temperatureMetric: [Metric] {
    guard let scaling, scaling.isFittedHere else { return [] }
    var absence = ""
    if case .none(let reason) = scaling.temperature { absence = "no temperature: \(reason)" }
    return [
      Metric(
        name: "temperature", description: "what logits are divided by to make the NLL of these images least", axes: [],
        values: [scaling.temperature.value], figure: .init("temperature", .detail, .number, absence: absence))
    ]
  }

  /// Accuracy, mean confidence and number of the images in bins of equal width.
  private func byConfidence(_ sums: CalibrationTally.Sums) -> [Metric] {
    let axes = [Self.confidenceBins.name]
    func share(_ bin: CalibrationTally.Bin, _ part: Double) -> Double {
      bin.images == 0 ? .nan : part / Double(bin.images)
    }
    return [
      Metric(
        name: "accuracy_by_confidence", description: "top-1 accuracy of the images in a bin of confidences, 0 to 1",
        axes: axes, values: sums.bins.map { share($0, Double($0.right)) }, figure: .init("accuracy", .reliability)),
      Metric(
        name: "accuracy_by_confidence_ideal", description: "mean confidence of the images in a bin, 0 to 1", axes: axes,
        values: sums.bins.map { share($0, $0.confidence.value) }, figure: .support),
      Metric(
        name: "images_by_confidence", description: "images in a bin of confidences", axes: axes,
        values: sums.bins.map { Double($0.images) }, figure: .init("images", .histogram, .number)),
    ]
      + Metric.ends(
        of: "accuracy_by_confidence", axes: axes, method: "Wilson's",
        sums.bins.map { .wilson($0.right, of: $0.images) })
  }

  /// Bin k holds confidences above (k - 1) / 15, up to k / 15.
  static let confidenceBins = Axis(
    name: "confidence_bin", values: (1...CalibrationTally.binCount).map(String.init), isNumeric: true)
}

// MARK: - By severity

extension AccuracyTally {
  /// Figures of every condition, and over a grid's last axis their means.
  var calibrationOfConditions: [Metric] {
    guard let calibration, !grid.axes.isEmpty else { return [] }
    func rmsError(_ condition: Int) -> Double {
      let places = evaluatedImages(condition)
      return Calibration(
        confidences: places.map { calibration.confidences[condition][$0] },
        isRight: places.map { isRight(condition, $0) }
      ).rmsError
    }
    let measures: [(name: String, title: String, unit: Metric.Figure.Unit, of: (CalibrationTally.Sums) -> Double)] = [
      ("ece", "ECE", .share, \.expectedError), ("nll", "NLL", .number, \.meanLogLoss),
      ("brier", "Brier score", .number, \.meanBrierScore),
    ]
    func figure(_ title: String, _ unit: Metric.Figure.Unit, _ extent: String) -> Metric.Figure {
      .init(title, .series, unit, isLessBetter: true, extent: extent)
    }
    let rms = overConditions(
      "rms_calibration_error", "RMS calibration error, bins of 100 images, 0 to 1",
      calibration.plain.indices.map(rmsError), figure: figure("RMS calibration error", .share, ""))
    let plain = measures.flatMap { measure in
      overConditions(
        measure.name, measure.title, calibration.plain.map(measure.of), figure: figure(measure.title, measure.unit, ""))
    }
    guard calibration.inverseTemperature != nil else { return rms + plain }
    return rms + plain
      + measures.flatMap { measure in
        overConditions(
          measure.name + "_after_temperature",
          "\(measure.title) of the logits over the temperature that fits the run's clean images best",
          calibration.scaled.map(measure.of), figure: figure(measure.title, measure.unit, "scaled"))
      }
  }

  /// A figure of every condition; of a grid of two axes also its mean over the first one, where all are there.
  private func overConditions(
    _ name: String, _ description: String, _ values: [Double], figure: Metric.Figure
  ) -> [Metric] {
    let axes = grid.axes.map(\.name)
    guard axes.count == 2 else {
      return [Metric(name: name, description: description, axes: axes, values: values, figure: figure)]
    }
    let columns = grid.axes[1].values.count
    let means = (0..<columns).map { column in
      let cells = stride(from: column, to: values.count, by: columns).filter(grid.isPlanned)
      return cells.isEmpty ? .nan : cells.reduce(0) { $0 + values[$1] } / Double(cells.count)
    }
    var ofConditions = Metric.Figure(figure.title, .data, figure.unit, isLessBetter: true, isOfEachCondition: true)
    ofConditions.extent = figure.extent
    return [
      Metric(name: name, description: description, axes: axes, values: values, figure: ofConditions),
      Metric(
        name: "\(name)_by_\(axes[1])", description: "\(description); mean over \(axes[0])", axes: [axes[1]],
        values: means, figure: figure),
    ]
  }
}
