import Archives
import Foundation
import TestSupport
import Testing

/// Corruptions made on the fly with their options.
@Suite struct CorruptionRunTests {
  @Test("JPEG in between and pictures of frost change the logits, and stand in the archive")
  func options() throws {
    let scratch = try ScratchFolder()
    defer { withExtendedLifetime(scratch) {} }
    try Drawings.copy(images: 10, to: scratch.path + "/data")
    let frost = try #require(
      FileManager.default.subpaths(atPath: scratch.path + "/data/val")?.sorted().first { $0.hasSuffix(".JPEG") })
    try FileManager.default.createDirectory(atPath: scratch.path + "/frost", withIntermediateDirectories: true)
    try FileManager.default.copyItem(
      atPath: scratch.path + "/data/val/" + frost, toPath: scratch.path + "/frost/1.jpeg")
    let manifest = """
      run: options
      models:
        - {architecture: replknet-nano, checkpoint: "\(Repository.path)/models/replknet-nano.safetensors"}
      benchmarks:
        - {kind: imagenet-c, name: plain, from: data/val, corruptions: [frost], severities: [3]}
        - {kind: imagenet-c, name: saved, from: data/val, corruptions: [frost], severities: [3], jpeg: 85}
        - {kind: imagenet-c, name: iced, from: data/val, corruptions: [frost], severities: [3], frost: frost}
      """
    try Data(manifest.utf8).write(to: URL(fileURLWithPath: scratch.path + "/manifest.yaml"))
    let run = scratch.path + "/run"
    let outcome = try CommandLineTool.run(["run", scratch.path + "/manifest.yaml", "--run", run])
    try #require(outcome.status == 0, "\(outcome.errors)")

    let archive = try ArchiveReader(path: run + "/archive.h5")
    let logits = try ["plain", "saved", "iced"].map { name in
      try archive.logits(group: "replknet-nano/" + name, conditionIndex: 0, images: 0..<10).map(\.bitPattern)
    }
    #expect(logits.allSatisfy { $0.allSatisfy { Float(bitPattern: $0).isFinite } })
    #expect(Set(logits).count == 3)
    func attribute(_ name: String, of group: String) -> String? {
      archive.groups.first { $0.path == "replknet-nano/" + group }?.attributes[name]
    }
    #expect(attribute("jpeg_quality", of: "saved") == "85" && attribute("jpeg_quality", of: "plain") == nil)
    #expect(attribute("frost_folder", of: "iced") == scratch.path + "/frost")
    #expect(attribute("frost_sha256", of: "iced")?.count == 64 && attribute("frost_sha256", of: "saved") == nil)

    // Another picture under the same name is another run.
    try Data("no picture".utf8).write(to: URL(fileURLWithPath: scratch.path + "/frost/1.jpeg"))
    let resumed = try CommandLineTool.run(["resume", run])
    #expect(resumed.status != 0 && resumed.errors.contains("changed since the run was planned"))
  }
}
