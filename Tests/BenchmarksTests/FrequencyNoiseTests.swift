import Benchmarks
import Foundation
import Imaging
import Records
import Testing

/// What noise of each band of frequencies costs.
@Suite struct FrequencyNoiseTests {
  private static let making = BandNoise.Making(epsilon: 0.1)
  private static let benchmark = BenchmarkDefinition.frequencyNoise(
    name: "n", root: "/", tenths: [0, 3, 10], making: making)

  @Test("the first condition has no noise, the others a band each; they come back from JSON as they were")
  func conditions() throws {
    let benchmark = Self.benchmark
    #expect(benchmark.grid.axes.map(\.values) == [["none", "0.0", "0.3", "1.0"]])
    #expect(benchmark.conditions.map(\.steps) == Array(repeating: [.fit], count: 4) && benchmark.isDrawn)
    #expect(benchmark.conditions[0].input.isEmpty)
    #expect(
      benchmark.conditions[2].input == [
        .addNoise(BandNoise(band: FrequencyBand(low: 25, high: 35), making: Self.making))
      ])
    let data = try JSONEncoder().encode(benchmark)
    #expect(try JSONDecoder().decode(BenchmarkDefinition.self, from: data) == benchmark)
    #expect(Set(FrequencyNoise.making.keys) == Set(benchmark.attributes.keys))
  }

  @Test("noise of a band is that of the image's path and the run's seed, the same for all bands")
  func random() {
    func made(_ tenth: Int, _ path: String, seed: UInt64 = 1) -> [Float] {
      let context = PictureContext(
        preprocessing: Preprocessing(resize: nil, crop: nil, interpolation: .box, mean: [0, 0, 0], std: [1, 1, 1]),
        keeping: nil, seed: seed, frostPictures: [])
      var values = [Float](repeating: 0.5, count: 40 * 40 * 3)
      InputStep.addNoise(BandNoise(band: FrequencyBand(tenth: tenth), making: Self.making)).apply(
        to: &values, size: PictureSize(width: 40, height: 40), at: path, context)
      return values
    }
    #expect(made(4, "a/1") == made(4, "a/1") && made(4, "a/1") != made(4, "a/2"))
    #expect(made(4, "a/1") != made(4, "a/1", seed: 2))
    let sum = (0..<11).map { made($0, "a/1") }.reduce([Float](repeating: 0, count: 4800)) {
      zip($0, $1).map { $0 + $1 - 0.5 }
    }
    #expect(sum.allSatisfy { abs(abs($0) - 0.1) < 1e-5 })
  }

  @Test("losses are differences from the condition without noise; their mean has an interval")
  func figures() throws {
    let listing = ImageListing(
      paths: (0..<10).map { "a/\($0)" }, labels: Array(repeating: 0, count: 10), classNames: ["a", "b"])
    var tally = FrequencyNoise.tally(
      of: Self.benchmark, listing, Self.benchmark.scoring(of: listing, classCount: 2), population: 0)
    for (condition, right) in [9, 8, 3, 7].enumerated() {
      tally.add(
        condition: condition, firstImage: 0, logits: (0..<10).flatMap { $0 < right ? [1, 0] : [0, 1] as [Float] },
        classCount: 2)
    }
    let metrics = Dictionary(tally.metrics(clean: nil, seed: 7).map { ($0.name, $0) }) { first, _ in first }
    #expect(metrics["top1"]?.values == [0.9, 0.8, 0.3, 0.7])
    let losses = try #require(metrics["loss_by_frequency"]).values
    #expect(losses[0].isNaN && zip(losses.dropFirst(), [0.1, 0.6, 0.2]).allSatisfy { abs($0 - $1) < 1e-12 })
    #expect(abs(try #require(metrics["mean_loss"]).values[0] - 0.3) < 1e-12)
    let (low, high) = (
      try #require(metrics["mean_loss_low"]).values[0], try #require(metrics["mean_loss_high"]).values[0]
    )
    #expect(low < 0.3 && high > 0.3 && low > 0 && high < 0.7)
    #expect(metrics["mean_loss"]?.figure?.role == .headline && metrics["mean_loss"]?.figure?.unit == .points)
  }
}
