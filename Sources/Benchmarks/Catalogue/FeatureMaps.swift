import Records

/// How much a network's maps vary from pixel to pixel, and with which frequencies, from its first layers to its last: does it
/// spread or smooth what it sees? After Park and Kim, "How Do Vision Transformers Work?" (ICLR 2022).
public enum FeatureMaps: SampledObservation {
  /// `feature-maps`
  public static let kind = BenchmarkKind.featureMaps
  static let observed = Observed.features
  /// As the authors have it.
  static let usualImages = 1280

  /// The variance and the high-frequency amplitude by depth.
  public static func observationTally(of run: ObservedRun) -> (any Tally)? {
    ObservationTally(
      of: run, means: ["variance", "log_amplitude"],
      withIntervals: ["variance"], figures: figures)
  }

  private static func figures(_ tally: ObservationTally, _ seed: UInt64) -> [Metric] {
    let variances = tally.means(of: "variance")
    let amplitudes = tally.means(of: "log_amplitude")
    let width = max(1, tally.lengths(of: "log_amplitude").last ?? 1)
    let highest = stride(from: 0, to: amplitudes.count, by: width).map { start in
      // Small maps have fewer frequencies.
      amplitudes[start..<(start + width)].last { !$0.isNaN } ?? .nan
    }
    let intervals = tally.intervals(of: "variance", seed: seed)
    return ObservationTally.headline(
      "mean_variance", "variance of feature maps over pixels, mean over images, channels and points",
      variances.reduce(0, +) / Double(variances.count),
      figure: .init(
        "mean variance of maps", .headline, .number, extent: "over \(variances.count) points of the network",
        explanation:
          "of each map over its pixels, divisor one less than their number, mean over channels and images; points are what "
          + "each block gives, from the image on"), interval: intervals.all)
      + [
        Metric(
          name: "mean_variance_by_point",
          description: "variance of a point's maps over pixels, mean over channels, images",
          axes: ["point"], values: variances, figure: .init("variance of maps", .curve, .number)),
        Metric(
          name: "high_frequency_amplitude",
          description:
            "log amplitude of the highest frequency on the Fourier transform's diagonal less that of frequency 0",
          axes: ["point"], values: highest, figure: .init("log amplitude of the highest frequency", .curve, .number)),
        Metric(
          name: "mean_log_amplitude",
          description:
            "log amplitude by frequency less that of frequency 0, mean over channels and images; NaN beyond the "
            + "frequencies that a point's maps have, k being k turns across the map",
          axes: ["point", "frequency"], values: amplitudes, figure: .init("log amplitude", .data, .number)),
      ] + ObservationTally.ends(of: "mean_variance_by_point", axes: ["point"], intervals.each)
  }
}

extension BenchmarkKind {
  /// Maps within the network.
  public static let featureMaps = BenchmarkKind("feature-maps")
}
