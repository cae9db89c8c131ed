/// A row a benchmark, a dot a model, of measures that are never more than 100 %; figures that are not comparable carry their
/// marks.
enum ModelDots: ComparisonPlot {
  static func draw(_ comparison: ModelComparison) -> String? {
    let rows = comparison.rows.filter { $0.said.unit == .share }
    guard !rows.isEmpty else { return nil }
    let (left, width, height) = (200, 420, 26)
    let top = 30 + 18 * comparison.models.count
    let bottom = top + height * rows.count
    func x(_ value: Double) -> Int { left + Int((value * Double(width)).rounded()) }
    var drawing = Drawing()
    for tick in stride(from: 0, through: 100, by: 20) {
      drawing.rule("M\(x(Double(tick) / 100)) \(top)V\(bottom)")
      drawing.text(x(Double(tick) / 100), bottom + 16, "\(tick)", anchor: .middle, kind: "quiet")
    }
    drawing.text(left + width / 2, bottom + 34, "%", anchor: .middle, kind: "quiet")
    for (place, name) in comparison.models.enumerated() {
      let line = 14 + 18 * place
      drawing.mark(left + 8, line, place)
      drawing.text(left + 22, line + 4, name, anchor: .start)
    }
    for (row, line) in rows.enumerated() {
      let y = top + height * row + height / 2
      let direction = line.said.isLessBetter ? " (less is better)" : ""
      drawing.text(left - 12, y + 4, "\(line.benchmark), \(line.measure)\(direction)", anchor: .end)
      drawing.rule("M\(left) \(y)H\(left + width)")
      for (place, cell) in line.cells.enumerated() {
        guard let cell else { continue }
        let point = x(max(0, min(1, cell.figure.measured.value)))
        drawing.mark(point, y, place)
        if !cell.mark.isEmpty { drawing.text(point + 8, y - 4, cell.mark, anchor: .start, kind: "quiet") }
      }
    }
    return drawing.svg(left + width + 30, bottom + 44, title: "One figure a model and benchmark, in per cent")
  }
}
