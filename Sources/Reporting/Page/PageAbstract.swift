import Records

/// What a page begins with: what was evaluated, when, by what and on what, and the main results, which are its contents.
extension PageWriter {
  mutating func abstract(of model: ReportModel, _ benchmarks: [BenchmarkComparison]) {
    add("<section id=\"abstract\" aria-labelledby=\"abstract-title\">")
    heading(2, "Abstract", anchor: "abstract-title")
    paragraph(extent(of: model, benchmarks), kind: "lead")
    for line in runs(of: model) { paragraph(line) }
    for line in origins(of: benchmarks) { paragraph(line) }
    table(models(of: model), isPasted: false)
    add("</section>")
  }

  /// Each benchmark with its finding, and what else the page has.
  mutating func contents(_ benchmarks: [BenchmarkComparison], hasOverview: Bool) {
    add("<nav id=\"contents\" aria-labelledby=\"contents-title\">")
    heading(2, "Contents and main results", anchor: "contents-title")
    var lines = hasOverview ? ["<a href=\"#overview\">All benchmarks at a glance</a>"] : []
    lines += benchmarks.enumerated().map { place, benchmark in
      "<a href=\"#b\(place)\">\(HTMLReport.escaped(benchmark.name))</a> "
        + HTMLReport.escaped(benchmark.finding ?? "")
    }
    lines += [
      "<a href=\"#definitions\">Definitions</a> of figures, intervals and tests",
      "<a href=\"#provenance\">Provenance</a>: checkpoints, data, versions",
    ]
    add("<ul>" + lines.map { "<li>\($0)</li>" }.joined() + "</ul></nav>")
  }

  /// `3 models on 8 benchmarks: ...`
  private func extent(of model: ReportModel, _ benchmarks: [BenchmarkComparison]) -> String {
    let images = benchmarks.reduce(0) { $0 + ($1.columns.map(\.section.imageCount).max() ?? 0) }
    let answers = model.sections.reduce(0) { sum, section in
      sum + section.conditions.reduce(0) { $0 + section.resultCount($1) }
    }
    let models = Self.counted(model.models.count, "model")
    let conditions = benchmarks.reduce(0) { $0 + ($1.columns.map { $0.section.conditions.count }.max() ?? 0) }
    return "\(models) on \(Self.counted(benchmarks.count, "benchmark")): \(Self.grouped(images)) images under "
      + "\(Self.counted(conditions, "condition")), \(Self.grouped(answers)) results (one per model, image and condition)."
  }

  /// A sentence a run.
  private func runs(of model: ReportModel) -> [String] {
    model.sections.map(\.run).firstOccurrences.compactMap { run -> String? in
      guard let section = model.sections.first(where: { $0.run == run }) else { return nil }
      let facts = Dictionary(section.facts.map { ($0.name, $0.value) }) { first, _ in first }
      var parts: [String] = []
      if let planned = facts["planned"] {
        parts.append("planned " + planned.replacing("T", with: " ").replacing("Z", with: " UTC"))
      }
      if let source = facts["source"] { parts.append("by \(source)") }
      if let seed = section.attributes["seed"] { parts.append("seed \(seed)") }
      if let id = facts["run_id"] { parts.append("id \(id)") }
      guard !parts.isEmpty else { return nil }
      return "Run \(run.isEmpty ? facts["run"] ?? "" : run): \(parts.joined(separator: ", "))."
    }
  }

  /// What was made on the fly, and which published files were read.
  private func origins(of benchmarks: [BenchmarkComparison]) -> [String] {
    func names(_ isWanted: (ReportSection) -> Bool) -> [String] {
      benchmarks.filter { $0.columns.contains { isWanted($0.section) } }.map(\.name)
    }
    let made = names { $0.attributes["changed"] != nil }
    let published = names { $0.attributes["published_files"] != nil }
    let alone = names { $0.attributes["data_root"] == "" }
    let others = benchmarks.map(\.name).filter { !made.contains($0) && !published.contains($0) && !alone.contains($0) }
    return [
      ("Made on the fly from clean images: ", made), ("Read from published files of changed images: ", published),
      ("Read as they are: ", others), ("Of the networks alone: ", alone),
    ].filter { !$0.1.isEmpty }.map { $0.0 + $0.1.joined(separator: ", ") + "." }
  }

  /// A row a model: what it is, and how its pictures were prepared.
  private func models(of model: ReportModel) -> PageTable? {
    let names = [
      ("architecture", "architecture"), ("precision", "precision"), ("checkpoint_sha256", "checkpoint, SHA-256"),
    ]
    let rows = model.models.compactMap { key -> PageTable.Row? in
      let sections = model.sections.filter { $0.key == key }
      guard let first = sections.first else { return nil }
      let facts = Dictionary(first.facts.map { ($0.name, $0.value) }) { first, _ in first }
      let preparation = sections.lazy.compactMap { section in
        section.attributes["published_files"] == nil ? section.preparation : nil
      }.first?.replacing("pictures: ", with: "", maxReplacements: 1)
      let cells = names.map { name, _ in
        let value = facts[name] ?? "-"
        return name == "checkpoint_sha256" && value.count == 64 ? String(value.prefix(12)) : value
      }
      return PageTable.Row(
        heading: .init(text: model.name(of: key)),
        cells: (cells + [preparation ?? "-"]).map { PageTable.Cell(text: $0) })
    }
    guard rows.contains(where: { $0.cells.contains { $0.text != "-" } }) else { return nil }
    return PageTable(
      caption: "The models", corner: "model",
      columns: [
        .init(heading: nil, columns: (names.map(\.1) + ["preparation of pictures"]).map { .init(text: $0, model: nil) })
      ], bodies: [.init(heading: nil, rows: rows)])
  }

  private static func counted(_ count: Int, _ what: String) -> String {
    "\(grouped(count)) \(what)\(count == 1 ? "" : "s")"
  }

  /// `4,750,000`.
  static func grouped(_ count: Int) -> String {
    var digits = String(count)
    var groups: [String] = []
    while digits.count > 3 {
      groups.insert(String(digits.suffix(3)), at: 0)
      digits.removeLast(3)
    }
    return ([digits] + groups).joined(separator: ",")
  }
}
