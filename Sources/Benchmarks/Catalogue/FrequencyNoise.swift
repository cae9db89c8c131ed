import Imaging
import Records

/// Clean images with random noise of one band of frequencies at a time: which frequencies does a network lean on? After Park
/// and Kim, "How Do Vision Transformers Work?" (ICLR 2022), Figure 2b.
public enum FrequencyNoise: Benchmark {
  /// `frequency-noise`
  public static let kind = BenchmarkKind.frequencyNoise
  /// Which bands, and how noise is made.
  public static let keys = ["root", "frequencies", "eps", "domain", "mask", "energy", "sign", "clip"]
  /// How noise is made.
  public static let making = [
    "noise_eps": "strength of noise", "noise_domain": "values that noise is added to", "noise_mask": "bands of noise",
    "noise_energy": "energy of bands", "noise_sign": "distribution of noise", "noise_clip": "clipping of noisy values",
  ]
  /// The condition without noise.
  static let clean = "none"
  /// The bands' frequencies in units of pi.
  private static let frequencies = (0..<FrequencyBand.count).map { "\(Double($0) / 10)" }

  /// All eleven bands, as strong as in a snippet of the authors: 0.7 after mean and standard deviation, which are about 40/255
  /// before.
  public static func definition(_ manifest: some ManifestKeys) throws -> BenchmarkDefinition {
    let domain = try manifest.word("domain", of: BandNoise.Making.Domain.self) ?? .pixels
    let epsilon = try manifest.fraction("eps", above: 0, upTo: domain == .pixels ? 1 : 100)
    let wanted = try manifest.words("frequencies", known: frequencies) ?? frequencies
    return .frequencyNoise(
      name: manifest.name, root: try manifest.folder("root"),
      tenths: frequencies.indices.filter { wanted.contains(frequencies[$0]) },
      making: BandNoise.Making(
        epsilon: epsilon ?? (domain == .pixels ? 40.0 / 255 : 0.7), domain: domain,
        mask: try manifest.word("mask", of: FrequencyBand.Mask.self) ?? .symmetric,
        energy: try manifest.word("energy", of: BandNoise.Making.Energy.self) ?? .drawn,
        isSign: try manifest.flag("sign") ?? true, clips: try manifest.flag("clip") ?? (domain == .pixels)),
      classes: manifest.classes)
  }

  /// Accuracies, and what each band costs.
  public static func tally(
    of benchmark: BenchmarkDefinition, _ listing: ImageListing, _ scoring: Scoring, population: UInt32
  ) -> any Tally {
    AccuracyTally(grid: benchmark.grid, scoring: scoring, figures: .lossByFrequency, population: population)
  }
}

extension BenchmarkKind {
  /// Noise of bands of frequencies is added to clean images.
  public static let frequencyNoise = BenchmarkKind("frequency-noise")
}

extension BenchmarkDefinition {
  /// Clean images, and the same with noise of each band.
  ///
  /// - Parameter tenths: the bands' frequencies in units of a tenth of pi.
  public static func frequencyNoise(
    name: String, root: String, tenths: [Int], making: BandNoise.Making, classes: [String] = []
  ) -> BenchmarkDefinition {
    let axis = Axis(name: "frequency", values: [FrequencyNoise.clean] + tenths.map { "\(Double($0) / 10)" })
    return BenchmarkDefinition(
      kind: .frequencyNoise, name: name, layout: PictureLayout(root: root), grid: Grid(axes: [axis]), classes: classes,
      attributes: [
        "noise_eps": "\(making.epsilon)", "noise_domain": making.domain.rawValue, "noise_mask": making.mask.rawValue,
        "noise_energy": making.energy.rawValue, "noise_sign": making.isSign ? "eps sign(n)" : "eps n",
        "noise_clip": making.clips ? "0 to 1" : "none",
      ],
      input: { cell in
        cell.index == 0
          ? [] : [.addNoise(BandNoise(band: FrequencyBand(tenth: tenths[cell.index - 1]), making: making))]
      })
  }
}

// MARK: - Figures

extension AccuracyFigures {
  /// By how much the first condition's accuracy is above each other's, and above their mean.
  static let lossByFrequency = AccuracyFigures(cells: .curve) { tally, _, seed in
    guard let axis = tally.grid.axes.first, axis.values.count > 1 else { return [] }
    let (top1, noisy) = (tally.top1, Array(1..<tally.grid.count))
    let losses = noisy.map { top1[0] - top1[$0] }
    let combination = AccuracyCombination(
      terms: [.init(condition: 0, factor: 1)] + noisy.map { .init(condition: $0, factor: -1 / Double(noisy.count)) })
    return [
      Metric(
        name: "mean_loss", description: "top-1 accuracy without noise less its mean over the bands, -1 to 1", axes: [],
        values: [losses.reduce(0, +) / Double(losses.count)],
        figure: .init(
          "mean loss", .headline, .points, isLessBetter: true,
          extent: "of top-1 over \(noisy.count) \(noisy.count == 1 ? "band" : "bands") of frequencies",
          explanation: "frequency noise: by how much noise of a band lowers top-1; frequencies in units of pi"))
    ] + tally.intervals(of: "mean_loss", combination, seed) + [
      Metric(
        name: "loss_by_frequency", description: "top-1 accuracy without noise less that with a band's noise, -1 to 1",
        axes: [axis.name], values: [.nan] + losses,
        figure: .init("loss", .curve, .points, isLessBetter: true))
    ]
  }
}
