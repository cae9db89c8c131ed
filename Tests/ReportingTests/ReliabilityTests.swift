import Archives
import Foundation
import Records
import Reporting
import TestSupport
import Testing

/// How reports show calibration: bins of confidences, and figures that share an axis.
@Suite struct ReliabilityTests {
  private static let bins = Axis(name: "confidence_bin", values: ["1", "2", "3", "4"], isNumeric: true)

  private static func metric(_ name: String, _ axes: [String], _ values: [Double], _ figure: Metric.Figure) -> Metric {
    Metric(name: name, description: "d", axes: axes, values: values, figure: figure)
  }

  private static let ofBins = [
    metric("a", ["confidence_bin"], [.nan, 0.5, 0.25, 1], .init("accuracy", .reliability)),
    metric("a_low", ["confidence_bin"], [.nan, 0.25, 0, 0.75], .support),
    metric("a_high", ["confidence_bin"], [.nan, 0.75, 0.5, 1], .support),
    metric("a_ideal", ["confidence_bin"], [.nan, 0.375, 0.625, 0.875], .support),
    metric("n", ["confidence_bin"], [0, 4, 4, 8], .init("images", .histogram, .number)),
    metric("seen", [], [16], .count()),
  ]

  private static func page(_ metrics: [Metric], axes: [Axis] = [], further: [Axis] = []) -> ReportModel {
    ReportModel(
      title: "t",
      sections: [
        ReportSection(
          model: "m", benchmark: "b", axes: axes, metrics: metrics, imageCount: 16, facts: [], furtherAxes: further)
      ])
  }

  @Test("A bar a bin at its accuracy, a dot at its mean confidence, and a bar a bin at its share of the images")
  func diagrams() {
    // Plots are 240 wide from 48 and 240 high from 28.
    let page = HTMLReport.render(Self.page(Self.ofBins, further: [Self.bins]))
    #expect(page.contains("<title>accuracy by confidence, and the diagonal</title>"))
    #expect(page.contains("<title>images by confidence</title>"))
    #expect(page.contains("<rect x=\"109\" y=\"148\" width=\"58\" height=\"120\""))
    #expect(page.contains("<rect x=\"169\" y=\"208\" width=\"58\" height=\"60\""))
    #expect(page.contains("<circle cx=\"138\" cy=\"148\"") && page.contains("d=\"M138 208V88\""))
    #expect(page.contains("d=\"M48 268L288 28\""), "the diagonal")
    // Half of the images lie in the last bin; the first bin has none.
    #expect(page.contains("<rect x=\"229\" y=\"148\" width=\"58\" height=\"120\"") && !page.contains("<rect x=\"49\""))
    let table = ReportTable.render(Self.page(Self.ofBins, further: [Self.bins]), colour: false, width: 100)
    #expect(!table.contains("confidence_bin"))
    let series = CSVReport.render(Self.page(Self.ofBins, further: [Self.bins])).files[1].text
    #expect(series.contains(",m,b,a,confidence_bin,3,0.25,0.0,0.5,4,4\r\n"))
  }

  @Test(
    "Mean confidences of any size are drawn within the plot",
    arguments: [1e300, -1e300, -7, Double.greatestFiniteMagnitude * 2])
  func confidencesOfAnySize(confidence: Double) {
    let metrics = Self.ofBins.map { metric in
      metric.name == "a_ideal"
        ? Self.metric("a_ideal", ["confidence_bin"], [.nan, confidence, 0, 0], .support) : metric
    }
    let page = HTMLReport.render(Self.page(metrics, further: [Self.bins]))
    #expect(page.contains("<circle cx=\"\(confidence > 0 ? 288 : 48)\" cy=\"148\""))
  }

  @Test("Figures that share an axis are columns of one table, and those of one title lines of one plot")
  func series() {
    let axes = [Axis(name: "c", values: ["x"]), Axis(name: "severity", values: ["1", "5"], isNumeric: true)]
    let metrics = [
      Self.metric("top1", ["c", "severity"], [0.5, 0.25], .init("top-1", .table, isOfEachCondition: true)),
      Self.metric("seen", ["c", "severity"], [16, 16], .count()),
      Self.metric("e", ["severity"], [0.1, 0.2], .init("ECE", .series, isLessBetter: true)),
      Self.metric("n", ["severity"], [1.5, 2.25], .init("NLL", .series, .number, isLessBetter: true)),
      Self.metric("f", ["severity"], [0.05, .nan], .init("ECE", .series, isLessBetter: true, extent: "after")),
    ]
    let model = Self.page(metrics, axes: axes)
    let lines = ReportTable.render(model, colour: false, width: 100).components(separatedBy: "\n")
      .map { $0.split(separator: " ").joined(separator: " ") }
    for line in ["severity ECE NLL ECE after", "1 10.0 % 1.50 5.0 %", "5 20.0 % 2.25 -"] {
      #expect(lines.contains(line), "\(line)\n\(lines.joined(separator: "\n"))")
    }
    let page = HTMLReport.render(model)
    for title in ["ECE by severity of b", "NLL by severity of b", "ECE after by severity of b"] {
      #expect(page.components(separatedBy: "<title>\(title), one line per model</title>").count == 2, "\(title)")
    }
    #expect(page.contains("scope=\"rowgroup\">ECE after (%) \u{2193}</th>"))
    #expect(CSVReport.render(model).files[1].text.contains(",m,b,n,severity,5,2.25,,,16,16\r\n"))
  }

  @Test("Axes of metrics that are none of the grid's come back from the archive")
  func archive() throws {
    let path = ScratchFolder.freshPath() + ".h5"
    let factors = Axis(name: "factor", values: ["pose", "style"])
    let group = ArchiveGroupPlan(
      path: "m/b", axes: [], imagePaths: ["a/1"], labels: [0], classNames: ["a", "b"],
      variables: [.logits(classes: 2)], attributes: ["model": "m", "benchmark": "b"],
      texts: [.init("note", ["a word"], description: "words")])
    let ratios = Self.metric("r", ["factor"], [1.5, 0.5], .init("error ratio", .table, .ratio))
    let counts = Self.metric("s", ["factor"], [7, 9], .count())
    let writer = try ArchiveWriter(path: path, attributes: ["title": "t"], groups: [group], compressed: false)
    try writer.writeMetrics(group: "m/b", Self.ofBins + [ratios, counts], further: [Self.bins, factors])
    try writer.writeTable("attempts", columns: [.integers("shard", [])])
    try writer.close()
    let read = try ArchiveReader(path: path)
    #expect(read.groups[0].furtherAxes == [Self.bins, factors] && read.groups[0].axes.isEmpty)
    #expect(try read.texts("note", group: "m/b") == ["a word"] && (try read.texts("none", group: "m/b")) == nil)
    let model = try ReportModel(archives: [read])
    #expect(HTMLReport.render(model).contains("<title>accuracy by confidence, and the diagonal</title>"))
    let table = ReportTable.render(model, colour: false, width: 100)
    #expect(
      table.contains("error ratio by factor\n    pose   150.0 %  7 images\n    style  50.0 %   9 images"), "\(table)")
    #expect(CSVReport.render(model).files[1].text.contains(",m,b,r,factor,style,0.5,,,9,9\r\n"))
  }
}
