import Benchmarks

/// A single figure of a section: a share, with what it is of.
struct ReportFigure: Sendable {
  /// What it is, such as `mean top-1`.
  let name: String
  /// A share; 1 is 100 %.
  let value: Double
  let low: Double?
  let high: Double?
  /// What it is over, such as `over 4 corruptions, 5 severities`; empty where that is one list of images.
  let extent: String
  /// Results that it rests on, and those that were planned.
  let results: ReportedCount
  /// Images, sequences, and how they are counted, such as `500 images`.
  let images: String
  /// Whether a larger figure is a worse one.
  let isError: Bool
  /// Whether it is a share of images, which is never more than 1.
  let isShare: Bool

  /// `94.4 % [92.2, 96.4]`.
  var text: String { Self.text(value, low, high) }

  /// The ends: `[92.2, 96.4]`.
  var interval: String? { Self.parts(value, low, high).interval }

  static func text(_ value: Double, _ low: Double?, _ high: Double?) -> String {
    let parts = parts(value, low, high)
    return parts.value + " %" + (parts.interval.map { " " + $0 } ?? "")
  }

  /// A second decimal where one would make an interval look like a point.
  static func parts(_ value: Double, _ low: Double?, _ high: Double?) -> (value: String, interval: String?) {
    // Older archives have points where no resample differs.
    guard let low, let high, high - low > 1e-12 else { return (Percent.text(value), nil) }
    let decimals = Percent.text(low) == Percent.text(high) ? 2 : 1
    return (
      Percent.text(value, decimals: decimals),
      "[\(Percent.text(low, decimals: decimals)), \(Percent.text(high, decimals: decimals))]"
    )
  }
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

  static func + (one: ReportedCount, other: ReportedCount) -> ReportedCount {
    ReportedCount(
      evaluated: one.evaluated + other.evaluated, planned: one.planned + other.planned,
      missing: one.missing + other.missing)
  }
}

extension ReportSection {
  /// A figure of the archive under a name for people; nil where it is not defined.
  func figure(_ variable: String, _ name: String, isError: Bool = false, isShare: Bool = true) -> ReportFigure? {
    guard let value = scalar(variable) else { return nil }
    return ReportFigure(
      name: name, value: value, low: scalar(variable + "_low"), high: scalar(variable + "_high"),
      extent: extent(of: variable), results: count(of: variable), images: images(of: variable), isError: isError,
      isShare: isShare)
  }

  /// The figure in per cent with its interval; nil where it is not defined.
  func text(_ variable: String) -> String? {
    scalar(variable).map { ReportFigure.text($0, scalar(variable + "_low"), scalar(variable + "_high")) }
  }

  /// The mean over the standard 15 corruptions, from the conditions where an archive is too old to hold it.
  var standardMean: ReportFigure? {
    guard let coverage, coverage.hasStandard else { return nil }
    if let figure = figure("standard_mean_top1", "mean top-1") { return figure }
    if coverage.corruptions.count == ImageNetC.standardCorruptions.count { return figure("mean_top1", "mean top-1") }
    let values = conditions(of: "standard_mean_top1").map(top1)
    let known = values.compactMap { $0 }
    guard !known.isEmpty, known.count == values.count else { return nil }
    return ReportFigure(
      name: "mean top-1", value: known.reduce(0, +) / Double(known.count), low: nil, high: nil,
      extent: extent(of: "standard_mean_top1"), results: count(of: "standard_mean_top1"),
      images: images(of: "standard_mean_top1"), isError: false, isShare: true)
  }

  /// The figure that stands for the section: AUPR where foreign images are told from known ones, flip rates of sequences,
  /// means of grids, or top-1.
  var headline: ReportFigure? {
    if !stability.isEmpty { return figure("mean_flip_rate", "mean flip rate", isError: true) }
    if let aupr = figure("aupr", "AUPR") { return aupr }
    if axes.isEmpty { return figure("top1", "top-1") }
    return standardMean ?? figure("mean_top1", "mean top-1")
  }

  /// The figures that models are compared by.
  var comparedFigures: [ReportFigure] {
    let more = [
      stability.isEmpty ? nil : figure("mfr", "mFR", isError: true, isShare: false),
      figure("mce", "mCE", isError: true, isShare: false),
    ]
    return [headline].compactMap { $0 } + more.compactMap { $0 }
  }
}

// MARK: - What figures are of

extension ReportSection {
  /// The conditions that a single figure is of.
  func conditions(of variable: String) -> [Int] {
    if !stability.isEmpty, ["mfr", "mt5d"].contains(variable) {
      return conditions(along: 0) { ImageNetP.standardPerturbations.contains($0) }
    }
    let isOfStandard = ["standard_mean_top1", "mce", "relative_mce", "partial_mce"].contains(variable)
    guard isOfStandard, coverage != nil else { return conditions }
    return conditions(along: 0) { ImageNetC.standardCorruptions.contains($0) }
  }

  /// The conditions whose value of an axis is wanted.
  func conditions(along axis: Int, where isWanted: (String) -> Bool) -> [Int] {
    let grid = Grid(axes: axes)
    return conditions.filter { isWanted(grid.cell(at: $0)?.values[axis] ?? "") }
  }

  /// The sets of images that a single figure is of.
  private func sets(of variable: String) -> [ReportedSet] {
    let names: [String]
    switch variable {
    case "aupr", "auroc", "fpr95": names = ["out", "in"]
    case "bg_gap": names = ["mixed_same", "mixed_rand"]
    case "val_gap": names = ["val", "renditions"]
    case "top1": names = [kind?.benchmark.subsetFigures.headline ?? ""]
    default: names = [String(variable.dropFirst("top1_".count))]
    }
    let found = sets.filter { names.contains($0.name) }
    return found.isEmpty ? sets : found
  }

  func count(of set: ReportedSet) -> ReportedCount {
    let evaluated = scalar("evaluated_" + set.name).flatMap { Int(exactly: $0) }
    return ReportedCount(
      evaluated: evaluated ?? set.imageCount, planned: set.imageCount,
      missing: results == nil || isIncomplete(0) ? nil : 0)
  }

  /// How many results a single figure rests on.
  func count(of variable: String) -> ReportedCount {
    guard sets.isEmpty else { return sets(of: variable).map(count).reduce(ReportedCount(), +) }
    return count(conditions(of: variable))
  }

  /// Images of a condition that figures are of: how steady answers are needs no classes.
  private func counted(_ condition: Int) -> Int {
    stability.isEmpty ? evaluated(condition) : resultCount(condition)
  }

  /// How many results there are of some conditions.
  func count(_ conditions: [Int]) -> ReportedCount {
    conditions.reduce(ReportedCount()) {
      $0
        + ReportedCount(
          evaluated: counted($1), planned: imageCount, missing: max(0, imageCount - resultCount($1)))
    }
  }

  /// `500 images`, `498 of 500 images`, `497 to 500 of 500 images each`, `1000 images of out and 500 of in`.
  func images(of variable: String) -> String {
    let unit = stability.isEmpty ? "images" : "sequences"
    guard sets.isEmpty else {
      let wanted = sets(of: variable)
      guard sets.count > 1 else { return wanted.map { Self.text(count(of: $0)) + " images" }.joined() }
      return wanted.enumerated().map { place, set in
        Self.text(count(of: set)) + (place == 0 ? " images of " : " of ") + set.name
      }.joined(separator: " and ")
    }
    let counts = conditions(of: variable).map(counted)
    let each = axes.isEmpty ? "" : " each"
    let (low, high) = (counts.min() ?? 0, counts.max() ?? 0)
    guard low < high else { return Self.text(ReportedCount(evaluated: low, planned: imageCount)) + " \(unit)\(each)" }
    return "\(low) to \(high) of \(imageCount) \(unit)\(each)"
  }

  static func text(_ count: ReportedCount) -> String {
    count.evaluated >= count.planned ? "\(count.planned)" : "\(count.evaluated) of \(count.planned)"
  }

  /// What a mean is over.
  private func extent(of variable: String) -> String {
    guard ["m", "standard_m", "relative_m", "partial_m"].contains(where: variable.hasPrefix) else { return "" }
    if let coverage { return coverage.extent(standardOnly: variable != "mean_top1") }
    guard let axis = axes.first else { return "" }
    let count = axis.values.count
    if !stability.isEmpty {
      if ["mfr", "mt5d"].contains(variable) {
        return "over the standard \(ImageNetP.standardPerturbations.count) perturbations"
      }
      return "over \(count) \(count == 1 ? "perturbation" : "perturbations")"
    }
    if kind?.benchmark.isDrawn == true { return "over \(count) \(count == 1 ? "share" : "shares") of dropped patches" }
    return "over \(count) \(axis.name)"
  }
}
