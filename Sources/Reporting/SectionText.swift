import Records

/// What a section says in words, on a terminal and on the page.
extension ReportSection {
  /// How many images there are: `500 images per condition`, `8 sets of 500 images`.
  var size: String {
    if attributes["data_root"] == "" { return "the network alone" }
    guard sets.count > 1 else {
      if metrics.contains(where: { $0.said.counted == .sequences }) { return "\(imageCount) sequences" }
      return "\(imageCount) images" + (axes.isEmpty ? "" : " per condition")
    }
    let counts = Set(sets.map(\.imageCount))
    if counts.count == 1, let count = counts.first { return "\(sets.count) sets of \(count) images" }
    return sets.enumerated().map { "\($1.imageCount)\($0 == 0 ? " images" : "") of \($1.name)" }
      .joined(separator: ", ")
  }

  /// What the cells of a shown grid are: `, top-1 in %`.
  var cellsInWords: String {
    guard isTable, let said = cells?.said else { return "" }
    return ", \(said.title)" + (said.unit == .number ? "" : " in %")
  }

  /// What was done to pictures before the network saw them, in the words of `gauntlet inspect`; nil where the archive
  /// does not say.
  var preparation: String? {
    // A network alone, without pictures.
    guard attributes["data_root"] != "" else { return nil }
    guard let mean = attributes["preprocess_mean"], let std = attributes["preprocess_std"] else { return nil }
    let steps: [String]
    if let published = attributes["published_files"] {
      steps = ["published files of \(published)"]
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

  /// The section's figures, a line each, the one that stands for it first.
  var figureLines: [String] {
    let lines = metrics.filter { $0.axes.isEmpty }
    guard lines.contains(where: { Self.areLines.contains($0.said.role) && isDefined($0) }) || isEvaluated else {
      guard let labels = attributes["labels"] else { return ["nothing evaluated"] }
      let why = labels.hasPrefix("unknown: ") ? String(labels.dropFirst("unknown: ".count)) : labels
      let all = count(Metric.Figure("", .data, counted: .results))
      let results = ReportedCount(evaluated: all.planned - all.missing, planned: all.planned)
      return ["not scored: \(why); \(results.text) results"]
    }
    var groups: [[Metric]] = []
    for metric in lines where Self.areLines.contains(metric.said.role) {
      if metric.said.role == .beside, !groups.isEmpty {
        groups[groups.count - 1].append(metric)
      } else {
        groups.append([metric])
      }
    }
    func isHeadline(_ group: [Metric]) -> Bool { group.first?.said.role == .headline }
    var said: Set<String> = []
    return (groups.filter(isHeadline) + groups.filter { !isHeadline($0) }).compactMap { line($0, &said) }
  }

  private static let areLines: Set<Metric.Figure.Role> = [.headline, .compared, .detail, .beside]

  private var isEvaluated: Bool { conditions.contains { evaluated($0) > 0 } }

  /// Figures that share a line, how many images they are of, unless a line before says it, and why some are not defined.
  private func line(_ metrics: [Metric], _ said: inout Set<String>) -> String? {
    let figures = metrics.compactMap(figure)
    var parts: [String] = []
    if let first = figures.first {
      let extent = first.said.extent.isEmpty ? "" : " " + first.said.extent
      parts.append(figures.map(\.text).joined(separator: ", ") + extent)
      if said.insert("\(first.images) \(conditions(of: first.said))").inserted { parts.append(first.images) }
    }
    parts += metrics.filter { !isDefined($0) }.compactMap(absence)
    return parts.isEmpty ? nil : parts.joined(separator: "; ")
  }

  /// Why a figure is not defined, where that is known.
  private func absence(_ metric: Metric) -> String? {
    guard metric.said.absence.isEmpty else { return metric.said.absence }
    let gaps = conditions(of: metric.said).filter { counted($0, metric.said) == 0 }
    guard [.headline, .compared].contains(metric.said.role), !axes.isEmpty, let first = gaps.first else { return nil }
    return "no \(metric.said.title): no result of \(name(of: first))"
      + (gaps.count > 1 ? " and \(gaps.count - 1) more conditions" : "")
  }

  /// What of the section needs care: differences, gaps.
  var notes: [String] {
    var lines: [String] = []
    if let differences = attributes["differs_from_published"] {
      lines.append("made on the fly, not comparable with the published files: \(differences)")
    }
    if attributes["answers_among"] == "all" {
      lines.append(
        "answers among all classes\(answerClasses.map { ", \($0.count) of them" } ?? ""), as the manifest asks; "
          + "most published figures are among the benchmark's own")
    }
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

  /// Why figures are not defined, a sentence each.
  var absences: [String] {
    metrics.filter { $0.axes.isEmpty && Self.areLines.contains($0.said.role) && !isDefined($0) }.compactMap(absence)
  }

  /// Values over one axis, a row each, and those of single sets of images.
  var lists: [SectionList] {
    let ofSets = metrics.filter { $0.axes.isEmpty && $0.said.role == .table }
    let sets = ofSets.map(\.said.title).firstOccurrences.map { title in
      SectionList(
        axis: nil, title: title,
        rows: ofSets.filter { $0.said.title == title }.compactMap { metric in
          measured(metric, 0).map {
            .init(
              name: metric.said.sets.joined(separator: ", "), value: $0.text,
              images: "\(count(metric.said).text) \(metric.said.unitOfCount)")
          }
        })
    }
    let columns = Set(columns.map(\.name))
    let series = metrics.compactMap { metric -> SectionList? in
      guard metric.axes.count == 1, let place = axes.firstIndex(where: { $0.name == metric.axes[0] }),
        [.table, .curve].contains(metric.said.role), !columns.contains(metric.name),
        isDefined(metric) || metric.name == cells?.name, !(isTable && place == 1 && metric.said.role == .curve)
      else { return nil }
      return SectionList(
        axis: axes[place].name, title: metric.said.title,
        rows: axes[place].values.enumerated().map { index, value in
          .init(
            name: value, value: measured(metric, index)?.text ?? "-",
            images: images(of: metric.said, under: conditions(along: place) { $0 == value }))
        })
    }
    return (sets + series + furtherLists).filter { !$0.rows.isEmpty }
  }

  /// Values over axes that are none of the grid's.
  private var furtherLists: [SectionList] {
    metrics.compactMap { metric in
      guard metric.axes.count == 1, metric.said.role == .table, isDefined(metric),
        let axis = furtherAxes.first(where: { $0.name == metric.axes[0] })
      else { return nil }
      return SectionList(
        axis: axis.name, title: metric.said.title,
        rows: axis.values.enumerated().map { place, value in
          .init(
            name: value, value: measured(metric, place)?.text ?? "-",
            images: images(at: place, of: axis).map { "\($0) images" } ?? "")
        })
    }
  }

  /// A row a value of an axis, a column a figure of those that share it. Empty where there are none.
  var seriesTable: (head: [String], rows: [[String]]) {
    let series = metrics.filter { $0.said.role == .series && $0.axes.count == 1 && isDefined($0) }
    guard let name = series.first?.axes[0], let axis = axis(name) else { return ([], []) }
    let columns = series.filter { $0.axes == [name] }
    let head = columns.map { $0.said.title + ($0.said.extent.isEmpty ? "" : " " + $0.said.extent) }
    return (
      [name] + head,
      axis.values.enumerated().map { place, value in
        [value] + columns.map { measured($0, place)?.valueText ?? "-" }
      }
    )
  }

  /// A row a value of the first of two axes: its figures, and the mean of its curve. Empty where there is none.
  var rowTable: (head: [String], rows: [[String]]) {
    let columns = columns
    let curve = cells.flatMap { axes.count == 2 && $0.said.role == .curve ? $0 : nil }
    guard !columns.isEmpty || curve != nil, axes.count == 2 else { return ([], []) }
    let width = axes[1].values.count
    let rows = axes[0].values.enumerated().map { row, name in
      let conditions = (row * width..<(row + 1) * width).filter(isPlanned)
      var cells = columns.map { measured($0, row)?.valueText ?? "-" }
      if let curve { cells.append(mean(curve, conditions).map { $0.valueText } ?? "-") }
      if conditions.contains(where: isIncomplete) { cells[0] += " *" }
      return [name] + cells
    }
    return ([axes[0].name] + columns.map(\.said.title) + (curve.map { ["mean \($0.said.title)"] } ?? []), rows)
  }

  /// The mean of a metric over some conditions; nil where one has no value.
  func mean(_ metric: Metric, _ conditions: [Int]) -> Measured? {
    let values = conditions.compactMap { value(metric, $0) }
    guard !values.isEmpty, values.count == conditions.count else { return nil }
    return Measured(
      value: values.reduce(0, +) / Double(values.count), low: nil, high: nil, unit: metric.said.unit)
  }
}

/// Values with their intervals, a row each.
struct SectionList {
  /// What the rows are values of; nil: sets of images.
  let axis: String?
  /// What the values are.
  let title: String
  let rows: [Row]

  struct Row {
    let name: String
    let value: String
    /// How many images it is of.
    let images: String
  }
}
