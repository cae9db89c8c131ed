/// A benchmark that observes something other than answers of a sample of images.
protocol SampledObservation: Benchmark {
  /// What is observed.
  static var observed: Observed { get }
  /// How many images are drawn where the manifest does not say.
  static var usualImages: Int { get }
}

extension SampledObservation {
  /// Where images lie, and how many are taken.
  public static var keys: [String] { ["root", "images"] }
  /// What is observed needs no classes.
  public static var needsClasses: Bool { false }
  /// The number of images.
  public static var making: [String: String] { ["sample": "numbers of images"] }

  /// A sample of clean images.
  public static func definition(_ manifest: some ManifestKeys) throws -> BenchmarkDefinition {
    BenchmarkDefinition(
      kind: kind, name: manifest.name, layout: PictureLayout(root: try manifest.folder("root")),
      classes: manifest.classes, observed: observed
    ).sampling(try manifest.integer("images", in: 1...1_000_000) ?? usualImages)
  }
}
