import Records

/// The report's figures as comma-separated values (RFC 4180).
public struct CSVReport: Sendable {
  /// File names and their contents.
  public let files: [(name: String, text: String)]
  /// The names that the files have.
  public static let names = ["conditions.csv", "series.csv", "summary.csv", "comparisons.csv"]

  /// `conditions.csv`, a line a condition, `series.csv`, a line a value of a metric over one axis, and `summary.csv`, a
  /// line a single figure; each with the ends of its confidence interval, how many results it rests on, and how many
  /// were planned. `comparisons.csv` has a line a pair of models and benchmark.
  public static func render(_ model: ReportModel) -> CSVReport {
    let ofConditions = model.sections.flatMap(\.metrics).filter(\.said.isOfEachCondition).map(\.name).firstOccurrences
    var conditions = [
      CSVLine.of(["run", "model", "benchmark", "condition"] + ofConditions.flatMap(ends) + ["evaluated", "images"])
    ]
    var series = ["run,model,benchmark,metric,axis,place,value,low,high,evaluated,images"]
    var summary = ["run,model,benchmark,metric,value,low,high,evaluated,images"]
    for section in model.sections {
      let keys = [section.run, section.model, section.benchmark]
      let first = section.metrics.first(where: \.said.isOfEachCondition)?.said ?? .support
      for condition in section.conditions {
        let values = ofConditions.flatMap(ends).map { text(section.value(section.metric($0), condition)) }
        conditions.append(
          CSVLine.of(keys + [section.name(of: condition)] + values + cells(section.count(first, under: [condition]))))
      }
      for metric in section.figures where metric.axes.count == 1 {
        guard let axis = section.axis(metric.axes[0]) else { continue }
        let place = section.axes.firstIndex { $0.name == axis.name }
        for (index, value) in axis.values.enumerated() {
          let count =
            place.map { section.count(metric.said, under: section.conditions(along: $0) { $0 == value }) }
            ?? section.images(at: index, of: axis).map { ReportedCount(evaluated: $0, planned: $0) } ?? ReportedCount()
          series.append(
            CSVLine.of(keys + [metric.name, axis.name, value] + values(section, metric, index) + cells(count)))
        }
      }
      for metric in section.figures where metric.axes.isEmpty {
        summary.append(
          CSVLine.of(keys + [metric.name] + values(section, metric, 0) + cells(section.count(metric.said))))
      }
    }
    let texts = [conditions, series, summary, comparisons(model.pairs)].map { $0.joined(separator: "\r\n") + "\r\n" }
    return CSVReport(files: zip(names, texts).map { ($0, $1) })
  }

  private static func comparisons(_ pairs: [ReportedPair]) -> [String] {
    let head =
      "run,model,benchmark,other,conditions,images,better,other_better,difference,difference_low,difference_high,p,p_holm,"
      + "agreement,error_consistency,error_consistency_low,error_consistency_high"
    return [head]
      + pairs.map { pair in
        let (comparison, found) = (pair.comparison, pair.comparison.figures)
        let counts = [found.conditions, found.images, found.firstBetter, found.secondBetter].map { "\($0)" }
        let values = [
          found.difference, found.differenceLow, found.differenceHigh, found.p, comparison.correctedP, found.agreement,
          found.errorConsistency, found.errorConsistencyLow, found.errorConsistencyHigh,
        ]
        return CSVLine.of(
          [pair.run, comparison.first, comparison.benchmark, comparison.second] + counts
            + values.map { text($0.isNaN ? nil : $0) })
      }
  }

  /// A metric's name and those of both ends of its interval.
  private static func ends(_ name: String) -> [String] { [name, name + "_low", name + "_high"] }

  private static func values(_ section: ReportSection, _ metric: Metric, _ place: Int) -> [String] {
    ends(metric.name).map { text(section.value(section.metric($0), place)) }
  }

  private static func cells(_ count: ReportedCount) -> [String] { ["\(count.evaluated)", "\(count.planned)"] }

  /// A value, empty where there is none.
  private static func text(_ value: Double?) -> String { value.map { "\($0)" } ?? "" }
}

extension ReportSection {
  /// The metrics that are figures: not the ends of intervals, nor what figures are of.
  fileprivate var figures: [Metric] {
    metrics.filter { ![.support, .count, .grid].contains($0.said.role) }.sorted { $0.name < $1.name }
  }
}
