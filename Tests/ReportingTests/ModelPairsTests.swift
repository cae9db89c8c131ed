import Foundation
import Records
import Reporting
import Testing

/// What reports say of models in pairs.
@Suite struct ModelPairsTests {
  private static func pair(
    _ benchmark: String, run: String = "r", p: Double = 0.03125, correctedP: Double = 0.0625, kappa: Double = 0.5
  ) -> ReportedPair {
    ReportedPair(
      run: run,
      PairedComparison(
        benchmark: benchmark, first: "large", second: "small, wide",
        figures: .init(
          conditions: benchmark == "val" ? 1 : 4, images: 500, firstBetter: 6, secondBetter: 0, difference: 0.012,
          differenceLow: 0.002, differenceHigh: 0.022, p: p, agreement: 0.988, errorConsistency: kappa,
          errorConsistencyLow: kappa - 0.25, errorConsistencyHigh: kappa + 0.25), correctedP: correctedP))
  }

  private static func model(_ pairs: [ReportedPair]) -> ReportModel {
    ReportModel(
      title: "t",
      sections: ["large", "small, wide"].map {
        ReportSection(run: "r", model: $0, benchmark: "val", axes: [], metrics: [], imageCount: 500, facts: [])
      }, pairs: pairs)
  }

  private static let pairs = [
    pair("val"), pair("c", p: 1e-9, correctedP: 2e-9, kappa: .nan), pair("r", p: 1, correctedP: 1),
  ]

  @Test("The table has a row a benchmark and pair, and says how to read it")
  func table() {
    let table = ReportTable.render(Self.model(Self.pairs), colour: false, width: 400)
    let lines = table.components(separatedBy: "\n").map { $0.split(separator: " ").joined(separator: " ") }
    for line in [
      "Pairwise comparison of models",
      "val large small, wide 500 1.2 [0.2, 2.2] 6 and 0 0.0313 0.0625 0.50 [0.25, 0.75]",
      "c large small, wide 500 under 4 conditions 1.2 [0.2, 2.2] 6 and 0 < 0.0001 < 0.0001 -",
      "r large small, wide 500 under 4 conditions 1.2 [0.2, 2.2] 6 and 0 1 1 0.50 [0.25, 0.75]",
    ] { #expect(lines.contains(line), "\(line)\n\(table)") }
    #expect(table.contains("Holm-corrected for 3 comparisons\n"))
    #expect(!ReportTable.render(Self.model([]), colour: false, width: 400).contains("in pairs"))
    let many = ReportTable.render(
      Self.model((0..<70).map { Self.pair("b\($0)") }), colour: false, width: 400)
    #expect(many.contains("and 10 more") && many.contains("b59 ") && !many.contains("b60 "))
  }

  @Test("Probabilities of any size are said", arguments: [Double.greatestFiniteMagnitude * 2, -1e300, 1e300, 1])
  func probabilitiesOfAnySize(p: Double) {
    let table = ReportTable.render(
      Self.model([Self.pair("val", p: p, correctedP: p)]), colour: false, width: 400)
    let words = table.split(separator: " ").map(String.init)
    #expect(p > 0 ? words.contains("1") : table.contains("< 0.0001"))
  }

  @Test("The page and the files hold every pair")
  func files() {
    let page = HTMLReport.render(Self.model(Self.pairs))
    #expect(page.components(separatedBy: "<h3>Are the differences real?</h3>").count == 4)
    #expect(page.contains("<th scope=\"row\">large \u{2212} small, wide</th><td>500 under 4 conditions</td>"))
    #expect(page.contains("<td>&lt; 0.0001</td>") && page.contains("<td data-v=\"0.012\">1.2 [0.2, 2.2]</td>"))
    for sentence in ["0 of 1 pair of models differ in top-1", "1 of 1 pair of models differs in top-1"] {
      #expect(page.contains(sentence))
    }
    #expect(page.contains("Holm-corrected for 3 comparisons</p>"))
    let file = CSVReport.render(Self.model(Self.pairs)).files.first { $0.name == "comparisons.csv" }?.text
    let lines = file?.components(separatedBy: "\r\n") ?? []
    #expect(
      lines.dropFirst().first
        == "r,large,val,\"small, wide\",1,500,6,0,0.012,0.002,0.022,0.03125,0.0625,0.988,0.5,0.25,0.75")
    #expect(lines.count == 5 && lines[2].hasSuffix(",0.988,,,"))
    #expect(CSVReport.names == CSVReport.render(Self.model([])).files.map(\.name))
  }

  @Test("Models of runs that share a name are told apart")
  func runs() {
    let sections = ["r", "s"].map {
      ReportSection(run: $0, model: "large", benchmark: "val", axes: [], metrics: [], imageCount: 500, facts: [])
    }
    let model = ReportModel(title: "t", sections: sections, pairs: [Self.pair("val"), Self.pair("val", run: "s")])
    let table = ReportTable.render(model, colour: false, width: 400)
    #expect(table.contains("large (r)") && table.contains("large (s)"))
    #expect(table.contains("for 1 comparisons of a run"))
  }
}
