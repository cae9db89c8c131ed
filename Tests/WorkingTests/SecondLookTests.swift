import Benchmarks
import Foundation
import Imaging
import Planning
import Synchronization
import Testing
import Working

/// What is wrong with a picture is believed of bytes that are read twice alike.
@Suite struct SecondLookTests {
  private let whole: [UInt8]
  private let task: ShardTask

  init() throws {
    let data = try TenPictures()
    whole = [UInt8](data.picture)
    task = try TenPictures.task(of: data.plan(benchmarks: "{kind: imagenet-val, root: val}"), images: 1)
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

  @Test("a picture that is whole is read once; one that was truncated once is the whole one")
  func once() throws {
    let expected = try preparation([whole]).values(of: 0)
    let short = preparation([Array(whole.prefix(whole.count / 2)), whole])
    #expect(try short.values(of: 0) == expected)
    #expect(short.sha256 == digest(of: whole))
  }

  @Test("one that is truncated is called that, with the digest of its bytes, and not decoded a second time")
  func damaged() {
    let bytes = Array(whole.prefix(whole.count / 2))
    let preparation = preparation([bytes, bytes])
    #expect(throws: ImageError.self) { try preparation.values(of: 0) }
    #expect(preparation.sha256 == digest(of: bytes))
  }

  @Test("one that was truncated and then away is away, and nothing is said of its bytes")
  func away() {
    let preparation = preparation([Array(whole.prefix(100)), nil])
    #expect(throws: UnreadableFile.self) { try preparation.values(of: 0) }
    #expect(preparation.sha256 == digest(of: nil))
  }
}
