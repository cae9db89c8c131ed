import Records

/// Metrics over an axis of numbers: one line, or one a value of the other axis.
enum Curves: SectionPlot {
  static func draw(_ section: ReportSection) -> String? {
    let plots = section.metrics.compactMap { metric -> String? in
      let axes = metric.axes.compactMap { name in section.axes.first { $0.name == name } }
      let isCells = metric.name == section.cells?.name
      guard let columns = axes.last, axes.count == metric.axes.count, axes.count <= 2, section.isDefined(metric),
        metric.said.role == .curve || isCells && columns.isNumeric
      else { return nil }
      return draw(metric, rows: axes.count == 2 ? axes[0] : nil, columns)
    }
    return plots.isEmpty ? nil : plots.joined(separator: "\n")
  }

  private static func draw(_ metric: Metric, rows: Axis?, _ columns: Axis) -> String {
    let names = rows?.values ?? [metric.said.title]
    let (left, top, width, height) = (48, 28, 420, 240)
    let (low, high) = range(metric)
    let places = positions(of: columns)
    func x(_ column: Int) -> Int { left + Int((places[column] * Double(width)).rounded()) }
    func y(_ value: Double) -> Int { top + Int((high - value) / (high - low) * Double(height)) }
    var drawing = Drawing()
    for tick in 0...5 {
      let value = low + (high - low) * Double(tick) / 5
      drawing.rule("M\(left) \(y(value))H\(left + width)")
      let label = metric.said.unit == .share ? "\(tick * 20)" : Measured.number(value, metric.said.unit, decimals: 1)
      drawing.text(left - 8, y(value) + 4, label, .end, "quiet")
    }
    var labelled = left - width
    for column in columns.values.indices.sorted(by: { places[$0] < places[$1] })
    where x(column) - labelled >= width / 12 {
      labelled = x(column)
      drawing.text(labelled, top + height + 18, columns.values[column], .middle, "quiet")
    }
    drawing.text(left + width / 2, top + height + 36, columns.name, .middle, "quiet")
    drawing.text(4, 11, metric.said.title + (metric.said.unit == .number ? "" : ", %"), .start, "quiet")
    for (row, name) in names.enumerated() {
      let palette = Plots.palette
      let colour = palette[row % palette.count]
      let dash = row / palette.count == 0 ? "" : " stroke-dasharray=\"\(2 + 3 * (row / palette.count)) 4\""
      let points = columns.values.indices.sorted { places[$0] < places[$1] }.compactMap { column -> (x: Int, y: Int)? in
        let place = row * columns.values.count + column
        guard metric.values.indices.contains(place), metric.values[place].isFinite else { return nil }
        return (x(column), y(metric.values[place]))
      }
      if points.count == 1 {
        drawing.dot(points[0].x, points[0].y, colour: colour)
      } else if !points.isEmpty {
        drawing.line("M" + points.map { "\($0.x) \($0.y)" }.joined(separator: "L"), colour: colour, dash: dash)
      }
      let line = top + 8 + row * 18
      drawing.line("M\(left + width + 20) \(line)h22", colour: colour, dash: dash)
      drawing.text(left + width + 48, line + 4, name, .start)
    }
    return drawing.svg(
      left + width + 190, max(top + height + 44, top + 20 + names.count * 18),
      title: "\(metric.said.title) by \(columns.name)" + (rows.map { ", one line a \($0.name)" } ?? ""))
  }

  /// Where an axis's values lie, 0 to 1: numbers in proportion, names one after the other; a single value in the middle.
  private static func positions(of axis: Axis) -> [Double] {
    let numbers = axis.isNumeric ? axis.values.compactMap(Double.init) : []
    let isProportional = numbers.count == axis.values.count && numbers.allSatisfy(\.isFinite)
    let values = isProportional ? numbers : axis.values.indices.map(Double.init)
    guard let least = values.min(), let most = values.max(), most > least else { return values.map { _ in 0.5 } }
    return values.map { ($0 - least) / (most - least) }
  }

  /// Shares from 0 to 1; others as far as they go.
  private static func range(_ metric: Metric) -> (low: Double, high: Double) {
    let values = metric.values.filter { $0.isFinite && abs($0) < 1e9 }
    guard metric.said.unit != .share, let least = values.min(), let most = values.max() else { return (0, 1) }
    let low = min(0, least)
    return (low, max(most, low + 1e-6))
  }
}
