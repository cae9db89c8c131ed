import Benchmarks
import Records
import Testing

@Suite struct GridTests {
  @Test("conditions run with the last axis fastest, and an index finds its condition again")
  func order() {
    let grid = Grid(axes: [
      Axis(name: "corruption", values: ["fog", "snow"]),
      Axis(name: "severity", values: ["1", "2", "3"], isNumeric: true),
    ])
    #expect(grid.count == 6)
    #expect(grid.cells.map(\.description) == ["fog/1", "fog/2", "fog/3", "snow/1", "snow/2", "snow/3"])
    for cell in grid.cells { #expect(grid.cell(at: cell.index) == cell) }
    #expect(grid.cell(at: 6) == nil)
    #expect(grid.cell(at: -1) == nil)
  }

  @Test("rows may end early: what lies beyond is no condition, and other places keep their index")
  func unevenRows() {
    let axes = [
      Axis(name: "perturbation", values: ["snow", "translate"]), Axis(name: "frame", values: ["0", "1", "2"]),
    ]
    let grid = Grid(axes: axes, rowLengths: [1, 3])
    #expect(grid.count == 6)
    #expect(grid.cells.map(\.description) == ["snow/0", "translate/0", "translate/1", "translate/2"])
    #expect(grid.cells.map(\.index) == [0, 3, 4, 5])
    #expect((0..<6).map(grid.isPlanned) == [true, false, false, true, true, true])
  }

  @Test("a grid without axes has one condition")
  func noAxes() {
    #expect(Grid(axes: []).cells.map(\.description) == ["all"])
  }

  @Test("the 1,000 WordNet ids are distinct and sorted, as ImageNet's class index is")
  func classes() {
    #expect(ImageNetClasses.wordNetIDs.count == 1000)
    #expect(Set(ImageNetClasses.wordNetIDs).count == 1000)
    #expect(ImageNetClasses.wordNetIDs == ImageNetClasses.wordNetIDs.sorted())
  }
}
