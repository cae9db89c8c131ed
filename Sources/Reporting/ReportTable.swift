/// The report as text for a terminal.
public enum ReportTable {
  /// Accuracy by condition, with means.
  ///
  /// - Parameters:
  ///   - colour: whether to shade cells with ANSI colours.
  ///   - width: columns of the terminal; names are cut to fit, figures never.
  public static func render(_ model: ReportModel, colour: Bool, width: Int) -> String {
    var blocks = model.sections.map { section($0, model.heading(of: $0), colour, width).joined(separator: "\n") }
    if let comparison = ModelComparison(model) {
      blocks.append(render(comparison, colour, width).joined(separator: "\n"))
    }
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
        let figure = cell.map { Percent.text($0.figure.value) } ?? "-"
        let signs = (cell.map { $0.text.dropFirst(figure.count) } ?? "") + ""
        let text = padded(figure, column) + padded(String(signs), marks + 1, right: false)
        line += shaded(text, cell?.figure.value, colour && !row.isError)
      }
      lines.append(line)
    }
    return (lines + comparison.lines.flatMap { wrapped($0, width) }).map { $0.trimmingSuffix { $0 == " " } }
  }

  private static func section(_ section: ReportSection, _ heading: String, _ colour: Bool, _ width: Int) -> [String] {
    var lines = ["\(heading), \(section.size)" + (section.isTable ? ", top-1 in %" : "")]
    if let preparation = section.preparation { lines += wrapped(preparation, width) }
    if section.isTable { lines += rows(section, colour, width) }
    lines += section.figureLines.enumerated().flatMap { index, line in
      wrapped(line + (index == 0 && section.isIncomplete && !section.isTable ? " *" : ""), width)
    }
    lines += stability(section)
    let entries = section.rows
    let widths = (entries.map(\.name.count).max() ?? 0, entries.map(\.top1.count).max() ?? 0)
    if section.axes.count == 1, !entries.isEmpty { lines.append("  top-1 by \(section.axes[0].name)") }
    lines += entries.map { entry in
      let (name, top1) = (padded(entry.name, widths.0, right: false), padded(entry.top1, widths.1, right: false))
      return "    \(name)  \(top1)  \(entry.images)"
    }
    return lines + section.notes.flatMap { wrapped($0, width) }
  }

  /// A sentence in lines of at most `width` columns, those after the first further in.
  private static func wrapped(_ text: String, _ width: Int, indent: String = "  ") -> [String] {
    var lines: [String] = []
    var line = indent
    for word in text.split(separator: " ") {
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
    let errors = section.shownErrors
    let name = max(6, min(longest, width - 2 - cell * (columns.count + 1) - errors.count * 9))
    var lines = [
      "  " + padded(section.axes[0].name, name, right: false) + columns.map { padded($0, cell) }.joined()
        + padded("mean", cell) + errors.map { padded($0.title, 9) }.joined()
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
      line += padded(mean, cell)
      for error in errors { line += padded(section.value(error.name, row).map { Percent.text($0) } ?? "-", 9) }
      lines.append(line)
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

extension String {
  fileprivate func trimmingSuffix(while isTrimmed: (Character) -> Bool) -> String {
    var text = self
    while let last = text.last, isTrimmed(last) { text.removeLast() }
    return text
  }
}
