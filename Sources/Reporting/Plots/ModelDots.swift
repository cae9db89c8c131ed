import Records

/// A line a model under a heading a figure: a mark at its value, a rule over its interval, and both as numbers.
enum ModelDots {
  /// A figure of several models.
  struct Group {
    let title: String
    let said: Metric.Figure
    let lines: [Line]
  }

  struct Line {
    /// The model's place among the report's.
    let place: Int
    let name: String
    let measured: Measured
    /// The letter of the note that says why it is not comparable, and an asterisk where images are missing.
    let mark: String
  }

  private static let (left, width, height, gap) = (150, 270, 18, 26)

  /// The sets of images of a benchmark, a group a set.
  static func groups(ofSets benchmark: BenchmarkComparison) -> [Group] {
    let names = BenchmarkComparison.names(benchmark.columns) { $0.axes.isEmpty && $0.said.role == .table }
    return names.compactMap { name in
      let lines = benchmark.columns.compactMap { column -> (Metric.Figure, Line)? in
        guard let metric = column.section.metric(name), let measured = column.section.measured(metric, 0) else {
          return nil
        }
        return (metric.said, Line(place: column.place, name: column.name, measured: measured, mark: ""))
      }
      guard let said = lines.first?.0, said.unit == .share else { return nil }
      return Group(title: "\(said.title), \(said.sets.joined(separator: ", "))", said: said, lines: lines.map(\.1))
    }
  }

  /// - Parameters:
  ///   - isWhole: shares lie on an axis from 0 to 100 %; otherwise it holds what is there.
  ///   - title: what the plot is called.
  /// - Returns: SVG; nil where there is nothing to draw.
  static func draw(_ groups: [Group], isWhole: Bool, title: String) -> String? {
    let groups = groups.filter { !$0.lines.isEmpty }
    guard let first = groups.first?.said else { return nil }
    let values = groups.flatMap(\.lines).flatMap { line in
      [line.measured.value, line.measured.low, line.measured.high].compactMap { $0 }
    }
    let scale = isWhole ? Scale(0, 1, steps: 5) : Scale(holding: values, isShare: first.unit == .share)
    func x(_ value: Double) -> Int {
      left + Int((Plots.share(of: value, from: scale.low, to: scale.high) * Double(width)).rounded())
    }
    var drawing = Drawing()
    let top = 10
    let bottom = top + groups.reduce(0) { $0 + gap + $1.lines.count * height } + 6
    for tick in scale.ticks {
      drawing.rule("M\(x(tick)) \(top)V\(bottom)")
      drawing.text(
        x(tick), bottom + 16, scale.text(tick, first.unit), anchor: .middle, kind: "quiet")
    }
    if !first.unitInWords.isEmpty {
      drawing.text(left + width / 2, bottom + 34, first.unitInWords, anchor: .middle, kind: "quiet")
    }
    var y = top
    for group in groups {
      y += gap
      drawing.text(
        4, y - 8, group.title + group.said.arrow,
        anchor: .start, kind: "strong")
      for line in group.lines {
        draw(line, y: y + height / 2 - 2, x, in: &drawing)
        y += height
      }
    }
    let words = groups.map { group in
      group.title + ": " + group.lines.map { "\($0.name) \($0.measured.text)" }.joined(separator: ", ")
    }
    return drawing.svg(
      left + width + 140, bottom + 42, title: title, description: words.joined(separator: "; "))
  }

  private static func draw(_ line: Line, y: Int, _ x: (Double) -> Int, in drawing: inout Drawing) {
    let measured = line.measured
    drawing.begin(model: line.place, says: "\(line.name): \(measured.text)")
    drawing.text(left - 10, y + 4, Drawing.cut(line.name, to: 20), anchor: .end)
    if let low = measured.low, let high = measured.high {
      drawing.whisker(from: x(low), to: x(high), y: y, series: line.place)
    }
    drawing.mark(x(measured.value), y, line.place)
    drawing.text(
      left + width + 12, y + 4, measured.bare + line.mark + (measured.interval.map { " " + $0 } ?? ""), anchor: .start,
      kind: "quiet")
    drawing.end()
  }
}

extension ModelDots.Group {
  /// A row of single figures.
  init(row: BenchmarkComparison.Row, _ columns: [BenchmarkComparison.Column], title: String) {
    self.init(
      title: title, said: row.said,
      lines: zip(columns, row.cells).compactMap { column, cell in
        cell.map {
          ModelDots.Line(
            place: column.place, name: column.name, measured: $0.figure.measured,
            mark: ($0.figure.results.isWhole ? "" : "*") + $0.mark)
        }
      })
  }
}

/// An axis of round numbers.
struct Scale {
  let low: Double
  let high: Double
  private let step: Double

  init(_ low: Double, _ high: Double, steps: Int) {
    self.init(low: low, high: high, step: (high - low) / Double(steps))
  }

  private init(low: Double, high: Double, step: Double) { (self.low, self.high, self.step) = (low, high, step) }

  /// One that holds some values with a little room, in steps of 1, 2 or 5; of shares within 0 and 1.
  init(holding values: [Double], isShare: Bool) {
    let known = values.filter { $0.isFinite && abs($0) < 1e12 }
    guard let least = known.min(), let most = known.max() else {
      self.init(0, 1, steps: 5)
      return
    }
    let span = max((most - least) * 1.1, abs(most) * 0.02, isShare ? 0.01 : 1e-9)
    var step = 1e-12
    // 1, 2, 5, 10, ...: the first that needs no more than five steps.
    for exponent in 0..<30 where step * 5 < span {
      for factor in [1.0, 2, 5] {
        step = factor * Scale.power(exponent - 12)
        if step * 5 >= span { break }
      }
    }
    var low = ((least - (most - least) * 0.05) / step).rounded(.down) * step
    var high = ((most + (most - least) * 0.05) / step).rounded(.up) * step
    if isShare, least >= 0, most <= 1 { (low, high) = (max(0, low), min(1, high)) }
    if high <= low { high = low + step }
    self.init(low: low, high: high, step: step)
  }

  private static func power(_ exponent: Int) -> Double {
    var value = 1.0
    for _ in 0..<abs(exponent) { value *= 10 }
    return exponent < 0 ? 1 / value : value
  }

  /// From the first to the last.
  var ticks: [Double] {
    let count = Int(((high - low) / step).rounded())
    return (0...max(1, min(count, 20))).map { low + Double($0) * step }
  }

  /// A tick as people read it, with no more decimals than the steps have.
  func text(_ tick: Double, _ unit: Metric.Figure.Unit) -> String {
    let isWhole = unit != .number && abs((step * 100).rounded() - step * 100) < 1e-6
    let text = Measured.number(tick, unit, decimals: 1)
    return isWhole && text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
}
