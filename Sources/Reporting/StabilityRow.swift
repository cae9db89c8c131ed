/// What a report says of one of ImageNet-P's perturbations.
struct StabilityRow: Sendable {
  /// The columns' titles.
  static let titles = ["flip rate", "top-5 distance", "mean top-1"]

  let perturbation: String
  /// A share, 0 to 1; nil where nothing was evaluated.
  let flipRate: Double?
  /// 0 to 15.
  let top5Distance: Double?
  /// Over the frames.
  let meanTop1: Double?
  let isIncomplete: Bool

  /// One a title; incomplete ones are marked.
  var cells: [String] {
    [
      (flipRate.map { Percent.text($0) + " %" } ?? "-") + (isIncomplete ? " *" : ""),
      top5Distance.map { Percent.text($0 / 100, decimals: 2) } ?? "-",
      meanTop1.map { Percent.text($0) + " %" } ?? "-",
    ]
  }
}

extension ReportSection {
  /// A row a perturbation; none for benchmarks without sequences.
  var stability: [StabilityRow] {
    guard axes.count == 2, let flips = metrics["flip_rate"]?.values, flips.count == axes[0].values.count else {
      return []
    }
    let distances = metrics["top5_distance"]?.values ?? []
    let columns = axes[1].values.count
    return axes[0].values.enumerated().map { row, name in
      let conditions = (row * columns..<(row + 1) * columns).filter(isPlanned)
      let accuracies = conditions.compactMap(top1)
      let isWhole = !conditions.isEmpty && accuracies.count == conditions.count
      return StabilityRow(
        perturbation: name, flipRate: flips[row].isNaN ? nil : flips[row],
        top5Distance: distances.indices.contains(row) && !distances[row].isNaN ? distances[row] : nil,
        meanTop1: isWhole ? accuracies.reduce(0, +) / Double(accuracies.count) : nil,
        isIncomplete: conditions.contains(where: isIncomplete))
    }
  }

  /// Means over the perturbations, with their confidence intervals.
  var stabilityLines: [String] {
    var lines: [String] = []
    if let mfr = figure("mfr", "mFR") {
      lines.append("mFR \(mfr.text)" + (text("mt5d").map { ", mT5D \($0)" } ?? "") + " \(mfr.extent)")
    }
    guard let flips = figure("mean_flip_rate", "mean flip rate") else { return lines + ["nothing evaluated"] }
    var line = "mean flip rate \(flips.text)"
    if let distance = scalar("mean_top5_distance") {
      line += ", mean top-5 distance \(Percent.text(distance / 100, decimals: 2))"
      if let low = scalar("mean_top5_distance_low"), let high = scalar("mean_top5_distance_high") {
        line += " [\(Percent.text(low / 100, decimals: 2)), \(Percent.text(high / 100, decimals: 2))]"
      }
    }
    return lines + ["\(line) \(flips.extent); \(flips.images)"]
  }
}
