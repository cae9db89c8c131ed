import Archives
import Foundation
import Testing

/// Looks again and again until `condition` holds; the test's time limit bounds it.
func waitUntil(_ what: String, _ condition: () throws -> Bool) throws {
  let end = ContinuousClock.now + .seconds(240)
  while try !condition() {
    try #require(ContinuousClock.now < end, "waited in vain until \(what)")
    usleep(2_000)
  }
}

/// Compares every logit of two archives of the same run, bit for bit.
func expectSameLogits(_ first: String, _ second: String) throws {
  let archives = try [ArchiveReader(path: first), ArchiveReader(path: second)]
  let groups = archives[0].groups
  #expect(!groups.isEmpty)
  #expect(groups.map(\.path) == archives[1].groups.map(\.path))
  for group in groups {
    // Where rows of a grid differ in length, some places are no conditions.
    let planned = try archives[0].metrics(group: group.path).first { $0.name == "planned" }?.values
    for condition in 0..<group.conditionCount {
      let rows = try archives.map {
        try $0.logits(group: group.path, conditionIndex: condition, images: 0..<group.imageCount).map(\.bitPattern)
      }
      #expect(rows[0] == rows[1], "\(group.path), condition \(condition)")
      let isPlanned = planned.map { $0[condition] == 1 } ?? true
      #expect(rows[0].contains(Float.nan.bitPattern) != isPlanned, "\(group.path), condition \(condition)")
    }
  }
}
