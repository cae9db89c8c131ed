import Records

/// Figures of each model on each benchmark, side by side: what a study's first table shows. Figures that are not of the
/// same thing are marked.
struct ModelComparison: Sendable {
  /// The models' names, in the report's order.
  let models: [String]
  /// A row a benchmark and measure.
  let rows: [Row]
  /// What marks stand for: a letter and its sentence.
  let notes: [(mark: String, text: String)]

  struct Row: Sendable {
    let benchmark: String
    /// What the figures are, with their unit where that is not per cent.
    let measure: String
    /// What the first of them is and is over.
    let said: Metric.Figure
    /// What they are of, such as `500 images`.
    let images: String
    /// Whether a larger figure is a better one, and 1 the best.
    var isGoodShare: Bool { said.isGoodShare }
    /// Of each model; nil where it has none.
    let cells: [Cell?]
  }

  struct Cell: Sendable {
    let figure: ReportFigure
    /// The letter of the note that says why it is not comparable with the row's first figure; empty where it is.
    let mark: String

    /// `94.4*a`: an asterisk where images are missing.
    var text: String { figure.measured.bare + (figure.results.isWhole ? "" : "*") + mark }
  }

  /// nil where there are not two models to compare.
  init?(_ model: ReportModel) {
    let keys = model.models
    guard keys.count > 1 else { return nil }
    var notes: [(mark: String, text: String)] = []
    var rows: [Row] = []
    for benchmark in model.sections.map(\.benchmark).firstOccurrences {
      let sections = keys.map { key in model.sections.first { $0.key == key && $0.benchmark == benchmark } }
      let measures = sections.flatMap { $0?.comparedFigures.map(\.said.title) ?? [] }.firstOccurrences
      for measure in measures {
        let row = Self.row(benchmark, measure, sections, names: keys.map(model.name), notes: &notes)
        if let row { rows.append(row) }
      }
    }
    models = keys.map(model.name)
    self.rows = rows
    self.notes = notes
  }

  private static func row(
    _ benchmark: String, _ measure: String, _ sections: [ReportSection?], names: [String],
    notes: inout [(mark: String, text: String)]
  ) -> Row? {
    let figures = sections.map { section in section?.comparedFigures.first { $0.said.title == measure } }
    guard let first = figures.firstIndex(where: { $0 != nil }), let reference = figures[first],
      let origin = sections[first]
    else { return nil }
    let cells = zip(sections, figures).map { section, figure -> Cell? in
      guard let section, let figure else { return nil }
      let differences = section.differences(figure.said, from: origin, reference.said)
      guard !differences.isEmpty else { return Cell(figure: figure, mark: "") }
      return Cell(
        figure: figure,
        mark: mark("not comparable with \(names[first]): " + differences.joined(separator: "; "), &notes))
    }
    let units: [Metric.Figure.Unit: String] = [.points: ", points", .number: ", a number"]
    return Row(
      benchmark: benchmark, measure: measure + (units[reference.said.unit] ?? ""), said: reference.said,
      images: reference.images, cells: cells)
  }

  /// The letter of a note, a new one for a new sentence: a, b, ..., z, aa.
  static func mark(_ text: String, _ notes: inout [(mark: String, text: String)]) -> String {
    if let known = notes.first(where: { $0.text == text }) { return known.mark }
    let letter = String(UnicodeScalar(UInt8(97 + notes.count % 26)))
    let mark = String(repeating: letter, count: 1 + notes.count / 26)
    notes.append((mark, text))
    return mark
  }

  /// What the figures of a row are over; where that differs, of which models.
  private func extentLine(_ row: Row) -> String? {
    let said = zip(models, row.cells).compactMap { model, cell in
      cell.map { (model: model, extent: $0.figure.said.extent) }
    }
    let extents = said.map(\.extent).firstOccurrences.filter { !$0.isEmpty }
    guard !extents.isEmpty else { return nil }
    let words = extents.map { extent in
      let names = said.filter { $0.extent == extent }.map(\.model)
      return extents.count == 1 ? extent : "\(extent) (\(names.joined(separator: ", ")))"
    }
    return "\(row.benchmark), \(row.measure): \(words.joined(separator: "; "))"
  }

  /// What the rows are over, and what the marks mean.
  var lines: [String] {
    var lines = rows.compactMap(extentLine)
    let incomplete = rows.flatMap { row in
      zip(models, row.cells).compactMap { model, cell -> String? in
        guard let results = cell?.figure.results, !results.isWhole else { return nil }
        return "\(model) on \(row.benchmark) \(results.evaluated) of \(results.planned)"
      }
    }.firstOccurrences
    if !incomplete.isEmpty {
      let rest = incomplete.count - 4
      lines.append(
        "* incomplete: results of " + incomplete.prefix(4).joined(separator: ", ")
          + (rest > 0 ? " and \(rest) more" : ""))
    }
    return lines + notes.map { "\($0.mark): \($0.text)" }
  }
}

extension ReportSection {
  /// In what a figure is not of the same thing as another section's of the same title.
  func differences(
    _ figure: Metric.Figure, from other: ReportSection, _ others: Metric.Figure
  ) -> [String] {
    guard attributes["benchmark_kind"] == other.attributes["benchmark_kind"] else {
      return ["a different kind of benchmark"]
    }
    var differences: [String] = []
    if Set(conditions(of: figure).map(name)) != Set(other.conditions(of: others).map(other.name)) {
      differences.append(
        figure.extent == others.extent || figure.extent.isEmpty
          ? "different conditions of the grid" : "\(figure.extent), not \(others.extent)")
    }
    if differences.isEmpty, figure.unit == .share, figure.extent != others.extent {
      differences.append("\(figure.extent), not \(others.extent)")
    }
    if let answerClasses, let others = other.answerClasses, answerClasses != others {
      differences.append(
        answerClasses.count == others.count
          ? "answers among different classes" : "answers among \(answerClasses.count) classes, not \(others.count)")
    }
    if figure.reference != others.reference { differences.append("different figures to normalise by") }
    if attributes["data_sha256"] != other.attributes["data_sha256"] { differences.append("different images") }
    let (isChanged, isOtherChanged) = (attributes["changed"] != nil, other.attributes["changed"] != nil)
    if isChanged != isOtherChanged {
      differences.append(isChanged ? "made on the fly, not published files" : "published files, not made on the fly")
    } else {
      differences += (attributes["making"] ?? "").split(separator: "\n").compactMap { line in
        let (name, title) = (line.prefix { $0 != "\t" }, line.drop { $0 != "\t" }.dropFirst())
        return attributes[String(name)] == other.attributes[String(name)] ? nil : "different \(title)"
      }
      if isChanged, attributes["seed"] != other.attributes["seed"] {
        differences.append("seed \(attributes["seed"] ?? "unknown"), not \(other.attributes["seed"] ?? "unknown")")
      }
    }
    return differences
  }
}

extension Metric.Figure {
  /// Whether 1 is the best and 0 the worst that it can be.
  var isGoodShare: Bool { unit == .share && !isLessBetter }
}
