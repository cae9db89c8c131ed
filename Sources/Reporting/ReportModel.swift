import Benchmarks
import Records

/// What a report shows: one section a run, model and benchmark.
public struct ReportModel: Sendable {
  /// The report's title.
  public let title: String
  /// In the archives' order.
  public let sections: [ReportSection]
  /// Models compared in pairs, within their runs.
  public let pairs: [ReportedPair]
  /// Pictures that models answer otherwise than others; none unless somebody wants them in the page.
  public var examples: [ReportExample] = []
  /// Names of models that several runs have, which therefore say their run.
  private let repeated: Set<String>

  /// A report.
  public init(title: String, sections: [ReportSection], pairs: [ReportedPair] = []) {
    self.title = title
    self.sections = sections
    self.pairs = pairs
    let runs = Dictionary(grouping: sections, by: \.model).mapValues { Set($0.map(\.run)) }
    repeated = Set(runs.filter { $0.value.count > 1 }.keys)
  }

  /// Models of runs, each once, in the report's order.
  var models: [ReportedModel] {
    var seen: Set<ReportedModel> = []
    return sections.map(\.key).filter { seen.insert($0).inserted }
  }

  /// A model's name, with its run where several runs have one of this name.
  func name(of model: ReportedModel) -> String {
    repeated.contains(model.name) ? "\(model.name) (\(model.run))" : model.name
  }

  /// A section's heading: `vit on imagenet-c`, with the run where names repeat.
  func heading(of section: ReportSection) -> String {
    "\(section.model) on \(section.benchmark)" + (repeated.contains(section.model) ? " (run \(section.run))" : "")
  }

  /// What holds for all sections, said once.
  var legend: [String] {
    var lines: [String] = []
    if sections.contains(where: \.hasIntervals) {
      lines.append(
        "[low, high]: 95 % confidence interval, Wilson's for shares of one list of images, else by resampling images")
    }
    let explained = sections.flatMap { section in
      section.metrics.filter { section.isDefined($0) }.map(\.said).filter { !$0.explanation.isEmpty }
        .map { "\($0.title): \($0.explanation)" }
    }.firstOccurrences
    return explained.isEmpty ? lines : lines + [explained.joined(separator: "; ")]
  }
}

/// A model of a run.
struct ReportedModel: Hashable, Sendable {
  let run: String
  let name: String
}

/// Two models of a run, compared image by image.
public struct ReportedPair: Sendable, Equatable {
  /// What tells the run from the report's others.
  public let run: String
  /// What was found.
  public let comparison: PairedComparison

  /// A pair.
  public init(run: String = "", _ comparison: PairedComparison) { (self.run, self.comparison) = (run, comparison) }
}

/// A named set of a benchmark's images.
public struct ReportedSet: Sendable, Equatable {
  /// Its name.
  public let name: String
  /// Images of it.
  public let imageCount: Int

  /// A set.
  public init(name: String, imageCount: Int) {
    self.name = name
    self.imageCount = imageCount
  }
}

/// One model on one benchmark.
public struct ReportSection: Sendable {
  /// What tells the run from the report's others.
  public let run: String
  /// The model's name.
  public let model: String
  /// The benchmark's name.
  public let benchmark: String
  /// The grid's axes.
  public let axes: [Axis]
  /// Axes of metrics that are none of the grid's.
  public let furtherAxes: [Axis]
  /// The metrics, in the order in which they are said. All say what they are.
  public let metrics: [Metric]
  /// Images of each condition.
  public let imageCount: Int
  /// The sets that the images belong to; none where they have no names.
  public let sets: [ReportedSet]
  /// The group's attributes in the archive, and the run's seed.
  public let attributes: [String: String]
  /// What is known of the origin: digests, versions.
  public let facts: [(name: String, value: String)]
  /// Of each condition the images that have a result, where some have no class and so no part in accuracies.
  let results: [Int]?
  /// The classes among which a network answers, where that is not simply all of its own.
  let answerClasses: Set<String>?
  /// The places of metrics, by name.
  private let places: [String: Int]
  /// Of each place of the grid how many images have a result and a class.
  private let evaluated: [Double]
  /// Of each place of the grid whether it is a condition; nil where all are.
  private let grid: [Double]?

  /// A section. What metrics and attributes of older archives do not say is added.
  public init(
    run: String = "", model: String, benchmark: String, axes: [Axis], metrics: [Metric], imageCount: Int,
    sets: [ReportedSet] = [], attributes: [String: String] = [:], facts: [(name: String, value: String)],
    results: [Int]? = nil, answerClasses: Set<String>? = nil, furtherAxes: [Axis] = []
  ) {
    let attributes = LegacyFigures.attributes(attributes, axes: axes)
    self.init(
      whole: LegacyFigures.stated(metrics, axes: axes, sets: sets, attributes: attributes), attributes: attributes,
      run: run, model: model, benchmark: benchmark, axes: axes, imageCount: imageCount, sets: sets, facts: facts,
      results: results, answerClasses: answerClasses, furtherAxes: furtherAxes)
  }

  /// A section of metrics and attributes that say all.
  init(
    whole metrics: [Metric], attributes: [String: String], run: String, model: String, benchmark: String, axes: [Axis],
    imageCount: Int, sets: [ReportedSet], facts: [(name: String, value: String)], results: [Int]?,
    answerClasses: Set<String>?, furtherAxes: [Axis]
  ) {
    self.furtherAxes = furtherAxes
    self.results = results
    self.answerClasses = answerClasses
    self.run = run
    self.model = model
    self.benchmark = benchmark
    self.axes = axes
    self.imageCount = imageCount
    self.sets = sets
    self.attributes = attributes
    self.metrics = metrics
    places = Dictionary(self.metrics.enumerated().map { ($1.name, $0) }) { first, _ in first }
    let names = axes.map(\.name)
    evaluated =
      self.metrics.first { $0.said.role == .count && $0.said.sets.isEmpty && $0.axes == names }?.values ?? []
    grid = self.metrics.first { $0.said.role == .grid }?.values
    self.facts = facts
  }

  var key: ReportedModel { ReportedModel(run: run, name: model) }

  /// What every condition of a grid has one value of: a table, or curves.
  var cells: Metric? {
    metrics.first { !axes.isEmpty && $0.axes == axes.map(\.name) && [.table, .curve].contains($0.said.role) }
  }

  /// Whether rows and columns of a grid are shown.
  var isTable: Bool { axes.count == 2 && cells?.said.role == .table }

  /// Whether some condition lacks images.
  var isIncomplete: Bool { conditions.contains(where: isIncomplete) }

  /// The places of the grid that are conditions.
  var conditions: [Int] { (0..<axes.reduce(1) { $0 * $1.values.count }).filter(isPlanned) }

  /// Whether a place of the grid is a condition; in a grid of rows of different lengths some are not.
  func isPlanned(_ condition: Int) -> Bool {
    guard let grid, grid.indices.contains(condition) else { return true }
    return grid[condition] != 0
  }

  /// A condition's values, such as `fog/3`.
  func name(of condition: Int) -> String {
    Grid(axes: axes).cell(at: condition)?.description ?? "condition \(condition)"
  }

  /// An axis of a name; nil where there is none.
  func axis(_ name: String) -> Axis? { (axes + furtherAxes).first { $0.name == name } }

  /// How many images there are at a place of an axis that is none of the grid's; nil where nothing says.
  func images(at place: Int, of axis: Axis) -> Int? {
    let metric = metrics.first { [.count, .histogram].contains($0.said.role) && $0.axes == [axis.name] }
    return value(metric, place).flatMap { Int(exactly: $0) }
  }

  /// A metric of a name; nil where there is none.
  func metric(_ name: String) -> Metric? { places[name].map { metrics[$0] } }

  /// A value of a metric at a place of its axes; nil where there is none.
  func value(_ metric: Metric?, _ place: Int) -> Double? {
    guard let values = metric?.values, values.indices.contains(place), !values[place].isNaN else { return nil }
    return values[place]
  }

  /// The value with the ends of its interval; nil where there is none.
  func measured(_ metric: Metric, _ place: Int) -> Measured? {
    value(metric, place).map {
      Measured(
        value: $0, low: value(self.metric(metric.name + "_low"), place),
        high: value(self.metric(metric.name + "_high"), place), unit: metric.said.unit)
    }
  }

  /// Whether it has a value anywhere.
  func isDefined(_ metric: Metric) -> Bool { metric.values.contains { !$0.isNaN } }

  /// Whether a condition lacks images.
  func isIncomplete(_ condition: Int) -> Bool {
    isPlanned(condition) && resultCount(condition) < imageCount
  }

  /// Images of a condition that have a result, whether they have a class or not.
  func resultCount(_ condition: Int) -> Int {
    guard let results, results.indices.contains(condition) else { return evaluated(condition) }
    return results[condition]
  }

  /// Images of a condition that were evaluated: those with a result and a class.
  func evaluated(_ condition: Int) -> Int {
    evaluated.indices.contains(condition) ? Int(exactly: evaluated[condition]) ?? 0 : 0
  }

  /// Whether any single figure has an interval.
  var hasIntervals: Bool {
    metrics.contains { $0.axes.isEmpty && measured($0, 0)?.low != nil }
  }

  /// Metrics over the rows of a grid, which are columns of its table.
  var columns: [Metric] {
    metrics.filter { axes.count == 2 && $0.axes == [axes[0].name] && $0.said.role == .table && isDefined($0) }
  }
}

extension Metric {
  /// What it is; of one that does not say, that files alone show it.
  var said: Figure { figure ?? Figure(name, .data) }
}

extension [String] {
  /// Each once, where it comes first.
  var firstOccurrences: [String] {
    var seen: Set<String> = []
    return filter { seen.insert($0).inserted }
  }
}

enum Percent {
  /// 0.9437 as `94.4`, -0.0031 as `-0.3`.
  static func text(_ share: Double, decimals: Int = 1) -> String {
    let unit = decimals == 1 ? 10 : 100
    let scaled = (share * 100 * Double(unit)).rounded()
    guard let parts = Int(exactly: scaled) else { return "-" }
    let digits = String(abs(parts) % unit)
    let zeros = String(repeating: "0", count: decimals - digits.count)
    return "\(parts < 0 ? "-" : "")\(abs(parts) / unit).\(zeros)\(digits)"
  }
}
