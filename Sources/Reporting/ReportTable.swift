/// The report as text for a terminal.
public enum ReportTable {
  /// Accuracy by condition, with means.
  ///
  /// - Parameters:
  ///   - colour: whether to shade cells with ANSI colours.
  ///   - width: columns of the terminal; names are cut to fit, figures never.
  public static func render(_ model: ReportModel, colour: Bool, width: Int) -> String {
    let sections = sections(model, colour, width)
    guard let comparison = ModelComparison(model) else { return sections }
    return sections + "\n\n" + render(comparison, colour).joined(separator: "\n")
  }

  /// Models in columns, benchmarks in rows.
  private static func render(_ comparison: ModelComparison, _ colour: Bool) -> [String] {
    let name = max(9, comparison.rows.map(\.benchmark.count).max() ?? 0)
    let measure = comparison.rows.map(\.measure.count).max() ?? 0
    let cells = comparison.models.map { max(9, $0.count + 2) }
    var lines = [
      "The models side by side, in %",
      "  " + padded("benchmark", name, right: false) + "  " + padded("", measure, right: false)
        + zip(comparison.models, cells).map { padded($0, $1) + " " }.joined(),
    ]
    for row in comparison.rows {
      var line = "  " + padded(row.benchmark, name, right: false) + "  " + padded(row.measure, measure, right: false)
      for (place, value) in row.values.enumerated() {
        let text = (value.map { Percent.text($0) } ?? "-") + (row.isIncomplete[place] ? "*" : " ")
        line += shaded(padded(text, cells[place] + 1), value, colour && !row.isError)
      }
      lines.append(line)
    }
    return lines
  }

  private static func sections(_ model: ReportModel, _ colour: Bool, _ width: Int) -> String {
    model.sections.map { section in
      let title = "\(section.model) on \(section.benchmark), \(section.imageCount) images a condition"
      guard section.isTable else {
        return
          ([title, "  " + section.figures + (section.isIncomplete ? " *" : "")] + stability(section)
          + section.summary.map { "  " + $0 }).joined(separator: "\n")
      }
      return ([title + ", top-1 in %"] + rows(section, colour, width) + section.summary.map { "  " + $0 })
        .joined(separator: "\n")
    }.joined(separator: "\n\n")
  }

  /// A line a perturbation of ImageNet-P.
  private static func stability(_ section: ReportSection) -> [String] {
    let rows = section.stability
    guard !rows.isEmpty else { return [] }
    let name = max(12, rows.map(\.perturbation.count).max() ?? 0)
    func line(_ first: String, _ cells: [String]) -> String {
      "  " + padded(first, name, right: false)
        + zip(cells, StabilityRow.titles).map { padded($0, $1.count + 4) }.joined()
    }
    return [line(section.axes[0].name, StabilityRow.titles)] + rows.map { line($0.perturbation, $0.cells) }
  }

  private static func rows(_ section: ReportSection, _ colour: Bool, _ width: Int) -> [String] {
    let columns = section.axes[1].values
    let cell = max(7, (columns.map(\.count).max() ?? 0) + 2)
    let longest = section.axes[0].values.map(\.count).max() ?? 0
    let name = max(6, min(longest, width - 2 - cell * (columns.count + 1)))
    var lines = [
      "  " + padded(section.axes[0].name, name, right: false) + columns.map { padded($0, cell) }.joined()
        + padded("mean", cell)
    ]
    for (row, label) in section.axes[0].values.enumerated() {
      let conditions = columns.indices.map { row * columns.count + $0 }
      var line = "  " + padded(String(label.prefix(name)), name, right: false)
      for condition in conditions {
        let value = section.top1(condition)
        let text = value.map { Percent.text($0) } ?? "-"
        line += shaded(padded(text + (section.isIncomplete(condition) ? "*" : " "), cell), value, colour)
      }
      let values = conditions.compactMap(section.top1)
      let mean = values.count == conditions.count ? Percent.text(values.reduce(0, +) / Double(values.count)) : "-"
      lines.append(line + padded(mean, cell))
    }
    return lines
  }

  private static func padded(_ text: String, _ width: Int, right: Bool = true) -> String {
    let space = String(repeating: " ", count: max(0, width - text.count))
    return right ? space + text : text + space
  }

  private static func shaded(_ text: String, _ value: Double?, _ colour: Bool) -> String {
    guard colour, let value else { return text }
    return "\u{1B}[\(value >= 0.75 ? 32 : value >= 0.4 ? 33 : 31)m\(text)\u{1B}[0m"
  }
}
