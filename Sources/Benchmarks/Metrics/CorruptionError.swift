import Imaging

/// Errors on ImageNet-C measured by AlexNet's (Hendrycks and Dietterich 2019).
struct CorruptionError {
  private let grid: Grid
  /// Top-1 accuracy of each condition, 0 to 1.
  private let top1: [Double]
  /// Top-1 accuracy on clean images; NaN where it is unknown.
  private let clean: Double

  /// `grid` has the axes corruption and severity.
  init(grid: Grid, top1: [Double], clean: Double) {
    self.grid = grid
    self.top1 = top1
    self.clean = clean
  }

  private var corruptions: [String] { grid.axes[0].values }
  private var severities: Int { grid.axes[1].values.count }
  private var hasAllSeverities: Bool {
    let values = grid.axes[1].values
    return values.count == 5 && Set(values) == ["1", "2", "3", "4", "5"]
  }

  private func meanTop1(_ corruption: Int) -> Double {
    top1[corruption * severities..<(corruption + 1) * severities].reduce(0, +) / Double(severities)
  }

  /// CE: the error, summed over the five severities, over AlexNet's; NaN where AlexNet's is unknown or one is missing.
  var errors: [Double] {
    corruptions.enumerated().map { index, corruption in
      guard hasAllSeverities, let alexNet = ImageNetC.alexNetErrors[corruption] else { return .nan }
      return (1 - meanTop1(index)) / alexNet
    }
  }

  /// Relative CE: the same of what the error exceeds the clean error by; NaN also without the clean error.
  var relativeErrors: [Double] {
    corruptions.enumerated().map { index, corruption in
      guard hasAllSeverities, let alexNet = ImageNetC.alexNetErrors[corruption] else { return .nan }
      return (clean - meanTop1(index)) / (alexNet - ImageNetC.alexNetCleanError)
    }
  }

  /// The mean of one figure a corruption over those of the standard 15 that the grid holds; NaN without one.
  func partialMean(_ figures: [Double]) -> Double {
    let standard = standardFigures(figures)
    return standard.isEmpty ? .nan : standard.reduce(0, +) / Double(standard.count)
  }

  /// The mean over the standard 15; NaN without all of them.
  func mean(_ figures: [Double]) -> Double {
    standardFigures(figures).count == ImageNetC.standardCorruptions.count ? partialMean(figures) : .nan
  }

  private func standardFigures(_ figures: [Double]) -> [Double] {
    zip(corruptions, figures).filter { ImageNetC.standardCorruptions.contains($0.0) }.map(\.1)
  }

  /// `partialMean` of the errors, or of the relative ones, as a combination of accuracies.
  func combination(relative: Bool) -> AccuracyCombination {
    var combination = AccuracyCombination()
    let standard = corruptions.enumerated().filter { ImageNetC.standardCorruptions.contains($0.element) }
    for (index, corruption) in standard {
      let reference = (ImageNetC.alexNetErrors[corruption] ?? .nan) - (relative ? ImageNetC.alexNetCleanError : 0)
      let factor = 1 / reference / Double(standard.count)
      if relative { combination.cleanFactor += factor } else { combination.constant += factor }
      combination.terms += (index * severities..<(index + 1) * severities).map {
        .init(condition: $0, factor: -factor / Double(severities))
      }
    }
    return combination
  }
}

extension ImageNetC {
  /// AlexNet's top-1 error, mean of the five severities [hendrycks/robustness]: what CE is measured by.
  public static let alexNetErrors = Dictionary(
    uniqueKeysWithValues: Corruption.all.compactMap { corruption in
      corruption.alexNetError.map { (corruption.rawValue, $0) }
    })

  /// AlexNet's top-1 error on clean images, which relative CE is measured by; the paper rounds it to this.
  public static let alexNetCleanError = 0.435
}
