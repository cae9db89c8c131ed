import Foundation
import Records
import Reporting
import Testing

/// Curves of several models in one plot, and the sentence below it.
@Suite struct ModelCurvesTests {
  private func section(
    _ model: String, _ axis: Axis, _ values: [Double], headline: Double? = nil, extent: String = "over all",
    unit: Metric.Figure.Unit = .share, kind: String = "k"
  ) -> ReportSection {
    var metrics = [
      Metric(name: "x", description: "", axes: [axis.name], values: values, figure: .init("x", .curve, unit)),
      Metric(name: "evaluated", description: "", axes: [], values: [4], figure: .count()),
    ]
    if let headline {
      metrics.append(
        Metric(
          name: "h", description: "", axes: [], values: [headline],
          figure: .init("mean x", .headline, unit, extent: extent)))
    }
    return ReportSection(
      model: model, benchmark: "b", axes: [], metrics: metrics, imageCount: 4,
      attributes: ["benchmark_kind": kind, "data_sha256": "d"], facts: [], furtherAxes: [axis])
  }

  private func page(_ sections: ReportSection...) -> String {
    HTMLReport.render(ReportModel(title: "t", sections: sections))
  }

  /// The lines of the plot of all models; those of its legend have no corners.
  private func lines(_ page: String) -> [String] {
    guard
      let plot = page.components(separatedBy: "<figure>").dropFirst().first?.components(separatedBy: "</figure>").first
    else { return [] }
    return plot.components(separatedBy: "<path d=\"M").dropFirst().filter { $0.contains("stroke=\"#") }.map {
      String($0.prefix { $0 != "\"" })
    }.filter { $0.contains("L") }
  }

  @Test("Numbers lie where they are among all models', names from each model's first to its last")
  func positions() {
    // The plot is 480 wide from 52 and 240 high from 54.
    func numbers(_ values: [String]) -> Axis { Axis(name: "n", values: values, isNumeric: true) }
    let proportional = page(
      section("one", numbers(["0", "10"]), [0, 1]), section("two", numbers(["5", "10"]), [0.5, 0.5]))
    #expect(lines(proportional) == ["52 294L532 54", "292 174L532 174"])
    func names(_ values: [String]) -> Axis { Axis(name: "point", values: values) }
    let depths = page(
      section("one", names(["a", "b", "c"]), [0, 0.5, 1]), section("two", names(["d", "e"]), [1, 0]))
    #expect(lines(depths) == ["52 294L292 174L532 54", "52 54L532 294"])
    #expect(depths.contains("points, from the image to the answer"))
  }

  @Test("A model without a value has no line; one alone has a plot, too")
  func few() {
    let axis = Axis(name: "n", values: ["0", "1"], isNumeric: true)
    #expect(lines(page(section("one", axis, [0, 1]))).count == 1)
    #expect(lines(page(section("one", axis, [0, 1]), section("two", axis, [.nan, .nan]))).count == 1)
    #expect(!page(section("one", axis, [.nan, .nan])).contains("<figure>"))
    // A place without a value leaves the line out there, and numbers of any size are drawn.
    let odd = page(
      section("one", axis, [.nan, 1e300], unit: .number), section("two", axis, [-1e300, .infinity], unit: .number))
    #expect(odd.contains("<figure>"))
  }

  @Test(
    "The sentence names the highest and the lowest of what is comparable, with what they are over where that is one thing"
  )
  func sentences() {
    let axis = Axis(name: "n", values: ["0", "1"], isNumeric: true)
    let all = page(
      section("low", axis, [0, 0], headline: 0.25), section("high", axis, [1, 1], headline: 0.75),
      section("middle", axis, [1, 1], headline: 0.5))
    #expect(all.contains("<p class=\"finding\">mean x over all: highest of high, 75.0 %; lowest of low, 25.0 %.</p>"))
    let equal = page(section("one", axis, [0, 0], headline: 0.5), section("two", axis, [1, 1], headline: 0.5))
    #expect(equal.contains("<p class=\"finding\">mean x over all: 50.0 % of each model.</p>"))
    // Of a different kind of benchmark: not put in order.
    let other = page(
      section("one", axis, [0, 0], headline: 0.5), section("two", axis, [1, 1], headline: 0.9, kind: "other"))
    #expect(other.contains("<figure>") && !other.contains("<p class=\"finding\">mean"))
  }

  @Test("Figures over different things say over what each is, and shares of such are marked")
  func extents() {
    let axis = Axis(name: "n", values: ["0", "1"], isNumeric: true)
    func text(_ unit: Metric.Figure.Unit) -> String {
      ReportTable.render(
        ReportModel(
          title: "t",
          sections: [
            section("one", axis, [0, 0], headline: 0.5, extent: "of 64x64", unit: unit),
            section("two", axis, [0, 0], headline: 0.6, extent: "of 96x96", unit: unit),
          ]), colour: false, width: 300)
    }
    #expect(text(.share).contains("b, mean x: of 64x64 (one); of 96x96 (two)"))
    #expect(text(.share).contains("not comparable with one: of 96x96, not of 64x64"))
    #expect(text(.number).contains("of 64x64 (one); of 96x96 (two)") && !text(.number).contains("not comparable"))
  }

  @Test("A band holds the intervals of a line whose points all have one")
  func bands() {
    let axis = Axis(name: "n", values: ["0", "1"], isNumeric: true)
    func page(_ low: [Double]) -> String {
      func metric(_ name: String, _ values: [Double], _ figure: Metric.Figure) -> Metric {
        Metric(name: name, description: "", axes: ["n"], values: values, figure: figure)
      }
      return HTMLReport.render(
        ReportModel(
          title: "t",
          sections: [
            ReportSection(
              model: "one", benchmark: "b", axes: [],
              metrics: [
                metric("x", [0.5, 0.75], .init("x", .curve)), metric("x_low", low, .support),
                metric("x_high", [0.75, 1], .support),
              ], imageCount: 4, facts: [], furtherAxes: [axis])
          ]))
    }
    let whole = page([0.25, 0.5])
    #expect(whole.contains("<path d=\"M52 114L532 54L532 174L52 234z\"") && whole.contains("Bands are 95 % intervals."))
    #expect(whole.contains("<title>one, n 0: 50.0 % [25.0, 75.0]</title>"))
    #expect(!page([0.25, .nan]).contains("fill-opacity"))
  }
}
