import Benchmarks
import Foundation
import Records
import Testing

/// Calibration on clean and shifted images, before and after a temperature, as SciPy and scikit-learn have it
/// (`tools/make_metric_fixtures.py`).
@Suite struct TemperatureTests {
  private struct Fixture: Decodable {
    let step: Float
    let labels: [Int32]
    /// Clean images, then two corruptions of two severities: [image, class].
    let sets: [[Int]]
    let temperature: Double
    let expected: [[String: Double]]
    let bin_images: [Double]
    let bin_right: [Double]
    let bin_confidence: [Double?]

    static func load() throws -> Fixture {
      let path = (Bundle.module.resourcePath ?? "") + "/Fixtures/shift.json"
      return try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    }

    var classCount: Int { sets[0].count / labels.count }
    func logits(_ set: Int) -> [Float] { sets[set].map { Float($0) * step } }
    var fitted: Temperature { .fit(logits: logits(0), labels: labels, classCount: classCount) }

    /// The benchmark's tally, with a temperature that was fitted there or elsewhere.
    func tally(_ benchmark: BenchmarkDefinition, isFittedHere: Bool = false, _ temperature: Temperature?) -> any Tally {
      let listing = ImageListing(
        paths: labels.indices.map { "c\(labels[$0])/\(1000 + $0)" }, labels: labels,
        classNames: (0..<classCount).map { "c\($0)" })
      var scoring = benchmark.scoring(of: listing, classCount: classCount)
      scoring.scaling = temperature.map { TemperatureScaling($0, isFittedHere: isFittedHere) }
      return benchmark.kind.benchmark.tally(of: benchmark, listing, scoring, population: 0)
    }
  }

  private static func byName(_ metrics: [Metric]) -> [String: Metric] {
    Dictionary(metrics.map { ($0.name, $0) }) { first, _ in first }
  }

  @Test("The temperature is that of SciPy's least log-loss")
  func temperature() throws {
    let fixture = try Fixture.load()
    #expect(abs(fixture.fitted.value - fixture.temperature) <= 1e-9, "\(fixture.fitted)")
    // Twice the logits need twice the temperature, and a class that is no answer changes nothing.
    let twice = Temperature.fit(
      logits: fixture.logits(0).map { 2 * $0 }, labels: fixture.labels, classCount: fixture.classCount)
    #expect(abs(twice.value - 2 * fixture.temperature) <= 1e-9)
    let rows = stride(from: 0, to: fixture.logits(0).count, by: fixture.classCount)
    let wider = rows.flatMap { fixture.logits(0)[$0..<$0 + fixture.classCount] + [-.infinity] }
    let other = Temperature.fit(logits: wider, labels: fixture.labels, classCount: fixture.classCount + 1)
    #expect(other == fixture.fitted)
    // Images without a result or a label are left out.
    let holes = Temperature.fit(
      logits: fixture.logits(0) + Array(repeating: .nan, count: fixture.classCount) + fixture.logits(1).prefix(6),
      labels: fixture.labels + [0, -1], classCount: fixture.classCount)
    #expect(holes == fixture.fitted)
  }

  @Test("Without a minimum there is no temperature, and it is said why")
  func none() {
    func fit(_ logits: [Float], _ labels: [Int32]) -> Temperature {
      .fit(logits: logits, labels: labels, classCount: 2)
    }
    #expect(fit([1, 0, 0, 1], [0, 1]) == .none(reason: "every clean image is classified correctly"))
    #expect(fit([0, 1, 1, 0], [0, 1]) == .none(reason: "clean images are classified no better than by chance"))
    #expect(fit([0, 0, 0, 0], [0, 1]) == .none(reason: "every clean image is classified correctly"))
    #expect(fit([.nan, 0], [0]) == .none(reason: "no clean images were evaluated"))
    #expect(fit([], []) == .none(reason: "no clean images were evaluated"))
    // Large logits, of which one image in four is wrong: p = 3/4 at a difference of 3000.
    let large = fit([3000, 0, 3000, 0, 3000, 0, 3000, 0], [0, 0, 0, 1])
    #expect(abs(large.value - 3000 / 3.0.logarithm) < 1e-6)
  }

  @Test("Figures of clean images are scikit-learn's before and after the temperature, their bins NumPy's")
  func clean() throws {
    let fixture = try Fixture.load()
    let benchmark = BenchmarkDefinition.clean(name: "v", root: "/")
    var tally = fixture.tally(benchmark, isFittedHere: true, fixture.fitted)
    tally.add(condition: 0, firstImage: 0, logits: fixture.logits(0), classCount: fixture.classCount)
    #expect(tally.furtherAxes.map(\.name) == ["confidence_bin"] && tally.furtherAxes[0].values.count == 15)
    let found = Self.byName(tally.metrics(clean: nil, seed: 3))
    for (name, wanted) in fixture.expected[0] {
      let value = try #require(found[name]).values[0]
      #expect(abs(value - wanted) <= 1e-9, "\(name): \(value), not \(wanted)")
      let (low, high) = (found[name + "_low"]?.values[0] ?? .nan, found[name + "_high"]?.values[0] ?? .nan)
      #expect(low < high && high > value, "\(name): \(low) to \(high)")
    }
    #expect(abs(try #require(found["temperature"]).values[0] - fixture.temperature) <= 1e-9)
    #expect(found["images_by_confidence"]?.values == fixture.bin_images)
    let accuracies = try #require(found["accuracy_by_confidence"])
    let ideals = try #require(found["accuracy_by_confidence_ideal"])
    for bin in 0..<15 {
      guard fixture.bin_images[bin] > 0, let confidence = fixture.bin_confidence[bin] else {
        #expect(accuracies.values[bin].isNaN && ideals.values[bin].isNaN)
        continue
      }
      #expect(abs(accuracies.values[bin] - fixture.bin_right[bin] / fixture.bin_images[bin]) < 1e-12)
      #expect(abs(ideals.values[bin] - confidence) <= 1e-9)
    }
    #expect(accuracies.figure?.role == .reliability && found["accuracy_by_confidence_low"]?.axes == accuracies.axes)
  }

  @Test("Of corrupted images every condition has its figures, and every severity their mean over the corruptions")
  func severities() throws {
    let fixture = try Fixture.load()
    let benchmark = BenchmarkDefinition.corruptions(
      name: "c", origin: .published(root: "/"), corruptions: ["fog", "snow"], severities: [1, 3])
    var tally = fixture.tally(benchmark, fixture.fitted)
    for cell in 0..<4 {
      tally.add(condition: cell, firstImage: 0, logits: fixture.logits(cell + 1), classCount: fixture.classCount)
    }
    let found = Self.byName(tally.metrics(clean: nil, seed: 3))
    for name in fixture.expected[0].keys {
      let cells = (1...4).map { fixture.expected[$0][name] ?? .nan }
      for (value, wanted) in zip(try #require(found[name]).values, cells) {
        #expect(abs(value - wanted) <= 1e-9, "\(name): \(value), not \(wanted)")
      }
      let means = try #require(found[name + "_by_severity"])
      #expect(means.axes == ["severity"] && means.figure?.role == .series)
      for (value, wanted) in zip(means.values, [(cells[0] + cells[2]) / 2, (cells[1] + cells[3]) / 2]) {
        #expect(abs(value - wanted) <= 1e-9, "\(name): \(value), not \(wanted)")
      }
    }
    #expect(found["temperature"] == nil && tally.furtherAxes.isEmpty)
  }

  @Test("Without a temperature figures are as the logits are; without a minimum clean images say why")
  func withoutTemperature() throws {
    let fixture = try Fixture.load()
    let benchmark = BenchmarkDefinition.clean(name: "v", root: "/")
    for temperature in [nil, Temperature.none(reason: "so it is")] {
      var tally = fixture.tally(benchmark, isFittedHere: true, temperature)
      tally.add(condition: 0, firstImage: 0, logits: fixture.logits(0), classCount: fixture.classCount)
      let found = Self.byName(tally.metrics(clean: nil, seed: 3))
      #expect(found["nll"] != nil && found["nll_after_temperature"] == nil)
      #expect((found["temperature"] == nil) == (temperature == nil))
      #expect(found["temperature"]?.figure?.absence == (temperature == nil ? nil : "no temperature: so it is"))
    }
  }

  @Test("Bins hold the images that the confidences of single images say, to the last bit")
  func sameConfidences() {
    // 37 classes: four blocks of eight and a rest; halves of ln 2, where powers of two meet.
    let (count, classes) = (400, 37)
    var state: UInt64 = 5
    let logits = (0..<count * classes).map { index -> Float in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let step = Float(state >> 33 & 1023)
      return index % 3 == 0 ? step * 0.34657359 : index % 7 == 0 ? -step * 8 : step / 16
    }
    let benchmark = BenchmarkDefinition.clean(name: "v", root: "/")
    let listing = ImageListing(
      paths: (0..<count).map { "c\($0 % classes)/\($0)" }, labels: (0..<count).map { Int32($0 % classes) },
      classNames: (0..<classes).map { "c\($0)" })
    let scoring = benchmark.scoring(of: listing, classCount: classes)
    var tally = ImageNetVal.tally(of: benchmark, listing, scoring, population: 0)
    tally.add(condition: 0, firstImage: 0, logits: logits, classCount: classes)
    let found = Self.byName(tally.metrics(clean: nil, seed: 1))
    let rows = stride(from: 0, to: logits.count, by: classes).map { logits[$0..<$0 + classes] }
    let calibration = Calibration(
      confidences: rows.map(scoring.confidence),
      isRight: rows.enumerated().map { scoring.answer($1) == listing.labels[$0] })
    #expect(found["rms_calibration_error"]?.values == [calibration.rmsError])
    #expect(found["ece"]?.values == [calibration.expectedError])
    #expect(found["aurra"]?.values == [calibration.areaUnderResponseRateAccuracy])
  }

  @Test("The bits do not depend on how images were cut into shards, nor on their order")
  func anyOrder() throws {
    let fixture = try Fixture.load()
    let benchmark = BenchmarkDefinition.corruptions(
      name: "c", origin: .published(root: "/"), corruptions: ["fog"], severities: [1])
    let classes = fixture.classCount
    func metrics(_ cuts: [Range<Int>]) -> [[UInt64]] {
      var tally = fixture.tally(benchmark, fixture.fitted)
      for cut in cuts {
        tally.add(
          condition: 0, firstImage: cut.lowerBound,
          logits: Array(fixture.logits(1)[cut.lowerBound * classes..<cut.upperBound * classes]), classCount: classes)
      }
      return tally.metrics(clean: nil, seed: 3).map { $0.values.map(\.bitPattern) }
    }
    let whole = metrics([0..<260])
    #expect(metrics([100..<260, 0..<7, 50..<100, 7..<50]) == whole)
    #expect(metrics([0..<259]) != whole)
  }
}

extension Double {
  fileprivate var logarithm: Double { Foundation.log(self) }
}
