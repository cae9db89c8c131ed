import Archives
import Foundation
import Testing

/// Compares all that was observed of two archives' images of the same run, bit for bit.
func expectSameLogits(_ first: String, _ second: String) throws {
  let archives = try [ArchiveReader(path: first), ArchiveReader(path: second)]
  let groups = archives[0].groups
  #expect(!groups.isEmpty)
  #expect(groups.map(\.path) == archives[1].groups.map(\.path))
  for group in groups {
    // Where rows of a grid differ in length, some places are no conditions.
    let planned = try archives[0].metrics(group: group.path).first { $0.name == "planned" }?.values
    for condition in 0..<group.conditionCount {
      for variable in group.variables {
        let rows = try archives.map { archive in
          try archive.values(
            of: variable.name, group: group.path, conditionIndex: condition, images: 0..<group.imageCount)
        }
        let place = "\(group.path), condition \(condition), \(variable.name)"
        #expect(rows[0].map(\.bitPattern) == rows[1].map(\.bitPattern), "\(place)")
        let isPlanned = planned.map { $0[condition] == 1 } ?? true
        // Other variables may be longer than what some places of a network have.
        if variable.name == "logits" || !isPlanned {
          #expect(rows[0].contains(where: \.isNaN) != isPlanned, "\(place)")
        }
      }
    }
  }
}
