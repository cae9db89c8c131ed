import Archives
import Foundation
import TestSupport
import Testing

/// Figures by annotations of the images, from the manifest to the report.
@Suite struct AnnotationRunTests {
  /// Copies a miniature's clean images under the names of ImageNet's. Gives their paths below the folder, in the order of the
  /// names.
  private func copyNamed(_ scratch: ScratchFolder, images: Int, from set: String = "val") throws -> [String] {
    try Drawings.copy(images: images, to: scratch.path + "/data")
    let files = FileManager.default
    let found = (files.subpaths(atPath: scratch.path + "/data/" + set) ?? []).filter { $0.contains(".") }.sorted()
    return try found.enumerated().map { place, path in
      let folder = String(path.prefix { $0 != "/" })
      let name = folder + "/ILSVRC2012_val_" + String(String(100_000_001 + place).dropFirst()) + ".JPEG"
      try files.createDirectory(atPath: scratch.path + "/set/" + folder, withIntermediateDirectories: true)
      try files.copyItem(atPath: scratch.path + "/data/\(set)/" + path, toPath: scratch.path + "/set/" + name)
      return name
    }
  }

  private static let factors = [
    "pose", "background", "pattern", "color", "smaller", "shape", "partial_view", "subcategory", "texture", "larger",
    "darker", "object_blocking", "person_blocking", "style", "brighter", "multiple_objects",
  ]

  @Test("Error ratios by factor follow from the archive's logits and factors, and reports show them")
  func factors() throws {
    let scratch = try ScratchFolder()
    let names = try copyNamed(scratch, images: 40, from: "imagenet-a")
    // The last four images are not annotated; every fourth one is in a pose, every image of an even place of some style.
    let lines = names.enumerated().prefix(36).map { place, name in
      let set = Self.factors.map { factor in
        let isOn = factor == "pose" && place % 4 == 0 || factor == "style" && place % 2 == 0
        return "\"\(factor)\": \(isOn ? 1 : 0)"
      }
      return "{\"file_name\": \"\(name.split(separator: "/")[1])\", \"class\": 0, " + set.joined(separator: ", ") + "}"
    }
    try Data(lines.joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: scratch.path + "/x.jsonl"))
    let archive = try run(scratch, "factors: x.jsonl")
    let group = try #require(archive.groups.first)
    let factors = try #require(try archive.texts("factors", group: group.path))
    #expect(factors.count { $0.isEmpty } == 4 && factors.count { $0 == "none" } == 18)
    #expect(factors.count { $0 == "pose style" } == 9 && factors.count { $0 == "style" } == 9)
    let logits = try archive.logits(group: group.path, conditionIndex: 0, images: 0..<40)
    let isWrong = group.labels.enumerated().map { image, label in
      let row = Array(logits[image * 10..<(image + 1) * 10])
      return row.firstIndex(of: row.max() ?? .nan) != Int(label)
    }
    func error(_ isCounted: (String) -> Bool) -> Double {
      let counted = factors.indices.filter { isCounted(factors[$0]) }
      return Double(counted.count { isWrong[$0] }) / Double(counted.count)
    }
    let metrics = try archive.metrics(group: group.path)
    let ratios = try #require(metrics.first { $0.name == "error_ratio" }).values
    let axis = try #require(group.furtherAxes.first { $0.name == "factor" })
    #expect(axis.values == Self.factors)
    for (factor, ratio) in zip(axis.values, ratios) {
      let wanted = error { $0.split(separator: " ").contains(Substring(factor)) } / error { !$0.isEmpty }
      #expect(wanted.isNaN ? ratio.isNaN : abs(ratio - wanted) < 1e-12, "\(factor)")
    }
    #expect(ratios.count { !$0.isNaN } == 2)
    let page = try String(contentsOfFile: scratch.path + "/run/report.html", encoding: .utf8)
    #expect(page.contains(">error ratio</a>") && page.contains("<th scope=\"row\">pose</th>"))
  }

  private func run(_ scratch: ScratchFolder, _ keys: String) throws -> ArchiveReader {
    let manifest = """
      run: annotated
      models: [{architecture: vit-nano, checkpoint: "\(Repository.path)/models/vit-nano.safetensors"}]
      benchmarks: [{kind: imagenet-val, root: set, \(keys)}]
      """
    try Data(manifest.utf8).write(to: URL(fileURLWithPath: scratch.path + "/manifest.yaml"))
    let outcome = try CommandLineTool.run(["run", scratch.path + "/manifest.yaml", "--run", scratch.path + "/run"])
    try #require(outcome.status == 0, "\(outcome.errors)")
    return try ArchiveReader(path: scratch.path + "/run/archive.h5")
  }

  @Test("The accuracy by ImageNet-ReaL's labels follows from the archive's logits and labels, and reports show it")
  func real() throws {
    let scratch = try ScratchFolder()
    let names = try copyNamed(scratch, images: 40)
    let lists =
      names.indices.map { $0 % 5 == 0 ? [] : [$0 % 10, ($0 + 3) % 10] } + Array(repeating: [0], count: 49_960)
    try JSONEncoder().encode(lists).write(to: URL(fileURLWithPath: scratch.path + "/real.json"))
    let manifest = """
      run: real
      models: [{architecture: vit-nano, checkpoint: "\(Repository.path)/models/vit-nano.safetensors"}]
      benchmarks: [{kind: imagenet-val, root: set, real: real.json}]
      """
    try Data(manifest.utf8).write(to: URL(fileURLWithPath: scratch.path + "/manifest.yaml"))
    let run = scratch.path + "/run"
    let outcome = try CommandLineTool.run(["run", scratch.path + "/manifest.yaml", "--run", run])
    try #require(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("over the 32 images with ReaL labels"))
    let archive = try ArchiveReader(path: run + "/archive.h5")
    let group = try #require(archive.groups.first)
    let labels = try #require(try archive.texts("real_label", group: group.path))
    let logits = try archive.logits(group: group.path, conditionIndex: 0, images: 0..<40)
    var right = 0
    for (image, words) in labels.enumerated() where !words.isEmpty {
      let row = Array(logits[image * 10..<(image + 1) * 10])
      let answer = row.firstIndex(of: row.max() ?? .nan) ?? -1
      if words.split(separator: " ").contains("\(answer)") { right += 1 }
    }
    #expect(labels.count { $0.isEmpty } == 8)
    let metrics = try archive.metrics(group: group.path)
    #expect(metrics.first { $0.name == "real_top1" }?.values == [Double(right) / 32])
    #expect(group.attributes["real_sha256"]?.count == 64)
    let verified = try CommandLineTool.run(["verify", archive.path])
    #expect(verified.status == 0, "\(verified.output)")
  }
}
