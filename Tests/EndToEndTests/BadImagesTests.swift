import Archives
import Foundation
import TestSupport
import Testing

/// A folder as users have them: with empty, cut, mislabelled and monstrous files among the good ones.
@Suite struct BadImagesTests {
  @Test("bad files set their images aside with a reason; every other image has its logits")
  func badFilesAmongGoodOnes() throws {
    let scratch = try ScratchFolder()
    let folder = scratch.path + "/images/arrow"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Drawings.copy(images: 10, to: scratch.path + "/data")
    let good = try firstImage(below: scratch.path + "/data/val")

    let bad: [String: [UInt8]] = [
      "empty.JPEG": [], "cut.JPEG": Array(good.prefix(good.count / 2)), "text.JPEG": Array("not a picture\n".utf8),
      "huge.JPEG": withSize(good, width: 20_000, height: 20_000),
    ]
    for (name, bytes) in bad { try write(bytes, to: "\(folder)/\(name)") }
    try write(good, to: "\(folder)/good.JPEG")
    for (source, name) in [("cmyk.jpg", "cmyk.JPEG"), ("grey.jpg", "grey.JPEG"), ("colour.png", "png.JPEG")] {
      try FileManager.default.copyItem(
        atPath: "\(Repository.path)/Tests/EndToEndTests/Fixtures/\(source)", toPath: "\(folder)/\(name)")
    }
    let manifest = """
      run: bad
      models:
        - {architecture: replknet-nano, checkpoint: "\(Repository.path)/models/replknet-nano.safetensors"}
      benchmarks:
        - {kind: imagenet-val, root: images, scored: false}
      sharding: {images: 3}
      """
    try write(Array(manifest.utf8), to: scratch.path + "/manifest.yaml")

    let run = scratch.path + "/run"
    let outcome = try CommandLineTool.run(["run", scratch.path + "/manifest.yaml", "--run", run])
    #expect(outcome.status == 1, "\(outcome.errors)")

    let archive = try ArchiveReader(path: run + "/archive.h5")
    let group = try #require(archive.groups.first)
    let names = group.imagePaths.map { ($0 as NSString).lastPathComponent }
    #expect(Set(names) == Set(bad.keys).union(["good.JPEG", "cmyk.JPEG", "grey.JPEG", "png.JPEG"]))
    let failures = try archive.failures(group: group.path)
    for (image, name) in names.enumerated() {
      let logits = try archive.logits(group: group.path, conditionIndex: 0, images: image..<image + 1)
      #expect(logits.allSatisfy { $0.isNaN } == (bad[name] != nil), "\(name)")
      #expect(logits.allSatisfy { $0.isFinite } == (bad[name] == nil), "\(name)")
      let reasons = failures.filter { $0.image == image }.map(\.reason)
      #expect(reasons.count == (bad[name] == nil ? 0 : 1), "\(name)")
      #expect(reasons.allSatisfy { $0.contains(name) }, "\(reasons)")
    }
    // Each of them is missing for whoever asks, and is named.
    for (command, status) in [("verify", 1), ("inspect", 0), ("report", 0)] as [(String, Int32)] {
      // The folder of a run stands for its archive.
      let (byFile, byFolder) = (
        try CommandLineTool.run([command, run + "/archive.h5"]), try CommandLineTool.run([command, run])
      )
      #expect(byFile.status == status && byFolder.status == status, "\(byFolder.errors)")
      #expect(byFile.output == byFolder.output)
      guard command == "verify" else { continue }
      #expect(byFile.output.hasSuffix("sound, but incomplete\n"), "\(byFile.output)")
      for name in bad.keys { #expect(byFile.output.contains(name), "\(name)") }
    }
    #expect(try CommandLineTool.run(["collect", run]).status == 1)
    #expect(try CommandLineTool.run(["coordinate", "--run", run]).status == 1)
    let status = try CommandLineTool.run(["status", run])
    #expect(status.output.contains("4 images set aside"), "\(status.output)")
    // What is wrong with a picture is so for good: there is nothing to take up.
    let resumed = try CommandLineTool.run(["resume", run, "--failed"])
    #expect(resumed.status == 1 && resumed.errors.contains("0 images that could not be read"), "\(resumed.errors)")
  }

  private func write(_ bytes: [UInt8], to path: String) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path))
  }

  private func firstImage(below folder: String) throws -> [UInt8] {
    let names = try FileManager.default.subpathsOfDirectory(atPath: folder).filter { $0.hasSuffix(".JPEG") }.sorted()
    return [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder + "/" + (try #require(names.first)))))
  }

  /// The JPEG with another size in its frame header (SOF0 or SOF2: marker, length, precision, height, width).
  private func withSize(_ jpeg: [UInt8], width: Int, height: Int) -> [UInt8] {
    var bytes = jpeg
    for index in 0..<bytes.count - 9 where bytes[index] == 0xFF && [0xC0, 0xC2].contains(bytes[index + 1]) {
      bytes.replaceSubrange(
        index + 5..<index + 9,
        with: [UInt8(height >> 8), UInt8(height & 255), UInt8(width >> 8), UInt8(width & 255)])
      break
    }
    return bytes
  }
}
