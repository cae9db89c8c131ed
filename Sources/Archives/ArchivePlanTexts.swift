extension ArchiveReader {
  /// The plan that the archive was collected by, as texts by their names; none in archives of before.
  ///
  /// - Throws: `ArchiveError` for a table that is inconsistent.
  public func planTexts() throws -> [(name: String, text: String)] {
    let root = "/provenance/plan/"
    guard try stored.exists(root + "name") else { return [] }
    let names = try stored.strings(root + "name")
    let texts = try stored.strings(root + "json")
    guard names.count == texts.count else { throw stored.failure("the table of the plan is inconsistent") }
    return zip(names, texts).map { ($0, $1) }
  }
}
