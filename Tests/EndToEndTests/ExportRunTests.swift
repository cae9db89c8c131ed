import Archives
import Foundation
import Launching
import TestSupport
import Testing

/// Pictures that are exported are those that a run scores.
@Suite struct ExportRunTests {
  private let scratch: ScratchFolder

  init() throws {
    scratch = try ScratchFolder()
    try Drawings.copy(images: 20, to: scratch.path + "/data")
  }

  /// - Parameter resize: the side of pictures before they are cropped to 64.
  private func manifest(_ benchmarks: [String], name: String = "manifest.yaml", resize: Int = 72) throws -> String {
    let text = """
      run: exported
      seed: 3
      models:
        - {architecture: resnet-nano, checkpoint: "\(Repository.path)/models/resnet-nano.safetensors", preprocess: {resize: \(resize)}}
        - {architecture: vit-nano, checkpoint: "\(Repository.path)/models/vit-nano.safetensors", preprocess: {resize: \(resize)}}
      benchmarks:
      \(benchmarks.map { "  - " + $0 }.joined(separator: "\n"))
      """
    try Data(text.utf8).write(to: URL(fileURLWithPath: scratch.path + "/" + name))
    return scratch.path + "/" + name
  }

  private func archive(_ manifest: String, _ name: String) throws -> ArchiveReader {
    let outcome = try CommandLineTool.run(["run", manifest, "--run", scratch.path + "/" + name])
    try #require(outcome.status == 0, "\(outcome.errors)")
    return try ArchiveReader(path: scratch.path + "/\(name)/archive.h5")
  }

  private func export(_ options: [String], _ manifest: String, to folder: String) throws {
    let outcome = try CommandLineTool.run(
      ["export", manifest, "--images", "20", "--output", scratch.path + "/" + folder] + options)
    try #require(outcome.status == 0, "\(outcome.errors)")
  }

  private func logits(_ archive: ArchiveReader, _ group: String, _ condition: Int) throws -> [UInt32] {
    try archive.logits(group: group, conditionIndex: condition, images: 0..<20).map(\.bitPattern)
  }

  /// The lines of the table by the names of its columns; none of the test's fields has a comma.
  private func table(_ folder: String) throws -> [[String: String]] {
    let text = try String(contentsOfFile: "\(scratch.path)/\(folder)/index.csv", encoding: .utf8)
    let lines = text.components(separatedBy: "\r\n").filter { !$0.isEmpty }.map { $0.components(separatedBy: ",") }
    return lines.dropFirst().map { Dictionary(zip(lines[0], $0)) { first, _ in first } }
  }

  @Test("shown pictures are those that one model answers right and the other wrong, pixel by pixel")
  func shown() throws {
    let grid = "corruptions: [gaussian_noise, contrast], severities: [5]"
    let text = "{kind: imagenet-c, name: live, from: data/val, \(grid)}"
    let first = try manifest([text])
    let archive = try archive(first, "run")
    let labels = try #require(archive.groups.first).labels
    func answers(_ model: String, _ condition: Int) throws -> [Int32] {
      let logits = try archive.logits(group: model + "/live", conditionIndex: condition, images: 0..<20)
      return (0..<20).map { image in
        let own = Array(logits[image * 10..<image * 10 + 10])
        return Int32(own.firstIndex(of: own.max() ?? 0) ?? -1)
      }
    }
    var count = 0
    for (right, wrong) in [("resnet-nano", "vit-nano"), ("vit-nano", "resnet-nano")] {
      var wanted: Set<String> = []
      for (condition, name) in ["gaussian_noise", "contrast"].enumerated() {
        let (one, other) = (try answers(right, condition), try answers(wrong, condition))
        for image in 0..<20 where one[image] == labels[image] && other[image] != labels[image] {
          wanted.insert("\(name) \(archive.groups[0].imagePaths[image])")
        }
      }
      let folder = "shown-" + right
      let outcome = try CommandLineTool.run([
        "show", scratch.path + "/run", "--right", right, "--wrong", wrong, "-n", "100", "-o",
        scratch.path + "/" + folder,
      ])
      #expect(outcome.status == (wanted.isEmpty ? 1 : 0), "\(outcome.errors)")
      guard !wanted.isEmpty else { continue }
      let rows = try table(folder)
      #expect(Set(rows.compactMap { row in row["image"].map { "\(row["corruption"] ?? "") \($0)" } }) == wanted)
      try export(["--benchmark", "live", "--model", wrong], first, to: "all-" + wrong)
      let digests = Dictionary(
        try table("all-" + wrong).map { (($0["corruption"] ?? "") + ($0["image"] ?? ""), $0["sha256"]) }
      ) { one, _ in one }
      for row in rows { #expect(digests[(row["corruption"] ?? "") + (row["image"] ?? "")] == row["sha256"]) }
      let said = try String(contentsOfFile: "\(scratch.path)/\(folder)/answers.csv", encoding: .utf8)
      #expect(said.components(separatedBy: "\r\n").count == wanted.count + 2)
      count += wanted.count
    }
    #expect(count > 0)
    for (options, word) in [
      (["--right", "x", "--wrong", "vit-nano"], "--right is x, but the run's models are resnet-nano, vit-nano"),
      (["--right", "vit-nano", "--wrong", "vit-nano"], "are the same model"),
      (["--right", "resnet-nano", "--wrong", "vit-nano", "--benchmark", "y"], "--benchmark is y, but those of both"),
      (["--right", "resnet-nano", "--wrong", "vit-nano", "--condition", "a=b"], "has the axes corruption, severity"),
    ] {
      let refused = try CommandLineTool.run(["show", scratch.path + "/run", "-o", scratch.path + "/none"] + options)
      #expect(refused.status == 2 && refused.errors.contains(word), "\(refused.errors)")
    }
  }

  @Test(
    "exported pictures have the logits of the run: corrupted as an imagenet-c, occluded and attacked in class folders")
  func scored() throws {
    let first = try manifest([
      "{kind: imagenet-c, name: live, from: data/val, corruptions: [gaussian_noise, contrast], severities: [2, 5]}",
      "{kind: occlusion, root: data/val, percents: [30, 60], grid: 8}",
      "{kind: attack, name: taig, method: taig-r, root: data/val, budgets: [8/255], steps: 2}",
    ])
    let original = try archive(first, "original")
    try export(["--benchmark", "live"], first, to: "live")
    try export(["--benchmark", "occlusion", "--condition", "dropped_percent=60"], first, to: "occluded")
    try export(["--benchmark", "taig", "--model", "vit-nano"], first, to: "attacked")
    // Published files of the network's size are taken as they are; what is in class folders must not be resized.
    let published = try archive(
      manifest(
        ["{kind: imagenet-c, name: live, root: live, corruptions: [gaussian_noise, contrast], severities: [2, 5]}"],
        name: "published.yaml"), "published")
    let second = try manifest(
      [
        "{kind: image-folder, name: noise, root: live/gaussian_noise/5}",
        "{kind: image-folder, name: occluded, root: occluded/60}",
        "{kind: image-folder, name: attacked, root: attacked/8_255}",
        "{kind: image-folder, name: clean, root: attacked/0}",
      ], name: "second.yaml", resize: 64)
    let scored = try archive(second, "scored")
    // Of the first model, which resizes pictures by another filter than the second.
    for condition in 0..<4 {
      #expect(
        try logits(published, "resnet-nano/live", condition) == logits(original, "resnet-nano/live", condition),
        "condition \(condition)")
    }
    #expect(try logits(scored, "resnet-nano/noise", 0) == logits(original, "resnet-nano/live", 1))
    #expect(try logits(scored, "resnet-nano/occluded", 0) == logits(original, "resnet-nano/occlusion", 1))
    #expect(try logits(scored, "vit-nano/clean", 0) == logits(original, "vit-nano/taig", 0))
    // TAIG's images have whole levels, so that nothing is rounded.
    #expect(try logits(scored, "vit-nano/attacked", 0) == logits(original, "vit-nano/taig", 1))
    #expect(try logits(scored, "vit-nano/attacked", 0) != logits(original, "vit-nano/taig", 0))

    let live = try table("live")
    #expect(live.count == 80 && live.allSatisfy { $0["rounding"] == "0.0" && $0["attack_budget"] == "" })
    #expect(Set(live.compactMap { $0["sha256"] }).count == 80)
    let attacked = try table("attacked")
    #expect(attacked.count == 40)
    let last = try #require(attacked.last)
    #expect(last["model"] == "vit-nano" && last["benchmark"] == "taig" && last["budget"] == "8/255")
    #expect(last["attack_budget"].flatMap(Double.init) == 8.0 / 255)
    #expect(last["file"]?.hasPrefix("8_255/") == true && last["file"]?.hasSuffix(".png") == true)
    #expect(
      last["image"]?.hasSuffix(".JPEG") == true && last["label"].flatMap { Int($0) } != nil && last["seed"] == "3")
  }

  @Test("the table's SHA-256 is the file's, and the object says what the table says")
  func object() throws {
    let file = try manifest(["{kind: frequency-noise, root: data/val, frequencies: [0.4]}"])
    let paths = try FileManager.default.subpathsOfDirectory(atPath: scratch.path + "/data/val").sorted()
      .filter { $0.hasSuffix(".JPEG") }
    let outcome = try CommandLineTool.run(
      ["export", file, "--benchmark", "frequency-noise", "--image", paths[7], paths[3], "--json", "--output", "out"],
      in: scratch.path)
    try #require(outcome.status == 0, "\(outcome.errors)")
    let object = try #require(JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
    let pictures = try #require(object["pictures"] as? [[String: Any]])
    let table = try table("out")
    #expect(pictures.count == 4 && table.count == 4)
    #expect(pictures.map { $0["image"] as? String } == [paths[3], paths[7], paths[3], paths[7]])
    for (picture, line) in zip(pictures, table) {
      let name = try #require(picture["file"] as? String)
      #expect(line["file"] == name && line["sha256"] == picture["sha256"] as? String)
      let digest = try CommandRunner().run(["sha256sum", scratch.path + "/out/" + name]).output
      #expect(digest.hasPrefix(try #require(line["sha256"])))
      let rounding = try #require((picture["rounding"] as? NSNumber)?.doubleValue)
      #expect(picture["attack_budget"] == nil && rounding <= 1.0 / 510 + 1e-6)
      let isClean = (picture["condition"] as? [String: String])?.values.contains("none") == true
      #expect(isClean == (rounding == 0))
    }
  }

  @Test("what cannot be exported is refused in words, and nothing is written")
  func refuses() throws {
    let file = try manifest([
      "{kind: imagenet-c, name: live, from: data/val, corruptions: [contrast], severities: [2]}",
      "{kind: imagenet-val, root: data/val}", "{kind: imagenet-val, name: own, root: data/val, models: [vit-nano]}",
    ])
    try FileManager.default.createDirectory(atPath: scratch.path + "/full", withIntermediateDirectories: true)
    try Data().write(to: URL(fileURLWithPath: scratch.path + "/full/notes.txt"))
    for (options, words) in [
      (["--benchmark", "dead"], "has live, imagenet-val, own"),
      (
        ["--benchmark", "own", "--model", "resnet-nano"],
        "own does not include resnet-nano; the manifest lists vit-nano"
      ),
      (["--benchmark", "live", "--model", "vit"], "has resnet-nano, vit-nano"),
      (["--benchmark", "live", "--condition", "fog"], "must have the form AXIS=VALUE"),
      (["--benchmark", "live", "--condition", "colour=red"], "has the axes corruption, severity"),
      (["--benchmark", "imagenet-val", "--condition", "severity=2"], "has one condition"),
      (["--benchmark", "live", "--condition", "severity=3"], "must be one of 2"),
      (["--benchmark", "live", "--image", "arrow/none.JPEG"], "no such image in live: arrow/none.JPEG"),
      (["--benchmark", "live", "--image", "x", "--images", "3"], "are mutually exclusive"),
      (["--benchmark", "live", "--images", "0"], "--images is 0"),
    ] {
      let refused = try CommandLineTool.run(["export", file, "--output", scratch.path + "/out"] + options)
      #expect(refused.status == 2 && refused.errors.contains(words), "\(refused.errors)")
      #expect(!FileManager.default.fileExists(atPath: scratch.path + "/out"), "\(options)")
    }
    for (folder, words) in [("full", "already holds files (notes.txt)"), ("data/val/new", "choose another folder")] {
      let refused = try CommandLineTool.run(
        ["export", file, "--benchmark", "live", "--output", scratch.path + "/" + folder])
      #expect(refused.status == 2 && refused.errors.contains(words), "\(refused.errors)")
    }
    #expect(!FileManager.default.fileExists(atPath: scratch.path + "/data/val/new"))
  }

  @Test("an image that cannot be decoded has a line without a file, and the exit status is 1")
  func damaged() throws {
    let file = try manifest(["{kind: imagenet-val, root: data/val}"])
    let folder = scratch.path + "/data/val/arrow/"
    let name = try #require(FileManager.default.contentsOfDirectory(atPath: folder).sorted().last)
    try Data("no picture".utf8).write(to: URL(fileURLWithPath: folder + name))
    let outcome = try CommandLineTool.run(
      ["export", file, "--benchmark", "imagenet-val", "--images", "20", "--output", scratch.path + "/out"])
    #expect(outcome.status == 1 && outcome.errors.contains(name) && outcome.output.contains("19 pictures of 20 images"))
    let table = try table("out")
    let broken = table.filter { $0["file"] == "" }
    #expect(table.count == 20 && broken.count == 1)
    #expect(broken.first?["image"] == "arrow/" + name && broken.first?["problem"]?.contains(name) == true)
  }
}
