import Crypto
import Foundation
import Records
import Reporting
import Testing

/// What a page is besides its figures: one that browsers, readers of screens and papers take as it is.
@Suite struct PageTests {
  private static let axes = [
    Axis(name: "weather", values: ["fog", "snow_2"]), Axis(name: "severity", values: ["1", "2"], isNumeric: true),
  ]

  private static func metric(
    _ name: String, _ axes: [String] = [], _ values: [Double], _ figure: Metric.Figure
  ) -> Metric {
    Metric(name: name, description: "", axes: axes, values: values, figure: figure)
  }

  private static func section(_ model: String, _ cells: [Double], errors: [Double], mean: Double) -> ReportSection {
    ReportSection(
      run: "r", model: model, benchmark: "c", axes: axes,
      metrics: [
        metric("cell", ["weather", "severity"], cells, .init("top-1", .table, isOfEachCondition: true)),
        metric("n", ["weather", "severity"], [4, 4, 4, 4], .count()),
        metric(
          "error", ["weather"], errors,
          .init("CE", .table, .ratio, isLessBetter: true, definition: "Errors over others'.", source: "A & B 2019")),
        metric("mean", [], [mean], .init("mean top-1", .headline, definition: "The plain mean.")),
        metric("mean_low", [], [mean - 0.125], .support), metric("mean_high", [], [mean + 0.125], .support),
        metric("size", [], [3], .init("size", .detail, .number, explanation: "of the net")),
        metric("spread", [], [0.25], .init("spread", .detail, isNeutral: true)),
      ], imageCount: 4, attributes: ["changed": "on the fly, seed 7", "seed": "7"],
      facts: [
        ("architecture", "net-\(model)"), ("planned", "2026-01-02T03:04:05Z"), ("source", "gauntlet 9"),
        ("checkpoint_sha256", String(repeating: model == "one" ? "a" : "b", count: 64)),
      ])
  }

  private static let model = ReportModel(
    title: "t",
    sections: [
      section("one", [0.5, 0.25, 0.75, 0.5], errors: [0.9, 0.8], mean: 0.5),
      section("two", [0.5, 0.5, 1, 1], errors: [0.7, 0.6], mean: 0.75),
    ])
  private static let page = HTMLReport.render(model)

  @Test("The one script that may run is the page's own, by its digest")
  func policy() throws {
    let script = try #require(Self.page.components(separatedBy: "<script>").dropFirst().first)
    let text = try #require(script.components(separatedBy: "</script>").first)
    let digest = Data(SHA256.hash(data: Data(text.utf8))).base64EncodedString()
    #expect(Self.page.contains("script-src 'sha256-\(digest)'; base-uri 'none'"))
    #expect(Self.page.contains("content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-"))
    #expect(Self.page.components(separatedBy: "<script").count == 2)
    // No text becomes markup.
    for word in ["innerHTML", "outerHTML", "insertAdjacent", "eval(", "document.write"] {
      #expect(!text.contains(word))
    }
    for handler in [" onclick", " onload", "javascript:"] { #expect(!Self.page.contains(handler)) }
  }

  @Test("Every link leads to a place of the page, and no two places share a name")
  func anchors() {
    func found(_ start: String) -> [String] {
      Self.page.components(separatedBy: start).dropFirst().map { String($0.prefix { $0 != "\"" }) }
    }
    let places = found(" id=\"")
    #expect(Set(places).count == places.count && places.contains("b0") && places.contains("definitions"))
    for link in found("href=\"#") { #expect(places.contains(link), "\(link)") }
    for label in found("aria-labelledby=\"") { #expect(places.contains(label), "\(label)") }
    #expect(!Self.page.contains("href=\"http"))
  }

  @Test("A figure leads to its definition, with its source; one that nobody defines leads nowhere")
  func definitions() {
    for text in [
      "<a href=\"#d0\">mean top-1</a> (%) \u{2191}", "<dt id=\"d0\">mean top-1</dt><dd>The plain mean.</dd>",
      "<dd>Errors over others&#39;. <cite>A &amp; B 2019.</cite></dd>", "<dd>Of the net.</dd>",
      "<th scope=\"row\">spread (%) <small>",
    ] { #expect(Self.page.contains(text), "\(text)") }
    #expect(Self.page.components(separatedBy: ">CE</dt>").count == 2)
  }

  @Test("Tables have captions and headings of rows and columns; models are columns, the best is bold")
  func tables() {
    let tables = Self.page.components(separatedBy: "<table").dropFirst()
    for table in tables {
      #expect(table.contains("<caption>") && table.contains("<th scope=\"row\">"), "\(table.prefix(200))")
    }
    for text in [
      "<th scope=\"col\" data-c=\"1\" data-m=\"0\">one</th><th scope=\"col\" data-c=\"2\" data-m=\"1\">two</th>",
      "<td data-m=\"0\" data-v=\"0.5\">50.0 <small>[37.5, 62.5]</small></td><td data-m=\"1\" data-v=\"0.75\"><strong>75.0</strong>",
      // The mean over severities of each row, then CE, less of which is better.
      "<th scope=\"row\">fog</th><td data-m=\"0\" data-v=\"0.375\">37.5</td><td data-m=\"1\" data-v=\"0.5\"><strong>50.0</strong></td>"
        + "<td data-m=\"0\" data-v=\"0.9\">90.0</td><td data-m=\"1\" data-v=\"0.7\"><strong>70.0</strong></td>",
      "<th scope=\"colgroup\" colspan=\"2\" data-span=\"0 1\">mean top-1 (%) \u{2191}</th>",
      // Neither of numbers that describe is the best.
      "<td data-m=\"0\" data-v=\"3.0\">3.00</td><td data-m=\"1\" data-v=\"3.0\">3.00</td>",
    ] { #expect(Self.page.contains(text), "\(text)") }
  }

  @Test("A plain sentence says which row hurts most, and by which figure")
  func worstRows() {
    #expect(Self.page.contains("Lowest mean top-1: fog (one 37.5 %, two 50.0 %).</p>"))
    #expect(Self.page.contains("Highest CE: fog (one 90.0 %, two 70.0 %).</p>"))
    #expect(Self.page.contains("fog hurts every model most, by every figure."))
    let other = HTMLReport.render(
      ReportModel(
        title: "t",
        sections: [
          Self.section("one", [0.5, 0.25, 0.75, 0.5], errors: [0.7, 0.8], mean: 0.5),
          Self.section("two", [0.5, 0.5, 1, 1], errors: [0.7, 0.6], mean: 0.75),
        ]))
    #expect(other.contains("Highest CE: snow_2 (one 80.0 %), fog (two 70.0 %)."))
    #expect(!other.contains("hurts every model most"))
  }

  @Test("A heat map has the means of rows, of columns, and of all")
  func means() throws {
    let plot = try #require(Self.page.components(separatedBy: "<title>top-1 in percent by weather").dropFirst().first)
    let numbers = plot.components(separatedBy: "</svg>")[0].components(separatedBy: "class=\"cell").dropFirst().map {
      String($0.drop { $0 != ">" }.dropFirst().prefix { $0 != "<" })
    }
    #expect(numbers == ["50.0", "25.0", "37.5", "75.0", "50.0", "62.5", "62.5", "37.5", "50.0"])
  }

  @Test("Tables can be pasted into papers and notes, and names run no commands there")
  func pasted() {
    for text in [
      "| weather | mean top-1 (%) \u{2191}, one | mean top-1 (%) \u{2191}, two | CE (%) \u{2193}, one | CE (%) \u{2193}, two |",
      "| --- | ---: | ---: | ---: | ---: |", "| snow\\_2 | 62.5 | **100.0** | 80.0 | **60.0** |",
      "\\begin{tabular}{lrrrr}", "snow\\_2 &amp; 62.5 &amp; \\textbf{100.0} &amp; 80.0 &amp; \\textbf{60.0} \\\\",
      "\\multicolumn{2}{c}{mean top-1 (\\%) $\\uparrow$} &amp; \\multicolumn{2}{c}{CE (\\%) $\\downarrow$} \\\\",
      "mean top-1 (\\%) $\\uparrow$ &amp; 50.0 {\\scriptsize [37.5, 62.5]} &amp; \\textbf{75.0}",
    ] { #expect(Self.page.contains(text), "\(text)") }
    let name = "\\input{x}|a$b\ny"
    let hostile = HTMLReport.render(
      ReportModel(
        title: "t",
        sections: ["one", name].map {
          ReportSection(
            model: $0, benchmark: "b", axes: [], metrics: [Self.metric("m", [], [0.5], .init("top-1", .headline))],
            imageCount: 4, facts: [])
        }))
    #expect(hostile.contains("\\textbackslash{}input\\{x\\}|a\\$b y"))
    #expect(hostile.contains("| \\\\input{x}\\|a$b y |"))
  }

  @Test("The abstract says what, when, by what, on how many images, and what was made on the fly")
  func abstract() {
    for text in [
      "2 models on 1 benchmark: 4 images under 4 conditions, 32 results (one per model, image and condition).",
      "Run r: planned 2026-01-02 03:04:05 UTC, by gauntlet 9, seed 7.", "Made on the fly from clean images: c.",
      "<th scope=\"row\">two</th><td>net-two</td><td data-v=\"\">-</td><td>bbbbbbbbbbbb</td>",
      "<li><a href=\"#b0\">c</a> mean top-1: highest of two, 75.0 % [62.5, 87.5]; lowest of one",
    ] { #expect(Self.page.contains(text), "\(text)") }
  }

  @Test("What all have in common is said once at the end, what one has under its name")
  func provenance() throws {
    let end = try #require(Self.page.components(separatedBy: "<section id=\"provenance\"").last)
    #expect(end.components(separatedBy: "gauntlet 9").count == 2)
    #expect(end.contains("<caption>Model two</caption><tbody><tr><th scope=\"row\">architecture</th><td>net-two</td>"))
  }

  @Test("Definitions, sources and figures that only describe survive an archive's attributes")
  func attributes() {
    let figure = Metric.Figure("x", .detail, definition: "words", source: "paper", isNeutral: true)
    #expect(figure.attributes["better"] == "neither" && figure.attributes["source"] == "paper")
    #expect(Metric.Figure(attributes: figure.attributes) == figure)
  }
}
