import Records

/// How far the heads of a transformer look: from each patch to the patches that it attends to. After Dosovitskiy et al., "An
/// Image is Worth 16x16 Words" (ICLR 2021), figure 7.
public enum AttentionDistanceStudy: SampledObservation {
  /// `attention-distance`
  public static let kind = BenchmarkKind.attentionDistance
  static let observed = Observed.attentionDistance
  /// As the authors have it.
  static let usualImages = 128

  /// The distance by depth, of each head and their mean.
  public static func observationTally(of run: ObservedRun) -> (any Tally)? {
    ObservationTally(
      of: run, means: ["attention_distance"],
      withIntervals: ["attention_distance"], figures: figures)
  }

  private static func figures(_ tally: ObservationTally, _ seed: UInt64) -> [Metric] {
    let distances = tally.means(of: "attention_distance")
    let heads = max(1, tally.lengths(of: "attention_distance").last ?? 1)
    let means = stride(from: 0, to: distances.count, by: heads).map { start in
      // Blocks of fewer heads end in NaN.
      let own = distances[start..<(start + heads)].filter { !$0.isNaN }
      return own.reduce(0, +) / Double(own.count)
    }
    return ObservationTally.headline(
      "mean_attention_distance", "distance in pixels, mean over blocks, heads, patches and images",
      means.reduce(0, +) / Double(means.count),
      figure: .init(
        "mean attention distance", .headline, .number,
        extent: "in pixels, over \(means.count) blocks of \(heads) heads",
        explanation: "from a patch to the patches that it attends to, weighted by how much"),
      interval: tally.intervals(of: "attention_distance", seed: seed).all)
      + [
        Metric(
          name: "attention_distance_by_block", description: "distance in pixels, mean over heads, patches and images",
          axes: ["block"], values: means, figure: .init("attention distance", .curve, .number)),
        Metric(
          name: "attention_distance_by_head", description: "distance in pixels, mean over patches and images",
          axes: ["block", "head"], values: distances, figure: .init("attention distance", .data, .number)),
      ]
  }
}

extension BenchmarkKind {
  /// Heads of transformers.
  public static let attentionDistance = BenchmarkKind("attention-distance")
}
