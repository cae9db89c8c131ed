import Benchmarks
import Foundation
import Testing

/// Random logits with ties and their metrics as scikit-learn, statsmodels and the public formulas give them
/// (`tools/make_metric_fixtures.py`).
private struct MetricFixture: Decodable {
  let step: Float
  let class_count: Int
  let logits: [Int]
  let labels: [Int32]
  let out_logits: [Int]
  let frames: [Int]
  let sequence_count: Int
  let frame_count: Int
  let frame_class_count: Int
  let expected: [String: Double]
  /// Part, count, both ends.
  let shares: [[Double]]
  /// Two parts with their counts, both ends.
  let differences: [[Double]]

  static func load() throws -> MetricFixture {
    let path = (Bundle.module.resourcePath ?? "") + "/Fixtures/metrics.json"
    return try JSONDecoder().decode(MetricFixture.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }

  func rankings(_ steps: [Int], classCount: Int) throws -> [ClassRanking] {
    try stride(from: 0, to: steps.count, by: classCount).map { start in
      try #require(ClassRanking(steps[start..<start + classCount].map { Float($0) * step }))
    }
  }

  func agrees(_ name: String, _ value: Double) throws {
    let wanted = try #require(expected[name])
    #expect(abs(value - wanted) <= 1e-9, "\(name): \(value), not \(wanted)")
  }
}

@Suite struct MetricFixtureTests {
  @Test("Intervals of shares are Wilson's of SciPy and statsmodels, those of differences Newcombe's")
  func scoreIntervals() throws {
    let fixture = try MetricFixture.load()
    func agree(_ interval: ConfidenceInterval, _ low: Double, _ high: Double) {
      #expect(abs(interval.low - low) < 1e-12 && abs(interval.high - high) < 1e-12, "\(interval), not \(low) \(high)")
    }
    #expect(fixture.shares.count > 5 && fixture.differences.count > 3)
    for row in fixture.shares {
      let interval = ConfidenceInterval.wilson(Int(row[0]), of: Int(row[1]))
      agree(interval, row[2], row[3])
      #expect(interval.low < interval.high)
    }
    for row in fixture.differences {
      func share(_ place: Int) -> (value: Double, interval: ConfidenceInterval) {
        (row[place] / row[place + 1], .wilson(Int(row[place]), of: Int(row[place + 1])))
      }
      let (first, second) = (share(0), share(2))
      agree(.difference(first.value, first.interval, less: second.value, second.interval), row[4], row[5])
    }
    let nothing = ConfidenceInterval.wilson(0, of: 0)
    #expect(nothing.low.isNaN && nothing.high.isNaN)
  }

  @Test func accuraciesAndTheirIntervalAreNumPys() throws {
    let fixture = try MetricFixture.load()
    var tally = AccuracyTally(grid: Grid(axes: []), labels: fixture.labels, figures: .calibration)
    tally.add(
      condition: 0, firstImage: 0, logits: fixture.logits.map { Float($0) * fixture.step },
      classCount: fixture.class_count)
    let metrics = tally.metrics(seed: 5)
    for name in ["top1", "top5", "top1_low", "top1_high", "top5_low", "top5_high"] {
      try fixture.agrees(name, metrics.first { $0.name == name }?.values.first ?? .nan)
    }
    for (name, expected) in [("rms_calibration_error", "rms"), ("aurra", "aurra"), ("ece", "ece")] {
      try fixture.agrees(expected, metrics.first { $0.name == name }?.values.first ?? .nan)
    }
  }

  @Test func resampledIntervalsAreNumPys() throws {
    let fixture = try MetricFixture.load()
    let rankings = try fixture.rankings(fixture.logits, classCount: fixture.class_count)
    let right = zip(rankings, fixture.labels).map { $0.best == Int($1) ? 1.0 : 0 }
    let interval = Bootstrap(seed: 5).interval(imageCount: right.count) { places in
      places.reduce(0) { $0 + right[$1] } / Double(places.count)
    }
    try fixture.agrees("resampled_low", interval.low)
    try fixture.agrees("resampled_high", interval.high)
  }

  @Test func calibrationIsThePublicCodes() throws {
    let fixture = try MetricFixture.load()
    let rankings = try fixture.rankings(fixture.logits, classCount: fixture.class_count)
    let calibration = Calibration(
      confidences: rankings.map(\.confidence), isRight: zip(rankings, fixture.labels).map { $0.best == Int($1) })
    try fixture.agrees("rms", calibration.rmsError)
    try fixture.agrees("aurra", calibration.areaUnderResponseRateAccuracy)
    try fixture.agrees("ece", calibration.expectedError)
  }

  @Test func detectionIsScikitLearns() throws {
    let fixture = try MetricFixture.load()
    let detection = Detection(
      positives: try fixture.rankings(fixture.out_logits, classCount: fixture.class_count).map { -$0.confidence },
      negatives: try fixture.rankings(fixture.logits, classCount: fixture.class_count).map { -$0.confidence })
    try fixture.agrees("aupr", detection.averagePrecision)
    try fixture.agrees("auroc", detection.areaUnderROC)
    try fixture.agrees("fpr95", detection.falsePositiveRateAt95)
  }

  @Test func stabilityIsThePublicCodes() throws {
    let fixture = try MetricFixture.load()
    let classes = fixture.frame_class_count
    let logits = fixture.frames.map { Float($0) * fixture.step }
    let frames = stride(from: 0, to: logits.count, by: classes).map { TopFive(logits[$0..<$0 + classes]) }
    let sequences = (0..<fixture.sequence_count).map {
      Array(frames[$0 * fixture.frame_count..<($0 + 1) * fixture.frame_count])
    }
    for (suffix, comparison) in [
      ("first", Stability.Comparison.withFirst), ("1", .withEarlier(difficulty: 1)), ("2", .withEarlier(difficulty: 2)),
      ("3", .withEarlier(difficulty: 3)),
    ] {
      let stability = Stability(sequences: sequences, comparison: comparison)
      try fixture.agrees("flip_rate_" + suffix, stability.flipRate)
      try fixture.agrees("top5_distance_" + suffix, stability.top5Distance)
    }
  }
}
