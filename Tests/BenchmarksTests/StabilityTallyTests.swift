import Benchmarks
import Foundation
import Testing

@Suite struct StabilityTallyTests {
  /// Perturbations of unequal length over seven classes, with a tally of random logits.
  private struct Sample {
    let benchmark: BenchmarkDefinition
    /// [perturbation][frame][sequence][class]
    let logits: [[[[Float]]]]

    static let sequences = 9
    static let classes = 7

    init(perturbations: [String], frames: [Int], unsteadiness: [String: Unsteadiness] = [:]) {
      benchmark = .perturbations(
        name: "p", origin: .published(root: "/"), perturbations: perturbations, frameCounts: frames,
        unsteadiness: unsteadiness)
      var state: UInt64 = 12
      logits = frames.map { count in
        (0..<count).map { _ in
          (0..<Self.sequences).map { _ in
            (0..<Self.classes).map { _ in
              state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
              return Float(state >> 33 & 15)
            }
          }
        }
      }
    }

    func metrics(without missing: (perturbation: Int, frame: Int, sequence: Int)? = nil) -> [String: [Double]] {
      var tally = StabilityTally(of: benchmark, imageCount: Self.sequences)
      let columns = benchmark.grid.axes[1].values.count
      for (row, frames) in logits.enumerated() {
        for (frame, images) in frames.enumerated() {
          // In parts of unequal size, as shards come.
          for range in [0..<4, 4..<Self.sequences] {
            let part = range.flatMap { image -> [Float] in
              guard let missing, missing == (row, frame, image) else { return images[image] }
              return Array(repeating: .nan, count: Self.classes)
            }
            tally.add(
              condition: row * columns + frame, firstImage: range.lowerBound, logits: part, classCount: Self.classes)
          }
        }
      }
      return Dictionary(uniqueKeysWithValues: tally.metrics(seed: 3).map { ($0.name, $0.values) })
    }

    /// Straight from the definition, by sorting.
    func flipRate(_ row: Int, _ sequences: [Int], withFirst: Bool) -> Double {
      let rates = sequences.map { sequence in
        let best = logits[row].map { frame -> Int in
          let values = frame[sequence]
          return values.indices.sorted { values[$0] > values[$1] || (values[$0] == values[$1] && $0 < $1) }[0]
        }
        let flips = (1..<best.count).count { best[$0] != best[withFirst ? 0 : $0 - 1] }
        return Double(flips) / Double(best.count - 1)
      }
      return rates.reduce(0, +) / Double(rates.count)
    }
  }

  private static func isClose(_ one: Double, _ other: Double) -> Bool { abs(one - other) < 1e-12 }

  @Test("Noise is compared with the first frame, others with their neighbours, over rows of different lengths")
  func flipRates() throws {
    let sample = Sample(perturbations: ["gaussian_noise", "translate"], frames: [4, 6])
    let all = Array(0..<Sample.sequences)
    let found = sample.metrics()
    let rates = try #require(found["flip_rate"])
    #expect(Self.isClose(rates[0], sample.flipRate(0, all, withFirst: true)))
    #expect(Self.isClose(rates[1], sample.flipRate(1, all, withFirst: false)))
    #expect(!Self.isClose(rates[0], sample.flipRate(0, all, withFirst: false)))
    #expect(Self.isClose(try #require(found["mean_flip_rate"]?.first), (rates[0] + rates[1]) / 2))
    let (low, high) = (
      try #require(found["mean_flip_rate_low"]?.first), try #require(found["mean_flip_rate_high"]?.first)
    )
    #expect(low < (rates[0] + rates[1]) / 2 && (rates[0] + rates[1]) / 2 < high && high - low < 0.3)
    #expect(found["mfr"] == nil && found["mt5d"] == nil)
  }

  @Test("A sequence that lacks a frame is left out of its perturbation alone")
  func missingFrame() throws {
    let sample = Sample(perturbations: ["gaussian_noise", "translate"], frames: [4, 6])
    let rates = try #require(sample.metrics(without: (1, 5, 2))["flip_rate"])
    let others = (0..<Sample.sequences).filter { $0 != 2 }
    #expect(Self.isClose(rates[1], sample.flipRate(1, others, withFirst: false)))
    #expect(Self.isClose(rates[0], sample.flipRate(0, others + [2], withFirst: true)))
  }

  @Test("mFR and mT5D need all ten perturbations and the figures to divide by")
  func relativeFigures() throws {
    let names = ImageNetP.standardPerturbations
    let known = Dictionary(
      uniqueKeysWithValues: names.enumerated().map {
        ($1, Unsteadiness(flipRate: 0.1 + Double($0) / 20, top5Distance: 2))
      })
    let frames = names.map { $0 == "translate" ? 5 : 3 }
    let found = Sample(perturbations: names, frames: frames, unsteadiness: known).metrics()
    let rates = try #require(found["flip_rate"])
    let ratios = names.indices.map { rates[$0] / (0.1 + Double($0) / 20) }
    #expect(Self.isClose(try #require(found["mfr"]?.first), ratios.reduce(0, +) / 10))
    #expect(zip(try #require(found["relative_flip_rate"]), ratios).allSatisfy(Self.isClose))
    let distances = try #require(found["top5_distance"])
    #expect(Self.isClose(try #require(found["mt5d"]?.first), distances.reduce(0, +) / 20))

    let nine = Sample(
      perturbations: Array(names.dropLast()), frames: Array(frames.dropLast()), unsteadiness: known
    ).metrics()
    for name in ["mfr", "mfr_low", "mfr_high"] { #expect(try #require(nine[name]?.first).isNaN) }
    var lacking = known
    lacking["tilt"] = nil
    let without = Sample(perturbations: names, frames: frames, unsteadiness: lacking).metrics()
    #expect(try #require(without["mt5d"]?.first).isNaN)
    // A fourth noise is evaluated, but belongs to no published mean.
    let more = Sample(perturbations: names + ["shot_noise_2"], frames: frames + [3], unsteadiness: known).metrics()
    #expect(Self.isClose(try #require(more["mfr"]?.first), ratios.reduce(0, +) / 10))
  }

  @Test("Sequences without a flip have Wilson's interval, not a point")
  func edge() throws {
    let benchmark = Sample(perturbations: ["snow"], frames: [3]).benchmark
    var tally = StabilityTally(of: benchmark, imageCount: 33)
    for frame in 0..<3 {
      let logits = (0..<33).flatMap { _ in (0..<Sample.classes).map { Float($0) } }
      tally.add(condition: frame, firstImage: 0, logits: logits, classCount: Sample.classes)
    }
    let found = Dictionary(uniqueKeysWithValues: tally.metrics(seed: 3).map { ($0.name, $0.values) })
    let wilson = ConfidenceInterval.wilson(0, of: 33)
    #expect(found["mean_flip_rate"] == [0] && found["mean_flip_rate_low"] == [0])
    #expect(Self.isClose(try #require(found["mean_flip_rate_high"]?.first), wilson.high))
    #expect(Self.isClose(try #require(found["mean_top5_distance_high"]?.first), 15 * wilson.high))
  }

  @Test("Nothing evaluated is NaN")
  func nothing() {
    let benchmark = Sample(perturbations: ["snow"], frames: [3]).benchmark
    let metrics = StabilityTally(of: benchmark, imageCount: 4).metrics(seed: 1)
    #expect(metrics.allSatisfy { $0.values.allSatisfy(\.isNaN) } && !metrics.isEmpty)
  }
}
