import Benchmarks
import Foundation
import Imaging
import Planning
import TestSupport
import Tensors
import Testing
import Working

/// From a picture's bytes to a network's input: in the order that the condition says.
@Suite struct ImagePreparationTests {
  private let data: TenPictures

  init() throws { data = try TenPictures() }

  private func preparation(_ task: ShardTask, side: Int = 64) -> ImagePreparation {
    ImagePreparation(task: task, frostPictures: [], inputHeight: side, inputWidth: side)
  }

  private func fitted(_ task: ShardTask) throws -> RGBImage {
    try task.model.preprocessing.decode([UInt8](data.picture), name: "picture")
  }

  private func normalised(_ picture: RGBImage, _ task: ShardTask) throws -> [Float] {
    var values = [Float](repeating: 0, count: picture.width * picture.height * 3)
    try values.withUnsafeMutableBufferPointer { try task.model.preprocessing.normalise(picture, into: $0) }
    return values
  }

  @Test("A clean image is decoded, fitted and normalised, and nothing else")
  func clean() throws {
    let task = try TenPictures.task(of: data.plan(benchmarks: "{kind: imagenet-val, root: val}"), images: 2)
    let preparation = preparation(task)
    #expect(try preparation.values(of: 1) == normalised(fitted(task), task))
    #expect(try preparation.unitValues(of: 1) == fitted(task).pixels.map { Float($0) / 255 })
  }

  @Test("A corruption comes after fitting, with the severity of the condition")
  func corrupted() throws {
    let plan = try data.plan(
      benchmarks: "{kind: imagenet-c, from: val, corruptions: [contrast], severities: [2, 5]}")
    let found = try (0..<2).map { condition in
      let task = try TenPictures.task(of: plan, condition: condition, images: 1)
      let corrupted = try Corruption.contrast.apply(
        fitted(task), severity: [2, 5][condition], random: CounterRandom(key: 0, stream: 0), frostPictures: [])
      let values = try preparation(task).values(of: 0)
      #expect(try values == normalised(corrupted, task))
      return values
    }
    #expect(found[0] != found[1])
  }

  @Test("A picture of another size than the network's is refused with both sizes")
  func wrongSize() throws {
    let task = try TenPictures.task(of: data.plan(benchmarks: "{kind: imagenet-val, root: val}"), images: 1)
    let error = #expect(throws: (any Error).self) { try preparation(task, side: 32).values(of: 0) }
    let said = error.map { "\($0)" } ?? ""
    #expect(said.contains("c0/p.jpg is 64x64, but the network takes 32x32"), "\(said)")
  }

  @Test("Of a file that is gone is said that it cannot be read, by its path")
  func gone() throws {
    let task = try TenPictures.task(of: data.plan(benchmarks: "{kind: imagenet-val, root: val}"), images: 1)
    try FileManager.default.removeItem(atPath: data.path + "/val/c0/p.jpg")
    let error = #expect(throws: UnreadableFile.self) { try preparation(task).values(of: 0) }
    #expect(error?.path.hasSuffix("val/c0/p.jpg") == true)
  }
}
