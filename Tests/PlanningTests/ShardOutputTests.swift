import Benchmarks
import Foundation
import Planning
import Records
import Testing

/// What becomes of a shard's output when another model has answered.
@Suite struct ShardOutputTests {
  private func output() throws -> ShardOutput {
    let subject = """
      {"model": "m", "benchmark": "b", "condition": 0, "firstImage": 0, "imageCount": 3}
      """
    return ShardOutput(
      shard: 5, subject: try JSONDecoder().decode(ShardSubject.self, from: Data(subject.utf8)),
      observations: [
        Observation(.logits(classes: 2), [1, 2, 3, 4, 5, 6]),
        Observation(.logits(of: "other", classes: 1, own: 2), [.nan, .nan, .nan]),
      ], failures: [ImageFailure(offset: 2, reason: "cut short")], provenance: [:])
  }

  @Test func valuesOfAVariableAreReplaced() throws {
    let replaced = try output().replacing(1, with: [7, 8, 9])
    #expect(replaced.observations[0].values == [1, 2, 3, 4, 5, 6] && replaced.observations[1].values == [7, 8, 9])
    #expect(replaced.failures.map(\.offset) == [2])
    #expect(replaced.observations[1].variable.dimensions == [.init("class_of_other", 1)])
  }

  /// Nothing is kept of an image that another model fails on, and it is named once.
  @Test func imagesThatFailHaveNoValues() throws {
    let failing = [ImageFailure(offset: 0, reason: "other"), ImageFailure(offset: 2, reason: "again")]
    let replaced = try output().replacing(1, with: [7, 8, 9], failing: failing)
    #expect(replaced.failures.map(\.reason) == ["cut short", "other"])
    #expect(replaced.observations[0].values[..<2].allSatisfy(\.isNaN) && replaced.observations[0].values[2] == 3)
    #expect(replaced.observations[1].values[0].isNaN && replaced.observations[1].values[1] == 8)
  }
}
