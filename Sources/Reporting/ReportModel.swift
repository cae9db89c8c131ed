import Benchmarks
import Records

/// What a report shows: one section a run, model and benchmark.
public struct ReportModel: Sendable {
  /// The report's title.
  public let title: String
  /// In the archives' order.
  public let sections: [ReportSection]
  /// Names of models that several runs have, which therefore say their run.
  private let repeated: Set<String>

  /// A report.
  public init(title: String, sections: [ReportSection]) {
    self.title = title
    self.sections = sections
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
    if sections.contains(where: { !$0.shownErrors.isEmpty }) {
      lines.append(
        "CE: error over AlexNet's, in %; relative CE: the same of what the errors exceed the clean ones by")
    }
    return lines
  }
}

/// A model of a run.
struct ReportedModel: Hashable, Sendable {
  let run: String
  let name: String
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
  /// The metrics, by name.
  public let metrics: [String: Metric]
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

  /// A section.
  public init(
    run: String = "", model: String, benchmark: String, axes: [Axis], metrics: [Metric], imageCount: Int,
    sets: [ReportedSet] = [], attributes: [String: String] = [:], facts: [(name: String, value: String)],
    results: [Int]? = nil, answerClasses: Set<String>? = nil
  ) {
    self.results = results
    self.answerClasses = answerClasses
    self.run = run
    self.model = model
    self.benchmark = benchmark
    self.axes = axes
    self.metrics = Dictionary(metrics.map { ($0.name, $0) }) { first, _ in first }
    self.imageCount = imageCount
    self.sets = sets
    self.attributes = attributes
    self.facts = facts
  }

  var key: ReportedModel { ReportedModel(run: run, name: model) }

  /// Which benchmark it is; nil where the archive does not say.
  var kind: BenchmarkKind? { attributes["benchmark_kind"].flatMap(BenchmarkKind.init) }

  /// What a grid of corruptions and severities covers; nil for other grids.
  var coverage: CorruptionCoverage? {
    stability.isEmpty ? CorruptionCoverage(axes: axes) : nil
  }

  /// Rows and columns of a benchmark with two axes.
  var isTable: Bool { axes.count == 2 && stability.isEmpty }

  /// Whether some condition lacks images.
  var isIncomplete: Bool { conditions.contains(where: isIncomplete) }

  /// The places of the grid that are conditions.
  var conditions: [Int] { (0..<axes.reduce(1) { $0 * $1.values.count }).filter(isPlanned) }

  /// Whether a place of the grid is a condition; in a grid of rows of different lengths some are not.
  func isPlanned(_ condition: Int) -> Bool {
    guard let values = metrics["planned"]?.values, values.indices.contains(condition) else { return true }
    return values[condition] != 0
  }

  /// A condition's values, such as `fog/3`.
  func name(of condition: Int) -> String {
    Grid(axes: axes).cell(at: condition)?.description ?? "condition \(condition)"
  }

  /// Top-1 accuracy, 0 to 1, of each condition; nil where nothing was evaluated.
  func top1(_ condition: Int) -> Double? { value("top1", condition) }

  /// A value of a metric at a place of its axes; nil where there is none.
  func value(_ name: String, _ place: Int) -> Double? {
    guard let values = metrics[name]?.values, values.indices.contains(place), !values[place].isNaN else { return nil }
    return values[place]
  }

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
  func evaluated(_ condition: Int) -> Int { value("evaluated", condition).flatMap { Int(exactly: $0) } ?? 0 }

  func scalar(_ name: String) -> Double? {
    guard let metric = metrics[name], metric.axes.isEmpty else { return nil }
    return metric.values.first.flatMap { $0.isNaN ? nil : $0 }
  }

  /// Whether any figure has an interval.
  var hasIntervals: Bool {
    metrics.values.contains { $0.name.hasSuffix("_low") && $0.axes.isEmpty && !($0.values.first?.isNaN ?? true) }
  }

  /// A corruption's errors that the archive holds: `ce`, `relative_ce`, with their titles.
  var shownErrors: [(name: String, title: String)] {
    [("ce", "CE"), ("relative_ce", "rel. CE")].filter { name, _ in
      isTable && metrics[name]?.values.contains { !$0.isNaN } == true
    }
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
