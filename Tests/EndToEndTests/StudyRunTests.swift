import Archives
import Foundation
import Records
import TestSupport
import Testing

/// Experiments that change what a network is given, run as users run them.
@Suite struct StudyRunTests {
  private let scratch: ScratchFolder

  init() throws {
    scratch = try ScratchFolder()
    try Drawings.copy(images: 20, to: scratch.path + "/data")
  }

  /// Runs benchmarks beside the clean images; gives the archive's path.
  private func run(_ benchmarks: [String], name: String = "run") throws -> String {
    let manifest = """
      run: study
      seed: 3
      models:
        - {architecture: replknet-nano, checkpoint: "\(Repository.path)/models/replknet-nano.safetensors"}
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

  @Test(
    "occlusion by masks and in moved grids, and shuffled patches; a mask that cannot be decoded sets its image aside")
  func occlusion() throws {
    let images = try #require(FileManager.default.subpaths(atPath: scratch.path + "/data/val")).filter {
      $0.hasSuffix(".JPEG")
    }.sorted()
    #expect(images.count == 20)
    for (index, image) in images.enumerated() where index != 7 {
      let mask = scratch.path + "/masks/" + image.replacing(".JPEG", with: ".png")
      try FileManager.default.createDirectory(
        atPath: (mask as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      // The lower right quarter.
      let values = (0..<64).map { UInt8($0 / 8 >= 4 && $0 % 8 >= 4 ? 200 : 1) }
      try Data("P5 8 8 255\n".utf8 + values).write(to: URL(fileURLWithPath: mask))
    }
    let path = try run([
      "{kind: occlusion, name: salient, root: data/val, masks: masks, grid: 8, percents: [0, 50, 100]}",
      "{kind: occlusion, name: rest, root: data/val, masks: masks, drop: non-salient, grid: 8, percents: [0, 100]}",
      "{kind: occlusion, name: object, root: data/val, masks: masks, drop: foreground}",
      "{kind: occlusion, name: around, root: data/val, masks: masks, drop: background}",
      "{kind: occlusion, name: moved, root: data/val, grid: 4x8, shift: true, percents: [0, 50]}",
      "{kind: patch-shuffle, root: data/val, grids: [1, 2x4, 8x8]}",
    ])
    let archive = try ArchiveReader(path: path)
    func some(_ benchmark: String, _ condition: Int, images: Range<Int> = 0..<19) throws -> [UInt32] {
      try archive.logits(group: "replknet-nano/" + benchmark, conditionIndex: condition, images: images)
        .map(\.bitPattern)
    }
    let all = try logits(archive, "imagenet-val", 0)
    let clean = Array(all[..<70] + all[80...])
    #expect(try some("salient", 0) == clean && some("rest", 0) == clean)
    let black = try some("salient", 2)
    #expect(try some("rest", 1) == black && black.prefix(10).elementsEqual(black.suffix(10)))
    // Half of the mask's sum is within the quarter, so that dropping it changes pictures, and less than dropping all.
    let half = try some("salient", 1)
    #expect(half != clean && half != black)
    let parts = [try some("object", 0), try some("around", 0)]
    #expect(Set(parts + [clean, black, half]).count == 5)
    #expect(try logits(archive, "moved", 0) == all && logits(archive, "moved", 1) != all)
    #expect(try logits(archive, "patch-shuffle", 0) == all)
    #expect(try Set((0..<3).map { try logits(archive, "patch-shuffle", $0) }).count == 3)
    let attributes = try #require(archive.groups.first { $0.path == "replknet-nano/object" }).attributes
    #expect(attributes["dropped"] == "foreground" && attributes["mask_threshold"] == "128")
    let shown = try report(path)
    #expect(shown.text.contains("over 3 shares of masks, salient patches dropped"))
    #expect(shown.page.contains("over 3 grids of shuffled patches") && shown.page.contains("top-1 by grid"))
  }

  @Test("ImageNet-A among all classes says so in archive and report")
  func amongAll() throws {
    let path = try run([
      "{kind: imagenet-a, root: data/imagenet-a}",
      "{kind: imagenet-a, name: a-all, root: data/imagenet-a, classes: all}",
    ])
    let archive = try ArchiveReader(path: path)
    let asked = archive.groups.map { $0.attributes["answers_among"] }
    #expect(asked == [nil, "own", "all"])
    #expect(archive.groups[2].attributes["classes"]?.contains("classes: all") == true)
    #expect(archive.groups[2].attributes["scored_classes"] == "0 1 2 3 4 5 6 7 8 9")
    let shown = try report(path)
    let words = "answers among all classes, 10 of them, as the manifest asks"
    #expect(shown.page.components(separatedBy: words).count == 2)
  }
}
