import Foundation
import Records
import Reporting
import Testing

/// Maps over two axes of numbers.
@Suite struct ColourMapTests {
  private func page(_ values: [Double], role: Metric.Figure.Role = .map) -> String {
    let axes = ["y", "x"].map { Axis(name: $0, values: ["-1", "0", "1"], isNumeric: true) }
    let metric = Metric(
      name: "error_map", description: "", axes: ["y", "x"], values: values, figure: .init("error", role))
    return HTMLReport.render(
      ReportModel(
        title: "t",
        sections: [ReportSection(model: "m", benchmark: "b", axes: axes, metrics: [metric], imageCount: 4, facts: [])]))
  }

  @Test("a map has a box a cell, of its value's colour, beside a scale of twenty; it is no table of numbers")
  func boxes() {
    let values = [0, 0.2, 0.4, 0.6, 0.8, 1, 0.1, 0.3, 0.5]
    let found = page(values)
    #expect(found.components(separatedBy: "<rect ").count - 1 == 9 + 20)
    // Cells of 126: the first is palest, the sixth darkest.
    #expect(found.contains("<rect x=\"48\" y=\"28\" width=\"126\" height=\"126\" fill=\"rgb(255,247,188)\"/>"))
    #expect(found.contains("<rect x=\"300\" y=\"154\" width=\"126\" height=\"126\" fill=\"rgb(24,62,110)\"/>"))
    #expect(found.contains("error in percent by y and x") && !found.contains("20.0"))
    #expect(page(values, role: .data).components(separatedBy: "<rect ").count == 1)
  }

  @Test("cells without a value are left out; a map without any is none")
  func gaps() {
    let some = page([0.5, .nan, .nan, .nan, .nan, .nan, .nan, .nan, 0.5])
    #expect(some.components(separatedBy: "<rect ").count - 1 == 2 + 20)
    #expect(!page(Array(repeating: .nan, count: 9)).contains("<rect"))
  }
}
