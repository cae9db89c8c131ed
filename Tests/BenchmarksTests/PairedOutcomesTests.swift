import Benchmarks
import Foundation
import Records
import Testing

/// Models in pairs, as statsmodels, scikit-learn and NumPy compare them (`tools/make_metric_fixtures.py`).
@Suite struct PairedOutcomesTests {
  private struct Fixture: Decodable {
    /// Images that one and the other model alone answers right, and the exact p-value.
    let coins: [[Double]]
    /// p-values, and the same corrected.
    let holm: [[Double]]
    /// [condition][image]: 1 right, 0 wrong, -1 without a result.
    let first: [[Int]]
    let second: [[Int]]
    /// Of the first condition, and of all.
    let expected: [[String: Double]]

    static func load() throws -> Fixture {
      let path = (Bundle.module.resourcePath ?? "") + "/Fixtures/pairs.json"
      return try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    }

    func outcomes(_ values: [[Int]], conditions: Int) -> Outcomes {
      Outcomes(values.prefix(conditions).map { $0.map { $0 < 0 ? nil : $0 == 1 } })
    }
  }

  @Test("p-values of the sign test are those of whole numbers, far out, too")
  func signTest() throws {
    let coins = try Fixture.load().coins
    #expect(coins.count > 8)
    for row in coins {
      let p = SignTest.p(Int(row[0]), Int(row[1]))
      #expect(abs(p - row[2]) <= 1e-9 * row[2], "\(row): \(p)")
      #expect(p == SignTest.p(Int(row[1]), Int(row[0])))
    }
  }

  @Test("Holm's correction is statsmodels'")
  func holm() throws {
    let holm = try Fixture.load().holm
    for (found, wanted) in zip(SignTest.holm(holm[0]), holm[1]) { #expect(abs(found - wanted) <= 1e-12) }
    #expect(SignTest.holm([]).isEmpty && SignTest.holm([0.4]) == [0.4])
  }

  @Test("Difference, test, agreement and kappa are those of NumPy and scikit-learn, of one condition and of several")
  func figures() throws {
    let fixture = try Fixture.load()
    for (conditions, wanted) in zip([1, 3], fixture.expected) {
      let found = try #require(
        fixture.outcomes(fixture.first, conditions: conditions)
          .compared(with: fixture.outcomes(fixture.second, conditions: conditions), seed: 5))
      #expect(found.conditions == conditions)
      let values: [(String, Double)] = [
        ("images", Double(found.images)), ("better", Double(found.firstBetter)),
        ("other_better", Double(found.secondBetter)), ("difference", found.difference),
        ("difference_low", found.differenceLow), ("difference_high", found.differenceHigh), ("p", found.p),
        ("agreement", found.agreement), ("error_consistency", found.errorConsistency),
        ("error_consistency_low", found.errorConsistencyLow), ("error_consistency_high", found.errorConsistencyHigh),
      ]
      #expect(values.count == wanted.count)
      for (name, value) in values {
        #expect(abs(value - (wanted[name] ?? .nan)) <= 1e-9, "\(conditions) conditions, \(name): \(value)")
      }
    }
  }

  @Test("Geirhos's example: accuracies of 75 and 50 % that agree on 75 % have a kappa of one half")
  func kappa() throws {
    let found = try #require(
      Outcomes([[true, true, true, false]]).compared(with: Outcomes([[true, true, false, false]]), seed: 1))
    #expect(found.agreement == 0.75 && found.errorConsistency == 0.5 && found.p == 1)
  }

  @Test(
    "Models without any difference have Newcombe's interval and no kappa; without common results nothing is compared")
  func edges() throws {
    let all = Outcomes([Array(repeating: true, count: 40)])
    let found = try #require(all.compared(with: all, seed: 1))
    #expect(found.difference == 0 && found.p == 1 && found.errorConsistency.isNaN && found.errorConsistencyLow.isNaN)
    // Newcombe's of 40 of 40 less 40 of 40.
    #expect(abs(found.differenceHigh - 0.08762) < 1e-4 && found.differenceLow == -found.differenceHigh)
    #expect(Outcomes([[true, nil]]).compared(with: Outcomes([[nil, false]]), seed: 1) == nil)
    #expect(Outcomes([[nil], [true]]).compared(with: Outcomes([[nil], [false]]), seed: 1)?.conditions == 1)
  }

  @Test("Of several sets of images the benchmark's own is compared")
  func sets() throws {
    let benchmark = BenchmarkDefinition(
      kind: .imagenetR, name: "r",
      layout: PictureLayout(
        root: "/", subsets: ["renditions", "val"].map { ImageSubset(name: $0, folder: "/" + $0) }))
    let listing = ImageListing(
      paths: ["renditions/a/1", "renditions/b/1", "val/a/1", "val/b/1"], labels: [0, 1, 0, 1], classNames: ["a", "b"])
    func tally(_ logits: [Float]) -> SubsetTally {
      var tally = SubsetTally(
        of: benchmark, listing: listing, scoring: benchmark.scoring(of: listing, classCount: 2))
      tally.add(condition: 0, firstImage: 0, logits: logits, classCount: 2)
      return tally
    }
    let first = tally([1, 0, 0, 1, 0, 1, 1, 0])
    let second = tally([0, 1, 0, 1, 1, 0, 0, 1])
    let found = try #require(first.rightAnswers.compared(with: second.rightAnswers, seed: 1))
    #expect(found.images == 2 && found.firstBetter == 1 && found.secondBetter == 0 && found.difference == 0.5)
  }

  @Test(
    "Where foreign images are told from known ones there is nothing to compare: the known ones are another benchmark's")
  func foreign() {
    let benchmark = BenchmarkDefinition(
      kind: .imagenetO, name: "o",
      layout: PictureLayout(root: "/", subsets: ["out", "in"].map { ImageSubset(name: $0, folder: "/" + $0) }))
    let listing = ImageListing(paths: ["in/a/1", "out/b/1"], labels: [0, -1], classNames: ["a", "b"])
    var tally = SubsetTally(of: benchmark, listing: listing, scoring: benchmark.scoring(of: listing, classCount: 2))
    tally.add(condition: 0, firstImage: 0, logits: [1, 0, 0, 1], classCount: 2)
    #expect(tally.rightAnswers.compared(with: tally.rightAnswers, seed: 1) == nil)
  }

  @Test("Pairs of several models are those of two, whether all images were evaluated or not")
  func several() throws {
    let fixture = try Fixture.load()
    let models = [fixture.first, fixture.second, fixture.second.map { $0.map { abs($0) } }]
      .map { fixture.outcomes($0, conditions: 3) }
    let pairs = [(first: 0, second: 1), (first: 2, second: 2), (first: 1, second: 2)]
    let found = Outcomes.comparisons(of: models, pairs: pairs, seed: 5)
    for (pair, figures) in zip(pairs, found) {
      let alone = models[pair.first].compared(with: models[pair.second], seed: 5)
      // What is not defined is equal, too.
      #expect("\(String(describing: figures))" == "\(String(describing: alone))")
    }
    #expect(found[0]?.difference != found[2]?.difference && found[1]?.difference == 0)
  }
}
