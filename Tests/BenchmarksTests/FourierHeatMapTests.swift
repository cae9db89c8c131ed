import Benchmarks
import Foundation
import Imaging
import Records
import Testing

/// Errors with a wave of each frequency.
@Suite struct FourierHeatMapTests {
  private static let benchmark = BenchmarkDefinition.fourierHeatMap(name: "f", root: "/", size: 3, norm: 4)

  @Test("a wave and its mirror are one condition, with the authors' phase; all come back from JSON as they were")
  func conditions() throws {
    let waves = Self.benchmark.conditions.map { condition -> [Int] in
      guard case .addWave(let wave)? = condition.input.first, condition.input.count == 1, wave.norm == 4 else {
        return []
      }
      return [wave.row, wave.column]
    }
    #expect(waves == [[1, 1], [1, 0], [1, -1], [0, 1], [0, 0]])
    #expect(Self.benchmark.conditions.map(\.description) == ["-1/-1", "-1/0", "-1/1", "0/-1", "0/0"])
    #expect(Self.benchmark.condition(at: 5) == nil && Self.benchmark.isDrawn)
    let data = try JSONEncoder().encode(Self.benchmark)
    #expect(try JSONDecoder().decode(BenchmarkDefinition.self, from: data) == Self.benchmark)
    let published = BenchmarkDefinition.fourierHeatMap(name: "f", root: "/", size: 63, norm: 15.7)
    #expect(published.conditions.count == 1985 && published.grid.count == 3969)
    #expect(BenchmarkDefinition.fourierHeatMap(name: "f", root: "/", size: 1, norm: 1).conditions.count == 1)
  }

  /// Of ten images so many are right at each condition.
  private func metrics(_ right: [Int]) -> [String: Metric] {
    let listing = ImageListing(
      paths: (0..<10).map { "a/\($0)" }, labels: Array(repeating: 0, count: 10), classNames: ["a", "b"])
    var tally = FourierHeatMap.tally(
      of: Self.benchmark, listing, Self.benchmark.scoring(of: listing, classCount: 2), population: 0)
    for (condition, right) in right.enumerated() {
      tally.add(
        condition: condition, firstImage: 0, logits: (0..<10).flatMap { $0 < right ? [1, 0] : [0, 1] as [Float] },
        classCount: 2)
    }
    return Dictionary(tally.metrics(clean: nil, seed: 7).map { ($0.name, $0) }) { first, _ in first }
  }

  @Test("the lower half of the map mirrors the upper; the mean counts both")
  func map() throws {
    let found = metrics([9, 8, 7, 5, 0])
    let errors = [0.1, 0.2, 0.3, 0.5, 1, 0.5, 0.3, 0.2, 0.1]
    let map = try #require(found["error_map"])
    #expect(map.axes == ["frequency_y", "frequency_x"] && map.figure?.role == .map)
    #expect(map.values.count == 9 && zip(map.values, errors).allSatisfy { abs($0 - $1) < 1e-12 })
    let mean = try #require(found["mean_error"]).values[0]
    #expect(abs(mean - 3.2 / 9) < 1e-12 && found["largest_error"]?.values == [1])
    let (low, high) = (found["mean_error_low"]?.values[0] ?? .nan, found["mean_error_high"]?.values[0] ?? .nan)
    #expect(low < mean && mean < high && low > 0.1 && high < 0.7)
    #expect(found["planned"]?.values == [1, 1, 1, 1, 1, 0, 0, 0, 0])
  }

  @Test("a map that lacks conditions has neither mean nor interval")
  func gaps() throws {
    let found = metrics([9, 8])
    #expect(found["mean_error"]?.values[0].isNaN == true && found["largest_error"]?.values[0].isNaN == true)
    #expect(found["mean_error_low"] == nil && found["error_map"]?.values[8] == found["error_map"]?.values[0])
  }
}
