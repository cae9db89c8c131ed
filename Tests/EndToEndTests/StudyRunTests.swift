import Archives
import Foundation
import Records
import Testing

/// Experiments that change what a network is given, run as users run them.
@Suite struct StudyRunTests {
  private let scratch: Scratch

  init() throws {
    scratch = try Scratch()
    try Drawings.copy(images: 20, to: scratch.path + "/data")
  }

  /// Runs benchmarks beside the clean images; gives the archive's path.
  private func run(_ benchmarks: [String], name: String = "run") throws -> String {
    let manifest = """
      run: study
      seed: 3
      models:
        - {architecture: replknet-nano, checkpoint: "\(Scratch.repository)/models/replknet-nano.safetensors"}
      benchmarks:
        - {kind: imagenet-val, root: data/val}
      \(benchmarks.map { "  - " + $0 }.joined(separator: "\n"))
      """
    try Data(manifest.utf8).write(to: URL(fileURLWithPath: scratch.path + "/manifest.yaml"))
    let outcome = try CommandLineTool.run(
      ["run", scratch.path + "/manifest.yaml", "--run", scratch.path + "/" + name])
    try #require(outcome.status == 0, "\(outcome.errors)")
    return scratch.path + "/\(name)/archive.h5"
  }

  private func report(_ archive: String) throws -> (text: String, page: String) {
    let outcome = try CommandLineTool.run(["report", archive, "-o", scratch.path + "/report.html"])
    try #require(outcome.status == 0, "\(outcome.errors)")
    let table = try CommandLineTool.run(["inspect", archive])
    return (
      outcome.output + table.output, try String(contentsOfFile: scratch.path + "/report.html", encoding: .utf8)
    )
  }

  private func logits(_ archive: ArchiveReader, _ benchmark: String, _ condition: Int) throws -> [UInt32] {
    try archive.logits(group: "replknet-nano/" + benchmark, conditionIndex: condition, images: 0..<20)
      .map(\.bitPattern)
  }

  private func metrics(_ archive: ArchiveReader, _ benchmark: String) throws -> [String: Metric] {
    Dictionary(try archive.metrics(group: "replknet-nano/" + benchmark).map { ($0.name, $0) }) { first, _ in first }
  }

  @Test(
    "noise by frequency: without noise the clean logits, with it others, figures and attributes in archive and report")
  func frequencyNoise() throws {
    let path = try run([
      "{kind: frequency-noise, root: data/val, frequencies: [0.0, 0.4, 1.0]}",
      "{kind: frequency-noise, name: again, root: data/val, frequencies: [0.4]}",
      "{kind: frequency-noise, name: authors, root: data/val, frequencies: [0.4], domain: normalised, mask: authors}",
    ])
    let archive = try ArchiveReader(path: path)
    let clean = try logits(archive, "imagenet-val", 0)
    #expect(try logits(archive, "frequency-noise", 0) == clean)
    let noisy = try (1...3).map { try logits(archive, "frequency-noise", $0) }
    #expect(Set(noisy + [clean]).count == 4)
    #expect(noisy.joined().allSatisfy { Float(bitPattern: $0).isFinite })
    #expect(try logits(archive, "again", 1) == noisy[1])
    #expect(try logits(archive, "authors", 1) != noisy[1])
    let found = try metrics(archive, "frequency-noise")
    let top1 = try #require(found["top1"]).values
    #expect(try #require(found["loss_by_frequency"]).values.dropFirst().map { top1[0] - $0 } == Array(top1.dropFirst()))
    let attributes = try #require(archive.groups.first { $0.path == "replknet-nano/authors" }).attributes
    #expect(attributes["noise_domain"] == "normalised" && attributes["noise_eps"] == "0.7")
    let shown = try report(path)
    #expect(shown.page.contains("mean loss") && shown.page.contains("loss by frequency"))
  }

  @Test("a heat map of frequencies: half of it is computed, all of it shown, and the archive is whole")
  func fourierHeatMap() throws {
    let path = try run([
      "{kind: fourier-heat-map, root: data/val, size: 3, norm: 12}",
      "{kind: fourier-heat-map, name: faint, root: data/val, size: 1, norm: 0.0001}",
    ])
    let archive = try ArchiveReader(path: path)
    let found = try metrics(archive, "fourier-heat-map")
    let map = try #require(found["error_map"]).values
    let top1 = try #require(found["top1"]).values
    #expect(map.count == 9 && map == map.reversed())
    #expect(map.prefix(5).elementsEqual(top1.prefix(5).map { 1 - $0 }) && top1.suffix(4).allSatisfy(\.isNaN))
    let waves = try (0..<5).map { try logits(archive, "fourier-heat-map", $0) }
    let clean = try logits(archive, "imagenet-val", 0)
    #expect(Set(waves + [clean]).count == 6)
    // A wave of next to no strength changes next to nothing, but is no clean image.
    let faint = try logits(archive, "faint", 0)
    #expect(faint != clean)
    #expect(zip(faint, clean).allSatisfy { abs(Float(bitPattern: $0) - Float(bitPattern: $1)) < 0.01 })
    let verified = try CommandLineTool.run(["verify", path])
    #expect(verified.status == 0, "\(verified.output)")
    let shown = try report(path)
    #expect(shown.page.contains("error in percent by frequency_y and frequency_x"))
    #expect(shown.text.contains("over 9 frequencies"))
  }
}
