import Records

/// A plot a benchmark and curve, a line a model: figures over an axis of numbers, or over the depths of networks, from the
/// first layers on the left to the last on the right.
enum ModelCurves: ComparisonPlot {
  private struct Line {
    let name: String
    /// Where each value lies, 0 to 1.
    let places: [Double]
    let values: [Double]
  }

  static func draw(_ comparison: ModelComparison) -> String? {
    var explained: Set<String> = []
    let plots = comparison.curves.compactMap { curve -> String? in
      let lines = curve.lines.compactMap { line -> Line? in
        let places = positions(of: line.axis, among: curve.lines.map(\.axis))
        guard line.values.contains(where: \.isFinite) else { return nil }
        return Line(name: line.model, places: places, values: line.values)
      }
      guard lines.count > 1 else { return nil }
      // Under a benchmark's first plot.
      let sentence = explained.insert(curve.benchmark).inserted ? comparison.sentence(of: curve.benchmark) : nil
      let caption = sentence.map {
        "<figcaption>\(HTMLReport.escaped($0))</figcaption>"
      }
      return "<figure>\(draw(curve, lines))\(caption ?? "")</figure>"
    }
    return plots.isEmpty ? nil : plots.joined(separator: "\n")
  }

  private static func draw(_ curve: ModelComparison.Curve, _ lines: [Line]) -> String {
    let (left, top, width, height) = (56, 40, 420, 240)
    let values = lines.flatMap(\.values).filter(\.isFinite)
    let (least, most) = (values.min() ?? 0, values.max() ?? 1)
    let (low, high) = curve.said.unit == .share ? (0, 1) : (min(0, least), max(most, min(0, least) + 1e-6))
    func x(_ place: Double) -> Int { left + Int((place * Double(width)).rounded()) }
    func y(_ value: Double) -> Int {
      top + Int(((1 - Plots.share(of: value, from: low, to: high)) * Double(height)).rounded())
    }
    var drawing = Drawing()
    let units: [Metric.Figure.Unit: String] = [.number: "", .points: ", points"]
    let unit = units[curve.said.unit] ?? ", %"
    drawing.text(4, 14, "\(curve.benchmark): \(curve.said.title)\(unit)", anchor: .start)
    for tick in 0...5 {
      let value = low + (high - low) * Double(tick) / 5
      drawing.rule("M\(left) \(y(value))H\(left + width)")
      drawing.text(
        left - 8, y(value) + 4, Measured.number(value, curve.said.unit, decimals: 1), anchor: .end, kind: "quiet")
    }
    for (place, name) in labels(of: curve) {
      drawing.text(x(place), top + height + 18, name, anchor: .middle, kind: "quiet")
    }
    drawing.text(left + width / 2, top + height + 36, axisName(of: curve), anchor: .middle, kind: "quiet")
    for (row, line) in lines.enumerated() {
      let colour = Plots.palette[row % Plots.palette.count]
      let dash = row / Plots.palette.count == 0 ? "" : " stroke-dasharray=\"\(2 + 3 * (row / Plots.palette.count)) 4\""
      let points = zip(line.places, line.values).filter { $1.isFinite }.sorted { $0.0 < $1.0 }
      if points.count > 1 {
        let path = points.map { "\(x($0.0)) \(y($0.1))" }.joined(separator: "L")
        drawing.line("M" + path, colour: colour, dash: dash)
      }
      // Marks tell the lines apart where colours do not; of many points those at the ends are enough.
      for (place, point) in points.enumerated()
      where points.count <= 14 || place == 0 || place == points.count - 1 {
        drawing.mark(x(point.0), y(point.1), row)
      }
      let legend = top + 8 + row * 18
      drawing.mark(left + width + 28, legend, row)
      drawing.text(left + width + 42, legend + 4, line.name, anchor: .start)
    }
    return drawing.svg(
      left + width + 190, max(top + height + 48, top + 20 + lines.count * 18),
      title: "\(curve.said.title) of \(curve.benchmark), one line a model")
  }

  /// Numbers in proportion over what all models have; names evenly, from each model's first to its last.
  private static func positions(of axis: Axis, among axes: [Axis]) -> [Double] {
    func numbers(_ axis: Axis) -> [Double] { axis.isNumeric ? axis.values.compactMap(Double.init) : [] }
    let own = numbers(axis)
    let all = axes.flatMap(numbers)
    if own.count == axis.values.count, let least = all.min(), let most = all.max(), most > least {
      return own.map { Plots.share(of: $0, from: least, to: most) }
    }
    let last = Double(max(1, axis.values.count - 1))
    return axis.values.indices.map { axis.values.count == 1 ? 0.5 : Double($0) / last }
  }

  /// Whether all models have the same places.
  private static func isShared(_ curve: ModelComparison.Curve) -> Bool {
    Set(curve.lines.map(\.axis.values)).count == 1
  }

  private static func axisName(of curve: ModelComparison.Curve) -> String {
    guard let axis = curve.lines.first?.axis else { return "" }
    return isShared(curve) || axis.isNumeric ? axis.name : "\(axis.name)s, from the image to the answer"
  }

  /// Some of the places with their names, far enough apart.
  private static func labels(of curve: ModelComparison.Curve) -> [(place: Double, name: String)] {
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
