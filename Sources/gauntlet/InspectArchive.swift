import Archives

extension InspectCommand {
  func describeArchive(_ file: String) throws {
    try Usage.warn(ofSealOf: file)
    let archive = try ArchiveReader(path: file)
    for (name, value) in archive.attributes.sorted(by: { $0.key < $1.key }) where !value.contains("\n") {
      print("\(name): \(value)")
    }
    for group in archive.groups {
      let axes =
        group.axes.map { "\($0.name) \($0.values.count)" } + ["image \(group.imageCount)", "class \(group.classCount)"]
      print("\(group.path): \(axes.joined(separator: " x "))")
      for (name, value) in group.attributes.sorted(by: { $0.key < $1.key }) where !value.contains("\n") {
        print("  \(name): \(value)")
      }
    }
  }
}
