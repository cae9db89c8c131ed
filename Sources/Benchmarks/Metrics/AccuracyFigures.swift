import Records

/// What is worked out of the accuracies of all conditions, beside themselves.
public struct AccuracyFigures: Sendable {
  /// Whether the accuracies of a grid's conditions are a table or curves.
  let cells: Metric.Figure.Role
  /// Whether each of a grid's conditions says how far confidences are from accuracies.
  let calibratesConditions: Bool
  let series: @Sendable (_ tally: AccuracyTally, _ clean: AccuracyTally?, _ seed: UInt64) -> [Metric]

  init(
    cells: Metric.Figure.Role = .table, calibratesConditions: Bool = false,
    _ series: @escaping @Sendable (AccuracyTally, AccuracyTally?, UInt64) -> [Metric]
  ) {
    self.cells = cells
    self.calibratesConditions = calibratesConditions
    self.series = series
  }

  /// Nothing: accuracies are drawn as curves.
  public static let curves = AccuracyFigures(cells: .curve) { _, _, _ in [] }

  /// The mean over all conditions.
  ///
  /// - Parameters:
  ///   - cells: whether accuracies are a table or curves.
  ///   - words: what it is over, given their count.
  ///   - calibratesConditions: whether it says of each condition how far confidences are from accuracies.
  public static func mean(
    cells: Metric.Figure.Role = .table, over words: @escaping @Sendable (Int) -> String,
    calibratesConditions: Bool = false
  ) -> AccuracyFigures {
    AccuracyFigures(cells: cells, calibratesConditions: calibratesConditions) { tally, _, seed in
      let top1 = tally.top1
      let axes = tally.grid.axes.map(\.name)
      return [
        Metric(
          name: "mean_top1", description: "top-1 accuracy, mean over \(axes.joined(separator: " and ")), 0 to 1",
          axes: [], values: [top1.isEmpty ? .nan : top1.reduce(0, +) / Double(top1.count)],
          figure: .init("mean top-1", .headline, extent: words(top1.count)))
      ] + tally.intervals(of: "mean_top1", .mean(conditions: tally.grid.count), seed)
    }
  }
}
