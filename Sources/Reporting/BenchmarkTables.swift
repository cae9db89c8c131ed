import Records

/// The tables of a benchmark: models are columns.
extension BenchmarkComparison {
  private var models: PageTable.Columns {
    PageTable.Columns(heading: nil, columns: columns.map { .init(text: $0.name, model: $0.place) })
  }

  /// A row a single figure; nil where there is none.
  var figureTable: PageTable? {
    guard !figures.isEmpty else { return nil }
    let rows = figures.map { row in
      let of = [row.said.extent, row.images].filter { !$0.isEmpty }.joined(separator: "; ")
      return PageTable.Row(heading: .init(row.said, note: of), cells: cells(row))
    }
    return PageTable(
      caption: "\(name): figures of each model", corner: "figure", columns: [models],
      bodies: [.init(heading: nil, rows: rows)])
  }

  /// The cells of a row of single figures.
  func cells(_ row: Row) -> [PageTable.Cell] {
    let best = row.best
    return row.cells.enumerated().map { place, cell in
      var shown = PageTable.Cell(cell?.figure.measured, model: columns[place].place, isBest: best.contains(place))
      shown.text += (cell.map { $0.figure.results.isWhole ? "" : "*" } ?? "") + (cell?.mark ?? "")
      return shown
    }
  }

  /// A row a named set of images; nil where there are none.
  var setTable: PageTable? {
    let names = Self.names(columns) { $0.axes.isEmpty && $0.said.role == .table }
    let found = names.compactMap { name in columns.lazy.compactMap { $0.section.metric(name) }.first }
    let bodies = found.map(\.said.title).firstOccurrences.map { title -> PageTable.Body in
      let metrics = found.filter { $0.said.title == title }
      return PageTable.Body(
        heading: metrics.first.map { .init($0.said) },
        rows: metrics.map { metric in
          let values = columns.map { column in
            column.section.metric(metric.name).flatMap { column.section.measured($0, 0) }
          }
          let images = columns.first.map { "\($0.section.count(metric.said).text) \(metric.said.unitOfCount)" } ?? ""
          return PageTable.Row(
            heading: .init(text: metric.said.sets.joined(separator: ", "), note: images),
            cells: cells(values, metric.said))
        })
    }
    guard !bodies.isEmpty else { return nil }
    return PageTable(
      caption: "\(name): by set of images", corner: "images", columns: [models], bodies: bodies)
  }

  /// A row a value of a grid's first axis, a group of columns a figure; nil where there is no such grid.
  var rowTable: PageTable? {
    let figures = rowFigures
    guard let axis = columns.first?.section.axes.first, !figures.isEmpty else { return nil }
    let rows = axis.values.indices.map { row in
      PageTable.Row(
        heading: .init(text: axis.values[row]),
        cells: figures.flatMap { figure in cells(figure.values.map { $0[row] }, figure.said, row: row) })
    }
    return PageTable(
      caption: "\(name): by \(axis.name)", corner: axis.name,
      columns: figures.map { figure in
        PageTable.Columns(heading: .init(figure.said, title: figure.title), columns: models.columns)
      }, bodies: [.init(heading: nil, rows: rows)])
  }

  private func cells(_ values: [Measured?], _ said: Metric.Figure, row: Int? = nil) -> [PageTable.Cell] {
    let best = Metric.Figure.best(said, values)
    return values.enumerated().map { place, value in
      var cell = PageTable.Cell(value, model: columns[place].place, isBest: best.contains(place))
      let section = columns[place].section
      if let row, section.axes.count == 2, section.axes[0].values.indices.contains(row),
        section.conditions(ofRow: row).contains(where: section.isIncomplete)
      {
        cell.text += "*"
      }
      return cell
    }
  }

  /// Figures over one axis that all models have in common: a row a value, a group of rows a figure.
  ///
  /// - Parameter isMain: those that are drawn large, or the others.
  func axisTables(isMain: Bool) -> [PageTable] {
    axes.filter { axisOfAll($0) != nil }.compactMap { name in
      guard let axis = axisOfAll(name) else { return nil }
      let bodies = metrics(over: name).filter { ($0.said.role != .series) == isMain }.map { metric in
        PageTable.Body(
          heading: .init(metric.said, title: metric.titleOfSeries),
          rows: axis.values.enumerated().map { place, value in
            let values = columns.map { column in
              column.section.metric(metric.name).flatMap { column.section.measured($0, place) }
            }
            return PageTable.Row(heading: .init(text: value), cells: cells(values, metric.said))
          })
      }
      guard !bodies.isEmpty else { return nil }
      return PageTable(caption: "\(self.name): by \(name)", corner: name, columns: [models], bodies: bodies)
    }
  }

  /// Figures over an axis that each model has its own values of, such as points of a network: a table a model.
  var ownTables: [PageTable] {
    axes.filter { axisOfAll($0) == nil }.flatMap { name in
      columns.compactMap { column -> PageTable? in
        let found = metrics(over: name).compactMap { column.section.metric($0.name) }
        guard let axis = column.section.axis(name), !found.isEmpty else { return nil }
        let rows = axis.values.enumerated().map { place, value in
          PageTable.Row(
            heading: .init(text: value),
            cells: found.map { PageTable.Cell(column.section.measured($0, place), model: column.place, isBest: false) })
        }
        return PageTable(
          caption: "\(self.name): \(column.name) by \(name)", corner: name,
          columns: found.map { .init(heading: nil, columns: [.init(text: $0.titleWithUnit, model: column.place)]) },
          bodies: [.init(heading: nil, rows: rows)])
      }
    }
  }

  /// The axes that figures of one axis are over.
  private var axes: [String] {
    columns.flatMap { column in column.section.metrics.filter { isOverOneAxis($0, column.section) }.flatMap(\.axes) }
      .firstOccurrences
  }

  /// An axis that all models that have it have the same values of.
  private func axisOfAll(_ name: String) -> Axis? {
    let found = columns.compactMap { $0.section.axis(name) }
    return Set(found).count == 1 ? found.first : nil
  }

  private func metrics(over axis: String) -> [Metric] {
    let found = columns.flatMap { column in
      column.section.metrics.filter { $0.axes == [axis] && isOverOneAxis($0, column.section) }
    }
    return found.map(\.name).firstOccurrences.compactMap { name in found.first { $0.name == name } }
  }

  /// Whether a metric is a row of numbers that a table shows; columns of a grid's table are in that.
  private func isOverOneAxis(_ metric: Metric, _ section: ReportSection) -> Bool {
    guard metric.axes.count == 1, section.isDefined(metric) else { return false }
    if section.axes.count == 2, section.columns.contains(where: { $0.name == metric.name }) { return false }
    return [.table, .curve, .series].contains(metric.said.role) || metric.name == section.cells?.name
  }

  /// A row a pair of models; nil where there is none.
  func pairTable(head: [String]) -> PageTable? {
    guard !pairs.isEmpty else { return nil }
    let rows = pairs.map { pair in
      PageTable.Row(
        heading: .init(text: pair.cells.prefix(2).joined(separator: " \u{2212} ")),
        cells: zip(pair.cells.dropFirst(2), head.dropFirst(3)).map { text, column in
          PageTable.Cell(text: text, value: column == head[4] ? pair.found.comparison.figures.difference : nil)
        }, models: pair.places)
    }
    return PageTable(
      caption: "\(name): models in pairs", corner: "models",
      columns: [.init(heading: nil, columns: head.dropFirst(3).map { .init(text: $0, model: nil) })],
      bodies: [.init(heading: nil, rows: rows)])
  }
}

extension Metric {
  /// `ECE scaled`.
  var titleOfSeries: String { said.title + (said.role == .series && !said.extent.isEmpty ? " " + said.extent : "") }

  /// `variance of maps`, `top-1, %`.
  fileprivate var titleWithUnit: String {
    titleOfSeries + (said.unitInWords.isEmpty ? "" : ", \(said.unitInWords)")
  }
}
