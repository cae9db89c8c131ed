import Benchmarks
import Imaging
import Records
import Testing

@Suite struct AccuracyTallyTests {
  private func value(_ name: String, _ metrics: [Metric]) -> [Double] {
    metrics.first { $0.name == name }?.values ?? []
  }

  @Test func countsTheLargestLogitAndLeavesOutWhatWasNotComputed() {
    var tally = AccuracyTally(grid: Grid(axes: []), labels: [1, 0, 0, 1, -1], figures: .calibration)
    // Right; wrong; a tie that the first class wins; not computed; without a label.
    tally.add(condition: 0, firstImage: 0, logits: [0, 1, 0, 2], classCount: 2)
    tally.add(condition: 0, firstImage: 2, logits: [3, 3, .nan, 9, 0, 1], classCount: 2)
    tally.add(condition: 0, firstImage: 5, logits: [1, 0], classCount: 2)
    tally.add(condition: 7, firstImage: 0, logits: [1, 0], classCount: 2)
    #expect(value("top1", tally.metrics()) == [2.0 / 3])
    #expect(value("evaluated", tally.metrics()) == [3])
    #expect(value("top5", tally.metrics()) == [1])
  }

  /// Log-losses of 1e17 are numbers, and a thousand of them more than sums hold.
  @Test func logitsBeyondMeasureMakeSumsUndefinedAndNothingElse() {
    let axis = Axis(name: "a", values: ["x"])
    var tally = AccuracyTally(
      grid: Grid(axes: [axis]), labels: Array(repeating: 0, count: 4000),
      figures: .mean(over: { "over \($0)" }, calibratesConditions: true))
    for image in 0..<4000 { tally.add(condition: 0, firstImage: image, logits: [0, 1e17], classCount: 2) }
    #expect(value("top1", tally.metrics()) == [0])
    #expect(value("nll", tally.metrics()).first?.isNaN == true)
    #expect(value("brier", tally.metrics()) == [2])
  }

  @Test func occlusionHasTheMeanOverItsShares() {
    let definition = BenchmarkDefinition.occlusion(
      name: "o", root: "/", percents: [10, 50], grid: PatchGrid(side: 2))
    var tally = AccuracyTally(grid: definition.grid, labels: [0, 0], figures: .mean(over: { "over \($0)" }))
    tally.add(condition: 0, firstImage: 0, logits: [1, 0, 1, 0], classCount: 2)
    #expect(value("mean_top1", tally.metrics()).first?.isNaN == true)
    tally.add(condition: 1, firstImage: 0, logits: [1, 0, 0, 1], classCount: 2)
    #expect(value("mean_top1", tally.metrics()) == [0.75])
    // A resample is twice the first image (1), both (0.75), or twice the second (0.5).
    #expect(value("mean_top1_low", tally.metrics()) == [0.5] && value("mean_top1_high", tally.metrics()) == [1])
  }

  @Test func theFiveLargestLogitsCountLowerClassesFirst() {
    var tally = AccuracyTally(grid: Grid(axes: []), labels: [5, 4, 6], figures: .calibration)
    // Of equal logits the first five classes; the seventh class is the best.
    let even = [Float](repeating: 1, count: 7)
    tally.add(condition: 0, firstImage: 0, logits: even + even + [0, 0, 0, 0, 0, 0, 1], classCount: 7)
    #expect(value("top5", tally.metrics()) == [2.0 / 3])
    #expect(value("top1", tally.metrics()) == [1.0 / 3])
  }

  @Test func relativeErrorsAreThoseBeyondTheCleanOnes() {
    let definition = BenchmarkDefinition.corruptions(
      name: "c", origin: .published(root: "/"), corruptions: ["fog"], severities: [1, 2, 3, 4, 5])
    var tally = AccuracyTally(grid: definition.grid, labels: [0, 0], figures: .corruptions)
    for condition in 0..<5 {
      // One of two right at severities 1 and 2, none beyond: a mean error of 0.8.
      tally.add(condition: condition, firstImage: 0, logits: [condition < 2 ? 1 : 0, 0.5, 0, 1], classCount: 2)
    }
    var clean = AccuracyTally(grid: Grid(axes: []), labels: [0, 0], figures: .calibration)
    clean.add(condition: 0, firstImage: 0, logits: [1, 0, 0, 1], classCount: 2)
    let relative = value("relative_ce", tally.metrics(clean: clean))
    #expect(abs(relative[0] - (0.8 - 0.5) / (0.819324 - 0.435)) < 1e-12)
    #expect(value("relative_ce", tally.metrics())[0].isNaN)
    #expect(value("relative_mce", tally.metrics(clean: clean))[0].isNaN)
  }

  private func tally(corruptions: [String], severities: [Int], right: Bool) -> [Metric] {
    let definition = BenchmarkDefinition.corruptions(
      name: "c", origin: .published(root: "/"), corruptions: corruptions, severities: severities)
    var tally = AccuracyTally(grid: definition.grid, labels: [0], figures: .corruptions)
    for condition in 0..<definition.grid.count {
      tally.add(condition: condition, firstImage: 0, logits: right ? [1, 0] : [0, 1], classCount: 2)
    }
    return tally.metrics()
  }

  @Test func aNetworkThatErrsAlwaysHasTheCEsOfAlexNetsInverse() {
    let metrics = tally(corruptions: ImageNetC.standardCorruptions, severities: [1, 2, 3, 4, 5], right: false)
    #expect(value("ce", metrics)[0] == 1 / 0.886428)
    let expected = ImageNetC.standardCorruptions.compactMap { ImageNetC.alexNetErrors[$0] }.map { 1 / $0 }
    #expect(abs(value("mce", metrics)[0] - expected.reduce(0, +) / 15) < 1e-12)
    #expect(value("mean_top1", metrics) == [0])
  }

  @Test("The mean that papers print is over the standard 15; beyond them there is another one, without all 15 none")
  func standardMean() {
    let definition = BenchmarkDefinition.corruptions(
      name: "c", origin: .published(root: "/"), corruptions: ImageNetC.corruptions, severities: [2, 4])
    var tally = AccuracyTally(grid: definition.grid, labels: [0], figures: .corruptions)
    for condition in 0..<definition.grid.count {
      // Right under the four beyond, and under the first of the 15.
      let right = condition < 2 || condition >= 30
      tally.add(condition: condition, firstImage: 0, logits: right ? [1, 0] : [0, 1], classCount: 2)
    }
    #expect(abs(value("standard_mean_top1", tally.metrics())[0] - 1.0 / 15) < 1e-12)
    #expect(abs(value("mean_top1", tally.metrics())[0] - 5.0 / 19) < 1e-12)
    let few = self.tally(corruptions: ["fog", "saturate"], severities: [1, 2, 3, 4, 5], right: true)
    for name in ["standard_mean_top1", "standard_mean_top1_low", "standard_mean_top1_high"] {
      #expect(value(name, few)[0].isNaN)
    }
  }

  @Test("Every condition has an interval of its own, of the images that were evaluated")
  func conditionIntervals() {
    let definition = BenchmarkDefinition.occlusion(
      name: "o", root: "/", percents: [10, 50], grid: PatchGrid(side: 2))
    var tally = AccuracyTally(grid: definition.grid, labels: [0, 0], figures: .mean(over: { "over \($0)" }))
    tally.add(condition: 0, firstImage: 0, logits: [1, 0, .nan, 0], classCount: 2)
    let metrics = tally.metrics()
    let one = ConfidenceInterval.wilson(1, of: 1)
    #expect(value("top1_low", metrics)[0] == one.low && value("top1_high", metrics)[0] == 1)
    #expect(value("top1_low", metrics)[1].isNaN && value("top1_high", metrics)[1].isNaN)
    #expect(metrics.first { $0.name == "top1_low" }?.axes == ["dropped_percent"])
  }

  @Test func mCEIsNeverMadeUp() {
    let few = tally(corruptions: ["fog", "saturate"], severities: [1, 2, 3, 4, 5], right: true)
    #expect(value("mce", few)[0].isNaN)
    #expect(value("partial_mce", few) == [0])
    #expect(value("ce", few)[0] == 0 && value("ce", few)[1].isNaN)
    let oneSeverity = tally(corruptions: ImageNetC.standardCorruptions, severities: [3], right: true)
    #expect(value("mce", oneSeverity)[0].isNaN)
  }
}
