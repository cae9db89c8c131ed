import Foundation
import Records
import Reporting
import Testing

/// Where curves put their points.
@Suite struct CurvesTests {
  private func page(_ axis: Axis, _ values: [Double]) -> String {
    let metric = Metric(
      name: "x", description: "", axes: [axis.name], values: values,
      figure: .init("top-1", .curve, isOfEachCondition: true))
    return HTMLReport.render(
      ReportModel(
        title: "t",
        sections: [
          ReportSection(model: "m", benchmark: "b", axes: [axis], metrics: [metric], imageCount: 4, facts: [])
        ]))
  }

  /// The first path with corners, which is the curve.
  private func curve(_ page: String) -> String? {
    page.components(separatedBy: "<path d=\"M").dropFirst().map { String($0.prefix { $0 != "\"" }) }
      .first { $0.contains("L") }
  }

  @Test("Numbers lie in proportion, whatever their order; names one after the other")
  func positions() {
    // The plot is 480 wide from 52 and 240 high from 54.
    let numbers = ["0", "10", "2", "4"]
    let values = [1, 0, 0.75, 0.5]
    #expect(
      curve(page(Axis(name: "removed", values: numbers, isNumeric: true), values)) == "52 54L148 114L244 174L532 294")
    #expect(curve(page(Axis(name: "name", values: numbers), values)) == "52 54L212 294L372 114L532 174")
  }

  @Test("A curve of a single point is a mark")
  func singlePoint() {
    let dot = "<circle cx=\"292\" cy=\"174\" r=\"4.5\""
    #expect(page(Axis(name: "removed", values: ["3"], isNumeric: true), [0.5]).contains(dot))
    let gaps = page(Axis(name: "removed", values: ["1", "3", "5"], isNumeric: true), [.nan, 0.5, .nan])
    #expect(gaps.contains(dot))
    #expect(curve(page(Axis(name: "removed", values: ["1", "3"], isNumeric: true), [0.5, .nan])) == nil)
  }

  @Test("Numbers of any size are drawn, at the edge where they are beyond the others")
  func hugeNumbers() {
    for huge in [1e300, -1e300, .greatestFiniteMagnitude, .infinity] {
      #expect(page(Axis(name: "n", values: ["0", "1", "2"], isNumeric: true), [0, 1, huge]).contains("<svg"))
      #expect(
        page(Axis(name: "n", values: ["0", "\(huge)", "\(-huge)"], isNumeric: true), [0, 1, 1]).contains("<svg"))
    }
  }

  @Test("Labels of values that lie close are left out rather than drawn over each other")
  func labels() {
    let page = page(Axis(name: "removed", values: ["0", "1", "2", "100"], isNumeric: true), [1, 1, 1, 1])
    #expect(page.contains(">0</text>") && page.contains(">100</text>"))
    #expect(!page.contains(">1</text>") && !page.contains(">2</text>"))
  }
}
