import Benchmarks
import Records
import Testing

/// Intervals of figures that are no sum over images, against resamples that are written out image by image.
@Suite struct ResampledFigureTests {
  private static let seed: UInt64 = 9
  private static let classes = 4

  /// Logits with ties, [image, class]; a NaN row where `missing` says so.
  private static func logits(_ count: Int, stream: UInt64, missing: Set<Int> = []) -> [Float] {
    var state = stream
    return (0..<count).flatMap { image in
      (0..<classes).map { _ -> Float in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return missing.contains(image) ? .nan : Float(state >> 33 & 7) / 2
      }
    }
  }

  private static func rankings(_ logits: [Float]) -> [ClassRanking?] {
    stride(from: 0, to: logits.count, by: classes).map { ClassRanking(logits[$0..<$0 + classes]) }
  }

  private func expect(_ metrics: [Metric], _ name: String, _ interval: ConfidenceInterval) {
    for (end, value) in [("low", interval.low), ("high", interval.high)] {
      let found = metrics.first { $0.name == "\(name)_\(end)" }?.values.first ?? .nan
      #expect(abs(found - value) < 1e-12, "\(name)_\(end) is \(found), not \(value)")
    }
    #expect(interval.low < interval.high)
  }

  @Test("Calibration's intervals are those of its figures on each resample")
  func calibration() {
    let count = 430
    let labels = (0..<count).map { Int32($0 % Self.classes) }
    let logits = Self.logits(count, stream: 1)
    var tally = AccuracyTally(grid: Grid(axes: []), labels: labels, figures: .calibration)
    tally.add(condition: 0, firstImage: 0, logits: logits, classCount: Self.classes)
    let metrics = tally.metrics(seed: Self.seed)
    let rankings = Self.rankings(logits)
    func interval(_ figure: (Calibration) -> Double) -> ConfidenceInterval {
      Bootstrap(seed: Self.seed).interval(imageCount: count) { places in
        // Repeated images stand together, as equal confidences stay in the images' order.
        let drawn = places.sorted().map { (rankings[$0], labels[$0]) }
        return figure(
          Calibration(
            confidences: drawn.map { $0.0?.confidence ?? .nan }, isRight: drawn.map { Int32($0.0?.best ?? -1) == $0.1 })
        )
      }
    }
    expect(metrics, "rms_calibration_error", interval(\.rmsError))
    expect(metrics, "aurra", interval(\.areaUnderResponseRateAccuracy))
    expect(metrics, "ece", interval(\.expectedError))
  }

  private func benchmark(_ kind: BenchmarkKind, _ sets: [(name: String, count: Int)]) -> (
    BenchmarkDefinition, ImageListing
  ) {
    let paths = sets.flatMap { set in (0..<set.count).map { "\(set.name)/\($0 % Self.classes)/\($0)" } }
    let labels = sets.flatMap { set in
      (0..<set.count).map { set.name == "out" ? -1 : Int32($0 % Self.classes) }
    }
    return (
      BenchmarkDefinition(
        kind: kind, name: "b",
        layout: PictureLayout(root: "/", subsets: sets.map { ImageSubset(name: $0.name, folder: "/" + $0.name) })),
      ImageListing(paths: paths, labels: labels, classNames: (0..<Self.classes).map(String.init))
    )
  }

  private func metrics(_ benchmark: BenchmarkDefinition, _ listing: ImageListing, _ logits: [Float]) -> [Metric] {
    var tally = SubsetTally(
      of: benchmark, listing: listing, scoring: benchmark.scoring(of: listing, classCount: Self.classes))
    tally.add(condition: 0, firstImage: 0, logits: logits, classCount: Self.classes)
    return tally.metrics(seed: Self.seed)
  }

  @Test("AUPR, AUROC and FPR95 resample foreign and known images; one without a result is in none")
  func detection() {
    let (benchmark, listing) = benchmark(.imagenetO, [("in", 60), ("out", 35)])
    let logits = Self.logits(95, stream: 2, missing: [3, 70])
    let metrics = metrics(benchmark, listing, logits)
    let scores = Self.rankings(logits).map { $0.map { -$0.confidence } }
    let bootstrap = Bootstrap(seed: Self.seed)
    func interval(_ figure: (Detection) -> Double) -> ConfidenceInterval {
      ConfidenceInterval(
        resampled: (0..<Bootstrap.resamples).map { resample in
          let known = bootstrap.places(resample: resample, imageCount: 60).compactMap { scores[$0] }
          let out = bootstrap.places(resample: resample, imageCount: 35).compactMap { scores[60 + $0] }
          return figure(Detection(positives: out, negatives: known))
        })
    }
    expect(metrics, "aupr", interval(\.averagePrecision))
    expect(metrics, "auroc", interval(\.areaUnderROC))
    expect(metrics, "fpr95", interval(\.falsePositiveRateAt95))
  }

  @Test("The gap between two variants draws the same pictures of both")
  func pairedGap() {
    let (benchmark, listing) = benchmark(.imagenet9, [("mixed_rand", 40), ("mixed_same", 40)])
    let logits = Self.logits(80, stream: 3)
    let right = zip(Self.rankings(logits), listing.labels).map { $0?.best == Int($1) ? 1.0 : 0 }
    let interval = Bootstrap(seed: Self.seed).interval(imageCount: 40) { places in
      places.reduce(0) { $0 + right[40 + $1] - right[$1] } / 40
    }
    expect(metrics(benchmark, listing, logits), "bg_gap", interval)
  }
}
