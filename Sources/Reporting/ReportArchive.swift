import Archives
import Benchmarks
import Records

extension ReportModel {
  /// What archives hold, their groups one after the other.
  ///
  /// - Throws: `ArchiveError` for a damaged archive.
  public init(archives: [ArchiveReader]) throws {
    var sections: [ReportSection] = []
    for (archive, run) in zip(archives, Self.runLabels(archives)) {
      for group in archive.groups { sections.append(try Self.section(group, of: archive, run: run)) }
    }
    let names = Set(archives.map { $0.attributes["run"] ?? "" })
    let titles = names.count > 1 ? "Robustness evaluation \(names.sorted().joined(separator: ", "))" : nil
    self.init(title: titles ?? archives.first?.attributes["title"] ?? "Robustness evaluation", sections: sections)
  }

  private static func section(
    _ group: ArchiveReader.Group, of archive: ArchiveReader, run: String
  ) throws -> ReportSection {
    let metrics = try archive.metrics(group: group.path)
    let sets = sets(of: group)
    var attributes = group.attributes
    attributes["seed"] = archive.attributes["seed"]
    let hidden: Set<String> = ["metrics", "axes", "title"]
    let facts = archive.attributes.merging(group.attributes) { $1 }
      .filter { !$0.value.contains("\n") && !hidden.contains($0.key) }
    return ReportSection(
      run: run, model: group.attributes["model"] ?? group.path,
      benchmark: group.attributes["benchmark"] ?? group.path,
      axes: group.axes,
      metrics: withWilsonIntervals(
        metrics, sets: sets,
        headline: group.attributes["benchmark_kind"].flatMap(BenchmarkKind.init)?.benchmark.subsetFigures.headline),
      imageCount: group.imageCount, sets: sets, attributes: attributes,
      facts: facts.sorted { $0.key < $1.key }.map { ($0.key, $0.value) },
      results: try results(group, of: archive), answerClasses: answerClasses(of: group))
  }

  /// Of each condition the images that have a result; nil where all have a class, and are counted with their accuracies.
  private static func results(_ group: ArchiveReader.Group, of archive: ArchiveReader) throws -> [Int]? {
    guard group.labels.contains(where: { $0 < 0 }) else { return nil }
    return try (0..<group.conditionCount).map {
      try archive.complete(group: group.path, conditionIndex: $0).count { $0 }
    }
  }

  /// The classes among which a network answers where the benchmark means some of ImageNet's: those that the archive
  /// lists, otherwise all of the network's own.
  private static func answerClasses(of group: ArchiveReader.Group) -> Set<String>? {
    guard let kind = group.attributes["benchmark_kind"].flatMap(BenchmarkKind.init),
      case .among = kind.benchmark.classes
    else { return nil }
    guard let listed = group.attributes["scored_classes"] else { return Set(group.classNames) }
    return Set(
      listed.split(separator: " ").compactMap { Int($0) }.filter(group.classNames.indices.contains)
        .map { group.classNames[$0] })
  }

  /// Metrics with Wilson's intervals of shares, which older archives have not: theirs were resampled, and of single figures
  /// only.
  ///
  /// - Parameter headline: the set that `top1` is of.
  private static func withWilsonIntervals(
    _ metrics: [Metric], sets: [ReportedSet], headline: String?
  ) -> [Metric] {
    if metrics.contains(where: { $0.name == "top1_low" && $0.description.contains("Wilson") }) { return metrics }
    let evaluated = metrics.first { $0.name == "evaluated" }?.values ?? []
    // Older archives do not count each set's images: where one is missing, sets have no interval.
    let isWhole = evaluated == [Double(sets.reduce(0) { $0 + $1.imageCount })]
    let added = metrics.flatMap { metric -> [Metric] in
      guard metric.name == "top1" || metric.name == "top5" || metric.name.hasPrefix("top1_") else { return [] }
      var counts = evaluated
      if !sets.isEmpty {
        let name = metric.name == "top1" ? headline : String(metric.name.dropFirst("top1_".count))
        guard isWhole, let set = sets.first(where: { $0.name == name }) else { return [] }
        counts = [Double(set.imageCount)]
      }
      guard metric.values.count == counts.count, !metric.name.hasSuffix("_low"), !metric.name.hasSuffix("_high")
      else { return [] }
      let intervals = zip(metric.values, counts).map {
        ConfidenceInterval.wilson(share: $0, of: Int(exactly: $1) ?? 0)
      }
      return [("_low", \ConfidenceInterval.low), ("_high", \.high)].map { end, value in
        Metric(
          name: metric.name + end, description: "Wilson's", axes: metric.axes,
          values: intervals.map { $0[keyPath: value] })
      }
    }
    let names = Set(added.map(\.name))
    return metrics.filter { !names.contains($0.name) } + added
  }

  /// The named sets that a group's images belong to, which start their paths; in the catalogue's order.
  private static func sets(of group: ArchiveReader.Group) -> [ReportedSet] {
    let kind = group.attributes["benchmark_kind"].flatMap(BenchmarkKind.init)
    let names = kind?.benchmark.subsets.map(\.name) ?? []
    guard !names.isEmpty else { return [] }
    var counts: [Substring: Int] = [:]
    for path in group.imagePaths { counts[path.prefix { $0 != "/" }, default: 0] += 1 }
    return names.compactMap { name in
      counts[name[...]].map { ReportedSet(name: name, imageCount: $0) }
    }
  }

  /// What tells archives' runs apart: the run's name; where several have it, with the start of the run's id; for an
  /// archive that is there twice, with its place.
  private static func runLabels(_ archives: [ArchiveReader]) -> [String] {
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
