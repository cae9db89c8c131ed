import Records

/// A benchmark's part of a page: one figure and tables of all models, then what each model has of its own.
extension PageWriter {
  /// All benchmarks at a glance; nothing where there is one.
  mutating func overview(_ benchmarks: [BenchmarkComparison]) {
    let rows = benchmarks.enumerated().flatMap { place, benchmark in
      benchmark.figures.filter { [.headline, .compared].contains($0.said.role) }.map { (place, benchmark, $0) }
    }
    let columns = benchmarks.flatMap(\.columns).sorted { $0.place < $1.place }
    let places = Dictionary(columns.map { ($0.place, $0.name) }) { first, _ in first }
    let models = places.keys.sorted()
    add("<section id=\"overview\" aria-labelledby=\"overview-title\">")
    heading(2, "All benchmarks at a glance", anchor: "overview-title")
    let plots = ModelDots.draw(
      benchmarks.compactMap { benchmark in
        benchmark.figures.first { $0.said.role == .headline && $0.said.unit == .share }
          .map { ModelDots.Group(row: $0, benchmark.columns, title: "\(benchmark.name): \($0.said.title)") }
      }, isWhole: true, title: "The headline figure of each benchmark, in percent")
    if let plots {
      figure(
        [PagePlot(svg: plots)],
        caption: "The headline figure of each benchmark, in %, with its 95 % interval, where it is a share. "
          + "\u{2191}: higher is better, \u{2193}: lower is better.")
    }
    let bodies = rows.map { place, benchmark, row -> PageTable.Row in
      let cells = benchmark.cells(row)
      let note = [row.said.title + PageTable.Heading(row.said).suffix, row.said.extent, row.images]
        .filter { !$0.isEmpty }.joined(separator: "; ")
      return PageTable.Row(
        heading: .init(text: benchmark.name, note: note, anchor: "b\(place)"),
        cells: models.map { model in
          benchmark.columns.firstIndex { $0.place == model }.map { cells[$0] }
            ?? PageTable.Cell(nil, model: model, isBest: false)
        })
    }
    table(
      PageTable(
        caption: "The figures by which models are compared, with 95 % intervals; the best in bold", corner: "benchmark",
        columns: [.init(heading: nil, columns: models.map { .init(text: places[$0] ?? "", model: $0) })],
        bodies: [.init(heading: nil, rows: bodies)]))
    for (place, benchmark) in benchmarks.enumerated() {
      for note in benchmark.notes { paragraph("\(benchmarks[place].name): \(note.mark): \(note.text)", kind: "quiet") }
    }
    add("</section>")
  }

  mutating func benchmark(
    _ benchmark: BenchmarkComparison, place: Int, pairs: ModelPairs?, examples: [ReportExample]
  ) {
    add("<section class=\"benchmark\" id=\"b\(place)\" aria-labelledby=\"b\(place)-title\">")
    heading(2, benchmark.name, anchor: "b\(place)-title")
    let sizes = benchmark.columns.map(\.section.size).firstOccurrences.joined(separator: "; ")
    let changed = benchmark.columns.compactMap { $0.section.attributes["changed"] }.firstOccurrences
    // How others are prepared the table of models says.
    let published = benchmark.columns.filter { $0.section.attributes["published_files"] != nil }
    let preparations = published.compactMap(\.section.preparation).firstOccurrences
    let lines = [sizes] + changed.map { "changed \($0)" } + preparations
    paragraph(lines.filter { !$0.isEmpty }.joined(separator: "; "), kind: "quiet")
    if let finding = benchmark.finding { paragraph(finding, kind: "finding") }
    if let row = benchmark.worstRow { paragraph("\(row) hurts every model most, by every figure.", kind: "finding") }
    for line in benchmark.worstRows { paragraph(line) }
    mainFigure(benchmark)
    table(benchmark.figureTable)
    for line in benchmark.remarks { paragraph(line, kind: "quiet") }
    table(benchmark.setTable)
    table(benchmark.rowTable)
    for found in benchmark.axisTables(isMain: true) { table(found) }
    if let pairs, let found = benchmark.pairTable(head: pairs.head) {
      heading(3, "Are the differences real?")
      if let sentence = benchmark.pairSentence { paragraph(sentence, kind: "finding") }
      table(found)
    }
    self.examples(examples)
    details(benchmark)
    add("<p class=\"back\"><a href=\"#contents\">Contents</a></p></section>")
  }

  /// One figure of all models: a line each over an axis, or a dot each.
  private mutating func mainFigure(_ benchmark: BenchmarkComparison) {
    if let curve = benchmark.curves.first {
      let band = curve.hasIntervals ? " Bands are 95 % intervals." : ""
      figure(
        [PagePlot(svg: ModelCurves.draw(curve))],
        caption: "\(benchmark.name): \(curve.title), one line per model.\(band)")
      return
    }
    let rows = benchmark.figures.filter { [.headline, .compared].contains($0.said.role) }
    guard let unit = rows.first?.said.unit else { return }
    let sets = unit == .share ? ModelDots.groups(ofSets: benchmark) : []
    // A set's figure that is the benchmark's own is drawn once.
    let groups =
      rows.filter { row in
        row.said.unit == unit && !sets.contains { $0.said.title == row.said.title && $0.said.sets == row.said.sets }
      }.map { ModelDots.Group(row: $0, benchmark.columns, title: $0.said.title) }
      + sets
    if let svg = ModelDots.draw(groups, isWhole: false, title: "\(benchmark.name): figures of each model") {
      figure([PagePlot(svg: svg)], caption: "\(benchmark.name): figures of each model, with 95 % intervals.")
    }
  }

  /// Further curves of all models, and plots and tables of each.
  private mutating func details(_ benchmark: BenchmarkComparison) {
    let curves = benchmark.curves.dropFirst()
    let plots = Plots.ofSections.map { plot in
      (
        words: plot.caption,
        panels: benchmark.columns.compactMap { column in
          plot.draw(column.section).map { PagePlot(title: column.name, model: column.place, svg: $0) }
        }
      )
    }.filter { !$0.panels.isEmpty }
    let tables = benchmark.axisTables(isMain: false)
    let own = benchmark.ownTables
    guard !curves.isEmpty || !plots.isEmpty || !tables.isEmpty || !own.isEmpty else { return }
    heading(3, "In detail")
    for (words, panels) in plots { figure(panels, caption: "\(benchmark.name): \(words).") }
    figure(
      curves.map { PagePlot(title: $0.title, svg: ModelCurves.draw($0)) },
      caption: "\(benchmark.name): further figures, one line per model.")
    if !tables.isEmpty {
      folded("Further figures as tables") { page in for table in tables { page.table(table) } }
    }
    if !own.isEmpty {
      folded("Values of each model as tables") { page in for table in own { page.table(table) } }
    }
  }
}
