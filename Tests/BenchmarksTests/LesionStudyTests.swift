import Benchmarks
import Records
import Testing

/// Accuracies of networks that lack blocks.
@Suite struct LesionStudyTests {
  private static let benchmark = BenchmarkDefinition.lesion(name: "l", root: "/", removed: [0, 1, 2], draws: 2)

  /// Of four images of class 0 so many are right at each cell.
  private func metrics(_ right: [Int: Int]) -> [String: Metric] {
    let listing = ImageListing(
      paths: (0..<4).map { "a/\($0)" }, labels: [0, 0, 0, 0], classNames: ["a", "b"])
    var tally = LesionStudy.tally(
      of: Self.benchmark, listing, Self.benchmark.scoring(of: listing, classCount: 2), population: 0)
    for (cell, count) in right {
      tally.add(
        condition: cell, firstImage: 0, logits: (0..<4).flatMap { $0 < count ? [1, 0] : [0, 1] as [Float] },
        classCount: 2)
    }
    return Dictionary(tally.metrics(clean: nil, seed: 7).map { ($0.name, $0) }) { first, _ in first }
  }

  @Test("draws of one count are averaged, whole networks are in no mean of those that lack blocks")
  func means() throws {
    let found = metrics([0: 4, 2: 3, 3: 1, 4: 2, 5: 0])
    #expect(found["mean_top1_by_removed"]?.values == [1, 0.5, 0.25])
    let deviations = try #require(found["deviation_by_removed"]).values
    // 0.75 and 0.25: half of the difference times the root of 2.
    #expect(deviations[0].isNaN && abs(deviations[1] - 0.125.squareRoot()) < 1e-12)
    #expect(found["mean_top1"]?.values == [0.375])
    #expect(found["mean_top1"]?.figure?.extent == "without 1, 2 blocks, 2 draws each")
    let lows = try #require(found["mean_top1_by_removed_low"])
    let highs = try #require(found["mean_top1_by_removed_high"])
    #expect(lows.axes == ["removed"] && lows.figure?.role == .support)
    // All right: Wilson's interval of four; else of the resamples, the same that the mean over all rests on.
    #expect(abs(lows.values[0] - 0.51010) < 1e-5 && highs.values[0] == 1)
    #expect(lows.values[1] < 0.5 && highs.values[1] > 0.5 && lows.values[2] < 0.25 && highs.values[2] > 0.25)
    let low = try #require(found["mean_top1_low"]).values[0]
    let high = try #require(found["mean_top1_high"]).values[0]
    #expect(low <= 0.375 && high >= 0.375 && low < high)
  }

  @Test("without any result there is no figure")
  func nothing() {
    #expect(metrics([:])["mean_top1"]?.values.first?.isNaN == true)
  }
}
