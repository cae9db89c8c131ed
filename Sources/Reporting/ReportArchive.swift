import Archives
import Records

extension ReportModel {
  /// What archives hold, their groups one after the other.
  ///
  /// - Throws: `ArchiveError` for a damaged archive.
  public init(archives: [ArchiveReader]) throws {
    var (sections, pairs): ([ReportSection], [ReportedPair]) = ([], [])
    for (archive, run) in zip(archives, Self.runLabels(archives)) {
      pairs += try archive.comparisons().map { ReportedPair(run: run, $0) }
      for group in archive.groups { sections.append(try Self.section(group, of: archive, run: run)) }
    }
    let names = Set(archives.map { $0.attributes["run"] ?? "" })
    let titles = names.count > 1 ? "Robustness evaluation \(names.sorted().joined(separator: ", "))" : nil
    self.init(
      title: titles ?? archives.first?.attributes["title"] ?? "Robustness evaluation", sections: sections,
      pairs: pairs)
  }

  private static func section(
    _ group: ArchiveReader.Group, of archive: ArchiveReader, run: String
  ) throws -> ReportSection {
    var attributes = LegacyFigures.attributes(group.attributes, axes: group.axes, classCount: group.classNames.count)
    let sets = sets(of: group, attributes)
    attributes["seed"] = archive.attributes["seed"]
    let hidden: Set<String> = ["metrics", "axes", "further_axes", "title", "making"]
    let facts = archive.attributes.merging(group.attributes) { $1 }
      .filter { !$0.value.contains("\n") && !hidden.contains($0.key) }
    let metrics = LegacyFigures.withWilsonIntervals(
      try archive.metrics(group: group.path), sets: sets, attributes: attributes)
    return ReportSection(
      whole: LegacyFigures.stated(metrics, axes: group.axes, sets: sets, attributes: attributes),
      attributes: attributes, run: run, model: group.attributes["model"] ?? group.path,
      benchmark: group.attributes["benchmark"] ?? group.path, axes: group.axes, imageCount: group.imageCount,
      sets: sets, facts: facts.sorted { $0.key < $1.key }.map { ($0.key, $0.value) },
      results: try results(group, of: archive), answerClasses: answerClasses(of: group, attributes),
      furtherAxes: group.furtherAxes)
  }

  /// Of each condition the images that have a result; nil where all have a class, and are counted with their accuracies.
  private static func results(_ group: ArchiveReader.Group, of archive: ArchiveReader) throws -> [Int]? {
    guard group.labels.contains(where: { $0 < 0 }) else { return nil }
    return try (0..<group.conditionCount).map {
      try archive.complete(group: group.path, conditionIndex: $0).count { $0 }
    }
  }

  /// The classes among which a network answers, where the archive lists them.
  private static func answerClasses(
    of group: ArchiveReader.Group, _ attributes: [String: String]
  ) -> Set<String>? {
    attributes["scored_classes"].map { listed in
      Set(
        listed.split(separator: " ").compactMap { Int($0) }.filter(group.classNames.indices.contains)
          .map { group.classNames[$0] })
    }
  }

  /// The named sets that a group's images belong to, which start their paths; in the archive's order.
  private static func sets(of group: ArchiveReader.Group, _ attributes: [String: String]) -> [ReportedSet] {
    let names = (attributes["data_folders"] ?? "").split(separator: "\n").map { $0.prefix { $0 != "\t" } }
    guard !names.isEmpty else { return [] }
    var counts: [Substring: Int] = [:]
    for path in group.imagePaths { counts[path.prefix { $0 != "/" }, default: 0] += 1 }
    return names.compactMap { name in
      counts[name].map { ReportedSet(name: String(name), imageCount: $0) }
    }
  }

  /// What tells archives' runs apart: the run's name; where several have it, with the start of the run's id; for an
  /// archive that is there twice, with its place.
  package static func runLabels(_ archives: [ArchiveReader]) -> [String] {
    func isUnique(_ label: String, _ labels: [String]) -> Bool { labels.count { $0 == label } == 1 }
    let names = archives.map { $0.attributes["run"] ?? $0.path }
    let withIDs = zip(archives, names).map { archive, name in
      isUnique(name, names) ? name : "\(name), \(archive.attributes["run_id"]?.prefix(8) ?? "no id")"
    }
    return withIDs.enumerated().map { place, label in
      isUnique(label, withIDs) ? label : "\(label), file \(place + 1)"
    }
  }
}
