import Archives
import Foundation
import Testing

/// Figures by annotations of the images, from the manifest to the report.
@Suite struct AnnotationRunTests {
  /// Copies a miniature's clean images under the names of ImageNet's. Gives their paths below the folder, in the order of the
  /// names.
  private func copyNamed(_ scratch: Scratch, images: Int) throws -> [String] {
    try Drawings.copy(images: images, to: scratch.path + "/data")
    let files = FileManager.default
    let found = (files.subpaths(atPath: scratch.path + "/data/val") ?? []).filter { $0.hasSuffix(".JPEG") }.sorted()
    return try found.enumerated().map { place, path in
      let folder = String(path.prefix { $0 != "/" })
      let name = folder + "/ILSVRC2012_val_" + String(String(100_000_001 + place).dropFirst()) + ".JPEG"
      try files.createDirectory(atPath: scratch.path + "/set/" + folder, withIntermediateDirectories: true)
      try files.copyItem(atPath: scratch.path + "/data/val/" + path, toPath: scratch.path + "/set/" + name)
      return name
    }
  }

  @Test("The accuracy by ImageNet-ReaL's labels follows from the archive's logits and labels, and reports show it")
  func real() throws {
    let scratch = try Scratch()
    let names = try copyNamed(scratch, images: 40)
    let lists =
      names.indices.map { $0 % 5 == 0 ? [] : [$0 % 10, ($0 + 3) % 10] } + Array(repeating: [0], count: 49_960)
    try JSONEncoder().encode(lists).write(to: URL(fileURLWithPath: scratch.path + "/real.json"))
    let manifest = """
      run: real
      models: [{architecture: vit-nano, checkpoint: "\(Scratch.repository)/models/vit-nano.safetensors"}]
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
