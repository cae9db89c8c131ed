import Records

/// Shares over two axes of numbers as a field of colours, the darker the larger; for maps of too many cells to write them down.
enum ColourMap: SectionPlot {
  static let caption = "maps of each model; darker is larger"

  static func draw(_ section: ReportSection) -> String? {
    let maps = section.metrics.compactMap { metric -> String? in
      let axes = metric.axes.compactMap(section.axis)
      guard metric.said.role == .map, metric.said.unit == .share, axes.count == 2, axes.count == metric.axes.count,
        section.isDefined(metric)
      else { return nil }
      return draw(metric, axes[0], axes[1])
    }
    return maps.isEmpty ? nil : maps.joined(separator: "\n")
  }

  private static func draw(_ metric: Metric, _ rows: Axis, _ columns: Axis) -> String {
    let side = max(3, 378 / max(1, max(rows.values.count, columns.values.count)))
    let (left, top) = (48, 28)
    let (width, height) = (columns.values.count * side, rows.values.count * side)
    var drawing = Drawing()
    drawing.text(4, 11, metric.said.title + ", %", anchor: .start, kind: "quiet")
    for row in rows.values.indices {
      for column in columns.values.indices {
        let place = row * columns.values.count + column
        guard metric.values.indices.contains(place), metric.values[place].isFinite else { continue }
        drawing.box(left + column * side, top + row * side, side, height: side, fill: Plots.shade(metric.values[place]))
      }
    }
    for (index, name) in ends(of: columns) {
      drawing.text(left + index * side + side / 2, top + height + 16, name, anchor: .middle, kind: "quiet")
    }
    drawing.text(left + width / 2, top + height + 34, columns.name, anchor: .middle, kind: "quiet")
    for (index, name) in ends(of: rows) {
      drawing.text(left - 6, top + index * side + side / 2 + 4, name, anchor: .end, kind: "quiet")
    }
    drawing.text(left, top - 6, rows.name, anchor: .start, kind: "quiet")
    let bar = (left: left + width + 24, step: max(1, height / 20))
    for step in 0..<20 {
      drawing.box(
        bar.left, top + step * bar.step, 16, height: bar.step, fill: Plots.shade(1 - (Double(step) + 0.5) / 20))
    }
    drawing.text(bar.left + 22, top + 10, "100", anchor: .start, kind: "quiet")
    drawing.text(bar.left + 22, top + 20 * bar.step, "0", anchor: .start, kind: "quiet")
    return drawing.svg(
      bar.left + 60, top + height + 44, title: "\(metric.said.title) in percent by \(rows.name) and \(columns.name)")
  }

  /// The first, the middle and the last value.
  private static func ends(of axis: Axis) -> [(Int, String)] {
    let last = axis.values.count - 1
    return Set([0, last / 2, last]).sorted().map { ($0, axis.values[$0]) }
  }
}
