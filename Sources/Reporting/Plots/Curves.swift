import Records

/// Metrics over two axes as curves: one line a value of the first.
enum Curves: SectionPlot {
  static let caption = "curves of each model, one line per row of the grid"

  private struct Line {
    let name: String
    /// One a value of the axis.
    let values: [Double]
  }

  static func draw(_ section: ReportSection) -> String? {
    let plots = section.metrics.compactMap { metric -> String? in
      let axes = metric.axes.compactMap(section.axis)
      guard axes.count == 2, metric.axes.count == 2, section.isDefined(metric), metric.said.role == .curve else {
        return nil
      }
      let (rows, columns) = (axes[0], axes[1])
      let lines = rows.values.enumerated().map { row, name in
        let start = row * columns.values.count
        return Line(name: name, values: Array(metric.values.dropFirst(start).prefix(columns.values.count)))
      }
      return draw(
        metric.said, lines, columns, range: range(metric.said.unit, lines),
        title: "\(metric.said.title) by \(columns.name), one line per \(rows.name)")
    }
    return plots.isEmpty ? nil : plots.joined(separator: "\n")
  }

  private static func draw(
    _ said: Metric.Figure, _ lines: [Line], _ columns: Axis, range: (low: Double, high: Double), title: String
  ) -> String {
    let (left, top, width, height) = (48, 28, 420, 240)
    let (low, high) = range
    let places = positions(of: columns)
    func x(_ column: Int) -> Int { left + Int((places[column] * Double(width)).rounded()) }
    func y(_ value: Double) -> Int { top + Int((1 - Plots.share(of: value, from: low, to: high)) * Double(height)) }
    var drawing = Drawing()
    for tick in 0...5 {
      let value = low + (high - low) * Double(tick) / 5
      drawing.rule("M\(left) \(y(value))H\(left + width)")
      let isFull = said.unit == .share && (low, high) == (0, 1)
      drawing.text(
        left - 8, y(value) + 4, isFull ? "\(tick * 20)" : Measured.number(value, said.unit, decimals: 1), anchor: .end,
        kind: "quiet")
    }
    var labelled = left - width
    for column in columns.values.indices.sorted(by: { places[$0] < places[$1] })
    where x(column) - labelled >= width / 12 {
      labelled = x(column)
      drawing.text(labelled, top + height + 18, columns.values[column], anchor: .middle, kind: "quiet")
    }
    drawing.text(left + width / 2, top + height + 36, columns.name, anchor: .middle, kind: "quiet")
    drawing.text(4, 11, said.title + (said.unit == .number ? "" : ", %"), anchor: .start, kind: "quiet")
    for (row, line) in lines.enumerated() {
      let points = columns.values.indices.sorted { places[$0] < places[$1] }.compactMap { column -> (x: Int, y: Int)? in
        guard line.values.indices.contains(column), line.values[column].isFinite else { return nil }
        return (x(column), y(line.values[column]))
      }
      if points.count == 1 {
        drawing.dot(points[0].x, points[0].y, series: row)
      } else if !points.isEmpty {
        drawing.line("M" + points.map { "\($0.x) \($0.y)" }.joined(separator: "L"), series: row)
      }
      let legend = top + 8 + row * 18
      drawing.line("M\(left + width + 20) \(legend)h22", series: row)
      drawing.text(left + width + 48, legend + 4, line.name, anchor: .start)
    }
    return drawing.svg(left + width + 190, max(top + height + 44, top + 20 + lines.count * 18), title: title)
  }

  /// Where an axis's values lie, 0 to 1: numbers in proportion, names one after the other; a single value in the middle.
  private static func positions(of axis: Axis) -> [Double] {
    let numbers = axis.isNumeric ? axis.values.compactMap(Double.init) : []
    let isProportional = numbers.count == axis.values.count && numbers.allSatisfy(\.isFinite)
    let values = isProportional ? numbers : axis.values.indices.map(Double.init)
    guard let least = values.min(), let most = values.max(), most > least else { return values.map { _ in 0.5 } }
    return values.map { Plots.share(of: $0, from: least, to: most) }
  }

  /// Shares from 0 to 1; others as far as they go.
  private static func range(_ unit: Metric.Figure.Unit, _ lines: [Line]) -> (low: Double, high: Double) {
    let values = lines.flatMap(\.values).filter { $0.isFinite && abs($0) < 1e9 }
    guard unit != .share, let least = values.min(), let most = values.max() else { return (0, 1) }
    let low = min(0, least)
    return (low, max(most, low + 1e-6))
  }
}
