import Archives
import Foundation
import TestSupport
import Testing

/// Published files of another size than the network's, and what is said of a manifest before it is run.
@Suite struct PublishedFilesTests {
  private static let checkpoint = "\(Repository.path)/models/replknet-nano.safetensors"

  private func write(_ manifest: String, in scratch: ScratchFolder) throws -> String {
    let path = scratch.path + "/manifest.yaml"
    try Data(manifest.utf8).write(to: URL(fileURLWithPath: path))
    return path
  }

  @Test("Published pictures and videos are resized for a network of another size, and left alone for one of theirs")
  func sizes() throws {
    let scratch = try ScratchFolder()
    try Drawings.copy(images: 10, to: scratch.path + "/data")
    let manifest = try write(
      """
      run: sizes
      models:
        - {name: own, architecture: replknet-nano, checkpoint: "\(Self.checkpoint)", preprocess: {resize: 80}}
        - {name: larger, architecture: replknet-nano@96, checkpoint: "\(Self.checkpoint)", preprocess: {resize: 104}}
        - {name: plain, architecture: replknet-nano, checkpoint: "\(Self.checkpoint)", preprocess: {resize: 64}}
      benchmarks:
        - {kind: imagenet-c, root: data/imagenet-c, corruptions: [contrast], severities: [3]}
        - {kind: imagenet-p, root: data/imagenet-p, perturbations: [rotate]}
        - {kind: image-folder, name: folder, root: data/imagenet-c/contrast/3}
      """, in: scratch)
    let folder = scratch.path + "/run"
    let outcome = try CommandLineTool.run(["run", manifest, "--run", folder])
    try #require(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.contains("pictures of own: resize 80, crop 64, bicubic, mean 0.485 0.456 0.406"))
    let archive = try ArchiveReader(path: folder + "/archive.h5")
    func logits(_ group: String) throws -> [UInt32] {
      try archive.logits(group: group, conditionIndex: 0, images: 0..<10).map(\.bitPattern)
    }
    // A picture that fits is as one that is resized to its own size, one that does not as a picture of a folder.
    #expect(try logits("own/imagenet-c") == logits("plain/folder"))
    #expect(try logits("own/imagenet-c") != logits("own/folder"))
    #expect(try logits("larger/imagenet-c") == logits("larger/folder"))
    #expect(try logits("larger/imagenet-p").allSatisfy { Float(bitPattern: $0).isFinite })
    #expect(try logits("larger/imagenet-p") != logits("own/imagenet-p"))
    for (group, words) in [
      ("own/imagenet-c", "64x64: taken as they are"),
      ("larger/imagenet-c", "64x64: resize 104, crop 96, bicubic, since the network takes 96x96"),
      ("larger/imagenet-p", "64x64: resize 104, crop 96, bicubic, since the network takes 96x96"),
    ] {
      #expect(archive.groups.first { $0.path == group }?.attributes["published_files"] == words)
    }
    #expect(archive.groups.first { $0.path == "own/folder" }?.attributes["published_files"] == nil)
  }

  @Test("inspect and launch --dry-run refuse what a run refuses, in its words, and leave nothing behind")
  func refusals() throws {
    let scratch = try ScratchFolder()
    try Drawings.copy(images: 10, to: scratch.path + "/data")
    func text(_ architecture: String, _ severity: Int = 3) -> String {
      """
      run: checked
      models:
        - {architecture: \(architecture), checkpoint: "\(Self.checkpoint)"}
      benchmarks:
        - {kind: imagenet-c, root: data/imagenet-c, corruptions: [contrast], severities: [\(severity)]}
      """
    }
    func outcomes(_ manifest: String) throws -> [Program.Outcome] {
      let (path, run) = (try write(manifest, in: scratch), scratch.path + "/run")
      let launch = ["launch", path, "--engine", "local", "--run", run, "--dry-run"]
      return try [["inspect", path], launch, ["run", path, "--run", run]].map { try CommandLineTool.run($0) }
    }
    let good = try outcomes(text("replknet-nano"))
    #expect(good.allSatisfy { $0.status == 0 }, "\(good.map(\.errors))")
    #expect(good[0].output.contains("pictures of replknet-nano: resize 64, crop 64, bicubic, mean 0.485"))
    try FileManager.default.removeItem(atPath: scratch.path + "/run")

    let damaged = scratch.path + "/data/imagenet-c/contrast/4"
    for case let name as String in FileManager.default.enumerator(atPath: damaged) ?? .init()
    where name.hasSuffix(".JPEG") {
      try "no picture".write(toFile: damaged + "/" + name, atomically: true, encoding: .utf8)
    }
    for (manifest, words) in [(text("resnet18"), "resnet18"), (text("replknet-nano", 4), "contrast/4")] {
      let found = try outcomes(manifest)
      let sentences = found.map { $0.errors.split(separator: "\n").last ?? "" }
      #expect(found.allSatisfy { $0.status != 0 && $0.status == found[0].status }, "\(sentences)")
      #expect(Set(sentences).count == 1 && sentences[0].contains(words), "\(sentences)")
    }
    #expect(!FileManager.default.fileExists(atPath: scratch.path + "/run/plan.json"))
  }
}
