import Benchmarks
import Records

/// What archives of before do not say of their metrics and pictures: worked out of names and kinds, which nothing else in
/// reports knows.
enum LegacyFigures {
  /// Attributes of a group with those that it lacks.
  static func attributes(_ given: [String: String], axes: [Axis], classCount: Int = 0) -> [String: String] {
    var attributes = given
    let kind = given["benchmark_kind"].flatMap(BenchmarkKind.init)
    let isMade = (given["corruptions"] ?? given["perturbations"])?.hasPrefix("made on the fly") == true
    func add(_ name: String, _ value: String?) { attributes[name] = given[name] ?? value }
    add("changed", isMade || kind == .occlusion ? "on the fly" : nil)
    add("making", "jpeg_quality\tJPEG quality\nfrost_sha256\tpictures of frost\npatch_grid\tpatches")
    if !isMade, kind == .imagenetC || kind == .imagenetP {
      add("published_files", "the network's size: taken as they are")
    }
    if isMade, let coverage = CorruptionCoverage(axes: axes) {
      add(
        "differs_from_published",
        CorruptionMaking.differencesFromPublished(
          jpegQuality: given["jpeg_quality"].flatMap { Int($0) },
          hasFrostPictures: coverage.corruptions.contains("frost") ? given["frost_folder"] != nil : nil
        ).joined(separator: "; "))
    }
    if case .among = kind?.benchmark.classes, classCount > 0 {
      add("scored_classes", (0..<classCount).map(String.init).joined(separator: " "))
    }
    if let subsets = kind?.benchmark.subsets, !subsets.isEmpty {
      add("data_folders", subsets.map(\.name).joined(separator: "\n"))
    }
    return attributes
  }

  /// Metrics that all say what they are, in the order of reports.
  static func stated(
    _ metrics: [Metric], axes: [Axis], sets: [ReportedSet], attributes: [String: String]
  ) -> [Metric] {
    withMeansBySeverity(saying(metrics, axes, sets, attributes: attributes), axes: axes).map(\.defined)
  }

  private static func saying(
    _ metrics: [Metric], _ axes: [Axis], _ sets: [ReportedSet], attributes: [String: String]
  ) -> [Metric] {
    guard metrics.contains(where: { $0.figure == nil }) else { return metrics }
    let metrics = withStandardMean(metrics, axes: axes)
    let known = known(metrics, axes, sets, attributes: attributes)
    let names = Set(known.map(\.name))
    let byName = Dictionary(metrics.map { ($0.name, $0) }) { first, _ in first }
    let rest = metrics.filter { !names.contains($0.name) }.map { metric -> Metric in
      let isEnd = ["_low", "_high"].contains {
        metric.name.hasSuffix($0) && byName[String(metric.name.dropLast($0.count))] != nil
      }
      return metric.figure == nil
        ? metric.with(isEnd ? .support : .init(metric.name, metric.axes.isEmpty ? .detail : .data)) : metric
    }
    return known.compactMap { name, figure in
      if let metric = byName[name] { return metric.figure == nil ? metric.with(figure) : metric }
      // Its absence is said.
      guard !figure.absence.isEmpty else { return nil }
      return Metric(name: name, description: "", axes: [], values: [.nan], figure: figure)
    } + rest
  }

  /// The figures that archives of before had, in the order of reports.
  private static func known(
    _ metrics: [Metric], _ axes: [Axis], _ sets: [ReportedSet], attributes: [String: String]
  ) -> [(name: String, figure: Metric.Figure)] {
    let names = Set(metrics.filter { $0.values.contains { !$0.isNaN } }.map(\.name))
    let isSequences = metrics.contains { $0.name == "flip_rate" }
    let isForeign = names.contains("aupr")
    let cells: Metric.Figure.Role = isSequences ? .curve : .table
    let headline = kind(attributes)?.subsetFigures.headline
    let top1: [(name: String, figure: Metric.Figure)] = [
      (
        "top1",
        .init(
          "top-1", !axes.isEmpty ? cells : isForeign ? .detail : .headline, isOfEachCondition: true,
          sets: headline.map { [$0] } ?? [])
      ),
      ("top5", .init("top-5", axes.isEmpty ? .beside : .data, isOfEachCondition: true)),
    ]
    let found: [(name: String, figure: Metric.Figure)] = [
      ("aupr", .init("AUPR", isForeign ? .headline : .data, sets: ["out", "in"])),
      ("auroc", .init("AUROC", .detail, sets: ["out", "in"])),
      ("fpr95", .init("FPR95", .beside, isLessBetter: true, sets: ["out", "in"])),
    ]
    let rest: [(name: String, figure: Metric.Figure)] = [
      ("bg_gap", .init("BG-gap", .detail, .points, isLessBetter: true, sets: ["mixed_same", "mixed_rand"])),
      ("val_gap", .init("gap to val", .detail, .points, isLessBetter: true, sets: ["val", "renditions"])),
      ("rms_calibration_error", .init("RMS calibration error", .detail, isLessBetter: true)),
      ("aurra", .init("AURRA", .beside)), ("ece", .init("ECE", .beside, isLessBetter: true)),
      ("evaluated", .count()), ("planned", .init("", .grid, .number)),
    ]
    let ofSets = sets.flatMap { set -> [(name: String, figure: Metric.Figure)] in
      [
        ("top1_" + set.name, .init("top-1", sets.count > 1 ? .table : .data, sets: [set.name])),
        ("evaluated_" + set.name, .count(of: [set.name])),
      ]
    }
    return found + top1 + rest + ofSets
      + (isSequences ? sequences(axes, attributes) : means(metrics, names, axes, attributes: attributes))
  }

  private static func kind(_ attributes: [String: String]) -> (any Benchmark.Type)? {
    attributes["benchmark_kind"].flatMap(BenchmarkKind.init)?.benchmark
  }

  /// Those of ImageNet-P.
  private static func sequences(
    _ axes: [Axis], _ attributes: [String: String]
  ) -> [(name: String, figure: Metric.Figure)] {
    let count = axes.first?.values.count ?? 0
    let standard = ImageNetP.standardPerturbations
    func figure(
      _ title: String, _ role: Metric.Figure.Role, _ unit: Metric.Figure.Unit, isOfStandard: Bool? = nil
    ) -> Metric.Figure {
      let all = "over \(count) \(count == 1 ? "perturbation" : "perturbations")"
      let extent = isOfStandard.map { $0 ? "over the standard \(standard.count) perturbations" : all }
      return .init(
        title, role, unit, isLessBetter: true, extent: extent ?? "", rows: isOfStandard == true ? standard : [],
        counted: .sequences, reference: isOfStandard == true ? attributes["normalise_by"] ?? "" : "")
    }
    return [
      ("flip_rate", figure("flip rate", .table, .share)),
      ("top5_distance", figure("top-5 distance", .table, .number)),
      ("mean_flip_rate", figure("mean flip rate", .headline, .share, isOfStandard: false)),
      ("mean_top5_distance", figure("mean top-5 distance", .beside, .number, isOfStandard: false)),
      ("relative_flip_rate", figure("relative flip rate", .data, .ratio)),
      ("relative_top5_distance", figure("relative top-5 distance", .data, .ratio)),
      ("mfr", figure("mFR", .compared, .ratio, isOfStandard: true)),
      ("mt5d", figure("mT5D", .beside, .ratio, isOfStandard: true)),
    ]
  }

  /// Means over a grid, and ImageNet-C's errors.
  private static func means(
    _ metrics: [Metric], _ names: Set<String>, _ axes: [Axis], attributes: [String: String]
  ) -> [(name: String, figure: Metric.Figure)] {
    guard let coverage = CorruptionCoverage(axes: axes) else {
      let count = axes.first?.values.count ?? 0
      let shares = "\(count == 1 ? "share" : "shares") of dropped patches"
      let isOcclusion = attributes["benchmark_kind"] == BenchmarkKind.occlusion.rawValue
      let words = isOcclusion ? shares : axes.first?.name
      return [("mean_top1", .init("mean top-1", .headline, extent: words.map { "over \(count) \($0)" } ?? ""))]
    }
    let rows = ImageNetC.standardCorruptions.filter(coverage.corruptions.contains)
    let extent = coverage.extent(standardOnly: true)
    func error(
      _ title: String, _ role: Metric.Figure.Role, _ extent: String = "", absence: String = "", explanation: String = ""
    ) -> Metric.Figure {
      .init(
        title, role, .ratio, isLessBetter: true, extent: extent, rows: role == .table ? [] : rows, absence: absence,
        explanation: explanation)
    }
    let whyNone = names.contains("mce") ? nil : coverage.whyNoMeanCorruptionError
    let hasStandardMean = coverage.hasStandard && metrics.contains { $0.name == "standard_mean_top1" }
    let isMore = coverage.corruptions.count > rows.count
    return [
      ("standard_mean_top1", .init("mean top-1", hasStandardMean ? .headline : .data, extent: extent, rows: rows)),
      (
        "mean_top1",
        .init(
          "mean top-1", !hasStandardMean ? .headline : isMore ? .detail : .data,
          extent: coverage.extent(standardOnly: false))
      ),
      (
        "partial_mce",
        error(
          "mean corruption error", whyNone == nil ? .data : .detail,
          "of AlexNet's, over \(rows.count) of the standard 15 corruptions")
      ),
      ("mce", error("mCE", .compared, extent, absence: whyNone ?? "")),
      (
        "relative_mce",
        error(
          "relative mCE", .beside, extent,
          absence: names.contains("mce") && !names.contains("relative_mce")
            ? "no relative mCE: the run has no results of clean images (imagenet-val)" : "")
      ),
      ("ce", error("CE", .table, explanation: "error over AlexNet's, in %")),
      (
        "relative_ce",
        error("rel. CE", .table, explanation: "the same for the increase over the clean error")
      ),
    ]
  }
}

// MARK: - Metrics that are missing

extension LegacyFigures {
  /// Metrics with the mean over the standard 15 corruptions, which older archives lack.
  private static func withStandardMean(_ metrics: [Metric], axes: [Axis]) -> [Metric] {
    guard let coverage = CorruptionCoverage(axes: axes), coverage.hasStandard,
      !metrics.contains(where: { $0.name == "standard_mean_top1" }),
      let top1 = metrics.first(where: { $0.name == "top1" })?.values,
      coverage.corruptions.count > ImageNetC.standardCorruptions.count
    else { return metrics }
    let cells = Grid(axes: axes).cells.filter {
      ImageNetC.standardCorruptions.contains($0.values[0]) && top1.indices.contains($0.index)
    }
    let mean = cells.reduce(0) { $0 + top1[$1.index] } / Double(max(1, cells.count))
    return metrics + [Metric(name: "standard_mean_top1", description: "", axes: [], values: [mean])]
  }

  /// Metrics with the means over corruptions by severity, which older archives lack, without intervals.
  private static func withMeansBySeverity(_ metrics: [Metric], axes: [Axis]) -> [Metric] {
    let name = "mean_top1_by_severity"
    guard let coverage = CorruptionCoverage(axes: axes), !metrics.contains(where: { $0.name == name }),
      let top1 = metrics.first(where: { $0.name == "top1" })?.values
    else { return metrics }
    let standard = Set(ImageNetC.standardCorruptions)
    let cells = Grid(axes: axes).cells.filter {
      top1.indices.contains($0.index) && (!coverage.hasStandard || standard.contains($0.values[0]))
    }
    let means = axes[1].values.map { severity in
      let values = cells.filter { $0.values[1] == severity }.map { top1[$0.index] }
      return values.isEmpty ? .nan : values.reduce(0, +) / Double(values.count)
    }
    let words = coverage.hasStandard ? "over the standard 15 corruptions" : "over the corruptions"
    return metrics + [
      Metric(
        name: name, description: "", axes: [axes[1].name], values: means,
        figure: .init("mean top-1", .curve, extent: words))
    ]
  }

  /// Metrics with Wilson's intervals of shares, which older archives lack: theirs were resampled, and of single figures
  /// only.
  static func withWilsonIntervals(
    _ metrics: [Metric], sets: [ReportedSet], attributes: [String: String]
  ) -> [Metric] {
    if metrics.contains(where: { $0.figure != nil || $0.name == "top1_low" && $0.description.contains("Wilson") }) {
      return metrics
    }
    let headline = kind(attributes)?.subsetFigures.headline
    let evaluated = metrics.first { $0.name == "evaluated" }?.values ?? []
    // Older archives do not count each set's images: where one is missing, sets have no interval.
    let isWhole = evaluated == [Double(sets.reduce(0) { $0 + $1.imageCount })]
    let added = metrics.flatMap { metric -> [Metric] in
      guard metric.name == "top1" || metric.name == "top5" || metric.name.hasPrefix("top1_") else { return [] }
      var counts = evaluated
      if !sets.isEmpty {
        let name = metric.name == "top1" ? headline : String(metric.name.dropFirst("top1_".count))
        guard isWhole, let set = sets.first(where: { $0.name == name }) else { return [] }
        counts = [Double(set.imageCount)]
      }
      guard metric.values.count == counts.count, !metric.name.hasSuffix("_low"), !metric.name.hasSuffix("_high")
      else { return [] }
      let intervals = zip(metric.values, counts).map {
        ConfidenceInterval.wilson(share: $0, of: Int(exactly: $1) ?? 0)
      }
      return [("_low", \ConfidenceInterval.low), ("_high", \.high)].map { end, value in
        Metric(
          name: metric.name + end, description: "Wilson's", axes: metric.axes,
          values: intervals.map { $0[keyPath: value] })
      }
    }
    let names = Set(added.map(\.name))
    return metrics.filter { !names.contains($0.name) } + added
  }
}

extension Metric {
  fileprivate func with(_ figure: Figure) -> Metric {
    Metric(name: name, description: description, axes: axes, values: values, figure: figure)
  }
}
