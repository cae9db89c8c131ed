/// A plot of a section: one file of this folder and one line of ``Plots``.
protocol SectionPlot: Sendable {
  /// What it shows, as a caption says it.
  static var caption: String { get }
  /// SVG; nil where the section has nothing for it.
  static func draw(_ section: ReportSection) -> String?
}

/// The plots of a page, in their order.
enum Plots {
  static let ofSections: [any SectionPlot.Type] = [
    HeatMap.self,
    ColourMap.self,
    Curves.self,
    Reliability.self,
  ]

  /// After Okabe and Ito's palette, told apart with every kind of colour vision, each at least 3 to 1 against white; dashes and
  /// shapes tell repeats apart.
  static let palette = ["#0072B2", "#D55E00", "#00805C", "#B5528D", "#9A6A00", "#4B4BA0", "#5F6B73"]
  /// The same on a dark page.
  static let darkPalette = ["#56B4E9", "#FF8C42", "#2FC69B", "#E79BC4", "#F0B93A", "#A9A5F5", "#B4BEC6"]

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

  /// A thin line in the text's colour, over what is drawn.
  mutating func hair(_ path: String) { parts.append("<path class=\"hair\" d=\"\(path)\"/>") }

  /// A line in a series's colour and dashes.
  mutating func line(_ path: String, series: Int) {
    parts.append("<path d=\"\(path)\" \(Self.stroke(series)) stroke-width=\"2\" fill=\"none\"\(Self.dash(series))/>")
  }

  /// A whole line over an interval, never shorter than can be seen.
  mutating func whisker(from low: Int, to high: Int, y: Int, series: Int) {
    parts.append("<path d=\"M\(low) \(y)H\(max(high, low + 1))\" \(Self.stroke(series)) stroke-width=\"2\"/>")
  }

  /// An area in a series's colour, so thin that lines are seen through it.
  mutating func band(_ path: String, series: Int) {
    parts.append("<path d=\"\(path)\" \(Self.fill(series)) fill-opacity=\"0.16\"/>")
  }

  /// What follows until ``end()`` is of one model, and says so where a pointer rests on it.
  mutating func begin(model: Int?, says text: String = "") {
    let title = text.isEmpty ? "" : "<title>\(HTMLReport.escaped(text))</title>"
    parts.append("<g\(model.map { " data-m=\"\($0)\"" } ?? "")>\(title)")
  }

  mutating func end() { parts.append("</g>") }

  /// A small disk: what is left of a line of one point.
  mutating func dot(_ x: Int, _ y: Int, series: Int) {
    parts.append("<circle cx=\"\(x)\" cy=\"\(y)\" r=\"4\" \(Self.fill(series))/>")
  }

  /// A rectangle; without a colour its outline.
  mutating func box(_ x: Int, _ y: Int, _ width: Int, height: Int, fill: String?) {
    let look = fill.map { " fill=\"\($0)\"" } ?? " class=\"rule\""
    parts.append("<rect x=\"\(x)\" y=\"\(y)\" width=\"\(width)\" height=\"\(height)\"\(look)/>")
  }

  /// A circle, a square, a diamond or a triangle, so that colour alone tells nothing.
  mutating func mark(_ x: Int, _ y: Int, _ place: Int) {
    let fill = Self.fill(place)
    switch place % 4 {
    case 0: parts.append("<circle cx=\"\(x)\" cy=\"\(y)\" r=\"4.5\" \(fill)/>")
    case 1: parts.append("<rect x=\"\(x - 4)\" y=\"\(y - 4)\" width=\"8\" height=\"8\" \(fill)/>")
    case 2: parts.append("<path d=\"M\(x) \(y - 6)l6 6l-6 6l-6 -6z\" \(fill)/>")
    default: parts.append("<path d=\"M\(x) \(y - 6)l6 10h-12z\" \(fill)/>")
    }
  }

  /// What each series is called, in rows from a place on.
  ///
  /// - Returns: how high the rows are.
  mutating func legend(_ series: [(place: Int, name: String)], x left: Int, y top: Int, width: Int) -> Int {
    var (x, y) = (left, top)
    for (place, name) in series {
      let shown = Self.cut(name, to: 44)
      let length = 26 + 7 * shown.count
      if x > left, x + length > left + width { (x, y) = (left, y + 18) }
      begin(model: place)
      line("M\(x) \(y)h18", series: place)
      mark(x + 9, y, place)
      text(x + 24, y + 4, shown, anchor: .start)
      end()
      x += length + 14
    }
    return y + 18 - top
  }

  /// A name that is not longer than there is room for.
  static func cut(_ name: String, to count: Int) -> String {
    name.count <= count ? name : name.prefix(count - 1) + "\u{2026}"
  }

  /// - Parameter description: what it shows, for those who do not see it.
  func svg(_ width: Int, _ height: Int, title: String, description: String = "") -> String {
    let words = description.isEmpty ? "" : "<desc>\(HTMLReport.escaped(description))</desc>"
    return "<svg role=\"img\" viewBox=\"0 0 \(width) \(height)\" width=\"\(width)\" height=\"\(height)\">"
      + "<title>\(HTMLReport.escaped(title))</title>\(words)\(parts.joined())</svg>"
  }

  // The page's style has the colours of a dark page, too; those here are for a figure that is taken out of it.
  private static func stroke(_ series: Int) -> String {
    "class=\"s\(series % Plots.palette.count)\" stroke=\"\(Plots.palette[series % Plots.palette.count])\""
  }

  private static func fill(_ series: Int) -> String {
    "class=\"f\(series % Plots.palette.count)\" fill=\"\(Plots.palette[series % Plots.palette.count])\""
  }

  private static func dash(_ series: Int) -> String {
    ["", " stroke-dasharray=\"7 3\"", " stroke-dasharray=\"2 3\"", " stroke-dasharray=\"8 3 2 3\""][series % 4]
  }
}
