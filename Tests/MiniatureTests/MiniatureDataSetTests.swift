import Foundation
import Imaging
import Miniature
import TestSupport
import Testing

@Suite struct MiniatureDataSetTests {
  private static func draw(seed: UInt64) throws -> [String: Data] {
    let folder = URL(fileURLWithPath: ScratchFolder.freshPath())
    try Miniature.write(
      to: folder.path, options: Miniature.Options(seed: seed, trainingImages: 10, validationImages: 10)
    ) { _ in }
    var files: [String: Data] = [:]
    for path in try FileManager.default.subpathsOfDirectory(atPath: folder.path) where path.hasSuffix(".JPEG") {
      files[path] = try Data(contentsOf: folder.appendingPathComponent(path))
    }
    return files
  }

  /// What most tests look at.
  private static let drawn = Result { try draw(seed: 3) }

  @Test func theSameSeedGivesTheSameFilesAndAnotherSeedOthers() throws {
    let first = try Self.drawn.get()
    #expect(try Self.draw(seed: 3) == first)
    #expect(try Self.draw(seed: 4) != first)
  }

  @Test func layoutIsThatOfImageNetAndImageNetC() throws {
    let files = try Self.drawn.get()
    let val = files.keys.filter { $0.hasPrefix("val/") }
    #expect(val.count == 10)
    #expect(Set(val.map { $0.split(separator: "/")[1] }).count == 10)
    for corruption in Miniature.corruptions {
      for severity in 1...5 {
        let prefix = "imagenet-c/\(corruption.rawValue)/\(severity)/"
        let names = files.keys.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
        #expect(Set(names) == Set(val.map { String($0.dropFirst(4)) }), "\(prefix)")
      }
    }
  }

  @Test("photographs are of ImageNet's size, the same for the same seed, and a folder that cannot be is refused")
  func photographs() throws {
    let folder = URL(fileURLWithPath: ScratchFolder.freshPath())
    func draw(_ name: String, seed: UInt64) throws -> [String: Data] {
      let target = folder.appendingPathComponent(name)
      try Miniature.writePhotographs(to: target.path, count: 2, seed: seed) { _ in }
      var files: [String: Data] = [:]
      for path in try FileManager.default.subpathsOfDirectory(atPath: target.path) where path.hasSuffix(".JPEG") {
        files[path] = try Data(contentsOf: target.appendingPathComponent(path))
      }
      return files
    }
    let first = try draw("a", seed: 3)
    #expect(Set(first.keys.map { $0.suffix(14) }) == ["/00000001.JPEG", "/00000002.JPEG"])
    for (name, bytes) in first {
      let picture = try ImageDecoder.decode([UInt8](bytes), name: name)
      #expect(picture.width == 500 && picture.height == 375)
    }
    #expect(try draw("b", seed: 3) == first)
    #expect(try draw("c", seed: 4) != first)
    try Data().write(to: folder.appendingPathComponent("file"))
    #expect(throws: MiniatureError.self) { try draw("file", seed: 3) }
  }

  @Test func trainingNeverSeesAnImageOfVal() throws {
    let files = try Self.drawn.get()
    let val = Set(files.filter { $0.key.hasPrefix("val/") }.values)
    let train = Set(files.filter { $0.key.hasPrefix("train/") }.values)
    #expect(train.count == 10)
    #expect(val.isDisjoint(with: train))
  }
}
