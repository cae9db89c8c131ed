import Imaging
import Records

/// Common corruptions (Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and
/// Perturbations", ICLR 2019; hendrycks/robustness): `ROOT/CORRUPTION/SEVERITY/WNID/*.JPEG`, or made on the fly from clean
/// images.
public enum ImageNetC: Benchmark {
  /// `imagenet-c`
  public static let kind = BenchmarkKind.imagenetC
  /// Published files or clean images, the parts of the grid, and how corruptions are made.
  public static let keys = ["root", "from", "corruptions", "severities", "jpeg", "frost"]

  /// What corruptions made on the fly depend on.
  public static let making = ["jpeg_quality": "JPEG quality", "frost_sha256": "pictures of frost"]

  /// The folders that the public archives put above the corruptions.
  public static let groups = ["noise", "blur", "weather", "digital", "extra"]

  /// All that are published: the standard 15, then the extra four.
  public static let corruptions = Corruption.all.filter(\.isPublished).map(\.rawValue)

  /// The 15 corruptions over which mCE is defined.
  public static let standardCorruptions = Corruption.all.filter(\.isStandard).map(\.rawValue)

  /// Every published corruption at every severity, unless the manifest says otherwise.
  public static func definition(_ manifest: some ManifestKeys) throws -> BenchmarkDefinition {
    let origin = try manifest.origin()
    for key in ["jpeg", "frost"] where !origin.isMade && manifest.has(key) {
      throw manifest.failure(key, "\(key) is for corruptions made on the fly, with from")
    }
    let known = origin.isMade ? Corruption.all.map(\.rawValue) : corruptions
    let definition = BenchmarkDefinition.corruptions(
      name: manifest.name, origin: origin, corruptions: try manifest.words("corruptions", known: known) ?? corruptions,
      severities: try manifest.integers("severities", in: 1...5) ?? [1, 2, 3, 4, 5], classes: manifest.classes,
      making: CorruptionMaking(
        jpegQuality: try manifest.integer("jpeg", in: 1...100), frost: try frost(manifest)))
    for cell in definition.grid.cells where !origin.isMade {
      _ = try manifest.existingFolder(of: cell, in: definition.layout, "\(cell)")
    }
    return definition
  }

  private static func frost(_ manifest: some ManifestKeys) throws -> FrostFolder? {
    guard manifest.has("frost") else { return nil }
    let path = try manifest.folder("frost")
    do {
      let frost = try FrostFolder(path: path)
      _ = try frost.pictures()
      return frost
    } catch { throw manifest.failure("frost", "\(error)") }
  }

  /// A folder a corruption and severity, or that of the clean images.
  public static func layout(of origin: ImageOrigin, _ subsets: [ImageSubset]) -> PictureLayout {
    origin.isMade
      ? PictureLayout(root: origin.root)
      : PictureLayout(root: origin.root, folderAxes: 2, groups: groups, mayFitAlready: true)
  }

  /// Accuracies and corruption errors.
  public static func tally(
    of benchmark: BenchmarkDefinition, _ listing: ImageListing, _ scoring: Scoring, population: UInt32
  ) -> any Tally {
    AccuracyTally(grid: benchmark.grid, scoring: scoring, figures: .corruptions, population: population)
  }
}

extension BenchmarkKind {
  /// Common corruptions.
  public static let imagenetC = BenchmarkKind("imagenet-c")
}

extension BenchmarkDefinition {
  /// ImageNet-C over the given corruptions and severities.
  public static func corruptions(
    name: String, origin: ImageOrigin, corruptions: [String], severities: [Int], classes: [String] = [],
    making: CorruptionMaking = CorruptionMaking()
  ) -> BenchmarkDefinition {
    let axes = [
      Axis(name: "corruption", values: corruptions),
      Axis(name: "severity", values: severities.map(String.init), isNumeric: true),
    ]
    let made = corruptions.map { origin.isMade ? Corruption(rawValue: $0) : nil }
    return BenchmarkDefinition(
      kind: .imagenetC, name: name,
      layout: ImageNetC.layout(of: origin, []),
      grid: Grid(axes: axes), classes: classes,
      attributes: origin.isMade ? making.attributes(hasFrost: made.contains { $0?.usesFrostPictures == true }) : [:]
    ) { cell in
      guard let corruption = made[cell.index / severities.count] else { return [.fit] }
      return [.fit, .corrupt(corruption, severity: severities[cell.index % severities.count], making)]
    }
  }
}

// MARK: - Figures

extension AccuracyFigures {
  /// Corruption errors and means over corruptions and severities.
  public static let corruptions = AccuracyFigures(calibratesConditions: true) { tally, clean, seed in
    tally.grid.axes.count == 2 ? tally.corruptionMetrics(clean: clean, seed: seed) : []
  }
}

extension AccuracyTally {
  /// The conditions of the standard 15 corruptions; none where one of them is missing.
  private var standardConditions: [Int] {
    guard CorruptionCoverage(axes: grid.axes)?.hasStandard == true else { return [] }
    return grid.cells.filter { ImageNetC.standardCorruptions.contains($0.values[0]) }.map(\.index)
  }

  fileprivate func corruptionMetrics(clean: AccuracyTally?, seed: UInt64) -> [Metric] {
    let cleanTop1 = clean?.top1.first ?? .nan
    let errors = CorruptionError(grid: grid, top1: top1, clean: cleanTop1)
    let ce = errors.errors
    let relative = errors.relativeErrors
    let corruption = [grid.axes[0].name]
    let mean = top1.isEmpty ? .nan : top1.reduce(0, +) / Double(top1.count)
    let standard = standardConditions
    let standardMean = standard.isEmpty ? .nan : standard.reduce(0) { $0 + top1[$1] } / Double(standard.count)
    let coverage = CorruptionCoverage(axes: grid.axes)
    let rows = ImageNetC.standardCorruptions.filter(grid.axes[0].values.contains)
    let whyNone = coverage?.whyNoMeanCorruptionError ?? ""
    let hasStandard = coverage?.hasStandard == true
    let ofStandard = coverage?.extent(standardOnly: true) ?? ""
    let single: [(name: String, words: String, figure: Metric.Figure, value: Double, of: AccuracyCombination)] = [
      (
        "standard_mean_top1",
        "top-1 accuracy, mean over the standard 15 corruptions and the severities, 0 to 1; NaN without all",
        .init("mean top-1", hasStandard ? .headline : .data, extent: ofStandard, rows: rows), standardMean,
        AccuracyCombination.mean(over: standard)
      ),
      (
        "mean_top1", "top-1 accuracy, mean over all corruptions and severities, 0 to 1",
        .init(
          "mean top-1", !hasStandard ? .headline : grid.axes[0].values.count > rows.count ? .detail : .data,
          extent: coverage?.extent(standardOnly: false) ?? ""), mean, .mean(conditions: top1.count)
      ),
      (
        "partial_mce", "mean corruption error over those standard corruptions that were evaluated",
        .init(
          "mean corruption error", whyNone.isEmpty ? .data : .detail, .ratio, isLessBetter: true,
          extent: "of AlexNet's, over \(rows.count) of the standard 15 corruptions", rows: rows),
        errors.partialMean(ce), errors.combination(relative: false)
      ),
      (
        "mce", "mCE: mean corruption error over the standard 15 corruptions, 1 = AlexNet; NaN without all",
        .init(
          "mCE", .compared, .ratio, isLessBetter: true, extent: ofStandard, rows: rows,
          absence: whyNone), errors.mean(ce), errors.combination(relative: false)
      ),
      (
        "relative_mce",
        "relative mCE: mean relative corruption error over the standard 15, 1 = AlexNet; NaN without all",
        .init(
          "relative mCE", .beside, .ratio, isLessBetter: true, extent: ofStandard, rows: rows,
          absence: whyNone.isEmpty && cleanTop1.isNaN
            ? "no relative mCE: the run has no results of clean images (imagenet-val)" : ""),
        errors.mean(relative), errors.combination(relative: true)
      ),
    ]
    let severities = grid.axes[1].values.map { severity in
      grid.cells.filter { cell in
        cell.values[1] == severity && (!hasStandard || ImageNetC.standardCorruptions.contains(cell.values[0]))
      }.map(\.index)
    }
    let all = CombinationBootstrap(
      single.map(\.of) + severities.map(AccuracyCombination.mean), of: rightAnswers
    ).intervals(
      seed: seed, population: population,
      clean: clean.map { ($0.rightAnswers, $0.population) })
    let intervals = all.prefix(single.count)
    return [
      Metric(
        name: "ce", description: "corruption error over AlexNet's, 1 = as many errors (Hendrycks and Dietterich 2019)",
        axes: corruption, values: ce,
        figure: .init("CE", .table, .ratio, isLessBetter: true, explanation: "error over AlexNet's, in %")),
      Metric(
        name: "relative_ce",
        description: "what the error exceeds the clean error by, over the same of AlexNet (clean error 0.435)",
        axes: corruption, values: relative,
        figure: .init(
          "rel. CE", .table, .ratio, isLessBetter: true,
          explanation: "the same for the increase over the clean error")),
    ]
      + zip(single, intervals).flatMap { metric, interval in
        // A figure that is not defined has no interval either.
        let interval = metric.value.isNaN ? ConfidenceInterval(resampled: []) : interval
        return [
          Metric(name: metric.name, description: metric.words, axes: [], values: [metric.value], figure: metric.figure)
        ] + Metric.ends(of: metric.name, interval)
      } + meansBySeverity(severities, Array(all.dropFirst(single.count)), extent: hasStandard ? ofStandard : "")
  }
  /// The accuracy at each severity, mean over the corruptions.
  ///
  /// - Parameter severities: the conditions of each.
  private func meansBySeverity(
    _ severities: [[Int]], _ intervals: [ConfidenceInterval], extent: String
  ) -> [Metric] {
    let (name, axes) = ("mean_top1_by_severity", [grid.axes[1].name])
    let words = extent.isEmpty ? "over the corruptions" : "over the standard 15 corruptions"
    let values = severities.map { conditions in
      conditions.isEmpty ? .nan : conditions.reduce(0) { $0 + top1[$1] } / Double(conditions.count)
    }
    return [
      Metric(
        name: name, description: "top-1 accuracy, mean \(words), 0 to 1", axes: axes, values: values,
        figure: .init("mean top-1", .curve, extent: words))
    ]
      + Metric.ends(
        of: name, axes: axes, method: Bootstrap.method, zip(values, intervals).map { $0.isNaN ? .undefined : $1 })
  }
}
