import Durable

/// The report as one HTML file that needs no network and no script.
public enum HTMLReport {
  /// The page: for each section figures, plots and tables.
  public static func render(_ model: ReportModel) -> String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="\(policy)">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>\(escaped(model.title))</title>
    <style>\(style)</style>
    </head>
    <body>
    <h1>\(escaped(model.title))</h1>
    \(model.legend.map { "<p class=\"quiet\">\(escaped($0))</p>" }.joined(separator: "\n"))
    \(ModelComparison(model).map(comparison) ?? "")
    \(ModelPairs(model).map(pairs) ?? "")
    \(model.sections.map { section($0, heading: model.heading(of: $0)) }.joined(separator: "\n"))
    </body>
    </html>

    """
  }

  /// What a browser lets the page do: show itself. Whatever got into it, no script runs and nothing is fetched or sent.
  private static let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

  private static let style = """
    :root { color-scheme: light dark; --ink: #1b1f24; --quiet: #667; --rule: #d8dce2; --page: #fff; }
    @media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --quiet: #9aa3ad; --rule: #3a4048; --page: #15181c; } }
    body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page);
      max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
    h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; }
    svg { max-width: 100%; height: auto; } svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
    svg .quiet { fill: var(--quiet); } svg .rule { stroke: var(--rule); fill: none; } svg .cell { fill: #111; }
    svg .cell.dark { fill: #fff; }
    th { text-align: left; padding-right: .8rem; font-weight: normal; color: var(--quiet); }
    table { border-collapse: collapse; font-size: .85rem; } td { padding: .1rem .8rem .1rem 0; vertical-align: top; }
    td:first-child { color: var(--quiet); } td:last-child { overflow-wrap: anywhere; }
    .quiet { color: var(--quiet); } figure { margin: 1.5rem 0; } figcaption { color: var(--quiet); }
    .figure { font-size: 2rem; font-variant-numeric: tabular-nums; }
    """

  private static func comparison(_ comparison: ModelComparison) -> String {
    let rows = comparison.rows.map { row in
      [row.benchmark, row.measure, row.images]
        + row.cells.map { cell in
          cell.map { $0.text + ($0.figure.measured.interval.map { " " + $0 } ?? "") } ?? "-"
        }
    }
    return "<h2>The models side by side</h2>"
      + table(head: ["benchmark", "in %", ""] + comparison.models, rows: rows)
      + comparison.lines.map { "<p>\(escaped($0))</p>" }.joined()
      + Plots.ofComparisons.compactMap { $0.draw(comparison) }.joined()
  }

  private static func pairs(_ pairs: ModelPairs) -> String {
    "<h2>\(escaped(pairs.title))</h2>" + table(head: pairs.head, rows: pairs.rows)
      + pairs.lines.map { "<p>\(escaped($0))</p>" }.joined()
  }

  private static func section(_ section: ReportSection, heading: String) -> String {
    var parts = ["<h2>\(escaped(heading))</h2>"]
    parts.append(
      "<p class=\"quiet\">" + escaped([section.size, section.preparation].compactMap { $0 }.joined(separator: "; "))
        + "</p>")
    if let headline = section.headline {
      let of = [headline.said.extent, headline.images].filter { !$0.isEmpty }.joined(separator: "; ")
      parts.append(
        "<p><span class=\"figure\">\(escaped(headline.measured.withoutEnds.valueText))</span> \(escaped(headline.measured.interval ?? "")) "
          + escaped("\(headline.said.title)\(headline.said.extent.isEmpty ? "," : "") \(of)") + "</p>")
    }
    parts += Plots.ofSections.compactMap { $0.draw(section) }
    let (head, rows) = section.rowTable
    if !head.isEmpty { parts.append(table(head: head, rows: rows)) }
    let series = section.seriesTable
    if !series.head.isEmpty { parts.append(table(head: series.head, rows: series.rows)) }
    parts += section.linesBelowHeadline.map { "<p>\(escaped($0))</p>" }
    parts += section.lists.map { list in
      table(head: [list.axis ?? "images", list.title, ""], rows: list.rows.map { [$0.name, $0.value, $0.images] })
    }
    parts += section.notes.map { "<p>\(escaped($0))</p>" }
    let facts = section.facts.map { "<tr><td>\(escaped($0.name))</td><td>\(escaped($0.value))</td></tr>" }
    parts.append("<details><summary>Where it came from</summary><table>\(facts.joined())</table></details>")
    return parts.joined(separator: "\n")
  }

  private static func table(head: [String], rows: [[String]]) -> String {
    let rows = rows.map { "<tr>" + $0.map { "<td>\(escaped($0))</td>" }.joined() + "</tr>" }
    return "<table><tr>\(head.map { "<th>\(escaped($0))</th>" }.joined())</tr>\(rows.joined())</table>"
  }

  /// Text as HTML shows it, in elements and attributes. By scalars, as browsers read it: with a mark before it that joins
  /// what follows, `<` is no character of its own.
  static func escaped(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.plainLines.unicodeScalars {
      switch scalar {
      case "&": result.append(contentsOf: "&amp;".unicodeScalars)
      case "<": result.append(contentsOf: "&lt;".unicodeScalars)
      case ">": result.append(contentsOf: "&gt;".unicodeScalars)
      case "\"": result.append(contentsOf: "&quot;".unicodeScalars)
      case "'": result.append(contentsOf: "&#39;".unicodeScalars)
      default: result.append(scalar)
      }
    }
    return String(result)
  }
}
