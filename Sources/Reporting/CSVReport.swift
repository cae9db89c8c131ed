import Benchmarks

/// The report's figures as comma-separated values (RFC 4180).
public struct CSVReport: Sendable {
  /// File names and their contents.
  public let files: [(name: String, text: String)]

  /// `conditions.csv`, a line a condition, `series.csv`, a line a value of a metric over one axis, and `summary.csv`, a
  /// line a single figure.
  public static func render(_ model: ReportModel) -> CSVReport {
    var conditions = ["model,benchmark,condition,top1,top5,evaluated,images"]
    var series = ["model,benchmark,metric,axis,place,value"]
    var summary = ["model,benchmark,metric,value"]
    for section in model.sections {
      for condition in Grid(axes: section.axes).conditions where section.isPlanned(condition.index) {
        let evaluated = section.metrics["evaluated"]?.values[condition.index] ?? 0
        conditions.append(
          row([
            section.model, section.benchmark, condition.description,
            text(section, "top1", condition.index), text(section, "top5", condition.index), "\(Int(evaluated))",
            "\(section.imageCount)",
          ]))
      }
      for metric in section.metrics.values.sorted(by: { $0.name < $1.name }) where metric.axes.count == 1 {
        guard let axis = section.axes.first(where: { $0.name == metric.axes[0] }) else { continue }
        for (place, value) in zip(axis.values, metric.values) {
          series.append(
            row([section.model, section.benchmark, metric.name, axis.name, place, value.isNaN ? "" : "\(value)"]))
        }
      }
      for metric in section.metrics.values.sorted(by: { $0.name < $1.name }) where metric.axes.isEmpty {
        let value = section.scalar(metric.name).map { "\($0)" } ?? ""
        summary.append(row([section.model, section.benchmark, metric.name, value]))
      }
    }
    return CSVReport(files: [
      ("conditions.csv", conditions.joined(separator: "\r\n") + "\r\n"),
      ("series.csv", series.joined(separator: "\r\n") + "\r\n"),
      ("summary.csv", summary.joined(separator: "\r\n") + "\r\n"),
    ])
  }

  /// A condition's value, empty where there is none.
  private static func text(_ section: ReportSection, _ metric: String, _ condition: Int) -> String {
    guard let values = section.metrics[metric]?.values, values.indices.contains(condition), !values[condition].isNaN
    else { return "" }
    return "\(values[condition])"
  }

  private static func row(_ fields: [String]) -> String {
    fields.map { field in
      field.contains { ",\"\r\n".contains($0) } ? "\"" + field.replacing("\"", with: "\"\"") + "\"" : field
    }.joined(separator: ",")
  }
}
