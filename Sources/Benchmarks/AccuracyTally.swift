/// One metric over some of a grid's axes.
public struct MetricSeries: Sendable, Equatable {
  /// The variable's name in the archive.
  public let name: String
  /// What it is, with its unit.
  public let description: String
  /// Names of the axes that it runs over, slowest first; none for a single number.
  public let axes: [String]
  /// The values, row-major; NaN where there is nothing to measure.
  public let values: [Double]

  /// A metric.
  public init(name: String, description: String, axes: [String], values: [Double]) {
    self.name = name
    self.description = description
    self.axes = axes
    self.values = values
  }
}

/// Counts right answers of one model on one benchmark, condition by condition.
public struct AccuracyTally: Sendable {
  private let kind: BenchmarkKind
  private let grid: Grid
  private let labels: [Int32]
  private var evaluated: [Int]
  private var right: [Int]

  /// A tally of images with these labels; -1 says that an image has none, which is not evaluated then.
  public init(kind: BenchmarkKind, grid: Grid, labels: [Int32]) {
    self.kind = kind
    self.grid = grid
    self.labels = labels
    evaluated = Array(repeating: 0, count: grid.count)
    right = Array(repeating: 0, count: grid.count)
  }

  /// Counts images of a condition. One with a NaN among its logits was not computed and is left out.
  ///
  /// - Parameter logits: [image, class], row-major; the answer is the largest, of equal ones the first.
  public mutating func add(condition: Int, firstImage: Int, logits: [Float], classCount: Int) {
    guard classCount > 0, evaluated.indices.contains(condition) else { return }
    for row in 0..<logits.count / classCount {
      let image = firstImage + row
      guard labels.indices.contains(image), labels[image] >= 0 else { continue }
      var best = 0
      var isWhole = true
      for index in 0..<classCount {
        let value = logits[row * classCount + index]
        if value.isNaN { isWhole = false }
        if value > logits[row * classCount + best] { best = index }
      }
      guard isWhole else { continue }
      evaluated[condition] += 1
      if best == Int(labels[image]) { right[condition] += 1 }
    }
  }

  /// The metrics of what was counted.
  public func metrics() -> [MetricSeries] {
    let top1 = zip(right, evaluated).map { $1 == 0 ? Double.nan : Double($0) / Double($1) }
    let axes = grid.axes.map(\.name)
    var series = [
      MetricSeries(name: "top1", description: "top-1 accuracy, 0 to 1", axes: axes, values: top1),
      MetricSeries(
        name: "evaluated", description: "images evaluated", axes: axes, values: evaluated.map { Double($0) }),
    ]
    guard kind == .imagenetC, grid.axes.count == 2 else { return series }
    series.append(
      MetricSeries(
        name: "mean_top1", description: "top-1 accuracy, mean over all corruptions and severities, 0 to 1", axes: [],
        values: [Self.mean(top1)]))
    let errors = corruptionErrors(top1)
    series.append(
      MetricSeries(
        name: "ce", description: "corruption error over AlexNet's, 1 = as many errors (Hendrycks and Dietterich 2019)",
        axes: [grid.axes[0].name], values: errors))
    let standard = Set(ImageNetC.standardCorruptions)
    let standardErrors = zip(grid.axes[0].values, errors).filter { standard.contains($0.0) }.map(\.1)
    series.append(
      MetricSeries(
        name: "mce",
        description: "mCE: mean corruption error over the standard 15 corruptions, 1 = AlexNet; NaN without all",
        axes: [], values: [standardErrors.count == standard.count ? Self.mean(standardErrors) : .nan]))
    series.append(
      MetricSeries(
        name: "partial_mce", description: "mean corruption error over those standard corruptions that were evaluated",
        axes: [], values: [Self.mean(standardErrors)]))
    return series
  }

  /// CE of each corruption; NaN where AlexNet's is unknown or a severity is missing.
  private func corruptionErrors(_ top1: [Double]) -> [Double] {
    let severities = grid.axes[1].values
    let isComplete = Set(severities) == ["1", "2", "3", "4", "5"]
    return grid.axes[0].values.enumerated().map { index, corruption in
      guard isComplete, let alexNet = ImageNetC.alexNetErrors[corruption] else { return .nan }
      return (1 - Self.mean(Array(top1[index * severities.count..<(index + 1) * severities.count]))) / alexNet
    }
  }

  private static func mean(_ values: [Double]) -> Double {
    values.isEmpty ? .nan : values.reduce(0, +) / Double(values.count)
  }
}

extension ImageNetC {
  /// AlexNet's top-1 error, mean of the five severities [hendrycks/robustness]: what CE is measured by.
  public static let alexNetErrors: [String: Double] = [
    "gaussian_noise": 0.886428, "shot_noise": 0.894468, "impulse_noise": 0.922640, "defocus_blur": 0.819880,
    "glass_blur": 0.826268, "motion_blur": 0.785948, "zoom_blur": 0.798360, "snow": 0.866816, "frost": 0.826572,
    "fog": 0.819324, "brightness": 0.564592, "contrast": 0.853204, "elastic_transform": 0.646056,
    "pixelate": 0.717840, "jpeg_compression": 0.606500,
  ]
}
