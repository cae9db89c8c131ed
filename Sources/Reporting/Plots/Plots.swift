/// A plot of a section: one file of this folder and one line of ``Plots``.
protocol SectionPlot: Sendable {
  /// SVG; nil where the section has nothing for it.
  static func draw(_ section: ReportSection) -> String?
}

/// A plot of models side by side.
protocol ComparisonPlot: Sendable {
  /// SVG; nil where there is nothing to compare so.
  static func draw(_ comparison: ModelComparison) -> String?
}

/// The plots of a page, in their order.
enum Plots {
  static let ofSections: [any SectionPlot.Type] = [HeatMap.self, ColourMap.self, Curves.self, Reliability.self]
  static let ofComparisons: [any ComparisonPlot.Type] = [ModelDots.self, ModelCurves.self]

  /// Okabe and Ito's palette, told apart with every kind of colour vision; dashes or shapes tell repeats apart.
  static let palette = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D31"]

  /// Where a number lies between two others, 0 to 1; one beyond them at the end, and none at the first.
  static func share(of value: Double, from low: Double, to high: Double) -> Double {
    // Halves, since the difference of two numbers may be none.
    let share = (value / 2 - low / 2) / (high / 2 - low / 2)
    return share > 0 ? min(share, 1) : 0
  }

  /// From pale yellow over green to dark blue, so that order survives in grey.
  static func shade(_ value: Double) -> String {
    let stops: [(Double, Double, Double)] = [(255, 247, 188), (122, 199, 160), (44, 127, 148), (24, 62, 110)]
    let position = max(0, min(1, value)) * Double(stops.count - 1)
    let index = min(Int(position), stops.count - 2)
    let share = position - Double(index)
    func mix(_ first: Double, _ second: Double) -> Int { Int((first + (second - first) * share).rounded()) }
    let (low, high) = (stops[index], stops[index + 1])
    return "rgb(\(mix(low.0, high.0)),\(mix(low.1, high.1)),\(mix(low.2, high.2)))"
  }
}

/// Inline SVG in the making. Whatever text is drawn is escaped here.
struct Drawing {
  enum Anchor: String { case start, middle, end }

  private var parts: [String] = []

  mutating func text(_ x: Int, _ y: Int, _ text: String, anchor: Anchor, kind: String = "") {
    parts.append(
      "<text x=\"\(x)\" y=\"\(y)\" text-anchor=\"\(anchor.rawValue)\" class=\"\(kind)\">\(HTMLReport.escaped(text))</text>"
    )
  }

  mutating func rule(_ path: String) { parts.append("<path class=\"rule\" d=\"\(path)\"/>") }

  mutating func line(_ path: String, colour: String, dash: String) {
    parts.append("<path d=\"\(path)\" stroke=\"\(colour)\" stroke-width=\"2\" fill=\"none\"\(dash)/>")
  }

  /// A small disk: what is left of a line of one point.
  mutating func dot(_ x: Int, _ y: Int, colour: String) {
    parts.append("<circle cx=\"\(x)\" cy=\"\(y)\" r=\"4\" fill=\"\(colour)\"/>")
  }

  /// A rectangle; without a colour its outline.
  mutating func box(_ x: Int, _ y: Int, _ width: Int, height: Int, fill: String?) {
    let look = fill.map { " fill=\"\($0)\"" } ?? " class=\"rule\""
    parts.append("<rect x=\"\(x)\" y=\"\(y)\" width=\"\(width)\" height=\"\(height)\"\(look)/>")
  }

  /// A circle, a square or a diamond, so that colour alone tells nothing.
  mutating func mark(_ x: Int, _ y: Int, _ place: Int) {
    let colour = Plots.palette[place % Plots.palette.count]
    switch place % 3 {
    case 0: parts.append("<circle cx=\"\(x)\" cy=\"\(y)\" r=\"5\" fill=\"\(colour)\"/>")
    case 1: box(x - 5, y - 5, 10, height: 10, fill: colour)
    default: parts.append("<path d=\"M\(x) \(y - 7)l7 7l-7 7l-7 -7z\" fill=\"\(colour)\"/>")
    }
  }

  func svg(_ width: Int, _ height: Int, title: String) -> String {
    "<svg role=\"img\" viewBox=\"0 0 \(width) \(height)\" width=\"\(width)\" height=\"\(height)\">"
      + "<title>\(HTMLReport.escaped(title))</title>\(parts.joined())</svg>"
  }
}
