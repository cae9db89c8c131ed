import Benchmarks
import Testing

@Suite struct BootstrapTests {
  @Test func percentilesLieBetweenNeighbours() {
    // Positions 2.5 and 97.5 of 0 ... 100 in any order.
    let interval = ConfidenceInterval(resampled: (0...100).map { Double($0 * 37 % 101) })
    #expect(abs(interval.low - 2.5) < 1e-12 && abs(interval.high - 97.5) < 1e-12)
    for undefined in [ConfidenceInterval(resampled: []), ConfidenceInterval(resampled: [1, .nan, 2])] {
      #expect(undefined.low.isNaN && undefined.high.isNaN)
    }
    #expect(ConfidenceInterval(resampled: [3]) == ConfidenceInterval(resampled: [3, 3]))
  }

  @Test func resamplesDependOnSeedPopulationAndNumberAlone() {
    let places = Bootstrap(seed: 1).places(resample: 0, imageCount: 31)
    #expect(places.count == 31 && places.allSatisfy((0..<31).contains))
    #expect(places == Bootstrap(seed: 1).places(resample: 0, imageCount: 31))
    #expect(places != Bootstrap(seed: 1).places(resample: 1, imageCount: 31))
    #expect(places != Bootstrap(seed: 2).places(resample: 0, imageCount: 31))
    #expect(places != Bootstrap(seed: 1, population: 1).places(resample: 0, imageCount: 31))
    #expect(Bootstrap(seed: 1).places(resample: 0, imageCount: 0).isEmpty)
    // Every image is drawn equally often: 200 times on average, the standard deviation 14.
    var drawn = [Int](repeating: 0, count: 10)
    for resample in 0..<200 {
      for place in Bootstrap(seed: 3).places(resample: resample, imageCount: 10) { drawn[place] += 1 }
    }
    #expect(drawn.allSatisfy { abs($0 - 200) < 70 }, "\(drawn)")
  }

  /// Answers of 40 images under every condition, pseudorandom: nil where there is no result.
  private struct Answers {
    var grid: Grid
    var right: [[Bool?]]

    init(corruptions: [String], gaps: Bool, salt: Int) {
      grid =
        corruptions.isEmpty
        ? Grid(axes: [])
        : BenchmarkDefinition.corruptions(
          name: "c", origin: .published(root: "/"), corruptions: corruptions, severities: [1, 2, 3, 4, 5]
        ).grid
      right = (0..<grid.count).map { condition in
        (0..<40).map { image in
          let draw = (image * 7919 + condition * 104_729 + salt) % 97
          // Gaps in two conditions only.
          return gaps && condition < 2 && draw % 5 == 0 ? nil : draw % 3 != 0
        }
      }
    }

    func tally(_ figures: AccuracyFigures, population: UInt32) -> AccuracyTally {
      var tally = AccuracyTally(
        grid: grid, labels: Array(repeating: 0, count: 40), figures: figures, population: population)
      for (condition, images) in right.enumerated() {
        let logits: [Float] = images.flatMap { right -> [Float] in
          guard let right else { return [.nan, 0] }
          return right ? [1, 0] : [0, 1]
        }
        tally.add(condition: condition, firstImage: 0, logits: logits, classCount: 2)
      }
      return tally
    }

    /// The accuracy of the images at these places.
    func top1(_ condition: Int, _ places: [Int]) -> Double {
      let answers = places.compactMap { right[condition][$0] }
      return Double(answers.count { $0 }) / Double(answers.count)
    }
  }

  /// The intervals in the archive come from sums over images; here every resample is scored from its images anew.
  @Test(arguments: [false, true], [UInt32(0), 3])
  func theFastIntervalsAreThoseOfScoringEveryResample(gaps: Bool, cleanPopulation: UInt32) throws {
    let corruptions = ImageNetC.standardCorruptions + ["saturate"]
    let corrupted = Answers(corruptions: corruptions, gaps: gaps, salt: 1)
    let clean = Answers(corruptions: [], gaps: gaps, salt: 5)
    let metrics = corrupted.tally(.corruptions, population: 0).metrics(
      clean: clean.tally(.calibration, population: cleanPopulation), seed: 11)
    let resamples = (0..<Bootstrap.resamples).map { resample in
      (
        own: Bootstrap(seed: 11).places(resample: resample, imageCount: 40),
        clean: Bootstrap(seed: 11, population: cleanPopulation).places(resample: resample, imageCount: 40)
      )
    }
    func check(_ name: String, _ metric: (([Int], [Int]) -> Double)) throws {
      let values = Dictionary(uniqueKeysWithValues: metrics.map { ($0.name, $0.values) })
      let slow = ConfidenceInterval(resampled: resamples.map { metric($0.own, $0.clean) })
      let low = try #require(values[name + "_low"]?.first)
      let high = try #require(values[name + "_high"]?.first)
      #expect(abs(low - slow.low) < 1e-12 && abs(high - slow.high) < 1e-12, "\(name): \(low) \(high), \(slow)")
      let all = metric(Array(0..<40), Array(0..<40))
      let value = try #require(values[name]?.first)
      #expect(abs(value - all) < 1e-12 && low < value && value < high, "\(name)")
    }
    let conditions = 0..<corrupted.grid.count
    try check("mean_top1") { own, _ in
      conditions.reduce(0) { $0 + corrupted.top1($1, own) } / Double(conditions.count)
    }
    // That of the first severity, over the standard corruptions alone.
    try check("mean_top1_by_severity") { own, _ in (0..<15).reduce(0) { $0 + corrupted.top1($1 * 5, own) } / 15 }
    let alexNet = ImageNetC.standardCorruptions.compactMap { ImageNetC.alexNetErrors[$0] }
    try check("mce") { own, _ in
      alexNet.enumerated().reduce(0) { sum, reference in
        let errors = (0..<5).reduce(0) { $0 + 1 - corrupted.top1(reference.offset * 5 + $1, own) }
        return sum + errors / (5 * reference.element) / 15
      }
    }
    try check("relative_mce") { own, places in
      let cleanError = 1 - clean.top1(0, places)
      return alexNet.enumerated().reduce(0) { sum, reference in
        let errors = (0..<5).reduce(0) { $0 + 1 - corrupted.top1(reference.offset * 5 + $1, own) - cleanError }
        return sum + errors / (5 * (reference.element - 0.435)) / 15
      }
    }
  }

  @Test func anIntervalOfAnyMetricIsThatOfTheTally() throws {
    let answers = Answers(corruptions: ["fog"], gaps: false, salt: 2)
    let metrics = answers.tally(.corruptions, population: 0).metrics(seed: 7)
    let interval = Bootstrap(seed: 7).interval(imageCount: 40) { places in
      (0..<5).reduce(0) { $0 + answers.top1($1, places) } / 5
    }
    let low = try #require(metrics.first { $0.name == "mean_top1_low" }?.values.first)
    let high = try #require(metrics.first { $0.name == "mean_top1_high" }?.values.first)
    #expect(abs(low - interval.low) < 1e-12 && abs(high - interval.high) < 1e-12)
  }

  @Test("Where no resample differs an interval is put together of Wilson's, never a point", arguments: [true, false])
  func edges(right: Bool) throws {
    let corruptions = ImageNetC.standardCorruptions
    let grid = Answers(corruptions: corruptions, gaps: false, salt: 0).grid
    var tally = AccuracyTally(grid: grid, labels: Array(repeating: 0, count: 40), figures: .corruptions)
    for condition in 0..<grid.count {
      let logits = (0..<40).flatMap { _ -> [Float] in right ? [1, 0] : [0, 1] }
      tally.add(condition: condition, firstImage: 0, logits: logits, classCount: 2)
    }
    let values = Dictionary(uniqueKeysWithValues: tally.metrics(seed: 3).map { ($0.name, $0.values) })
    let wilson = ConfidenceInterval.wilson(right ? 40 : 0, of: 40)
    for name in ["mean_top1", "standard_mean_top1"] {
      let (low, high) = (try #require(values[name + "_low"]?.first), try #require(values[name + "_high"]?.first))
      #expect(abs(low - wilson.low) < 1e-12 && abs(high - wilson.high) < 1e-12, "\(name): \(low) \(high)")
    }
    let alexNet = ImageNetC.alexNetErrors.values.reduce(0) { $0 + 1 / $1 } / 15
    let (low, high) = (try #require(values["mce_low"]?.first), try #require(values["mce_high"]?.first))
    #expect(abs(low - (1 - wilson.high) * alexNet) < 1e-12 && abs(high - (1 - wilson.low) * alexNet) < 1e-12)
    #expect(low < high)
    // Every condition has its own.
    #expect(values["top1_low"] == Array(repeating: wilson.low, count: 75))
    #expect(values["top5_high"] == Array(repeating: 1, count: 75))
  }

  @Test func whatIsNotDefinedHasNoInterval() throws {
    let fog = Answers(corruptions: ["fog"], gaps: false, salt: 1).tally(.corruptions, population: 0).metrics()
    for name in ["mce", "relative_mce"] {
      for suffix in ["", "_low", "_high"] {
        #expect(try #require(fog.first { $0.name == name + suffix }).values[0].isNaN, "\(name)\(suffix)")
      }
    }
    #expect(try #require(fog.first { $0.name == "partial_mce_low" }).values[0].isFinite)
    for labels: [Int32] in [[-1, -1], []] {
      let nothing = AccuracyTally(grid: Grid(axes: []), labels: labels, figures: .calibration).metrics()
      for name in ["top1", "top1_low", "top1_high"] {
        #expect(try #require(nothing.first { $0.name == name }).values[0].isNaN, "\(name) of \(labels)")
      }
    }
  }
}
