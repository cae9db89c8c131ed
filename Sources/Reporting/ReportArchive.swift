import Archives
import Benchmarks

extension ReportModel {
  /// What archives hold, their groups one after the other.
  ///
  /// - Throws: `ArchiveError` for a damaged archive.
  public init(archives: [ArchiveReader]) throws {
    var sections: [ReportSection] = []
    for archive in archives {
      for group in archive.groups {
        let metrics = try archive.metrics(group: group.path).map {
          MetricSeries(name: $0.name, description: $0.description, axes: $0.axes, values: $0.values)
        }
        let facts = archive.attributes.merging(group.attributes) { $1 }.filter { !$0.value.contains("\n") }
        sections.append(
          ReportSection(
            model: group.attributes["model"] ?? group.path,
            benchmark: group.attributes["benchmark"] ?? group.path,
            axes: group.axes.map { GridAxis(name: $0.name, values: $0.values, isNumeric: $0.isNumeric) },
            metrics: metrics, imageCount: group.imageCount,
            facts: facts.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }))
      }
    }
    self.init(title: archives.first?.attributes["title"] ?? "Robustness evaluation", sections: sections)
  }
}
