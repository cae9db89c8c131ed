import Records

/// A table of a page, which is also text for papers.
struct PageTable: Sendable {
  let caption: String
  /// What the rows' headings are.
  let corner: String
  let columns: [Columns]
  let bodies: [Body]

  /// Columns under one heading.
  struct Columns: Sendable {
    let heading: Heading?
    let columns: [Column]
  }

  struct Column: Sendable {
    let text: String
    /// The model's place among the report's.
    let model: Int?
  }

  /// Rows under one heading.
  struct Body: Sendable {
    let heading: Heading?
    let rows: [Row]
  }

  struct Row: Sendable {
    let heading: Heading
    let cells: [Cell]
    /// The places of the models that it is of; none where it is of all.
    var models: [Int] = []
  }

  /// What a row or some columns are.
  struct Heading: Sendable {
    let text: String
    /// What it is, where it is a figure.
    var figure: Metric.Figure?
    /// What it is over or of.
    var note = ""
    /// A place of the page that it leads to.
    var anchor: String?

    init(text: String, note: String = "", anchor: String? = nil) {
      (self.text, self.note, self.anchor) = (text, note, anchor)
    }

    init(_ figure: Metric.Figure, title: String? = nil, note: String = "") {
      (text, self.figure, self.note) = (title ?? figure.title, figure, note)
    }

    /// `mean top-1 (%) ↑`: with its unit, and which values are the better ones.
    var suffix: String {
      guard let figure else { return "" }
      return (figure.unitInWords.isEmpty ? "" : " (\(figure.unitInWords))") + figure.arrow
    }
  }

  struct Cell: Sendable {
    var text: String
    /// `[80.7, 82.8]`
    var interval: String?
    /// What it is sorted by; nil where by its text.
    var value: Double?
    var isBest = false
    var model: Int?

    init(text: String, value: Double? = nil) { (self.text, self.value) = (text, value) }

    /// A value with its interval, a dash where there is none.
    init(_ measured: Measured?, model: Int?, isBest: Bool) {
      text = measured?.bare ?? "-"
      interval = measured?.interval
      value = measured?.value
      (self.model, self.isBest) = (model, isBest)
    }
  }

  /// The columns one after the other.
  var allColumns: [Column] { columns.flatMap(\.columns) }
  /// Whether columns have headings above their own.
  var hasGroups: Bool { columns.contains { $0.heading != nil } }
  var rowCount: Int { bodies.reduce(0) { $0 + $1.rows.count } }
}

// MARK: - As HTML

extension PageTable {
  /// The table with a caption and headings that readers and programs tell from cells.
  ///
  /// - Parameters:
  ///   - number: its number on the page.
  ///   - link: a figure's name, linked with its definition.
  func html(number: Int, link: (Heading) -> String) -> String {
    let escaped = HTMLReport.escaped
    let head = hasGroups ? groupedHead(link) : "<tr>\(cornerCell(rows: 1))\(columnCells)</tr>"
    let bodies = bodies.map { body -> String in
      let heading = body.heading.map {
        "<tr class=\"group\"><th colspan=\"\(allColumns.count + 1)\" scope=\"rowgroup\">\(link($0))</th></tr>"
      }
      let rows = body.rows.map { row -> String in
        let note = row.heading.note.isEmpty ? "" : " <small>\(escaped(row.heading.note))</small>"
        let models = row.models.isEmpty ? "" : " data-ms=\"\(row.models.map(String.init).joined(separator: " "))\""
        return "<tr\(models)><th scope=\"row\">\(link(row.heading))\(note)</th>\(row.cells.map(cell).joined())</tr>"
      }
      return "<tbody>\(heading ?? "")\(rows.joined())</tbody>"
    }
    return "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Table \(number): \(escaped(caption))\">"
      + "<table><caption><strong>Table \(number).</strong> \(escaped(caption))</caption><thead>\(head)</thead>"
      + "\(bodies.joined())</table></div>"
  }

  private func cornerCell(rows: Int) -> String {
    "<th scope=\"col\" rowspan=\"\(rows)\" data-c=\"0\">\(HTMLReport.escaped(corner))</th>"
  }

  private var columnCells: String {
    allColumns.enumerated().map { place, column in
      let model = column.model.map { " data-m=\"\($0)\"" } ?? ""
      return "<th scope=\"col\" data-c=\"\(place + 1)\"\(model)>\(HTMLReport.escaped(column.text))</th>"
    }.joined()
  }

  private func groupedHead(_ link: (Heading) -> String) -> String {
    let groups = columns.map { group in
      let models = group.columns.compactMap(\.model).map(String.init).joined(separator: " ")
      return "<th scope=\"colgroup\" colspan=\"\(group.columns.count)\" data-span=\"\(models)\">"
        + "\(group.heading.map(link) ?? "")</th>"
    }
    return "<tr>\(cornerCell(rows: 2))\(groups.joined())</tr><tr>\(columnCells)</tr>"
  }

  private func cell(_ cell: Cell) -> String {
    let model = cell.model.map { " data-m=\"\($0)\"" } ?? ""
    let value = cell.value.map { " data-v=\"\($0)\"" } ?? (cell.text == "-" ? " data-v=\"\"" : "")
    let text = HTMLReport.escaped(cell.text)
    let interval = cell.interval.map { " <small>\(HTMLReport.escaped($0))</small>" } ?? ""
    return "<td\(model)\(value)>\(cell.isBest ? "<strong>\(text)</strong>" : text)\(interval)</td>"
  }
}
