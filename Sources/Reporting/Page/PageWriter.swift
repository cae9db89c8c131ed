import Records

/// A page in the making: what is numbered, and which figures it has to define.
struct PageWriter {
  /// The HTML so far.
  private(set) var html = ""
  /// Figures that were named, in the order of their first naming.
  private(set) var defined: [Metric.Figure] = []
  private var figures = 0
  private var tables = 0

  mutating func add(_ text: String) { html += text + "\n" }

  mutating func paragraph(_ text: String, kind: String = "") {
    add("<p\(kind.isEmpty ? "" : " class=\"\(kind)\"")>\(HTMLReport.escaped(text))</p>")
  }

  mutating func heading(_ level: Int, _ text: String, anchor: String = "") {
    let id = anchor.isEmpty ? "" : " id=\"\(anchor)\""
    add("<h\(level)\(id)>\(HTMLReport.escaped(text))</h\(level)>")
  }

  /// Plots under one caption, with a number.
  mutating func figure(_ panels: [PagePlot], caption: String) {
    guard !panels.isEmpty else { return }
    figures += 1
    let plots = panels.map { panel -> String in
      let model = panel.model.map { " data-m=\"\($0)\"" } ?? ""
      let title = panel.title.isEmpty ? "" : "<p class=\"panel-title\">\(HTMLReport.escaped(panel.title))</p>"
      return "<div class=\"panel\"\(model)>\(title)\(panel.svg)</div>"
    }
    let look =
      panels.count == 1
      ? "class=\"single\" tabindex=\"0\" role=\"group\" aria-label=\"Figure \(figures)\"" : "class=\"panels\""
    add(
      "<figure><div \(look)>\(plots.joined())</div>"
        + "<figcaption><strong>Figure \(figures).</strong> \(HTMLReport.escaped(caption))</figcaption></figure>")
  }

  /// A table with a number, and the same as text for papers.
  ///
  /// - Parameter note: what its caption says besides.
  mutating func table(_ table: PageTable?, isPasted: Bool = true) {
    guard let table else { return }
    tables += 1
    let number = tables
    add(table.html(number: number) { heading in link(heading) })
    guard isPasted else { return }
    let texts = [("Markdown", PasteText.markdown(table)), ("LaTeX", PasteText.latex(table))].map { name, text in
      "<h4>\(name)</h4><pre tabindex=\"0\" aria-label=\"Table \(number) as \(name)\">\(HTMLReport.escaped(text))</pre>"
    }
    add(
      "<details class=\"paste\"><summary>Table \(number) to paste: Markdown, LaTeX</summary>\(texts.joined())</details>"
    )
  }

  /// What is folded until somebody opens it; on paper it is open.
  mutating func folded(_ summary: String, _ write: (inout PageWriter) -> Void) {
    add("<details><summary>\(HTMLReport.escaped(summary))</summary>")
    write(&self)
    add("</details>")
  }

  /// A heading of a row or column: a figure leads to its definition.
  mutating func link(_ heading: PageTable.Heading) -> String {
    let suffix = HTMLReport.escaped(heading.suffix)
    if let figure = heading.figure, let place = place(of: figure) {
      return "<a href=\"#d\(place)\">\(HTMLReport.escaped(heading.text))</a>\(suffix)"
    }
    if let anchor = heading.anchor {
      return "<a href=\"#\(anchor)\">\(HTMLReport.escaped(heading.text))</a>\(suffix)"
    }
    return HTMLReport.escaped(heading.text) + suffix
  }

  /// The place of a figure's definition; nil where nobody says what it is.
  private mutating func place(of figure: Metric.Figure) -> Int? {
    guard !figure.definition.isEmpty || !figure.explanation.isEmpty else { return nil }
    let known = defined.firstIndex {
      $0.title == figure.title && $0.definition == figure.definition && $0.explanation == figure.explanation
    }
    if known == nil { defined.append(figure) }
    return known ?? defined.count - 1
  }
}

/// A plot of a page.
struct PagePlot: Sendable {
  /// Above it, where there are several of a figure.
  var title = ""
  /// The place of the model that it is of; nil where it shows all.
  var model: Int?
  let svg: String
}
