import Records

/// Where the label's logit comes from: its gradient, and integrated gradients from black to the image. After Sundararajan et
/// al., "Axiomatic Attribution for Deep Networks" (ICML 2017).
public enum GradientMaps: Benchmark {
  /// `gradient-maps`
  public static let kind = BenchmarkKind.gradientMaps
  /// How many images, and how many gradients an image.
  public static let keys = ["root", "images", "steps"]
  /// The network's answer stands in for a label that is not known.
  public static let needsClasses = false
  /// The number of gradients.
  public static let making = ["sample": "numbers of images", "gradient_steps": "numbers of gradients an image"]

  /// Eight images that are drawn, with 50 gradients each.
  public static func definition(_ manifest: some ManifestKeys) throws -> BenchmarkDefinition {
    let images = try manifest.integer("images", in: 1...10_000) ?? 8
    let steps = try manifest.integer("steps", in: 1...1000) ?? 50
    return BenchmarkDefinition(
      kind: kind, name: manifest.name, layout: PictureLayout(root: try manifest.folder("root")),
      classes: manifest.classes, attributes: ["gradient_steps": String(steps)], observed: .gradients(steps: steps)
    ).sampling(images)
  }

  /// How far the integral is from what it should be.
  public static func observationTally(of run: ObservedRun) -> (any Tally)? {
    ObservationTally(
      of: run, means: ["completeness_gap"],
      withIntervals: ["completeness_gap"]
    ) { tally, seed in
      ObservationTally.headline(
        "mean_completeness_gap", "sum of integrated gradients less the difference of logits, mean of magnitudes",
        tally.means(of: "completeness_gap").first ?? .nan,
        figure: .init(
          "mean completeness gap", .headline, .number, isLessBetter: true,
          explanation:
            "how far integrated gradients do not add up to the label's logit of the image less that of black; maps are in the "
            + "archive"), interval: tally.intervals(of: "completeness_gap", seed: seed).all)
    }
  }
}

extension BenchmarkKind {
  /// Gradients of images' labels.
  public static let gradientMaps = BenchmarkKind("gradient-maps")
}
