import Records

/// Accuracies by confidence, a bar a bin, beside what they would be if confidences were right; and how many images have which
/// confidence.
enum Reliability: SectionPlot {
  static let caption =
    "bars are accuracies by confidence with their intervals, dots mark the mean confidence, and on the diagonal both are "
    + "equal; below, how many images have which confidence"

  private static let (left, top, side) = (48, 28, 240)

  static func draw(_ section: ReportSection) -> String? {
    let plots = section.metrics.compactMap { metric -> String? in
      guard metric.axes.count == 1, let axis = section.axis(metric.axes[0]), section.isDefined(metric) else {
        return nil
      }
      switch metric.said.role {
      case .reliability: return diagram(metric, axis, section)
      case .histogram: return histogram(metric, axis)
      default: return nil
      }
    }
    return plots.isEmpty ? nil : plots.joined(separator: "\n")
  }

  /// Bars, their intervals, and a mark at each bin's mean confidence; on the diagonal both are the same.
  private static func diagram(_ metric: Metric, _ axis: Axis, _ section: ReportSection) -> String {
    var drawing = frame(metric.said.title + ", %", axis)
    for tick in 0...5 {
      drawing.rule("M\(left) \(y(Double(tick) / 5))H\(left + side)")
      drawing.text(left - 8, y(Double(tick) / 5) + 4, "\(tick * 20)", anchor: .end, kind: "quiet")
    }
    let ideal = section.metric(metric.name + "_ideal")
    for place in axis.values.indices {
      guard let measured = section.measured(metric, place) else { continue }
      bar(&drawing, place, axis.values.count, value: measured.value)
      let middle = (x(place, axis.values.count) + x(place + 1, axis.values.count)) / 2
      if let low = measured.low, let high = measured.high { drawing.hair("M\(middle) \(y(low))V\(y(high))") }
      if let confidence = section.value(ideal, place) {
        let share = Plots.share(of: confidence, from: 0, to: 1)
        drawing.dot(left + Int((share * Double(side)).rounded()), y(measured.value), series: 1)
      }
    }
    drawing.hair("M\(left) \(y(0))L\(left + side) \(y(1))")
    return drawing.svg(
      left + side + 20, top + side + 44, title: "\(metric.said.title) by confidence, and the diagonal")
  }

  private static func histogram(_ metric: Metric, _ axis: Axis) -> String {
    var drawing = frame("share of the \(metric.said.title), %", axis)
    let values = metric.values.map { $0.isFinite ? $0 : 0 }
    let all = max(1, values.reduce(0, +))
    for tick in 0...5 {
      drawing.rule("M\(left) \(y(Double(tick) / 5))H\(left + side)")
      drawing.text(left - 8, y(Double(tick) / 5) + 4, "\(tick * 20)", anchor: .end, kind: "quiet")
    }
    for place in axis.values.indices where values.indices.contains(place) && values[place] > 0 {
      bar(&drawing, place, axis.values.count, value: values[place] / all)
    }
    return drawing.svg(left + side + 20, top + side + 44, title: "\(metric.said.title) by confidence")
  }

  private static func frame(_ title: String, _ axis: Axis) -> Drawing {
    var drawing = Drawing()
    drawing.text(4, 11, title, anchor: .start, kind: "quiet")
    for tick in 0...5 {
      drawing.text(left + tick * side / 5, top + side + 18, "\(tick * 20)", anchor: .middle, kind: "quiet")
    }
    drawing.text(
      left + side / 2, top + side + 36, "confidence, % (\(axis.values.count) bins)", anchor: .middle, kind: "quiet")
    return drawing
  }

  private static func bar(_ drawing: inout Drawing, _ place: Int, _ count: Int, value: Double) {
    let (from, to) = (x(place, count), x(place + 1, count))
    drawing.box(from + 1, y(value), to - from - 2, height: top + side - y(value), fill: "#9bc4dd")
  }

  private static func x(_ place: Int, _ count: Int) -> Int { left + place * side / count }
  private static func y(_ value: Double) -> Int { top + Int(((1 - max(0, min(1, value))) * Double(side)).rounded()) }
}
