/// One figure of each model on each benchmark, side by side: what a study's first table shows.
struct ModelComparison: Sendable {
  /// The models' names, in the report's order.
  let models: [String]
  /// A row a benchmark.
  let rows: [Row]

  struct Row: Sendable {
    let benchmark: String
    /// What the figures are: top-1, mean top-1, AUPR, or a flip rate.
    let measure: String
    /// Whether a larger figure is a worse one.
    let isError: Bool
    /// A share of each model; nil where it has none.
    let values: [Double?]
    /// Of each model, whether images are missing.
    let isIncomplete: [Bool]
  }

  /// nil where there are not two models to compare.
  init?(_ model: ReportModel) {
    models = model.sections.map(\.model).firstOccurrences
    guard models.count > 1 else { return nil }
    let names = models
    rows = model.sections.map(\.benchmark).firstOccurrences.map { benchmark in
      let sections = names.map { name in
        model.sections.first { $0.model == name && $0.benchmark == benchmark }
      }
      return Row(
        benchmark: benchmark, measure: sections.compactMap { $0?.comparedFigure?.name }.first ?? "top-1",
        isError: sections.contains { $0?.stability.isEmpty == false },
        values: sections.map { $0?.comparedFigure?.value }, isIncomplete: sections.map { $0?.isIncomplete ?? false })
    }
  }
}

extension ReportSection {
  /// The figure that models are compared by: out-of-distribution benchmarks have AUPR, sequences mFR or flip rate,
  /// tables their mean.
  var comparedFigure: (name: String, value: Double)? {
    if !stability.isEmpty {
      if let mfr = scalar("mfr") { return ("mFR", mfr) }
      return scalar("mean_flip_rate").map { ("flip rate", $0) }
    }
    if let aupr = scalar("aupr") { return ("AUPR", aupr) }
    if axes.isEmpty { return top1(0).map { ("top-1", $0) } }
    return scalar("mean_top1").map { ("mean top-1", $0) }
  }
}

extension [String] {
  fileprivate var firstOccurrences: [String] {
    var seen: Set<String> = []
    return filter { seen.insert($0).inserted }
  }
}
