import Benchmarks
import Foundation
import Records
import Reporting
import Testing

@Suite struct ReportTests {
  private func model() -> ReportModel {
    let axes = [
      Axis(name: "corruption", values: ["fog <b>", "snow, \"wet\""]),
      Axis(name: "severity", values: ["1", "2"], isNumeric: true),
    ]
    let metrics = [
      Metric(name: "top1", description: "", axes: ["corruption", "severity"], values: [0.944, 0.5, 0.25, .nan]),
      Metric(name: "evaluated", description: "", axes: ["corruption", "severity"], values: [10, 10, 9, 0]),
      Metric(name: "top5", description: "", axes: ["corruption", "severity"], values: [1, 0.75, 0.5, .nan]),
      Metric(name: "mean_top1", description: "", axes: [], values: [0.5647]),
      Metric(name: "mean_top1_low", description: "", axes: [], values: [0.5]),
      Metric(name: "mean_top1_high", description: "", axes: [], values: [0.611]),
      Metric(name: "mce", description: "", axes: [], values: [1.25]),
      Metric(name: "relative_mce", description: "", axes: [], values: [-0.0031]),
    ]
    return ReportModel(
      title: "A & B",
      sections: [
        ReportSection(
          model: "net", benchmark: "imagenet-c", axes: axes, metrics: metrics, imageCount: 10,
          facts: [("digest", "<1>")])
      ])
  }

  @Test func theTableShowsEveryCellAndMarksWhatIsMissing() {
    let table = ReportTable.render(model(), colour: false, width: 80)
    let words = table.split { $0 == " " || $0 == "\n" }.joined(separator: " ")
    for text in [
      "94.4", "50.0", "25.0*", "-*", "72.2",
      "mean top-1 56.5 % [50.0, 61.1] over 2 corruptions, 2 severities (1, 2); 0 to 10 of 10 images each",
      "mCE 125.0 %", "relative mCE -0.3 %",
      "* incomplete: of 10 images evaluated: snow, \"wet\"/1 9, snow, \"wet\"/2 0",
      "[low, high]: 95 % confidence interval",
    ] {
      #expect(words.contains(text), "\(text)")
    }
    #expect(!table.contains("\u{1B}"))
    #expect(table.split(separator: "\n").allSatisfy { $0.count <= 80 })
    #expect(ReportTable.render(model(), colour: true, width: 80).contains("\u{1B}[32m"))
  }

  @Test func thePageIsWellFormedAndEscaped() throws {
    let page = HTMLReport.render(model())
    #expect(page.contains("A &amp; B") && page.contains("fog &lt;b&gt;") && page.contains("&lt;1&gt;"))
    #expect(!page.contains("<b>") && !page.contains("://"))
    // The plots are XML, so a reader of XML must take them.
    for (index, plot) in page.components(separatedBy: "<svg").dropFirst().enumerated() {
      let end = try #require(plot.range(of: "</svg>"))
      let opened = plot[..<end.upperBound].split(separator: "<").filter { !$0.hasPrefix("/") }.count
      let closed =
        plot[..<end.upperBound].components(separatedBy: "/>").count - 1
        + plot[..<end.upperBound].components(separatedBy: "</").count - 1
      #expect(opened == closed, "plot \(index)")
    }
  }

  /// A mark of Unicode's class Prepend makes one character of itself and what follows.
  @Test func namesCannotWriteIntoThePageOrTheTerminal() throws {
    let name = "\u{600}<img src=x\u{600}>\u{1B}[2J\u{202E}\nnext\u{600}\"\u{600}'\u{600}&"
    let model = ReportModel(
      title: name,
      sections: [
        ReportSection(
          model: name, benchmark: name,
          axes: [
            Axis(name: name, values: ["a", name]), Axis(name: "severity", values: [name, "2"], isNumeric: false),
          ],
          metrics: [
            Metric(name: "top1", description: name, axes: [name, "severity"], values: [0.944, 0.5, 0.25, .nan]),
            Metric(name: "mean_top1", description: "", axes: [], values: [0.5]),
          ], imageCount: 10, facts: [(name, name)])
      ])
    let page = HTMLReport.render(model)
    let scalars = Array(page.unicodeScalars)
    #expect(!scalars.contains(Array("<img".unicodeScalars)))
    #expect(scalars.contains(Array("\u{600}&lt;img".unicodeScalars)))
    #expect(!page.unicodeScalars.contains("\u{1B}") && !page.unicodeScalars.contains("\u{202E}"))
    for joined in ["\u{600}\"", "\u{600}'", "\u{600}&\u{5C}"] {
      #expect(!scalars.contains(Array(joined.unicodeScalars)), "\(joined)")
    }
    #expect(page.contains("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "))
    let table = ReportTable.render(model, colour: false, width: 200)
    #expect(!table.unicodeScalars.contains { $0 == "\u{1B}" || $0 == "\u{202E}" })
    #expect(!table.split(separator: "\n").contains { $0.hasPrefix("next") })
  }

  /// Two models on two benchmarks, one of which one model lacks.
  private func comparison() -> ReportModel {
    func section(_ model: String, _ benchmark: String, _ values: [(String, Double)]) -> ReportSection {
      ReportSection(
        model: model, benchmark: benchmark, axes: [],
        metrics: values.map { Metric(name: $0.0, description: "", axes: [], values: [$0.1]) }, imageCount: 10,
        facts: [])
    }
    return ReportModel(
      title: "study",
      sections: [
        section("large", "val", [("top1", 0.9), ("evaluated", 10)]),
        section("small", "val", [("top1", 0.8), ("evaluated", 7)]),
        section("large", "imagenet-o", [("top1", 0), ("aupr", 0.2341), ("evaluated", 10)]),
      ])
  }

  @Test func severalModelsAreComparedInOneTableAndOnePlot() throws {
    let lines = ReportTable.render(comparison(), colour: false, width: 80).split(separator: "\n").suffix(5)
    #expect(lines.first == "The models side by side, in %")
    let rows = lines.dropFirst().map { $0.split(separator: " ").map(String.init) }
    #expect(
      rows.prefix(3) == [
        ["benchmark", "images", "large", "small"], ["val", "top-1", "10", "90.0", "80.0*"],
        ["imagenet-o", "AUPR", "10", "23.4", "-"],
      ])
    #expect(lines.last == "  * incomplete: results of small on val 7 of 10")
    let page = HTMLReport.render(comparison())
    let plot = try #require(
      page.components(separatedBy: "<h2 id=\"overview-title\">").last?.components(separatedBy: "</svg>").first)
    // A mark a figure, a circle for the first model and a square for the second.
    #expect(plot.components(separatedBy: "<circle").count - 1 == 2)
    #expect(plot.components(separatedBy: "<rect").count - 1 == 1)
    #expect(
      page.contains(
        "<td data-m=\"0\" data-v=\"0.9\"><strong>90.0</strong></td><td data-m=\"1\" data-v=\"0.8\">80.0*</td>"))
    #expect(!HTMLReport.render(model()).contains("at a glance"))
  }

  @Test func valuesAreQuotedAndGapsEmpty() throws {
    let files = Dictionary(uniqueKeysWithValues: CSVReport.render(model()).files.map { ($0.name, $0.text) })
    let conditions = try #require(files["conditions.csv"]).components(separatedBy: "\r\n")
    #expect(
      conditions[0] == "run,model,benchmark,condition,top1,top1_low,top1_high,top5,top5_low,top5_high,evaluated,images")
    #expect(conditions[1] == ",net,imagenet-c,fog <b>/1,0.944,,,1.0,,,10,10")
    #expect(conditions[4] == ",net,imagenet-c,\"snow, \"\"wet\"\"/2\",,,,,,,0,10")
    #expect(files["summary.csv"]?.contains(",net,imagenet-c,mean_top1,0.5647,0.5,0.611,29,40\r\n") == true)
    #expect(files["summary.csv"]?.contains("_low") == false)
  }

  /// What OWASP calls CSV injection.
  @Test(arguments: ["=1+1", "+1+1", "-1+1", "@A1", "\tx", "\rx"])
  func textIsNoFormula(_ name: String) throws {
    let section = ReportSection(
      model: name, benchmark: "b", axes: [],
      metrics: [Metric(name: "relative_mce", description: "", axes: [], values: [-0.5])], imageCount: 2, facts: [])
    let text = CSVReport.render(ReportModel(title: "t", sections: [section])).files[2].text
    #expect(text.contains("'\(name)") && text.contains(",-0.5,"))
  }

  /// RFC 4180 counts characters as bytes do, Swift's characters join some of them.
  @Test func lineEndsAndAccentedQuotationMarksAreQuoted() {
    let names = ["a\r\nb", "a\rb", "\"\u{301}c", "d,\u{301}"]
    let sections = names.map { name in
      ReportSection(
        model: name, benchmark: "b", axes: [],
        metrics: [Metric(name: "top1", description: "", axes: [], values: [0.5])], imageCount: 2, facts: [])
    }
    let text = CSVReport.render(ReportModel(title: "t", sections: sections)).files[2].text
    for quoted in ["\"a\r\nb\"", "\"a\rb\"", "\"\"\"\u{301}c\"", "\"d,\u{301}\""] {
      #expect(text.utf8.split(separator: UInt8(ascii: "\n")).count > 4)
      #expect(Array(text.unicodeScalars).contains(Array(quoted.unicodeScalars)), "\(quoted)")
    }
  }
}
