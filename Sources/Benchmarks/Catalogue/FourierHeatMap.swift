import Imaging
import Records

/// Clean images with one wave of the Fourier transform at a time: the error that each frequency makes. After Yin et al., "A
/// Fourier Perspective on Model Robustness in Computer Vision" (NeurIPS 2019).
public enum FourierHeatMap: Benchmark {
  /// `fourier-heat-map`
  public static let kind = BenchmarkKind.fourierHeatMap
  /// How many frequencies, and how strong a wave is.
  public static let keys = ["root", "size", "norm"]
  /// How strong waves are.
  public static let making = ["wave_norm": "L2 norm of waves"]

  /// The 63 x 63 lowest frequencies with waves of norm 15.7, as the authors have it for ImageNet.
  public static func definition(_ manifest: some ManifestKeys) throws -> BenchmarkDefinition {
    let size = try manifest.integer("size", in: 1...1001) ?? 63
    guard size % 2 == 1 else {
      throw manifest.failure(
        "size", "size is \(size), but must be odd, so that frequency 0 is in the middle of the map")
    }
    return .fourierHeatMap(
      name: manifest.name, root: try manifest.folder("root"), size: size,
      norm: try manifest.fraction("norm", above: 0, upTo: 1000) ?? 15.7, classes: manifest.classes)
  }

  /// The map of errors, its mean and its largest.
  public static func tally(
    of benchmark: BenchmarkDefinition, _ listing: ImageListing, _ scoring: Scoring, population: UInt32
  ) -> any Tally {
    AccuracyTally(grid: benchmark.grid, scoring: scoring, figures: .errorMap, population: population)
  }
}

extension BenchmarkKind {
  /// Waves of the Fourier transform are added to clean images.
  public static let fourierHeatMap = BenchmarkKind("fourier-heat-map")
}

extension BenchmarkDefinition {
  /// Clean images with a wave of each of `size` x `size` frequencies around 0. A wave and its mirror are the same, so only the
  /// upper half and the left half of the middle row are conditions.
  public static func fourierHeatMap(
    name: String, root: String, size: Int, norm: Double, classes: [String] = []
  ) -> BenchmarkDefinition {
    let half = size / 2
    let waves = (-half...half).map(String.init)
    let axes = ["frequency_y", "frequency_x"].map { Axis(name: $0, values: waves, isNumeric: true) }
    let lengths = (0..<size).map { $0 < half ? size : $0 == half ? half + 1 : 0 }
    return BenchmarkDefinition(
      kind: .fourierHeatMap, name: name, layout: PictureLayout(root: root),
      grid: Grid(axes: axes, rowLengths: size == 1 ? nil : lengths), classes: classes,
      attributes: ["wave_norm": "\(norm)"],
      input: { cell in
        // Of the two the one whose phase the authors' code has.
        [.addWave(FourierWave(row: half - cell.index / size, column: half - cell.index % size, norm: norm))]
      })
  }
}

// MARK: - Figures

extension AccuracyFigures {
  /// The error at each frequency and at its mirror, which is the same.
  static let errorMap = AccuracyFigures(cells: .data) { tally, _, seed in
    let axes = tally.grid.axes.map(\.name)
    let (count, top1) = (tally.grid.count, tally.top1)
    let places = (0..<count).map { tally.grid.isPlanned($0) ? $0 : count - 1 - $0 }
    let errors = places.map { 1 - top1[$0] }
    let mean = AccuracyCombination(
      constant: 1, terms: places.map { .init(condition: $0, factor: -1 / Double(count)) })
    let isWhole = !errors.contains(where: \.isNaN)
    let extent = "over \(count) \(count == 1 ? "frequency" : "frequencies")"
    return [
      Metric(
        name: "mean_error", description: "error, mean over the map, 0 to 1", axes: [],
        values: [errors.reduce(0, +) / Double(count)],
        figure: .init(
          "mean error", .headline, isLessBetter: true, extent: extent,
          explanation: "Fourier heat map: the error with a wave of one frequency at a time; waves from the middle"))
    ] + (isWhole ? tally.intervals(of: "mean_error", mean, seed) : []) + [
      Metric(
        name: "largest_error", description: "error at the frequency where it is largest, 0 to 1", axes: [],
        values: [isWhole ? errors.max() ?? .nan : .nan],
        figure: .init("largest error", .detail, isLessBetter: true)),
      Metric(
        name: "error_map", description: "error with a wave of this frequency, 0 to 1; the lower half mirrors the upper",
        axes: axes, values: errors, figure: .init("error", .map, isLessBetter: true)),
    ]
  }
}
