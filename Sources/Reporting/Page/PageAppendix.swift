import Records

/// What a page ends with: what its figures mean, and where everything came from.
extension PageWriter {
  mutating func definitions(pairs: ModelPairs?) {
    add("<section id=\"definitions\" aria-labelledby=\"definitions-title\">")
    heading(2, "Definitions", anchor: "definitions-title")
    var items = defined.enumerated().map { place, figure in
      let words = [figure.definition, Self.sentence(figure.explanation)].filter { !$0.isEmpty }.joined(separator: " ")
      return item(figure.title, words, source: figure.source, anchor: "d\(place)")
    }
    items.append(
      item(
        "95 % interval, [low, high]",
        "For shares of one list of images, Wilson's score interval; otherwise the middle 95 % of 1,000 resamples of the "
          + "images with all their conditions. It covers the choice of images: other images of the same kind would give other figures.",
        source:
          "Wilson, Probable inference, JASA 22, 1927; Efron and Tibshirani, An introduction to the bootstrap, 1993",
        anchor: "interval"))
    if let pairs {
      items += [
        item(
          "Difference of models",
          "Top-1 of the first minus that of the second over the same images, mean over the conditions; its interval is from "
            + "resamples of the images, the same for both. It may exclude 0 even where the models' own intervals overlap.",
          source: "", anchor: "difference"),
        item(
          "p, p corrected",
          "Exact, two-sided: how likely the images that one model gets right under more conditions than the other are to be "
            + "split this unevenly if neither were better; for one condition, McNemar's test. Holm-corrected for all "
            + "pairs and benchmarks of a run.",
          source:
            "McNemar, Psychometrika 12, 1947; Holm, A simple sequentially rejective multiple test procedure, Scandinavian "
            + "Journal of Statistics 6, 1979",
          anchor: "p"),
        item(
          "Error consistency",
          "Cohen's kappa of right and wrong answers, mean over the conditions: 1 if both fail on the same images, 0 if they agree only by chance.",
          source:
            "Geirhos et al., Beyond accuracy: quantifying trial-by-trial behaviour, NeurIPS 2020, arXiv:2006.16736",
          anchor: "consistency"),
      ]
      add("<dl>\(items.joined())</dl>")
      for line in pairs.lines { paragraph(line, kind: "quiet") }
    } else {
      add("<dl>\(items.joined())</dl>")
    }
    add("<p class=\"back\"><a href=\"#contents\">Contents</a></p></section>")
  }

  private func item(_ title: String, _ words: String, source: String, anchor: String) -> String {
    let escaped = HTMLReport.escaped
    let from = source.isEmpty ? "" : " <cite>\(escaped(source)).</cite>"
    return "<dt id=\"\(anchor)\">\(escaped(title))</dt><dd>\(escaped(words))\(from)</dd>"
  }

  private static func sentence(_ text: String) -> String {
    guard let first = text.first else { return "" }
    return first.uppercased() + text.dropFirst() + (text.hasSuffix(".") ? "" : ".")
  }

  // MARK: Where it came from

  /// What the archives say of origins: what all have in common, what each model has, and what is of a benchmark.
  mutating func provenance(of model: ReportModel) {
    add("<section id=\"provenance\" aria-labelledby=\"provenance-title\">")
    heading(2, "Provenance", anchor: "provenance-title")
    let common = Self.shared(model.sections, besides: [])
    facts("All models and benchmarks", common)
    var said = Set(common.map { $0.name + "\u{0}" + $0.value })
    for key in model.models {
      let sections = model.sections.filter { $0.key == key }
      let found = Self.shared(sections, besides: said)
      facts("Model \(model.name(of: key))", found)
      said.formUnion(found.map { $0.name + "\u{0}" + $0.value })
    }
    for name in model.sections.map(\.benchmark).firstOccurrences {
      let sections = model.sections.filter { $0.benchmark == name }
      let found = Self.shared(sections, besides: said)
      facts("Benchmark \(name)", found)
      for section in sections {
        let known = said.union(found.map { $0.name + "\u{0}" + $0.value })
        facts(model.heading(of: section), Self.shared([section], besides: known))
      }
    }
    add("<p class=\"back\"><a href=\"#contents\">Contents</a></p></section>")
  }

  /// The facts that all sections have alike, without those that were said.
  private static func shared(
    _ sections: [ReportSection], besides said: Set<String>
  ) -> [(name: String, value: String)] {
    guard let first = sections.first else { return [] }
    return first.facts.filter { fact in
      !said.contains(fact.name + "\u{0}" + fact.value)
        && sections.dropFirst().allSatisfy { $0.facts.contains { $0.name == fact.name && $0.value == fact.value } }
    }
  }

  private mutating func facts(_ caption: String, _ facts: [(name: String, value: String)]) {
    guard !facts.isEmpty else { return }
    let escaped = HTMLReport.escaped
    let rows = facts.map { "<tr><th scope=\"row\">\(escaped($0.name))</th><td>\(escaped($0.value))</td></tr>" }
    add("<table class=\"facts\"><caption>\(escaped(caption))</caption><tbody>\(rows.joined())</tbody></table>")
  }
}
