import Benchmarks

/// What a section says in words, on a terminal and on the page.
extension ReportSection {
  /// How many images there are: `500 images a condition`, `8 sets of 500 images`.
  var size: String {
    guard sets.count > 1 else {
      if !stability.isEmpty { return "\(imageCount) sequences" }
      return "\(imageCount) images" + (axes.isEmpty ? "" : " a condition")
    }
    let counts = Set(sets.map(\.imageCount))
    if counts.count == 1, let count = counts.first { return "\(sets.count) sets of \(count) images" }
    return sets.enumerated().map { "\($1.imageCount)\($0 == 0 ? " images" : "") of \($1.name)" }
      .joined(separator: ", ")
  }

  /// What was done to pictures before the network saw them, in the words of `gauntlet inspect`; nil where the archive
  /// does not say.
  var preparation: String? {
    guard let mean = attributes["preprocess_mean"], let std = attributes["preprocess_std"] else { return nil }
    let steps: [String]
    if kind?.benchmark.isPublishedAtInputSize == true && !isMadeOnTheFly {
      // Archives that do not say more have files of the network's size.
      steps = ["published files of \(attributes["published_files"] ?? "the network's size: taken as they are")"]
    } else {
      let size = ["resize", "crop"].compactMap { name in attributes["preprocess_" + name].map { "\(name) \($0)" } }
      steps = size.isEmpty ? ["neither resized nor cropped"] : size + [attributes["preprocess_interpolation"] ?? ""]
    }
    func shortened(_ channels: String) -> String {
      let values = Set(channels.split(separator: " "))
      return values.count == 1 ? values.joined() : channels
    }
    return "pictures: " + (steps + ["mean \(shortened(mean))", "std \(shortened(std))"]).joined(separator: ", ")
  }

  /// Whether corruptions or perturbations were made from clean pictures.
  var isMadeOnTheFly: Bool {
    (attributes["corruptions"] ?? attributes["perturbations"])?.hasPrefix("made on the fly") == true
  }

  /// Why figures are not comparable with those of the published files; nil where they are.
  var differsFromPublished: String? {
    guard isMadeOnTheFly, let coverage else { return nil }
    let differences = CorruptionMaking.differencesFromPublished(
      jpegQuality: attributes["jpeg_quality"].flatMap { Int($0) },
      hasFrostPictures: coverage.corruptions.contains("frost") ? attributes["frost_folder"] != nil : nil)
    return "made on the fly, not comparable with the published files: " + differences.joined(separator: "; ")
  }

  /// The section's figures, a line each.
  var figureLines: [String] {
    if !stability.isEmpty { return stabilityLines }
    guard headline != nil else {
      guard let labels = attributes["labels"] else { return ["nothing evaluated"] }
      let all = count(conditions)
      let why = labels.hasPrefix("unknown: ") ? String(labels.dropFirst("unknown: ".count)) : labels
      let done = all.planned - all.missing
      return ["not scored: \(why); \(Self.text(ReportedCount(evaluated: done, planned: all.planned))) results"]
    }
    return gridLines + setLines + calibrationLines
  }

  /// What of the section needs care: differences, gaps.
  var notes: [String] {
    var lines: [String] = []
    if let differsFromPublished { lines.append(differsFromPublished) }
    let incomplete = conditions.filter(isIncomplete)
    guard !incomplete.isEmpty else { return lines }
    if axes.isEmpty {
      lines.append("* incomplete: \(resultCount(0)) of \(imageCount) images evaluated")
    } else {
      let named = incomplete.prefix(4).map { "\(name(of: $0)) \(resultCount($0))" }
      let rest = incomplete.count - named.count
      lines.append(
        "* incomplete: of \(imageCount) images evaluated: " + named.joined(separator: ", ")
          + (rest > 0 ? " and \(rest) more conditions" : ""))
    }
    return lines
  }

  /// A line a figure that is of a list of images, or a mean over a grid.
  private var gridLines: [String] {
    if axes.isEmpty {
      guard sets.isEmpty, let top1 = figure("top1", "top-1") else { return [] }
      let top5 = text("top5").map { ", top-5 \($0)" } ?? ""
      return ["top-1 \(top1.text)\(top5); \(top1.images)"]
    }
    var lines: [String] = []
    let standard = standardMean
    if let standard { lines.append("mean top-1 \(standard.text) \(standard.extent); \(standard.images)") }
    let isMore = coverage.map { $0.corruptions.count > ImageNetC.standardCorruptions.count } ?? true
    if let mean = figure("mean_top1", "mean top-1"), standard == nil || isMore {
      lines.append("mean top-1 \(mean.text) \(mean.extent); \(mean.images)")
    }
    return lines + errorLines
  }

  private var errorLines: [String] {
    guard let coverage else { return [] }
    var lines: [String] = []
    if let mce = figure("mce", "mCE") {
      let relative =
        text("relative_mce").map { ", relative mCE \($0)" }
        ?? "; no relative mCE: the run has no results of clean images (imagenet-val)"
      lines.append("mCE \(mce.text) \(mce.extent)\(relative)")
    } else if let reason = coverage.whyNoMeanCorruptionError {
      if let partial = text("partial_mce") {
        let count = coverage.corruptions.count { ImageNetC.standardCorruptions.contains($0) }
        lines.append("mean corruption error \(partial) of AlexNet's, over \(count) of the standard 15 corruptions")
      }
      lines.append(reason)
    } else {
      let gaps = conditions(of: "mce").filter { top1($0) == nil }
      lines.append(
        "no mCE: no result of \(gaps.first.map(name) ?? "some conditions")"
          + (gaps.count > 1 ? " and \(gaps.count - 1) more conditions" : ""))
    }
    return lines
  }

  /// The figures of a benchmark of several sets of images.
  private var setLines: [String] {
    guard !sets.isEmpty else { return [] }
    var lines: [String] = []
    if let aupr = figure("aupr", "AUPR") {
      lines.append("AUPR \(aupr.text); \(aupr.images)")
      let others = [("auroc", "AUROC"), ("fpr95", "FPR95")].compactMap { name, title in
        text(name).map { "\(title) \($0)" }
      }
      lines.append(others.joined(separator: ", "))
    }
    if let top1 = figure("top1", "top-1") { lines.append("top-1 \(top1.text); \(top1.images)") }
    for (name, title) in [("bg_gap", "BG-gap"), ("val_gap", "gap to val")] {
      guard let gap = scalar(name) else { continue }
      let parts = ReportFigure.parts(gap, scalar(name + "_low"), scalar(name + "_high"))
      lines.append("\(title) \(parts.value) points" + (parts.interval.map { " " + $0 } ?? "") + "; \(images(of: name))")
    }
    return lines
  }

  private var calibrationLines: [String] {
    let figures = [("rms_calibration_error", "RMS calibration error"), ("aurra", "AURRA"), ("ece", "ECE")]
      .compactMap { name, title in text(name).map { "\(title) \($0)" } }
    return figures.isEmpty ? [] : [figures.joined(separator: ", ")]
  }

  /// `figureLines` without the figure that stands above them on the page.
  var linesBelowHeadline: [String] {
    let lines = figureLines
    guard let headline, let first = lines.first else { return lines }
    let words = "\(headline.name) \(headline.text)"
    guard first.hasPrefix(words) else { return lines }
    let rest = first.dropFirst(words.count)
    return (rest.hasPrefix(", ") ? [String(rest.dropFirst(2))] : []) + lines.dropFirst()
  }

  /// A row a condition of the only axis, or a set of images: name, top-1 with interval, images. None of other sections.
  var rows: [(name: String, top1: String, images: String)] {
    if axes.count == 1 {
      return conditions.map { condition in
        let text = top1(condition).map {
          ReportFigure.text($0, value("top1_low", condition), value("top1_high", condition))
        }
        let count = Self.text(count([condition]))
        return (axes[0].values[condition], text ?? "-", count + " images")
      }
    }
    guard sets.count > 1 else { return [] }
    return sets.compactMap { set in
      text("top1_" + set.name).map { (set.name, $0, Self.text(count(of: set)) + " images") }
    }
  }
}
