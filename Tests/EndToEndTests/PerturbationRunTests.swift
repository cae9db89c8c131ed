import Archives
import Foundation
import TestSupport
import Testing

/// ImageNet-P from videos in folders and in a tar archive, and made on the fly.
@Suite struct PerturbationRunTests {
  private static let frames = 31

  @Test("Videos in a folder and in a tar give the same logits; a still frame made on the fly is the clean image")
  func publishedAndLive() throws {
    let scratch = try ScratchFolder()
    try Drawings.copy(images: 10, to: scratch.path + "/data")
    try pack(["imagenet-p/rotate", "imagenet-p/translate"], in: scratch)
    // The first video of the perturbation is one that cannot be counted.
    try cutShort(scratch.path + "/data/imagenet-p/gaussian_noise/arrow")
    let benchmarks = """
      benchmarks:
        - {kind: imagenet-val, root: data/val}
        - {kind: imagenet-p, name: folder, root: data/imagenet-p, perturbations: [rotate, translate]}
        - {kind: imagenet-p, name: archive, root: images.tar/imagenet-p, perturbations: [rotate, translate]}
        - {kind: imagenet-p, name: cut, root: data/imagenet-p, perturbations: [gaussian_noise]}
        - kind: imagenet-p
          name: live
          from: data/val
          perturbations: [translate, brightness]
          normalise_by: {brightness: {flip_rate: 0.1, top5_distance: 1}}
      """
    let archive = try ArchiveReader(path: run(benchmarks, in: scratch, status: 1))
    func logits(_ name: String, _ condition: Int) throws -> [UInt32] {
      try archive.logits(group: "replknet-nano/" + name, conditionIndex: condition, images: 0..<10).map(\.bitPattern)
    }
    for condition in [0, 30, 41, 81] {
      let folder = try logits("folder", condition)
      #expect(folder.allSatisfy { Float(bitPattern: $0).isFinite })
      #expect(folder == (try logits("archive", condition)), "condition \(condition)")
    }
    // Frame 20 is not shifted, frame 15 no brighter.
    let clean = try logits("imagenet-val", 0)
    for (still, other) in [(20, 0), (41 + 15, 41 + 14)] {
      #expect(try logits("live", still) == clean)
      #expect(try logits("live", other) != clean)
    }
    try checkMetrics(archive)
    try checkCut(archive)
    let report = try CommandLineTool.run(
      ["report", archive.path, "-o", scratch.path + "/report.html", "--csv", scratch.path + "/tables"])
    #expect(report.status == 0, "\(report.errors)")
    let page = try String(contentsOfFile: scratch.path + "/report.html", encoding: .utf8)
    #expect(page.contains("mean flip rate"))
    let series = try String(contentsOfFile: scratch.path + "/tables/series.csv", encoding: .utf8)
    #expect(series.contains("replknet-nano,folder,flip_rate,perturbation,rotate,0."))
    let verified = try CommandLineTool.run(["verify", archive.path])
    // A video is truncated.
    #expect(verified.status == 1 && verified.output.contains("sound, but incomplete"), "\(verified.output)")
  }

  private func checkMetrics(_ archive: ArchiveReader) throws {
    let folder = try archive.metrics(group: "replknet-nano/folder")
    let planned = try #require(folder.first { $0.name == "planned" })
    #expect(planned.axes == ["perturbation", "frame"])
    #expect(planned.values == (0..<82).map { $0 >= Self.frames && $0 < 41 ? 0 : 1 })
    for (one, other) in zip(folder, try archive.metrics(group: "replknet-nano/archive")) {
      #expect(one.name == other.name && one.values.map(\.bitPattern) == other.values.map(\.bitPattern))
    }
    let rates = try #require(folder.first { $0.name == "flip_rate" }).values
    #expect(rates.count == 2 && rates.allSatisfy { (0...0.5).contains($0) })
    let live = Dictionary(
      uniqueKeysWithValues: try archive.metrics(group: "replknet-nano/live").map { ($0.name, $0.values) })
    let relative = try #require(live["relative_flip_rate"])
    let brightness = try #require(live["flip_rate"])[1]
    #expect(relative[0].isNaN && relative[1] == brightness / 0.1)
    #expect(try #require(live["mfr"]?.first).isNaN)
    #expect(
      archive.groups.map { $0.attributes["normalise_by"] } == [nil, nil, nil, nil, "brightness 0.1 1.0"])
  }

  private func checkCut(_ archive: ArchiveReader) throws {
    let failures = try archive.failures(group: "replknet-nano/cut")
    #expect(failures.count == Self.frames)
    #expect(Set(failures.map(\.image)).count == 1 && failures.allSatisfy { $0.reason.contains("gaussian_noise/arrow") })
    let metrics = try archive.metrics(group: "replknet-nano/cut")
    // Nine sequences are left.
    #expect(try #require(metrics.first { $0.name == "evaluated" }).values.allSatisfy { $0 == 9 })
    #expect(try #require(metrics.first { $0.name == "flip_rate" }).values.allSatisfy { (0...1).contains($0) })
  }

  private func run(_ benchmarks: String, in scratch: ScratchFolder, status: Int32) throws -> String {
    let manifest = """
      run: sequences
      models:
        - {architecture: replknet-nano, checkpoint: "\(Repository.path)/models/replknet-nano.safetensors"}
      \(benchmarks)
      """
    try Data(manifest.utf8).write(to: URL(fileURLWithPath: scratch.path + "/manifest.yaml"))
    let folder = scratch.path + "/run"
    let outcome = try CommandLineTool.run(["run", scratch.path + "/manifest.yaml", "--run", folder])
    try #require(outcome.status == status, "\(outcome.errors)")
    return folder + "/archive.h5"
  }

  private func pack(_ folders: [String], in scratch: ScratchFolder) throws {
    let words = ["-cf", scratch.path + "/images.tar", "-C", scratch.path + "/data"] + folders
    try #require(Program.run("tar", words).status == 0)
  }

  /// Halves the only file of a folder.
  private func cutShort(_ folder: String) throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder)
    let path = folder + "/" + (try #require(names.first))
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    try bytes.prefix(bytes.count / 2).write(to: URL(fileURLWithPath: path))
  }
}
