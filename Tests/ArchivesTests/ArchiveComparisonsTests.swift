import Archives
import Foundation
import Records
import TestSupport
import Testing

@Suite struct ArchiveComparisonsTests {
  private static func comparison(_ benchmark: String, _ value: Double) -> PairedComparison {
    PairedComparison(
      benchmark: benchmark, first: "a", second: "b",
      figures: .init(
        conditions: 2, images: 40, firstBetter: 3, secondBetter: 5, difference: value, differenceLow: value - 0.1,
        differenceHigh: value + 0.1, p: 0.25, agreement: 0.75, errorConsistency: 0.5, errorConsistencyLow: 0.25,
        errorConsistencyHigh: 0.75), correctedP: 0.5)
  }

  @Test("The table of models in pairs comes back as it was written; an archive of one model has none")
  func roundTrip() throws {
    let path = ScratchFolder.freshPath() + ".h5"
    for comparisons in [[Self.comparison("val", -0.125), Self.comparison("c", 0.5)], []] {
      let writer = try ArchiveWriter(path: path, attributes: ["title": "t"], groups: [], compressed: false)
      try writer.writeComparisons(comparisons)
      try writer.close()
      #expect(try ArchiveReader(path: path).comparisons() == comparisons)
    }
  }
}
