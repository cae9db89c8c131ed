import Durable

/// The report as text for a terminal. What comes from an archive is written as plain text, the only control codes are the
/// colours of figures.
public enum ReportTable {
  /// Accuracy by condition, with means.
  ///
  /// - Parameters:
  ///   - colour: whether to shade cells with ANSI colours.
  ///   - width: columns of the terminal; names are cut to fit, figures never.
  public static func render(_ model: ReportModel, colour: Bool, width: Int) -> String {
    var blocks = model.sections.map { section($0, model.heading(of: $0), colour, width: width).joined(separator: "\n") }
    if let comparison = ModelComparison(model) {
      blocks.append(render(comparison, colour, width).joined(separator: "\n"))
    }
    if let pairs = ModelPairs(model) { blocks.append(render(pairs, width).joined(separator: "\n")) }
    if !model.legend.isEmpty {
      blocks.append(model.legend.flatMap { wrapped($0, width, indent: "") }.joined(separator: "\n"))
    }
    return blocks.joined(separator: "\n\n")
  }

  /// Models in columns, benchmarks in rows, and below what the figures are over and which are not comparable.
  private static func render(_ comparison: ModelComparison, _ colour: Bool, _ width: Int) -> [String] {
    let heads = [
      ["benchmark"] + comparison.rows.map(\.benchmark), [""] + comparison.rows.map(\.measure),
      ["images"] + comparison.rows.map { $0.images.replacing(" images", with: "", maxReplacements: 1) },
    ]
    let widths = heads.map { column in column.map(\.count).max() ?? 0 }
    let marks = comparison.rows.flatMap(\.cells).compactMap { $0?.mark.count }.max() ?? 0
    let cells = comparison.models.map { max(9, $0.count + 2) }
    func start(_ row: Int) -> String {
      zip(heads, widths).map { "  " + padded($0[row], $1, right: false) }.joined()
    }
    let space = String(repeating: " ", count: marks + 1)
    var lines = [
      "The models side by side, in %",
      start(0) + zip(comparison.models, cells).map { padded($0, $1) + space }.joined(),
    ]
    for (index, row) in comparison.rows.enumerated() {
      var line = start(index + 1)
      for (cell, column) in zip(row.cells, cells) {
        let figure = cell?.figure.measured.bare ?? "-"
        let signs = (cell.map { $0.text.dropFirst(figure.count) } ?? "") + ""
        let text = padded(figure, column) + padded(String(signs), marks + 1, right: false)
        line += shaded(text, cell?.figure.measured.value, colour && row.isGoodShare)
      }
      lines.append(line)
    }
    return (lines + comparison.lines.flatMap { wrapped($0, width) }).map { $0.trimmingSuffix { $0 == " " } }
  }

  /// The pairs that a terminal shows; files hold all.
  private static let mostPairs = 60

  /// A row a benchmark and two models.
  private static func render(_ pairs: ModelPairs, _ width: Int) -> [String] {
    let rows = pairs.rows.prefix(mostPairs)
    let table = [pairs.head] + rows
    let widths = pairs.head.indices.map { column in table.map { $0[column].count }.max() ?? 0 }
    var lines = [pairs.title]
    lines += table.map { row in
      zip(row, widths).map { "  " + padded($0, $1, right: false) }.joined().trimmingSuffix { $0 == " " }
    }
    if pairs.rows.count > rows.count {
      lines.append("  and \(pairs.rows.count - rows.count) more, in the page and the --csv files")
    }
    return lines + pairs.lines.flatMap { wrapped($0, width) }
  }

  private static func section(_ section: ReportSection, _ heading: String, _ colour: Bool, width: Int) -> [String] {
    var lines = ["\(heading), \(section.size)\(section.cellsInWords)".plain]
    if let preparation = section.preparation { lines += wrapped(preparation, width) }
    if section.isTable { lines += rows(section, colour, width) }
    lines += section.figureLines.enumerated().flatMap { index, line in
      wrapped(line + (index == 0 && section.isIncomplete && !section.isTable ? " *" : ""), width)
    }
    if !section.isTable { lines += rowTable(section.rowTable) }
    lines += rowTable(section.seriesTable)
    for list in section.lists {
      if let axis = list.axis { lines.append("  \(list.title) by \(axis)".plain) }
      let widths = (list.rows.map(\.name.count).max() ?? 0, list.rows.map(\.value.count).max() ?? 0)
      lines += list.rows.map { row in
        "    \(padded(row.name, widths.0, right: false))  \(padded(row.value, widths.1, right: false))  \(row.images.plain)"
      }
    }
    return lines + section.notes.flatMap { wrapped($0, width) }
  }

  /// A sentence in lines of at most `width` columns, those after the first further in.
  private static func wrapped(_ text: String, _ width: Int, indent: String = "  ") -> [String] {
    var lines: [String] = []
    var line = indent
    for word in text.plain.split(separator: " ") {
      let isFirst = line.allSatisfy { $0 == " " }
      if !isFirst, line.count + 1 + word.count > width {
        lines.append(line)
        line = indent + "  " + word
      } else {
        line += (isFirst ? "" : " ") + word
      }
    }
    return lines + [line]
  }

  /// A line a value of the first axis.
  private static func rowTable(_ table: (head: [String], rows: [[String]])) -> [String] {
    let (head, rows) = table
    guard let first = head.first else { return [] }
    let name = max(12, first.count, rows.map { $0[0].count }.max() ?? 0)
    return ([head] + rows).map { line in
      "  " + padded(line[0], name, right: false)
        + zip(line.dropFirst(), head.dropFirst()).map { padded($0, $1.count + 4) }.joined()
    }
  }

  private static func rows(_ section: ReportSection, _ colour: Bool, _ width: Int) -> [String] {
    let columns = section.axes[1].values
    let cell = max(7, (columns.map(\.count).max() ?? 0) + 2)
    let longest = section.axes[0].values.map(\.count).max() ?? 0
    guard let metric = section.cells else { return [] }
    let series = section.columns.map { (metric: $0, width: max(9, $0.said.title.count + 2)) }
    let taken = series.map(\.width).reduce(0, +)
    let name = max(6, min(longest, width - 2 - cell * (columns.count + 1) - taken))
    var lines = [
      "  " + padded(section.axes[0].name, name, right: false) + columns.map { padded($0, cell) }.joined()
        + padded("mean", cell) + series.map { padded($0.metric.said.title, $0.width) }.joined()
    ]
    for (row, label) in section.axes[0].values.enumerated() {
      let conditions = columns.indices.map { row * columns.count + $0 }
      var line = "  " + padded(String(label.prefix(name)), name, right: false)
      for condition in conditions {
        let value = section.measured(metric, condition)
        line += shaded(
          padded((value?.bare ?? "-") + (section.isIncomplete(condition) ? "*" : " "), cell), value?.value,
          colour && metric.said.isGoodShare)
      }
      line += padded(section.mean(metric, conditions.filter(section.isPlanned))?.bare ?? "-", cell)
      for (metric, width) in series { line += padded(section.measured(metric, row)?.bare ?? "-", width) }
      lines.append(line)
    }
    return lines
  }

  private static func padded(_ text: String, _ width: Int, right: Bool = true) -> String {
    let text = text.plain
    let space = String(repeating: " ", count: max(0, width - text.count))
    return right ? space + text : text + space
  }

  private static func shaded(_ text: String, _ value: Double?, _ colour: Bool) -> String {
    guard colour, let value else { return text }
    return "\u{1B}[\(value >= 0.75 ? 32 : value >= 0.4 ? 33 : 31)m\(text)\u{1B}[0m"
  }
}

extension String {
  fileprivate func trimmingSuffix(while isTrimmed: (Character) -> Bool) -> String {
    var text = self
    while let last = text.last, isTrimmed(last) { text.removeLast() }
    return text
  }
}
