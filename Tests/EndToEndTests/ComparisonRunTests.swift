import Archives
import Foundation
import TestSupport
import Testing

/// What a run says of its models beside their accuracies follows from the logits that its archive holds.
@Suite struct ComparisonRunTests {
  @Test("Models in pairs are compared as the archive's logits and labels say, and the report shows it")
  func pairs() throws {
    let scratch = try ScratchFolder()
    try Drawings.copy(images: 40, to: scratch.path + "/data")
    let manifest = """
      run: pairs
      seed: 7
      models:
        - {architecture: vit-nano, checkpoint: "\(Repository.path)/models/vit-nano.safetensors"}
        - {architecture: resnet-nano, checkpoint: "\(Repository.path)/models/resnet-nano.safetensors"}
      benchmarks:
        - {kind: imagenet-a, root: data/imagenet-a}
        - {kind: imagenet-c, root: data/imagenet-c, corruptions: [contrast], severities: [3, 5]}
        - {kind: imagenet-val, root: data/val, scored: "false"}
      """
    try Data(manifest.utf8).write(to: URL(fileURLWithPath: scratch.path + "/manifest.yaml"))
    let run = scratch.path + "/run"
    let outcome = try CommandLineTool.run(["run", scratch.path + "/manifest.yaml", "--run", run])
    try #require(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("The models in pairs"))
    let archive = try ArchiveReader(path: run + "/archive.h5")
    let comparisons = try archive.comparisons()
    #expect(comparisons.map(\.benchmark) == ["imagenet-a", "imagenet-c"])
    for comparison in comparisons {
      #expect(comparison.first == "vit-nano" && comparison.second == "resnet-nano")
      let right = try [comparison.first, comparison.second].map {
        try self.right($0 + "/" + comparison.benchmark, in: archive)
      }
      let conditions = Double(right[0].count)
      let difference = zip(right[0], right[1]).reduce(0.0) { sum, condition in
        sum + Double(condition.0.count { $0 } - condition.1.count { $0 }) / Double(condition.0.count)
      }
      #expect(abs(comparison.figures.difference - difference / conditions) < 1e-12)
      #expect(comparison.figures.conditions == right[0].count && comparison.figures.images == right[0][0].count)
      let agreed = zip(right[0], right[1]).reduce(0.0) { sum, condition in
        sum + Double(zip(condition.0, condition.1).count { $0 == $1 }) / Double(condition.0.count)
      }
      #expect(abs(comparison.figures.agreement - agreed / conditions) < 1e-12)
      #expect((comparison.figures.p...1).contains(comparison.correctedP))
    }
    let report = try CommandLineTool.run(["report", run, "--csv", scratch.path + "/tables"])
    #expect(report.status == 0, "\(report.errors)")
    let file = try String(contentsOfFile: scratch.path + "/tables/comparisons.csv", encoding: .utf8)
    #expect(file.contains("pairs,vit-nano,imagenet-a,resnet-nano,1,40,"))
  }

  /// [condition][image]
  private func right(_ path: String, in archive: ArchiveReader) throws -> [[Bool]] {
    let group = try #require(archive.groups.first { $0.path == path })
    let classes = group.classNames.count
    return try (0..<group.conditionCount).map { condition in
      let logits = try archive.logits(group: path, conditionIndex: condition, images: 0..<group.imageCount)
      return group.labels.enumerated().map { image, label in
        let row = logits[image * classes..<(image + 1) * classes]
        return row.firstIndex(of: row.max() ?? .nan) == row.startIndex + Int(label)
      }
    }
  }
}
