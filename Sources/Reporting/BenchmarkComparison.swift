import Records

/// One benchmark with all models that were evaluated on it, which are columns.
struct BenchmarkComparison: Sendable {
  let name: String
  let columns: [Column]
  /// Pairwise comparison of models, as rows of ``ModelPairs``.
  let pairs: [Pair]
  /// A row a single figure, that which stands for the benchmark first.
  let figures: [Row]
  /// What marks stand for: a letter and its sentence.
  let notes: [(mark: String, text: String)]

  /// A model on the benchmark.
  struct Column: Sendable {
    /// The model's place among the report's, which gives it a colour.
    let place: Int
    /// Its name, with its run where several have one of this name.
    let name: String
    let section: ReportSection
  }

  /// Two models of a run.
  struct Pair: Sendable {
    /// Their places among the report's models.
    let places: [Int]
    let found: ReportedPair
    /// Cells of ``ModelPairs``.
    let cells: [String]
  }

  /// A figure of each model.
  struct Row: Sendable {
    /// The metric's name, by which models have the same figure.
    let metric: String
    /// What the first model's is.
    let said: Metric.Figure
    /// What the first model's is of, such as `500 images`.
    let images: String
    /// One a column; nil where it has none.
    let cells: [ModelComparison.Cell?]

    /// Those that are the best of what is comparable; none where all are.
    var best: Set<Int> {
      Metric.Figure.best(said, cells.map { cell in cell.flatMap { $0.mark.isEmpty ? $0.figure.measured : nil } })
    }
  }

  init(_ name: String, of model: ReportModel) {
    self.name = name
    let models = model.models
    let columns = models.enumerated().compactMap { place, key in
      model.sections.first { $0.key == key && $0.benchmark == name }.map {
        Column(place: place, name: model.name(of: key), section: $0)
      }
    }
    self.columns = columns
    let cells = ModelPairs(model)?.rows ?? []
    pairs = zip(model.pairs, cells).filter { $0.0.comparison.benchmark == name }.map { pair, cells in
      let keys = [pair.comparison.first, pair.comparison.second].map { ReportedModel(run: pair.run, name: $0) }
      return Pair(
        places: keys.compactMap { models.firstIndex(of: $0) }, found: pair, cells: Array(cells.dropFirst()))
    }
    var notes: [(mark: String, text: String)] = []
    figures = Self.names(columns) {
      [.headline, .compared, .detail, .beside].contains($0.said.role) && $0.axes.isEmpty
    }
    .compactMap { Self.row($0, columns, notes: &notes) }
    self.notes = notes
  }

  /// All benchmarks of a report, in its order.
  static func all(of model: ReportModel) -> [BenchmarkComparison] {
    (model.sections.map(\.benchmark) + model.pairs.map(\.comparison.benchmark)).firstOccurrences
      .map { BenchmarkComparison($0, of: model) }
  }

  /// The names of metrics that some model has, the headline's first.
  static func names(_ columns: [Column], where isWanted: (Metric) -> Bool) -> [String] {
    let metrics = columns.flatMap { column in
      column.section.metrics.filter { isWanted($0) && column.section.isDefined($0) }
    }
    return (metrics.filter { $0.said.role == .headline } + metrics.filter { $0.said.role == .compared } + metrics)
      .map(\.name).firstOccurrences
  }

  private static func row(
    _ name: String, _ columns: [Column], notes: inout [(mark: String, text: String)]
  ) -> Row? {
    let figures = columns.map { column in column.section.metric(name).flatMap(column.section.figure) }
    guard let first = figures.firstIndex(where: { $0 != nil }), let reference = figures[first] else { return nil }
    let cells = zip(columns, figures).map { column, figure -> ModelComparison.Cell? in
      guard let figure else { return nil }
      let differences = column.section.differences(figure.said, from: columns[first].section, reference.said)
      guard !differences.isEmpty else { return ModelComparison.Cell(figure: figure, mark: "") }
      let text = "not comparable with \(columns[first].name): " + differences.joined(separator: "; ")
      return ModelComparison.Cell(figure: figure, mark: ModelComparison.mark(text, &notes))
    }
    return Row(metric: name, said: reference.said, images: reference.images, cells: cells)
  }
}

// MARK: - In words

extension BenchmarkComparison {
  /// What the figure that stands for the benchmark shows of the models; nil where there is none.
  var finding: String? {
    guard let row = figures.first else { return nil }
    // Those that are not of the same thing are not put in order.
    let found = zip(columns, row.cells).compactMap { column, cell in
      cell.flatMap { $0.mark.isEmpty ? (model: column.name, measured: $0.figure.measured) : nil }
    }.sorted { $0.measured.value > $1.measured.value }
    guard let first = found.first, let last = found.last else { return nil }
    let extents = Set(row.cells.compactMap { $0?.figure.said.extent })
    let extent = extents.count == 1 && !row.said.extent.isEmpty ? " " + row.said.extent : ""
    guard found.count > 1 else {
      return columns.count == 1 ? "\(row.said.title)\(extent): \(first.measured.text)." : nil
    }
    guard first.measured.bare != last.measured.bare else {
      return "\(row.said.title)\(extent): \(first.measured.valueText) of each model."
    }
    return "\(row.said.title)\(extent): highest of \(first.model), \(first.measured.text); lowest of \(last.model), "
      + "\(last.measured.text)."
  }

  /// How many of the pairs differ by more than chance; nil where there are no pairs.
  var pairSentence: String? {
    guard !pairs.isEmpty else { return nil }
    let tested = pairs.filter { !$0.found.comparison.correctedP.isNaN }
    let apart = tested.count { $0.found.comparison.correctedP < 0.05 }
    return "\(apart) of \(pairs.count) \(pairs.count == 1 ? "pair" : "pairs") of models "
      + "\(apart == 1 ? "differs" : "differ") in top-1 by more than chance (p < 0.05 after Holm's correction)."
  }

  /// Under which row of a grid each figure of the models is worst: `Lowest mean top-1: fog (one 50.0 %, two 44.1 %).`
  var worstRows: [String] {
    guard let axis = columns.first?.section.axes.first, !axis.isNumeric else { return [] }
    return rowFigures.compactMap { figure in
      guard let direction = figure.said.direction else { return nil }
      let worst = zip(columns, figure.values).compactMap { column, values -> (row: String, words: String)? in
        let known = values.enumerated().compactMap { place, value in value.map { (place: place, measured: $0) } }
        guard known.count > 1, column.section.axes.first == axis,
          let least = known.min(by: {
            direction == .more ? $0.measured.value < $1.measured.value : $0.measured.value > $1.measured.value
          })
        else { return nil }
        return (axis.values[least.place], "\(column.name) \(least.measured.valueText)")
      }
      guard !worst.isEmpty else { return nil }
      let rows = worst.map(\.row).firstOccurrences.map { row in
        "\(row) (\(worst.filter { $0.row == row }.map(\.words).joined(separator: ", ")))"
      }
      return "\(direction == .more ? "Lowest" : "Highest") \(figure.title): \(rows.joined(separator: ", "))."
    }
  }

  /// The row that is worst for every model by every figure; nil where it depends.
  var worstRow: String? {
    let axis = columns.first?.section.axes.first
    let rows = worstRows.map { $0.drop { $0 != ":" }.dropFirst(2) }
    guard let axis, !rows.isEmpty else { return nil }
    return axis.values.first { value in rows.allSatisfy { $0.hasPrefix(value + " (") && !$0.contains("), ") } }
  }

  /// What needs care, each said once, with the models that it is of where it is not of all.
  var remarks: [String] {
    let said = columns.map { column -> [String] in
      let lines = column.section.notes + column.section.absences
      return figures.isEmpty ? lines + column.section.figureLines : lines
    }
    return said.flatMap { $0 }.firstOccurrences.map { line in
      let models = zip(columns, said).filter { $1.contains(line) }.map(\.0.name)
      return models.count == columns.count ? line : "\(models.joined(separator: ", ")): \(line)"
    } + notes.map { "\($0.mark): \($0.text)" }
  }
}

// MARK: - Figures of a grid's rows

extension BenchmarkComparison {
  /// A figure of each row of a grid of two axes.
  struct RowFigure {
    let title: String
    let said: Metric.Figure
    /// [column][row]
    let values: [[Measured?]]
  }

  /// The mean of the cells over each row, and the metrics over the rows.
  var rowFigures: [RowFigure] {
    guard let axis = columns.first?.section.axes.first, columns.allSatisfy({ $0.section.axes.count == 2 }) else {
      return []
    }
    func values(_ of: (ReportSection, Int) -> Measured?) -> [[Measured?]] {
      columns.map { column in
        axis.values.map { name in column.section.axes[0].values.firstIndex(of: name).flatMap { of(column.section, $0) }
        }
      }
    }
    var figures: [RowFigure] = []
    if let said = columns.lazy.compactMap({ $0.section.cells?.said }).first, said.unit != .number {
      let means = values { section, row in
        section.cells.flatMap { section.mean($0, section.conditions(ofRow: row)) }
      }
      figures.append(RowFigure(title: "mean \(said.title)", said: said, values: means))
    }
    for name in columns.flatMap({ $0.section.columns.map(\.name) }).firstOccurrences {
      guard let said = columns.lazy.compactMap({ $0.section.metric(name)?.said }).first else { continue }
      let found = values { section, row in section.metric(name).flatMap { section.measured($0, row) } }
      figures.append(RowFigure(title: said.title, said: said, values: found))
    }
    return figures.filter { $0.values.contains { $0.contains { $0 != nil } } }
  }
}

extension ReportSection {
  /// The conditions of a row of a grid of two axes.
  func conditions(ofRow row: Int) -> [Int] {
    let width = axes[1].values.count
    return (row * width..<(row + 1) * width).filter(isPlanned)
  }
}

extension Metric.Figure {
  /// Which values are the better ones.
  enum Direction { case more, less }

  /// nil where neither is: plain numbers describe, unless they say otherwise.
  var direction: Direction? {
    isNeutral ? nil : isLessBetter ? .less : unit == .number ? nil : .more
  }

  /// ` \u{2191}` where more is better, ` \u{2193}` where less is.
  var arrow: String { direction.map { $0 == .more ? " \u{2191}" : " \u{2193}" } ?? "" }

  /// The places of the best values as they are shown; none where there is no direction, or all are the same.
  static func best(_ said: Metric.Figure, _ values: [Measured?]) -> Set<Int> {
    let known = values.compactMap { $0 }.filter { $0.value.isFinite }
    guard let direction = said.direction, known.count > 1,
      let best = known.max(by: { direction == .more ? $0.value < $1.value : $0.value > $1.value })?.bare,
      known.contains(where: { $0.bare != best })
    else { return [] }
    return Set(values.indices.filter { values[$0]?.bare == best })
  }

  /// `%`, `points`, nothing.
  var unitInWords: String {
    switch unit {
    case .share, .ratio: "%"
    case .points: "points"
    case .number: ""
    }
  }
}
