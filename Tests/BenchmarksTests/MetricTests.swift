import Benchmarks
import TestSupport
import Testing

/// Each metric by hand, and where it is not defined.
@Suite struct MetricTests {
  private func isClose(_ value: Double, _ wanted: Double) -> Bool { abs(value - wanted) < 1e-12 }

  @Test func rankingPrefersTheLowerOfEqualClasses() throws {
    let ranking = try #require(ClassRanking([1, 3, 3, 0]))
    #expect(ranking.best == 1)
    #expect((0..<4).map(ranking.rank) == [2, 0, 1, 3])
    #expect(ranking.first(3) == [1, 2, 0] && ranking.first(9) == [1, 2, 0, 3])
    let even = try #require(ClassRanking([5, 5, 5, 5]))
    #expect(even.confidence == 0.25 && even.first(2) == [0, 1])
    // Of some classes: places count within the list, the others do not reach the softmax.
    let some = try #require(ClassRanking([9, 1, .nan, 1], classes: [3, 1]))
    #expect(some.best == 0 && some.confidence == 0.5)
    #expect(ClassRanking([0, .nan]) == nil && ClassRanking([0, .infinity]) == nil && ClassRanking([]) == nil)
    #expect(ClassRanking([0, 1], classes: [2]) == nil)
  }

  @Test func detectionByHand() {
    // From the highest score down: +, then one of each at 0.5, then -.
    let detection = Detection(positives: [0.9, 0.5], negatives: [0.5, 0.1])
    #expect(isClose(detection.averagePrecision, 0.5 * 1 + 0.5 * 2 / 3))
    #expect(isClose(detection.areaUnderROC, (2 + 1.5) / 4))
    #expect(detection.falsePositiveRateAt95 == 0.5)
    let even = Detection(positives: [1, 1], negatives: [1, 1, 1])
    #expect(even.areaUnderROC == 0.5 && isClose(even.averagePrecision, 0.4) && even.falsePositiveRateAt95 == 1)
    // 19 of 20 are enough.
    let twenty = Detection(positives: Array(repeating: 2, count: 19) + [0], negatives: [1, 3, 0])
    #expect(isClose(twenty.falsePositiveRateAt95, 1.0 / 3))
    for undefined in [
      Detection(positives: [], negatives: [1]), Detection(positives: [1], negatives: []),
      Detection(positives: [1, .nan], negatives: [1]),
    ] {
      #expect(undefined.averagePrecision.isNaN && undefined.areaUnderROC.isNaN)
      #expect(undefined.falsePositiveRateAt95.isNaN)
    }
  }

  @Test func areaUnderROCIsTheShareOfOrderedPairs() {
    var random = SeededRandom(seed: 4)
    let positives = (0..<60).map { _ in Double(random.next() % 12) }
    let negatives = (0..<80).map { _ in Double(random.next() % 9) }
    var pairs = 0.0
    for positive in positives {
      for negative in negatives { pairs += positive > negative ? 1 : positive == negative ? 0.5 : 0 }
    }
    #expect(Detection(positives: positives, negatives: negatives).areaUnderROC == pairs / 4800)
  }

  @Test func calibrationByHand() {
    // A hundred at 0.25 of which 50 are right; 150 at 0.75, the last bin, which does not count.
    let calibration = Calibration(
      confidences: Array(repeating: 0.75, count: 150) + Array(repeating: 0.25, count: 100),
      isRight: Array(repeating: true, count: 150) + (0..<100).map { $0 < 50 })
    #expect(isClose(calibration.rmsError, (0.4 * 0.25 * 0.25).squareRoot()))
    #expect(isClose(calibration.expectedError, 0.6 * 0.25 + 0.4 * 0.25))
    // By falling confidence, of equal ones the later first: right, wrong, right.
    let three = Calibration(confidences: [0.5, 0.5, 0.9], isRight: [true, false, true])
    #expect(isClose(three.areaUnderResponseRateAccuracy, (1 + 0.5 + 2.0 / 3) / 3))
    #expect(three.rmsError.isNaN)
    // The upper end belongs to its bin: 0.2 = 3/15 is apart from what lies above it.
    let edge = Calibration(confidences: [0.2, 0.21, 1], isRight: [true, false, true])
    #expect(isClose(edge.expectedError, (0.8 + 0.21 + 0) / 3))
    for undefined in [
      Calibration(confidences: [], isRight: []), Calibration(confidences: [0.5, .nan], isRight: [true, true]),
    ] {
      #expect(undefined.areaUnderResponseRateAccuracy.isNaN && undefined.expectedError.isNaN)
      #expect(undefined.rmsError.isNaN)
    }
  }

  /// Seven classes, `classes` at the front in this order.
  private func frame(_ classes: Int...) -> TopFive? {
    TopFive((0..<7).map { index in Float(-(classes.firstIndex(of: index) ?? 7 + index)) })
  }

  @Test func stabilityByHand() {
    let sequence = [frame(0, 1, 2, 3, 4), frame(1, 0, 2, 3, 4), frame(1, 0, 2, 3, 5)]
    let neighbours = Stability(sequences: [sequence], comparison: .withEarlier(difficulty: 1))
    #expect(neighbours.flipRate == 0.5)
    // 0 and 1 change places: 2. Then 4 leaves its place 4 for the 6th: 1.
    #expect(neighbours.top5Distance == 1.5)
    let first = Stability(sequences: [sequence], comparison: .withFirst)
    #expect(first.flipRate == 1 && first.top5Distance == 2.5)
    let second = Stability(sequences: [sequence], comparison: .withEarlier(difficulty: 2))
    #expect(second.flipRate == 1 && second.top5Distance == 3)
    // Sequences count alike, however long; one with a gap is left out.
    let steady = [frame(3), frame(3)]
    let both = Stability(sequences: [sequence, steady, [frame(0), nil]], comparison: .withEarlier(difficulty: 1))
    #expect(both.flipRate == 0.25)
    let none = Stability(sequences: [[frame(0), nil]], comparison: .withFirst)
    #expect(none.flipRate.isNaN && none.top5Distance.isNaN)
    #expect(Stability.Comparison.of(perturbation: "shot_noise") == .withFirst)
    #expect(Stability.Comparison.of(perturbation: "tilt", difficulty: 2) == .withEarlier(difficulty: 2))
  }

  @Test func fiveBestClassesOfFewAndOfNone() {
    #expect(TopFive([Float]()) == nil)
    #expect(TopFive([1, .nan, 0]) == nil)
    #expect(TopFive([Float](repeating: 0, count: TopFive.classLimit + 1)) == nil)
    guard let few = TopFive([0, 2, 1] as [Float]), let others = TopFive([2, 0, 1] as [Float]) else {
      Issue.record("three classes are a result")
      return
    }
    // 1 2 0 against 0 2 1: the ends change places.
    #expect(few.distance(to: others) == 4 && few.distance(to: few) == 0)
    #expect(!few.hasSameBest(as: others))
  }

  @Test func imageNet9ByHand() {
    let members = (0..<9).map { wanted in ImageNet9.classOfImageNet.count { $0 == wanted } }
    #expect(members == [116, 52, 42, 36, 35, 27, 26, 20, 16])
    // Chihuahua, tench, ambulance; a wolf is of the carnivores, an abacus of none.
    #expect([151, 0, 407, 269, 398].map { ImageNet9.classOfImageNet[$0] } == [0, 8, 2, 4, nil])
  }
}
