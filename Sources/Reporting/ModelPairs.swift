import Records

/// Models in pairs: on each benchmark how far two are apart, whether that may be chance, and whether they fail on the same
/// images.
struct ModelPairs: Sendable {
  let title = "Pairwise comparison of models"
  let head = [
    "benchmark", "first", "second", "images", "difference, points", "better on", "p", "p, corrected",
    "error consistency",
  ]
  /// A row a benchmark and two models, the texts of ``head``.
  let rows: [[String]]
  /// How to read them.
  let lines: [String]

  /// nil where there is no pair.
  init?(_ model: ReportModel) {
    guard !model.pairs.isEmpty else { return nil }
    rows = model.pairs.map { pair in
      let (comparison, found) = (pair.comparison, pair.comparison.figures)
      func name(_ model: ReportModel, _ name: String) -> String {
        model.name(of: ReportedModel(run: pair.run, name: name))
      }
      return [
        comparison.benchmark, name(model, comparison.first), name(model, comparison.second),
        "\(found.images)" + (found.conditions > 1 ? " under \(found.conditions) conditions" : ""),
        Self.text(found.difference, found.differenceLow, found.differenceHigh, unit: .points),
        "\(found.firstBetter) and \(found.secondBetter)", Self.probability(found.p),
        Self.probability(comparison.correctedP),
        Self.text(found.errorConsistency, found.errorConsistencyLow, found.errorConsistencyHigh, unit: .number),
      ]
    }
    let families = Dictionary(grouping: model.pairs, by: \.run).mapValues(\.count)
    let counts = Set(families.values).sorted().map(String.init).joined(separator: " or ")
    lines = [
      "difference: top-1 of the first minus that of the second, mean over the conditions",
      "better on: images that one gets right under more conditions than the other; p: exact and two-sided, for one "
        + "condition McNemar's; Holm-corrected for \(counts) comparisons\(families.count > 1 ? " of a run" : "")",
      "error consistency: kappa of right and wrong answers, 1 if both fail on the same images, 0 if they agree only by chance",
    ]
  }

  private static func text(_ value: Double, _ low: Double, _ high: Double, unit: Metric.Figure.Unit) -> String {
    guard !value.isNaN else { return "-" }
    let isWhole = !low.isNaN && !high.isNaN
    let measured = Measured(value: value, low: isWhole ? low : nil, high: isWhole ? high : nil, unit: unit)
    return measured.bare + (measured.interval.map { " " + $0 } ?? "")
  }

  /// `0.0312`, `< 0.0001`, `1`.
  private static func probability(_ p: Double) -> String {
    guard !p.isNaN else { return "-" }
    guard p >= 0.0001 else { return "< 0.0001" }
    guard p < 0.99995 else { return "1" }
    let digits = String(Int((p * 10_000).rounded()))
    return "0." + String(repeating: "0", count: 4 - digits.count) + digits
  }
}
