import Records

extension AccuracyTally {
  /// The values of the factors' axis; nil where images are not annotated.
  var factorAxis: Axis? {
    factors.map { Axis(name: "factor", values: $0.values) }
  }

  /// ImageNet-X: of each factor the error of the images that have it over that of all that are annotated.
  func factorFigures(_ seed: UInt64) -> [Metric] {
    guard let factors, let axis = factorAxis, grid.axes.isEmpty else { return [] }
    let answers = rightAnswers
    let annotated = factors.ofImages.indices.map { factors.ofImages[$0] != nil ? answers.evaluated[0][$0] : 0 }
    let evaluated = factors.values.indices.map { factor in
      zip(annotated, factors.ofImages).map { $1?.contains(Int32(factor)) == true ? $0 : 0 }
    }
    // Under each factor, and at last of all that are annotated.
    let outcomes = Outcomes(
      evaluated: evaluated + [annotated],
      right: (evaluated + [annotated]).map { zip($0, answers.right[0]).map { $0 & $1 } })
    func ratios(_ counts: [Int32]) -> [Double] {
      let mean = 1 - outcomes.accuracy(factors.values.count, counts: counts)
      return factors.values.indices.map { mean > 0 ? (1 - outcomes.accuracy($0, counts: counts)) / mean : .nan }
    }
    let found = ratios(Array(repeating: 1, count: imageCount))
    return [
      Metric(
        name: "error_ratio",
        description: "ImageNet-X: error of the images with a factor over that of all annotated ones, 1 = no harder",
        axes: [axis.name], values: found,
        figure: .init("error ratio", .table, .number, isLessBetter: true)),
      Metric(
        name: "top1_by_factor", description: "top-1 accuracy of the images with a factor, 0 to 1", axes: [axis.name],
        values: factors.values.indices.map { outcomes.accuracy($0).value }, figure: .init("top-1", .data)),
      Metric(
        name: "images_by_factor", description: "images with a factor that were evaluated", axes: [axis.name],
        values: evaluated.map { Double($0.count { $0 != 0 }) }, figure: .count()),
    ]
      + Metric.ends(
        of: "error_ratio", axes: [axis.name], method: Bootstrap.method, intervals(found, seed, ratios))
      + Metric.ends(
        of: "top1_by_factor", axes: [axis.name], method: "Wilson's",
        factors.values.indices.map { outcomes.accuracy($0).interval })
  }

  /// The intervals of values that a resample gives anew.
  private func intervals(_ found: [Double], _ seed: UInt64, _ values: ([Int32]) -> [Double]) -> [ConfidenceInterval] {
    var resampled = found.map { _ in [Double]() }
    let bootstrap = Bootstrap(seed: seed, population: population)
    for resample in 0..<Bootstrap.resamples {
      for (index, value) in values(bootstrap.counts(resample: resample, imageCount: imageCount)).enumerated() {
        resampled[index].append(value)
      }
    }
    return zip(found, resampled).map { value, all in
      let interval = ConfidenceInterval(resampled: value.isNaN ? [] : all)
      return interval.isPoint ? .undefined : interval
    }
  }
}
