import Benchmarks
import Foundation
import Imaging
import Planning
import Testing
import Working

/// Pictures as a network is given them, as files.
@Suite struct PictureExportTests {
  @Test("attacked pictures are within the budget and half a level of the clean ones, whatever is exported with them")
  func budget() throws {
    let data = try TenPictures()
    let path = data.path
    let plan = try data.plan(benchmarks: "{kind: attack, root: val, method: pgd, budgets: [2.5/255], steps: 3}")
    func export(_ images: [Int], _ folder: String, batch: Int, threads: Int) throws -> [[UInt8]] {
      let selection = PictureExport.Selection(
        model: 0, benchmark: 0, cells: plan.manifest.benchmarks[0].conditions.map(\.cell), images: images)
      let pictures = try PictureExport(of: plan, selection, to: path + "/" + folder).write(
        memory: .max, batch: batch, threads: threads)
      #expect(pictures.map(\.budget) == images.map { _ in nil } + images.map { _ in 2.5 / 255 })
      for picture in pictures where picture.budget != nil {
        let rounding = try #require(picture.rounding)
        #expect(rounding > 0 && rounding <= 1.0 / 510 + 1e-6)
      }
      return try pictures.map { picture in
        let file = "\(path)/\(folder)/\(try #require(picture.file))"
        return try ImageDecoder.decode([UInt8](Data(contentsOf: URL(fileURLWithPath: file))), name: file).pixels
      }
    }
    let all = try export(Array(0..<10), "all", batch: 4, threads: 2)
    for image in 0..<10 {
      let changes = zip(all[image], all[10 + image]).map { abs(Int($0) - Int($1)) }
      #expect(changes.max() == 3)
    }
    // The same picture under other paths and labels.
    #expect(Set(all[..<10]).count == 1 && Set(all[10...]).count == 10)
    let some = try export([2, 3, 7], "some", batch: 1, threads: 1)
    #expect(some[3...] == [all[12], all[13], all[17]])
  }

  @Test("names of files are what any file system takes, and no two are the same")
  func names() {
    var names = ExportNames()
    let clean = GridCell(index: 0, values: [])
    #expect(names.file(of: "cat/one.JPEG", at: clean) == "cat/one.png")
    #expect(names.file(of: "cat/one.jpg", at: clean) == "cat/one-2.png")
    #expect(names.file(of: "a:b/.hidden", at: clean) == "a_b/_hidden.png")
    let budget = GridCell(index: 1, values: ["1/255"])
    #expect(names.file(of: "cat/one.two.png", at: budget) == "1_255/cat/one.two.png")
    #expect(names.file(of: "cat/x.png", at: GridCell(index: 2, values: ["1:255"])) == "1_255-2/cat/x.png")
    #expect(names.file(of: "cat/x.png", at: GridCell(index: 3, values: ["fog", "5"])) == "fog/5/cat/x.png")
  }
}
