/// Shares over a grid: rows of the first axis, columns of the second; the darker, the larger. Beside them their means.
enum HeatMap: SectionPlot {
  static let caption =
    "each condition of each model; darker is larger; row and column means outside the frame"

  private static let (top, width, height, gap) = (34, 56, 26, 8)

  static func draw(_ section: ReportSection) -> String? {
    guard section.isTable, let cells = section.cells, cells.said.unit == .share else { return nil }
    let (rows, columns) = (section.axes[0].values, section.axes[1].values)
    let left = min(180, 14 + 7 * (rows.map(\.count).max() ?? 0))
    var drawing = Drawing()
    drawing.text(left + columns.count * width / 2, 12, section.axes[1].name, anchor: .middle, kind: "quiet")
    for (column, name) in (columns + ["mean"]).enumerated() {
      drawing.text(x(left, column, columns.count) + width / 2, top - 8, name, anchor: .middle, kind: "quiet")
    }
    for (row, name) in (rows + ["mean"]).enumerated() {
      let middle = y(row, rows.count) + 17
      drawing.text(left - 8, middle, Drawing.cut(name, to: 24), anchor: .end, kind: row == rows.count ? "quiet" : "")
    }
    func draw(_ row: Int, _ column: Int, _ value: Measured?, isIncomplete: Bool = false) {
      let (x, y) = (x(left, column, columns.count), y(row, rows.count))
      drawing.box(x, y, width - 2, height: height - 2, fill: value.map { Plots.shade($0.value) })
      guard let value else { return }
      // Dark text and white are both read on what lies between these shades.
      let kind = value.value > 0.66 ? "cell dark" : "cell"
      drawing.text(x + width / 2, y + 17, value.bare + (isIncomplete ? "*" : ""), anchor: .middle, kind: kind)
    }
    for row in rows.indices {
      for column in columns.indices {
        let condition = row * columns.count + column
        draw(row, column, section.measured(cells, condition), isIncomplete: section.isIncomplete(condition))
      }
      draw(row, columns.count, section.mean(cells, section.conditions(ofRow: row)))
    }
    for column in columns.indices {
      let conditions = section.conditions(along: 1) { $0 == columns[column] }
      draw(rows.count, column, section.mean(cells, conditions))
    }
    draw(rows.count, columns.count, section.mean(cells, section.conditions))
    return drawing.svg(
      x(left, columns.count, columns.count) + width + 4, y(rows.count, rows.count) + height + 4,
      title: "\(cells.said.title) in percent by \(section.axes[0].name) and \(section.axes[1].name)",
      description: description(section))
  }

  private static func x(_ left: Int, _ column: Int, _ count: Int) -> Int {
    left + column * width + (column == count ? gap : 0)
  }

  private static func y(_ row: Int, _ count: Int) -> Int { top + row * height + (row == count ? gap : 0) }

  /// `fog: 90.0, 80.0; snow: 70.0, 60.0`.
  private static func description(_ section: ReportSection) -> String {
    guard let cells = section.cells else { return "" }
    let width = section.axes[1].values.count
    return section.axes[0].values.enumerated().map { row, name in
      "\(name): "
        + (0..<width).map { section.measured(cells, row * width + $0)?.bare ?? "-" }.joined(separator: ", ")
    }.joined(separator: "; ")
  }
}
