import Benchmarks

/// The report's figures as comma-separated values (RFC 4180).
public struct CSVReport: Sendable {
  /// File names and their contents.
  public let files: [(name: String, text: String)]

  /// `conditions.csv`, a line a condition, and `summary.csv`, a line a single figure.
  public static func render(_ model: ReportModel) -> CSVReport {
    var conditions = ["model,benchmark,condition,top1,evaluated,images"]
    var summary = ["model,benchmark,metric,value"]
    for section in model.sections {
      for condition in Grid(axes: section.axes).conditions {
        let evaluated = section.metrics["evaluated"]?.values[condition.index] ?? 0
        conditions.append(
          row([
            section.model, section.benchmark, condition.description,
            section.top1(condition.index).map { "\($0)" } ?? "", "\(Int(evaluated))", "\(section.imageCount)",
          ]))
      }
      for metric in section.metrics.values.sorted(by: { $0.name < $1.name }) where metric.axes.isEmpty {
        let value = section.scalar(metric.name).map { "\($0)" } ?? ""
        summary.append(row([section.model, section.benchmark, metric.name, value]))
      }
    }
    return CSVReport(files: [
      ("conditions.csv", conditions.joined(separator: "\r\n") + "\r\n"),
      ("summary.csv", summary.joined(separator: "\r\n") + "\r\n"),
    ])
  }

  private static func row(_ fields: [String]) -> String {
    fields.map { field in
      field.contains { ",\"\r\n".contains($0) } ? "\"" + field.replacing("\"", with: "\"\"") + "\"" : field
    }.joined(separator: ",")
  }
}
