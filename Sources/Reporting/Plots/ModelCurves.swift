import Records

/// A figure of a benchmark over one axis, a line a model: over numbers, or over the depths of networks, from the first layers on
/// the left to the last on the right.
struct ModelCurve: Sendable {
  let benchmark: String
  /// What it is, with what it is over.
  let title: String
  let said: Metric.Figure
  let lines: [Line]

  struct Line: Sendable {
    /// The model's place among the report's.
    let place: Int
    let name: String
    let axis: Axis
    /// One a value of the axis.
    let values: [Measured?]
  }

  /// Whether some value has an interval.
  var hasIntervals: Bool { lines.contains { $0.values.contains { $0?.low != nil } } }
}

extension BenchmarkComparison {
  /// Figures over one axis of some model; that of the grid's conditions, or their mean, first.
  var curves: [ModelCurve] {
    let found = columns.flatMap { column in column.section.metrics.filter { column.section.isCurve($0) } }
    let names = (found.filter { $0.said.role != .series } + found).map(\.name).firstOccurrences
    return names.compactMap { name in
      var metric: Metric?
      let lines = columns.compactMap { column -> ModelCurve.Line? in
        let section = column.section
        guard let own = section.metric(name), section.isCurve(own), let axis = section.axis(own.axes[0]) else {
          return nil
        }
        let values = axis.values.indices.map { place in
          section.measured(own, place).flatMap { $0.value.isFinite ? $0 : nil }
        }
        guard values.contains(where: { $0 != nil }) else { return nil }
        metric = metric ?? own
        return ModelCurve.Line(place: column.place, name: column.name, axis: axis, values: values)
      }
      guard let metric, let axis = lines.first?.axis else { return nil }
      let over = metric.said.extent.isEmpty ? "" : " " + metric.said.extent
      return ModelCurve(
        benchmark: self.name, title: "\(metric.said.title)\(over) by \(axis.name)", said: metric.said, lines: lines)
    }
  }
}

extension ReportSection {
  /// Whether a metric is a line over one axis.
  fileprivate func isCurve(_ metric: Metric) -> Bool {
    guard metric.axes.count == 1, isDefined(metric) else { return false }
    return [.curve, .series].contains(metric.said.role) || metric.name == cells?.name
  }
}

/// Draws ``ModelCurve``.
enum ModelCurves {
  private static let (left, width, height) = (52, 480, 240)

  static func draw(_ curve: ModelCurve) -> String {
    let all = curve.lines.flatMap(\.values).compactMap { $0 }
    let ends = all.flatMap { [$0.value, $0.low, $0.high].compactMap { $0 } }
    // What is small throughout is drawn large.
    let isWhole = curve.said.unit == .share && curve.said.role != .series
    let scale = isWhole ? Scale(0, 1, steps: 5) : Scale(holding: ends + [0], isShare: curve.said.unit == .share)
    var drawing = Drawing()
    let unit = curve.said.unitInWords.isEmpty ? "" : ", \(curve.said.unitInWords)"
    let top = 36 + drawing.legend(curve.lines.map { ($0.place, $0.name) }, x: left, y: 10, width: width)
    drawing.text(4, top - 14, curve.said.title + unit, anchor: .start, kind: "quiet")
    func x(_ place: Double) -> Int { left + Int((place * Double(width)).rounded()) }
    func y(_ value: Double) -> Int {
      top + Int(((1 - Plots.share(of: value, from: scale.low, to: scale.high)) * Double(height)).rounded())
    }
    for tick in scale.ticks {
      drawing.rule("M\(left) \(y(tick))H\(left + width)")
      drawing.text(left - 8, y(tick) + 4, scale.text(tick, curve.said.unit), anchor: .end, kind: "quiet")
    }
    for (place, name) in labels(of: curve) {
      drawing.text(x(place), top + height + 18, name, anchor: .middle, kind: "quiet")
    }
    drawing.text(left + width / 2, top + height + 36, axisName(of: curve), anchor: .middle, kind: "quiet")
    for line in curve.lines {
      let places = positions(of: line.axis, among: curve.lines.map(\.axis))
      let points = zip(places, zip(line.axis.values, line.values)).compactMap { place, point in
        point.1.map { (x: x(place), name: point.0, measured: $0) }
      }.sorted { $0.x < $1.x }
      drawing.begin(model: line.place)
      if let band = band(points, y) { drawing.band(band, series: line.place) }
      if points.count > 1 {
        let path = points.map { "\($0.x) \(y($0.measured.value))" }.joined(separator: "L")
        drawing.line("M" + path, series: line.place)
      }
      // Marks tell the lines apart where colours do not; of many points those at the ends are enough.
      for (place, point) in points.enumerated()
      where points.count <= 14 || place == 0 || place == points.count - 1 {
        drawing.begin(model: nil, says: "\(line.name), \(line.axis.name) \(point.name): \(point.measured.text)")
        drawing.mark(point.x, y(point.measured.value), line.place)
        drawing.end()
      }
      drawing.end()
    }
    return drawing.svg(
      left + width + 28, top + height + 46,
      title: "\(curve.title) of \(curve.benchmark), one line per model", description: description(of: curve))
  }

  /// The outline of intervals; nil where a point has none.
  private static func band(
    _ points: [(x: Int, name: String, measured: Measured)], _ y: (Double) -> Int
  ) -> String? {
    let ends = points.compactMap { point in
      point.measured.low.flatMap { low in point.measured.high.map { (x: point.x, low: low, high: $0) } }
    }
    guard ends.count == points.count, ends.count > 1 else { return nil }
    let outline = ends.map { "\($0.x) \(y($0.high))" } + ends.reversed().map { "\($0.x) \(y($0.low))" }
    return "M" + outline.joined(separator: "L") + "z"
  }

  /// `one: 1 90.0, 2 80.0; two: ...`, of many points the first and the last.
  private static func description(of curve: ModelCurve) -> String {
    curve.lines.map { line in
      let points = zip(line.axis.values, line.values).compactMap { name, value in value.map { "\(name) \($0.bare)" } }
      let shown = points.count <= 14 ? points : [points[0], "to", points[points.count - 1]]
      return "\(line.name): \(shown.joined(separator: ", "))"
    }.joined(separator: "; ")
  }

  /// Numbers in proportion over what all models have; names evenly, from each model's first to its last.
  private static func positions(of axis: Axis, among axes: [Axis]) -> [Double] {
    func numbers(_ axis: Axis) -> [Double] {
      axis.isNumeric ? axis.values.compactMap(Double.init).filter(\.isFinite) : []
    }
    let own = numbers(axis)
    let all = axes.flatMap(numbers)
    if own.count == axis.values.count, let least = all.min(), let most = all.max(), most > least {
      return own.map { Plots.share(of: $0, from: least, to: most) }
    }
    let last = Double(max(1, axis.values.count - 1))
    return axis.values.indices.map { axis.values.count == 1 ? 0.5 : Double($0) / last }
  }

  /// Whether all models have the same places.
  private static func isShared(_ curve: ModelCurve) -> Bool { Set(curve.lines.map(\.axis.values)).count == 1 }

  private static func axisName(of curve: ModelCurve) -> String {
    guard let axis = curve.lines.first?.axis else { return "" }
    return isShared(curve) || axis.isNumeric ? axis.name : "\(axis.name)s, from the image to the answer"
  }

  /// Some of the places with their names, far enough apart.
  private static func labels(of curve: ModelCurve) -> [(place: Double, name: String)] {
    guard let axis = curve.lines.first?.axis else { return [] }
    guard isShared(curve) || axis.isNumeric else { return [(0, "first"), (1, "last")] }
    let places = positions(of: axis, among: curve.lines.map(\.axis))
    var last = -1.0
    return zip(places, axis.values).sorted { $0.0 < $1.0 }.filter { place, _ in
      guard place - last >= 0.08 else { return false }
      last = place
      return true
    }.map { (place: $0, name: $1) }
  }
}
