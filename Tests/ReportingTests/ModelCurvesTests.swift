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

  /// The lines of the plot of all models, whose title says so.
  private func lines(_ page: String) -> [String] {
    guard
      let plot = page.components(separatedBy: "<figure>").dropFirst().first?.components(separatedBy: "</figure>").first
    else { return [] }
    return plot.components(separatedBy: "<path d=\"M").dropFirst().filter { $0.contains("stroke=\"#") }.map {
      String($0.prefix { $0 != "\"" })
    }
  }

  @Test("Numbers lie where they are among all models', names from each model's first to its last")
  func positions() {
    // The plot is 420 wide from 56 and 240 high from 40.
    func numbers(_ values: [String]) -> Axis { Axis(name: "n", values: values, isNumeric: true) }
    let proportional = page(
      section("one", numbers(["0", "10"]), [0, 1]), section("two", numbers(["5", "10"]), [0.5, 0.5]))
    #expect(lines(proportional) == ["56 280L476 40", "266 160L476 160"])
    func names(_ values: [String]) -> Axis { Axis(name: "point", values: values) }
    let depths = page(
      section("one", names(["a", "b", "c"]), [0, 0.5, 1]), section("two", names(["d", "e"]), [1, 0]))
    #expect(lines(depths) == ["56 280L266 160L476 40", "56 40L476 280"])
    #expect(depths.contains("points, from the image to the answer"))
  }

  @Test("One model, or models without a value, are no plot of several")
  func few() {
    let axis = Axis(name: "n", values: ["0", "1"], isNumeric: true)
    #expect(!page(section("one", axis, [0, 1])).contains("<figure>"))
    #expect(!page(section("one", axis, [0, 1]), section("two", axis, [.nan, .nan])).contains("<figure>"))
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
    #expect(all.contains("<figcaption>mean x over all: highest of high, 75.0 %; lowest of low, 25.0 %.</figcaption>"))
    let equal = page(section("one", axis, [0, 0], headline: 0.5), section("two", axis, [1, 1], headline: 0.5))
    #expect(equal.contains("<figcaption>mean x over all: 50.0 % of each model.</figcaption>"))
    // Of another kind of benchmark: not put in order.
    let other = page(
      section("one", axis, [0, 0], headline: 0.5), section("two", axis, [1, 1], headline: 0.9, kind: "other"))
    #expect(other.contains("<figure>") && !other.contains("figcaption>mean"))
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
}
