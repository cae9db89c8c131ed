import Benchmarks
import Foundation
import Imaging
import Planning
import Synchronization
import Testing
import Working

/// What is wrong with a picture is believed of bytes that are read twice alike.
@Suite struct SecondLookTests {
  private static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent()
    .deletingLastPathComponent().path
  private let whole: [UInt8]
  private let task: ShardTask

  init() throws {
    let path = NSTemporaryDirectory() + "gauntlet-look-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: path) }
    let picture = try Data(contentsOf: URL(fileURLWithPath: Self.repository + "/Tests/ImagingTests/Fixtures/444.jpg"))
    whole = [UInt8](picture)
    for index in 0..<10 {
      try FileManager.default.createDirectory(atPath: path + "/val/c\(index)", withIntermediateDirectories: true)
      try picture.write(to: URL(fileURLWithPath: path + "/val/c\(index)/p.jpg"))
    }
    let text = """
      run: look
      models: [{name: m, architecture: resnet-nano, checkpoint: \(Self.repository)/models/resnet-nano.safetensors}]
      benchmarks: [{kind: imagenet-val, root: val}]
      """
    try Data(text.utf8).write(to: URL(fileURLWithPath: path + "/run.yaml"))
    task = try ShardTask(
      ShardDefinition(id: 0, model: 0, benchmark: 0, condition: 0, firstImage: 0, imageCount: 1),
      of: Plan.make(manifestPath: path + "/run.yaml"))
  }

  /// A preparation of one image whose file is read as these looks have it; nil: it cannot be read.
  private func preparation(_ looks: [[UInt8]?]) -> ImagePreparation {
    let count = Mutex(0)
    return ImagePreparation(task: task, frostPictures: [], inputHeight: 64, inputWidth: 64) { file in
      let look = count.withLock { count in
        defer { count += 1 }
        return count
      }
      guard looks.indices.contains(look), let bytes = looks[look] else {
        throw UnreadableFile(path: file, reason: "it is away")
      }
      return bytes
    }
  }

  private func digest(of bytes: [UInt8]?) -> String {
    var digests = ShardBytes(imageCount: 1)
    if let bytes { digests.set(ShardBytes.digest(of: bytes), at: 0) }
    return digests.sha256
  }

  @Test("a picture that is whole is read once; one that was cut short once is the whole one")
  func once() throws {
    let expected = try preparation([whole]).values(of: 0)
    let short = preparation([Array(whole.prefix(whole.count / 2)), whole])
    #expect(try short.values(of: 0) == expected)
    #expect(short.sha256 == digest(of: whole))
  }

  @Test("one that is cut short is called that, with the digest of its bytes, and not decoded a second time")
  func damaged() {
    let bytes = Array(whole.prefix(whole.count / 2))
    let preparation = preparation([bytes, bytes])
    #expect(throws: ImageError.self) { try preparation.values(of: 0) }
    #expect(preparation.sha256 == digest(of: bytes))
  }

  @Test("one that was cut short and then away is away, and nothing is said of its bytes")
  func away() {
    let preparation = preparation([Array(whole.prefix(100)), nil])
    #expect(throws: UnreadableFile.self) { try preparation.values(of: 0) }
    #expect(preparation.sha256 == digest(of: nil))
  }
}
