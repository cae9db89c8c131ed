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
    #expect(outcome.output.contains("Pairwise comparison of models"))
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

    // No picture leaves the data set unless somebody says so.
    #expect(try !String(contentsOfFile: run + "/report.html", encoding: .utf8).contains("data:image"))
    let shown = try CommandLineTool.run(["report", run, "--examples", "3", "-o", scratch.path + "/shown.html"])
    #expect(shown.status == 0, "\(shown.errors)")
    let page = try String(contentsOfFile: scratch.path + "/shown.html", encoding: .utf8)
    // Clean pictures of imagenet-c are those of imagenet-val; imagenet-a's are changed by nothing.
    let pictures = page.matches(of: #/<figure class="example"><div>(.*?)<\/div><figcaption>(.*?)<\/figcaption>/#)
    #expect((1...6).contains(pictures.count) && page.contains("img-src data:"))
    for picture in pictures {
      let (said, count) = (picture.output.2, picture.output.1.split(separator: "<img ").count)
      #expect(count == (said.contains("corruption contrast, severity") ? 2 : 1), "\(said)")
      #expect(picture.output.1.contains("alt=\"") && said.contains("-nano says "))
    }
    let moved = try CommandLineTool.run([
      "report", run + "/archive.h5", "--examples", "1", "-o", scratch.path + "/own.html",
    ])
    #expect(moved.status == 0, "\(moved.errors)")
    // The page is there, and the status says that pictures are not.
    try FileManager.default.moveItem(atPath: scratch.path + "/data/imagenet-a", toPath: scratch.path + "/away")
    let lacking = try CommandLineTool.run(["report", run, "--examples", "2", "-o", scratch.path + "/lacking.html"])
    #expect(lacking.status == 1 && lacking.errors.contains("imagenet-a"), "\(lacking.errors)")
    #expect(FileManager.default.fileExists(atPath: scratch.path + "/lacking.html"))
    try FileManager.default.copyItem(atPath: run + "/archive.h5", toPath: scratch.path + "/alone.h5")
    let alone = try CommandLineTool.run(["report", scratch.path + "/alone.h5", "--examples", "1"])
    #expect(alone.status == 2 && alone.errors.contains("is not in a run folder"), "\(alone.errors)")
  }

  private struct Compared: Decodable {
    struct Pair: Decodable {
      let benchmark, first, second: String
      let images, first_better, second_better: Int
      let difference, difference_low, difference_high, p, corrected_p: Double
    }
    let comparisons: [Pair]
    let notes: [String]
  }

  private func compare(_ arguments: [String]) throws -> Compared {
    let outcome = try CommandLineTool.run(["compare", "--json"] + arguments)
    try #require(outcome.status == 0, "\(outcome.errors)")
    return try JSONDecoder().decode(Compared.self, from: Data(outcome.output.utf8))
  }

  @Test("Models of two archives are compared as those of one, and what is of other images is named")
  func archives() throws {
    let scratch = try ScratchFolder()
    try Drawings.copy(images: 40, to: scratch.path + "/data")
    func run(_ name: String, _ models: [String], sample: String = "") throws -> String {
      let manifest = """
        run: \(name)
        seed: 7
        models: [\(models.map { "{architecture: \($0), checkpoint: \"\(Repository.path)/models/\($0).safetensors\"}" }
          .joined(separator: ", "))]
        benchmarks:
          - {kind: imagenet-val, root: data/val\(sample)}
          - {kind: imagenet-c, root: data/imagenet-c, corruptions: [contrast], severities: [\(sample.isEmpty ? "3, 5" : "5, 1")]}
        """
      try Data(manifest.utf8).write(to: URL(fileURLWithPath: scratch.path + "/\(name).yaml"))
      let outcome = try CommandLineTool.run(
        ["run", scratch.path + "/\(name).yaml", "--run", scratch.path + "/\(name)"])
      try #require(outcome.status == 0, "\(outcome.errors)")
      return scratch.path + "/" + name
    }
    let both = try run("both", ["vit-nano", "resnet-nano"])
    let (one, other) = (try run("one", ["vit-nano"]), try run("other", ["resnet-nano"]))
    let within = try compare([both])
    let recorded = try ArchiveReader(path: both + "/archive.h5").comparisons()
    #expect(within.comparisons.map(\.benchmark) == ["imagenet-val", "imagenet-c"] && within.notes.isEmpty)
    for (found, wanted) in zip(within.comparisons, recorded) {
      #expect(found.difference == wanted.figures.difference && found.difference_low == wanted.figures.differenceLow)
      #expect(found.difference_high == wanted.figures.differenceHigh && found.p == wanted.figures.p)
      #expect(found.corrected_p == wanted.correctedP && found.first_better == wanted.figures.firstBetter)
    }
    let across = try compare([one, other])
    #expect(across.comparisons.map(\.difference) == within.comparisons.map(\.difference))
    #expect(across.comparisons.map(\.difference_low) == within.comparisons.map(\.difference_low))
    #expect(across.comparisons.map(\.p) == within.comparisons.map(\.p))
    // The same model twice is told by its run.
    let turned = try compare([one, both, "--baseline", "vit-nano (both)", "--benchmark", "imagenet-val"])
    #expect(turned.comparisons.map(\.first) == ["vit-nano (both)", "vit-nano (both)"])
    #expect(turned.comparisons.map(\.second) == ["vit-nano (one)", "resnet-nano"])
    #expect(turned.comparisons[0].difference == 0 && turned.comparisons[0].p == 1)
    // Ten of the images are others; of two severities one is shared.
    let few = try run("few", ["resnet-nano"], sample: ", images: 10")
    let partly = try compare([one, few])
    #expect(partly.comparisons.map(\.benchmark) == ["imagenet-c"])
    #expect(partly.notes.count == 1 && partly.notes[0].contains("their images or classes differ (40 and 10)"))
    let text = try CommandLineTool.run(["compare", one, other])
    #expect(
      text.status == 0 && text.output.contains("Pairwise comparison of models") && text.output.contains("resnet-nano"))
    let alone = try CommandLineTool.run(["compare", one])
    #expect(alone.status == 1 && alone.errors.contains("no two models were evaluated on the same images"))
    let unknown = try CommandLineTool.run(["compare", one, other, "--baseline", "none"])
    #expect(unknown.status == 2 && unknown.errors.contains("the models are vit-nano, resnet-nano"))
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
