/// Tables as text for papers and notes.
enum PasteText {
  /// A table of GitHub's Markdown.
  static func markdown(_ table: PageTable) -> String {
    func line(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |" }
    let head = table.columns.flatMap { group in
      group.columns.map { column in
        [group.heading.map { $0.text + $0.suffix }, column.text].compactMap { $0 }.joined(separator: ", ")
      }
    }
    var lines = [
      line(([table.corner] + head).map(markdown)), line(["---"] + head.map { _ in "---:" }),
    ]
    for body in table.bodies {
      for row in body.rows {
        let name = [body.heading.map { $0.text + $0.suffix }, row.heading.text + row.heading.suffix]
          .compactMap { $0 }.joined(separator: ", ")
        lines.append(
          line(
            [markdown(name)]
              + row.cells.map { cell in
                let text = markdown(cell.text)
                return (cell.isBest ? "**\(text)**" : text) + (cell.interval.map { " " + markdown($0) } ?? "")
              }))
      }
    }
    return lines.joined(separator: "\n")
  }

  /// A `tabular` with the rules of the package booktabs.
  static func latex(_ table: PageTable) -> String {
    let count = table.allColumns.count
    var lines = [
      "% \\usepackage{booktabs}", "\\begin{table}", "\\centering", "\\caption{\(latex(table.caption))}",
      "\\begin{tabular}{l\(String(repeating: "r", count: count))}", "\\toprule",
    ]
    if table.hasGroups {
      lines.append(
        " & "
          + table.columns.map { group in
            "\\multicolumn{\(group.columns.count)}{c}{\(latex(group.heading.map { $0.text + $0.suffix } ?? ""))}"
          }.joined(separator: " & ") + " \\\\")
    }
    lines.append(([table.corner] + table.allColumns.map(\.text)).map(latex).joined(separator: " & ") + " \\\\")
    for body in table.bodies {
      lines.append("\\midrule")
      if let heading = body.heading {
        lines.append("\\multicolumn{\(count + 1)}{l}{\\emph{\(latex(heading.text + heading.suffix))}} \\\\")
      }
      for row in body.rows {
        let cells = row.cells.map { cell in
          (cell.isBest ? "\\textbf{\(latex(cell.text))}" : latex(cell.text))
            + (cell.interval.map { " {\\scriptsize \(latex($0))}" } ?? "")
        }
        lines.append(([latex(row.heading.text + row.heading.suffix)] + cells).joined(separator: " & ") + " \\\\")
      }
    }
    return (lines + ["\\bottomrule", "\\end{tabular}", "\\end{table}"]).joined(separator: "\n")
  }

  /// What Markdown would take for itself is escaped; a name cannot end a cell or begin a link.
  private static func markdown(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      if "\\|*_`[]<>#!".unicodeScalars.contains(scalar), !isOfInterval(text) { result.append("\\") }
      result.append(scalar == "\n" || scalar == "\r" ? " " : scalar)
    }
    return String(result)
  }

  /// Numbers in brackets need no escapes.
  private static func isOfInterval(_ text: String) -> Bool {
    text.hasPrefix("[") && text.hasSuffix("]")
      && text.unicodeScalars.allSatisfy { "[]0123456789.-, ".unicodeScalars.contains($0) }
  }

  /// LaTeX's own characters are escaped, so that a name runs no command.
  private static func latex(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += "\\textbackslash{}"
      case "~": result += "\\textasciitilde{}"
      case "^": result += "\\textasciicircum{}"
      case "\u{2191}": result += "$\\uparrow$"
      case "\u{2193}": result += "$\\downarrow$"
      case "\u{2212}": result += "$-$"
      case "<": result += "$<$"
      case ">": result += "$>$"
      case "{", "}", "$", "&", "#", "_", "%": result += "\\" + String(scalar)
      case "\n", "\r": result += " "
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
