/// Shares over a grid: rows of the first axis, columns of the second; the darker, the larger.
enum HeatMap: SectionPlot {
  static func draw(_ section: ReportSection) -> String? {
    guard section.isTable, let cells = section.cells, cells.said.unit == .share else { return nil }
    let (rows, columns) = (section.axes[0].values, section.axes[1].values)
    let (left, top, width, height) = (150, 34, 72, 26)
    var drawing = Drawing()
    for (column, name) in columns.enumerated() {
      drawing.text(left + column * width + width / 2, top - 8, name, anchor: .middle, kind: "quiet")
    }
    drawing.text(left + columns.count * width / 2, 12, section.axes[1].name, anchor: .middle, kind: "quiet")
    for (row, name) in rows.enumerated() {
      let y = top + row * height
      drawing.text(left - 8, y + 17, name, anchor: .end)
      for column in columns.indices {
        let condition = row * columns.count + column
        let x = left + column * width
        let value = section.measured(cells, condition)
        drawing.box(x, y, width - 2, height: height - 2, fill: value.map { Plots.shade($0.value) })
        guard let value else { continue }
        let label = value.bare + (section.isIncomplete(condition) ? "*" : "")
        drawing.text(x + width / 2, y + 17, label, anchor: .middle, kind: value.value > 0.55 ? "cell dark" : "cell")
      }
    }
    return drawing.svg(
      left + columns.count * width + 4, top + rows.count * height + 4,
      title: "\(cells.said.title) in percent by \(section.axes[0].name) and \(section.axes[1].name)")
  }
}
