import Archives

extension InspectCommand {
  func describeArchive(_ file: String) throws {
    try Usage.warn(ofSealOf: file)
    let archive = try ArchiveReader(path: file)
    for (name, value) in archive.attributes.sorted(by: { $0.key < $1.key }) where !value.contains("\n") {
      print("\(name): \(value)")
    }
    for group in archive.groups {
      for variable in group.variables {
        let axes = group.axes.map { "\($0.name) \($0.values.count)" } + ["image \(group.imageCount)"]
        let extents = axes + variable.dimensions.map { "\($0.name) \($0.length)" }
        let name = group.path + (group.variables.count == 1 ? "" : "/" + variable.name)
        print("\(name): \(extents.joined(separator: " x "))")
      }
      for (name, value) in group.attributes.sorted(by: { $0.key < $1.key }) where !value.contains("\n") {
        print("  \(name): \(value)")
      }
    }
  }
}
