/// Plots as inline SVG.
enum Plots {
  /// Okabe and Ito's palette, told apart with every kind of colour vision; dashes tell repeats apart.
  private static let palette = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D31"]

  /// A row a benchmark, a dot a model, of measures that are never more than 100 %; figures that are not comparable carry
  /// their marks.
  static func comparison(_ comparison: ModelComparison) -> String {
    let rows = comparison.rows.filter(\.isShare)
    let (left, width, height) = (200, 420, 26)
    let top = 30 + 18 * comparison.models.count
    let bottom = top + height * rows.count
    func x(_ value: Double) -> Int { left + Int((value * Double(width)).rounded()) }
    var parts: [String] = []
    for tick in stride(from: 0, through: 100, by: 20) {
      parts.append("<path class=\"rule\" d=\"M\(x(Double(tick) / 100)) \(top)V\(bottom)\"/>")
      parts.append(text(x(Double(tick) / 100), bottom + 16, "\(tick)", "middle", "quiet"))
    }
    parts.append(text(left + width / 2, bottom + 34, "%", "middle", "quiet"))
    for (place, name) in comparison.models.enumerated() {
      let line = 14 + 18 * place
      parts.append(mark(left + 8, line, place))
      parts.append(text(left + 22, line + 4, HTMLReport.escaped(name), "start", ""))
    }
    for (row, line) in rows.enumerated() {
      let y = top + height * row + height / 2
      let title = "\(line.benchmark), \(line.measure)" + (line.isError ? " (less is better)" : "")
      parts.append(text(left - 12, y + 4, HTMLReport.escaped(title), "end", ""))
      parts.append("<path class=\"rule\" d=\"M\(left) \(y)H\(left + width)\"/>")
      for (place, cell) in line.cells.enumerated() {
        guard let cell else { continue }
        let point = x(max(0, min(1, cell.figure.value)))
        parts.append(mark(point, y, place))
        if !cell.mark.isEmpty { parts.append(text(point + 8, y - 4, cell.mark, "start", "quiet")) }
      }
    }
    return svg((left + width + 30, bottom + 44), "One figure a model and benchmark, in per cent", parts)
  }

  /// A circle, a square or a diamond in the model's colour, so that colour alone tells nothing.
  private static func mark(_ x: Int, _ y: Int, _ place: Int) -> String {
    let colour = palette[place % palette.count]
    switch place % 3 {
    case 0: return "<circle cx=\"\(x)\" cy=\"\(y)\" r=\"5\" fill=\"\(colour)\"/>"
    case 1: return "<rect x=\"\(x - 5)\" y=\"\(y - 5)\" width=\"10\" height=\"10\" fill=\"\(colour)\"/>"
    default: return "<path d=\"M\(x) \(y - 7)l7 7l-7 7l-7 -7z\" fill=\"\(colour)\"/>"
    }
  }

  /// Rows of the first axis, columns of the second; the darker, the more accurate.
  static func heatMap(_ section: ReportSection) -> String {
    let (rows, columns) = (section.axes[0].values, section.axes[1].values)
    let (left, top, width, height) = (150, 34, 72, 26)
    var parts: [String] = []
    for (column, name) in columns.enumerated() {
      parts.append(text(left + column * width + width / 2, top - 8, HTMLReport.escaped(name), "middle", "quiet"))
    }
    parts.append(
      text(left + columns.count * width / 2, 12, HTMLReport.escaped(section.axes[1].name), "middle", "quiet"))
    for (row, name) in rows.enumerated() {
      let y = top + row * height
      parts.append(text(left - 8, y + 17, HTMLReport.escaped(name), "end", ""))
      for column in columns.indices {
        let condition = row * columns.count + column
        let x = left + column * width
        guard let value = section.top1(condition) else {
          parts.append("<rect class=\"rule\" x=\"\(x)\" y=\"\(y)\" width=\"\(width - 2)\" height=\"\(height - 2)\"/>")
          continue
        }
        let label = Percent.text(value) + (section.isIncomplete(condition) ? "*" : "")
        parts.append(
          "<rect x=\"\(x)\" y=\"\(y)\" width=\"\(width - 2)\" height=\"\(height - 2)\" fill=\"\(shade(value))\"/>")
        parts.append(text(x + width / 2, y + 17, label, "middle", value > 0.55 ? "cell dark" : "cell"))
      }
    }
    let size = (left + columns.count * width + 4, top + rows.count * height + 4)
    return svg(size, "Top-1 accuracy in percent by \(section.axes[0].name) and \(section.axes[1].name)", parts)
  }

  /// One line a value of the first axis, over the second.
  static func curves(_ section: ReportSection) -> String {
    let (names, columns) = (section.axes[0].values, section.axes[1].values)
    let (left, top, width, height) = (48, 28, 420, 240)
    func x(_ column: Int) -> Int { left + (columns.count > 1 ? column * width / (columns.count - 1) : width / 2) }
    func y(_ value: Double) -> Int { top + Int((1 - value) * Double(height)) }
    var parts: [String] = []
    for tick in stride(from: 0, through: 100, by: 20) {
      let place = y(Double(tick) / 100)
      parts.append("<path class=\"rule\" d=\"M\(left) \(place)H\(left + width)\"/>")
      parts.append(text(left - 8, place + 4, "\(tick)", "end", "quiet"))
    }
    let step = (columns.count + 9) / 10
    for (column, name) in columns.enumerated() where column % step == 0 {
      parts.append(text(x(column), top + height + 18, HTMLReport.escaped(name), "middle", "quiet"))
    }
    parts.append(
      text(left + width / 2, top + height + 36, HTMLReport.escaped(section.axes[1].name), "middle", "quiet"))
    parts.append(text(4, 11, "top-1, %", "start", "quiet"))
    for (row, name) in names.enumerated() {
      let colour = palette[row % palette.count]
      let dash = row / palette.count == 0 ? "" : " stroke-dasharray=\"\(2 + 3 * (row / palette.count)) 4\""
      let points = columns.indices.compactMap { column in
        section.top1(row * columns.count + column).map { "\(x(column)),\(y($0))" }
      }
      parts.append(
        "<polyline points=\"\(points.joined(separator: " "))\" fill=\"none\" stroke=\"\(colour)\" stroke-width=\"2\"\(dash)/>"
      )
      let line = top + 8 + row * 18
      parts.append(
        "<path d=\"M\(left + width + 20) \(line)h22\" stroke=\"\(colour)\" stroke-width=\"2\" fill=\"none\"\(dash)/>")
      parts.append(text(left + width + 48, line + 4, HTMLReport.escaped(name), "start", ""))
    }
    let size = (left + width + 190, max(top + height + 44, top + 20 + names.count * 18))
    return svg(size, "Top-1 accuracy by \(section.axes[1].name), one line a \(section.axes[0].name)", parts)
  }

  private static func svg(_ size: (Int, Int), _ title: String, _ parts: [String]) -> String {
    "<svg role=\"img\" viewBox=\"0 0 \(size.0) \(size.1)\" width=\"\(size.0)\" height=\"\(size.1)\">"
      + "<title>\(HTMLReport.escaped(title))</title>\(parts.joined())</svg>"
  }

  private static func text(_ x: Int, _ y: Int, _ text: String, _ anchor: String, _ kind: String) -> String {
    "<text x=\"\(x)\" y=\"\(y)\" text-anchor=\"\(anchor)\" class=\"\(kind)\">\(text)</text>"
  }

  /// From pale yellow over green to dark blue, so that order survives in grey.
  private static func shade(_ value: Double) -> String {
    let stops: [(Double, Double, Double)] = [(255, 247, 188), (122, 199, 160), (44, 127, 148), (24, 62, 110)]
    let position = max(0, min(1, value)) * Double(stops.count - 1)
    let index = min(Int(position), stops.count - 2)
    let share = position - Double(index)
    func mix(_ first: Double, _ second: Double) -> Int { Int((first + (second - first) * share).rounded()) }
    let (low, high) = (stops[index], stops[index + 1])
    return "rgb(\(mix(low.0, high.0)),\(mix(low.1, high.1)),\(mix(low.2, high.2)))"
  }
}
