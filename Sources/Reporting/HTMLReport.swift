/// The report as one HTML file that needs no network and no script.
public enum HTMLReport {
  /// The page: for each section figures, a heat map and the curves of accuracy by severity.
  public static func render(_ model: ReportModel) -> String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>\(escaped(model.title))</title>
    <style>\(style)</style>
    </head>
    <body>
    <h1>\(escaped(model.title))</h1>
    \(ModelComparison(model).map(Plots.comparison) ?? "")
    \(model.sections.map(section).joined(separator: "\n"))
    </body>
    </html>

    """
  }

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
    .figure { font-size: 2rem; font-variant-numeric: tabular-nums; }
    """

  private static func section(_ section: ReportSection) -> String {
    var parts = ["<h2>\(escaped(section.model)) on \(escaped(section.benchmark))</h2>"]
    if section.isTable {
      parts.append(Plots.heatMap(section))
      if section.axes[1].isNumeric { parts.append(Plots.curves(section)) }
    } else {
      let value = section.headline.map { Percent.text($0.value) + " %" } ?? "nothing evaluated"
      let name = section.headline?.name ?? "top-1"
      parts.append("<p><span class=\"figure\">\(value)</span> \(name), \(section.imageCount) images</p>")
      parts.append("<p>\(escaped(section.figures))</p>")
      if !section.stability.isEmpty {
        parts.append(stability(section))
        parts.append(Plots.curves(section))
      }
    }
    parts += section.summary.map { "<p>\(escaped($0))</p>" }
    let facts = section.facts.map { "<tr><td>\(escaped($0.name))</td><td>\(escaped($0.value))</td></tr>" }
    parts.append("<details><summary>Where it came from</summary><table>\(facts.joined())</table></details>")
    return parts.joined(separator: "\n")
  }

  private static func stability(_ section: ReportSection) -> String {
    let rows = section.stability.map { row in
      "<tr>" + ([row.perturbation] + row.cells).map { "<td>\(escaped($0))</td>" }.joined() + "</tr>"
    }
    let head = ([section.axes[0].name] + StabilityRow.titles).map { "<th>\(escaped($0))</th>" }.joined()
    return "<table><tr>\(head)</tr>\(rows.joined())</table>"
  }

  /// Text as HTML shows it, in elements and attributes.
  static func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      default: result.append(character)
      }
    }
    return result
  }
}
