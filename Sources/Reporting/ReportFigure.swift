import Benchmarks
import Records

/// A value with the ends of its confidence interval, in words.
struct Measured: Sendable {
  let value: Double
  let low: Double?
  let high: Double?
  let unit: Metric.Figure.Unit

  /// `94.4 % [92.2, 96.4]`.
  var text: String { valueText + (interval.map { " " + $0 } ?? "") }

  /// `94.4 %`, `1.2 points`, `0.53`.
  var valueText: String {
    switch unit {
    case .share, .ratio: number(value) + " %"
    case .points: number(value) + " points"
    case .number: number(value)
    }
  }

  /// The value alone.
  var withoutEnds: Measured { Measured(value: value, low: nil, high: nil, unit: unit) }

  /// `94.4`, whatever its interval is.
  var bare: String { Self.number(value, unit, decimals: 1) }

  /// The ends: `[92.2, 96.4]`.
  var interval: String? { ends.map { "[\(number($0.low)), \(number($0.high))]" } }

  private var ends: (low: Double, high: Double)? {
    // Older archives have points where no resample differs.
    guard let low, let high, high - low > 1e-12 else { return nil }
    return (low, high)
  }

  /// A second decimal where one would make an interval look like a point.
  private func number(_ value: Double) -> String {
    let isNarrow = ends.map { Percent.text($0.low) == Percent.text($0.high) } ?? false
    return Self.number(value, unit, decimals: isNarrow ? 2 : 1)
  }

  static func number(_ value: Double, _ unit: Metric.Figure.Unit, decimals: Int) -> String {
    unit == .number ? Percent.text(value / 100, decimals: 2) : Percent.text(value, decimals: decimals)
  }
}

/// A single figure of a section, with what it is of.
struct ReportFigure: Sendable {
  /// What it is.
  let said: Metric.Figure
  let measured: Measured
  /// Results that it rests on, and those that were planned.
  let results: ReportedCount
  /// Images, sequences, and how they are counted, such as `500 images`.
  let images: String

  /// `mean top-1 94.4 % [92.2, 96.4]`.
  var text: String { "\(said.title) \(measured.text)" }
}

/// How many results there are of those that were planned.
struct ReportedCount: Sendable, Equatable {
  let evaluated: Int
  let planned: Int
  /// Those that are not there; others that were not evaluated have no class.
  let missing: Int

  init(evaluated: Int = 0, planned: Int = 0, missing: Int? = nil) {
    self.evaluated = evaluated
    self.planned = planned
    self.missing = missing ?? max(0, planned - evaluated)
  }

  var isWhole: Bool { missing == 0 }

  /// `500`, `498 of 500`.
  var text: String { evaluated >= planned ? "\(planned)" : "\(evaluated) of \(planned)" }

  static func + (one: ReportedCount, other: ReportedCount) -> ReportedCount {
    ReportedCount(
      evaluated: one.evaluated + other.evaluated, planned: one.planned + other.planned,
      missing: one.missing + other.missing)
  }
}

extension ReportSection {
  /// A single figure; nil where it is not defined.
  func figure(_ metric: Metric) -> ReportFigure? {
    guard metric.axes.isEmpty, let measured = measured(metric, 0) else { return nil }
    return ReportFigure(
      said: metric.said, measured: measured, results: count(metric.said), images: images(of: metric.said))
  }

  /// The figure that stands for the section; nil where it is not defined.
  var headline: ReportFigure? { figures(.headline).first }

  /// The figures that models are compared by.
  var comparedFigures: [ReportFigure] { figures(.headline).prefix(1) + figures(.compared) }

  private func figures(_ role: Metric.Figure.Role) -> [ReportFigure] {
    metrics.filter { $0.said.role == role }.compactMap(figure)
  }
}

// MARK: - What figures are of

extension ReportSection {
  /// The conditions that a figure is of.
  func conditions(of figure: Metric.Figure) -> [Int] {
    figure.rows.isEmpty ? conditions : conditions(along: 0, where: figure.rows.contains)
  }

  /// The conditions whose value of an axis is wanted.
  func conditions(along axis: Int, where isWanted: (String) -> Bool) -> [Int] {
    let grid = Grid(axes: axes)
    return conditions.filter { condition in
      grid.cell(at: condition).map { $0.values.indices.contains(axis) && isWanted($0.values[axis]) } ?? false
    }
  }

  /// The sets of images that a figure is of.
  private func sets(of figure: Metric.Figure) -> [ReportedSet] {
    let found = sets.filter { figure.sets.contains($0.name) }
    return found.isEmpty ? sets : found
  }

  private func count(of set: ReportedSet) -> ReportedCount {
    let metric = metrics.first { $0.said.role == .count && $0.said.sets == [set.name] }
    let evaluated = value(metric, 0).flatMap { Int(exactly: $0) }
    return ReportedCount(
      evaluated: evaluated ?? set.imageCount, planned: set.imageCount,
      missing: results == nil || isIncomplete(0) ? nil : 0)
  }

  /// Images or sequences of a condition that a figure is of.
  func counted(_ condition: Int, _ figure: Metric.Figure) -> Int {
    figure.counted == .images ? evaluated(condition) : resultCount(condition)
  }

  /// How many results a figure rests on, under its conditions or some others.
  func count(_ figure: Metric.Figure, under some: [Int]? = nil) -> ReportedCount {
    guard sets.isEmpty else { return sets(of: figure).map(count).reduce(ReportedCount(), +) }
    return (some ?? conditions(of: figure)).reduce(ReportedCount()) {
      $0
        + ReportedCount(
          evaluated: counted($1, figure), planned: imageCount, missing: max(0, imageCount - resultCount($1)))
    }
  }

  /// `500 images`, `498 of 500 images`, `497 to 500 of 500 images each`, `1000 images of out and 500 of in`.
  ///
  /// - Parameter some: conditions instead of all that the figure is of.
  func images(of figure: Metric.Figure, under some: [Int]? = nil) -> String {
    let unit = figure.unitOfCount
    guard sets.isEmpty else {
      let wanted = sets(of: figure)
      guard sets.count > 1 else { return wanted.map { "\(count(of: $0).text) images" }.joined() }
      return wanted.enumerated().map { place, set in
        count(of: set).text + (place == 0 ? " images of " : " of ") + set.name
      }.joined(separator: " and ")
    }
    let counts = (some ?? conditions(of: figure)).map { counted($0, figure) }
    let each = axes.isEmpty || some?.count == 1 ? "" : " each"
    let (low, high) = (counts.min() ?? 0, counts.max() ?? 0)
    guard low < high else { return ReportedCount(evaluated: low, planned: imageCount).text + " \(unit)\(each)" }
    return "\(low) to \(high) of \(imageCount) \(unit)\(each)"
  }
}

extension Metric.Figure {
  /// `images` or `sequences`.
  var unitOfCount: String { counted == .sequences ? "sequences" : "images" }
}
