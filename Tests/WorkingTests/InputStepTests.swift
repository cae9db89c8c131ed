import Benchmarks
import Foundation
import Imaging
import Planning
import Testing
import Working

/// What is done to the values that a network is given.
@Suite struct InputStepTests {
  private func preparation(_ input: [InputStep]) throws -> ImagePreparation {
    let data = try TenPictures()
    let picture = data.picture
    let task = try TenPictures.task(of: data.plan(benchmarks: "{kind: imagenet-val, root: val}"), images: 2)
    let steps = try #require(String(data: JSONEncoder().encode(input), encoding: .utf8))
    let json = try #require(String(data: task.encoded(), encoding: .utf8))
    let changed = json.replacing("\"input\":[]", with: "\"input\":\(steps)")
    #expect(input.isEmpty || changed != json)
    return ImagePreparation(
      task: try ShardTask(decoding: Data(changed.utf8)), frostPictures: [], inputHeight: 64, inputWidth: 64
    ) { _ in [UInt8](picture) }
  }

  @Test("steps change the values in [0, 1], in their order, and then the values are normalised")
  func order() throws {
    let plain = try preparation([])
    let unit = try plain.unitValues(of: 0)
    #expect(unit.allSatisfy { (0...1).contains($0) })
    var normalised = unit
    plain.task.model.preprocessing.normalise(&normalised)
    #expect(try plain.values(of: 0).map(\.bitPattern) == normalised.map(\.bitPattern))
    let strong = InputStep.addWave(FourierWave(row: 2, column: 1, norm: 40))
    let weak = InputStep.addWave(FourierWave(row: 5, column: -3, norm: 8))
    let both = try preparation([strong, weak])
    let context = PictureContext(
      preprocessing: plain.task.model.preprocessing, keeping: nil, seed: 11, frostPictures: [])
    var expected = unit
    for step in [strong, weak] {
      step.apply(to: &expected, size: PictureSize(width: 64, height: 64), at: plain.task.paths[0], context)
    }
    #expect(try both.unitValues(of: 0) == expected && expected != unit)
    #expect(try preparation([weak, strong]).unitValues(of: 0) != expected)
    context.preprocessing.normalise(&expected)
    #expect(try both.values(of: 0).map(\.bitPattern) == expected.map(\.bitPattern))
    // The same picture under another path has other signs.
    let others = try (0..<8).map { try preparation([InputStep.addWave(FourierWave(row: $0, column: 1, norm: 8))]) }
    #expect(try others.contains { try $0.unitValues(of: 0) != $0.unitValues(of: 1) })
  }
}
