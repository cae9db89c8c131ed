import Benchmarks

/// What a report shows: one section a model and benchmark.
public struct ReportModel: Sendable {
  /// The report's title.
  public let title: String
  /// In the archives' order.
  public let sections: [ReportSection]

  /// A report.
  public init(title: String, sections: [ReportSection]) {
    self.title = title
    self.sections = sections
  }
}

/// One model on one benchmark.
public struct ReportSection: Sendable {
  /// The model's name.
  public let model: String
  /// The benchmark's name.
  public let benchmark: String
  /// The grid's axes.
  public let axes: [GridAxis]
  /// The metrics, by name.
  public let metrics: [String: MetricSeries]
  /// Images of each condition.
  public let imageCount: Int
  /// What is known of the origin: digests, versions.
  public let facts: [(name: String, value: String)]

  /// A section.
  public init(
    model: String, benchmark: String, axes: [GridAxis], metrics: [MetricSeries], imageCount: Int,
    facts: [(name: String, value: String)]
  ) {
    self.model = model
    self.benchmark = benchmark
    self.axes = axes
    self.metrics = Dictionary(metrics.map { ($0.name, $0) }) { first, _ in first }
    self.imageCount = imageCount
    self.facts = facts
  }

  /// Rows and columns of a benchmark with two axes.
  var isTable: Bool { axes.count == 2 && stability.isEmpty }

  /// The figure of a benchmark that is no table: its only condition's accuracy, or the mean over its one axis.
  var headline: (value: Double, name: String)? {
    if !stability.isEmpty { return scalar("mean_flip_rate").map { ($0, "mean flip rate") } }
    return (axes.isEmpty ? top1(0) : scalar("mean_top1")).map { ($0, "top-1") }
  }

  /// Whether some condition lacks images.
  var isIncomplete: Bool { (0..<axes.reduce(1) { $0 * $1.values.count }).contains(where: isIncomplete) }

  /// Whether a place of the grid is a condition; in a grid of rows of different lengths some are not.
  func isPlanned(_ condition: Int) -> Bool {
    guard let values = metrics["planned"]?.values, values.indices.contains(condition) else { return true }
    return values[condition] != 0
  }

  /// Top-1 accuracy, 0 to 1, of each condition; nil where nothing was evaluated.
  func top1(_ condition: Int) -> Double? {
    guard let values = metrics["top1"]?.values, values.indices.contains(condition), !values[condition].isNaN else {
      return nil
    }
    return values[condition]
  }

  /// Whether a condition lacks images.
  func isIncomplete(_ condition: Int) -> Bool {
    guard isPlanned(condition) else { return false }
    guard let values = metrics["evaluated"]?.values, values.indices.contains(condition) else { return true }
    return values[condition] < Double(imageCount)
  }

  func scalar(_ name: String) -> Double? {
    metrics[name]?.values.first.flatMap { $0.isNaN ? nil : $0 }
  }

  /// A single figure in per cent with its 95 % confidence interval where it has one: `94.4 % [92.2, 96.4]`.
  func figure(_ name: String) -> String? {
    scalar(name).map { Percent.text($0) + " %" + (interval(name).map { " " + $0 } ?? "") }
  }

  func interval(_ name: String) -> String? {
    guard let low = scalar(name + "_low"), let high = scalar(name + "_high") else { return nil }
    return "[\(Percent.text(low)), \(Percent.text(high))]"
  }

  /// The figures of a benchmark that is no table, in words.
  var figures: String {
    if !stability.isEmpty { return stabilityFigures.map { "\($0.title) \($0.text)" }.joined(separator: ", ") }
    guard let top1 = figure(axes.isEmpty ? "top1" : "mean_top1") else { return "nothing evaluated" }
    guard axes.isEmpty else { return "mean top-1 \(top1)" }
    return "top-1 \(top1)" + (figure("top5").map { ", top-5 \($0)" } ?? "")
  }

  /// The lines below a table, in words.
  var summary: [String] {
    var lines: [String] = []
    if isTable, let mean = figure("mean_top1") { lines.append("mean top-1 \(mean)") }
    if let mce = figure("mce") {
      lines.append("mCE \(mce)" + (figure("relative_mce").map { ", relative mCE \($0)" } ?? ""))
    } else if let partial = figure("partial_mce") {
      let count = metrics["ce"]?.values.filter { !$0.isNaN }.count ?? 0
      lines.append("mean corruption error \(partial) of AlexNet's, over \(count) of the 15 (no mCE)")
    }
    if metrics.keys.contains(where: { interval($0) != nil }) {
      lines.append("[low, high]: 95 % confidence interval, by resampling images")
    }
    if axes.count == 1 {
      for (condition, value) in axes[0].values.enumerated() {
        let share = top1(condition).map { Percent.text($0) + " %" } ?? "-"
        lines.append("\(axes[0].name) \(value): top-1 \(share)" + (isIncomplete(condition) ? " *" : ""))
      }
    }
    let subsets = metrics.values.filter { $0.name.hasPrefix("top1_") && $0.values.count == 1 }
      .filter { !$0.name.hasSuffix("_low") && !$0.name.hasSuffix("_high") }
      .sorted { $0.name < $1.name }
    for subset in subsets {
      let value = subset.values[0].isNaN ? "-" : Percent.text(subset.values[0]) + " %"
      lines.append("\(subset.name.dropFirst(5)): top-1 \(value)")
    }
    for (name, title) in [("aupr", "AUPR"), ("auroc", "AUROC"), ("fpr95", "FPR95")] {
      if let text = figure(name) { lines.append("\(title) \(text)") }
    }
    for (name, title) in [("bg_gap", "BG-gap"), ("val_gap", "gap to val")] {
      if let gap = scalar(name) {
        lines.append("\(title) \(Percent.text(gap)) points" + (interval(name).map { " " + $0 } ?? ""))
      }
    }
    let calibration = [("rms_calibration_error", "RMS calibration error"), ("aurra", "AURRA"), ("ece", "ECE")]
      .compactMap { name, title in figure(name).map { "\(title) \($0)" } }
    if !calibration.isEmpty { lines.append(calibration.joined(separator: ", ")) }
    if isIncomplete {
      lines.append("* incomplete: some images of the condition have no result")
    }
    return lines
  }
}

enum Percent {
  /// 0.9437 as `94.4`, -0.0031 as `-0.3`.
  static func text(_ share: Double, decimals: Int = 1) -> String {
    let unit = decimals == 1 ? 10 : 100
    let parts = Int((share * 100 * Double(unit)).rounded())
    let digits = String(abs(parts) % unit)
    let zeros = String(repeating: "0", count: decimals - digits.count)
    return "\(parts < 0 ? "-" : "")\(abs(parts) / unit).\(zeros)\(digits)"
  }
}
