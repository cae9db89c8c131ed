import Archives
import Foundation
import TestSupport
import Testing

/// Calibration from the logits of a run: what is fitted on clean images is applied to the others.
@Suite struct CalibrationRunTests {
  private func run(_ scratch: ScratchFolder, _ name: String, shardImages: Int) throws -> ArchiveReader {
    let manifest = """
      run: calibration
      seed: 7
      models: [{architecture: vit-nano, checkpoint: "\(Repository.path)/models/vit-nano.safetensors"}]
      benchmarks:
        - {kind: imagenet-c, root: data/imagenet-c, corruptions: [contrast, pixelate], severities: [2, 5]}
        - {kind: imagenet-a, root: data/imagenet-a}
        - {kind: imagenet-val, root: data/imagenet-a, name: clean}
        - {kind: occlusion, root: data/val, percents: [30, 60], grid: 8}
      sharding: {images: \(shardImages)}
      """
    let file = scratch.path + "/\(name).yaml"
    try Data(manifest.utf8).write(to: URL(fileURLWithPath: file))
    let outcome = try CommandLineTool.run(["run", file, "--run", scratch.path + "/" + name])
    try #require(outcome.status == 0, "\(outcome.errors)")
    return try ArchiveReader(path: scratch.path + "/" + name + "/archive.h5")
  }

  private func values(_ archive: ArchiveReader, _ benchmark: String) throws -> [String: [Double]] {
    Dictionary(uniqueKeysWithValues: try archive.metrics(group: "vit-nano/" + benchmark).map { ($0.name, $0.values) })
  }

  @Test("Each model's temperature is fitted on the clean images that it evaluates")
  func temperaturesOfModels() throws {
    let scratch = try ScratchFolder()
    try Drawings.copy(images: 40, to: scratch.path + "/data")
    let models = ["vit-nano", "resnet-nano"]
    let entries = models.map {
      "  - {architecture: \($0), checkpoint: \"\(Repository.path)/models/\($0).safetensors\"}"
    }
    let manifest = """
      run: two
      models:
      \(entries.joined(separator: "\n"))
      benchmarks:
        - {kind: imagenet-val, root: data/imagenet-a, name: first, models: [vit-nano]}
        - {kind: imagenet-val, root: data/imagenet-a, name: second, models: [resnet-nano]}
        - {kind: imagenet-a, root: data/imagenet-a}
      """
    let file = scratch.path + "/two.yaml"
    try Data(manifest.utf8).write(to: URL(fileURLWithPath: file))
    let outcome = try CommandLineTool.run(["run", file, "--run", scratch.path + "/two"])
    try #require(outcome.status == 0, "\(outcome.errors)")
    let archive = try ArchiveReader(path: scratch.path + "/two/archive.h5")
    #expect(
      archive.groups.map(\.path) == [
        "vit-nano/first", "vit-nano/imagenet-a", "resnet-nano/second", "resnet-nano/imagenet-a",
      ])
    for (model, clean) in zip(models, ["first", "second"]) {
      func metric(_ benchmark: String, _ name: String) throws -> Double? {
        try archive.metrics(group: "\(model)/\(benchmark)").first { $0.name == name }?.values[0]
      }
      #expect(try metric(clean, "temperature")?.isFinite == true, "\(model)")
      #expect(try metric("imagenet-a", "nll_after_temperature")?.isFinite == true, "\(model)")
    }
  }

  @Test("Clean images' temperature makes their likelihood largest and scales the others; no figure hangs on the shards")
  func temperature() throws {
    let scratch = try ScratchFolder()
    try Drawings.copy(images: 40, to: scratch.path + "/data")
    let archive = try run(scratch, "large", shardImages: 500)
    let clean = try values(archive, "clean")
    let temperature = try #require(clean["temperature"]?.first)
    // The miniature's hard images are answered too surely.
    #expect(temperature > 1 && temperature < 100)
    let group = try #require(archive.groups.first { $0.path == "vit-nano/clean" })
    let logits = try archive.logits(group: group.path, conditionIndex: 0, images: 0..<40).map(Double.init)
    func loss(_ temperature: Double) -> Double {
      group.labels.enumerated().reduce(0) { sum, image in
        let row = logits[image.offset * 10..<(image.offset + 1) * 10].map { $0 / temperature }
        return sum + log(row.reduce(0) { $0 + exp($1) }) - row[Int(image.element)]
      } / 40
    }
    #expect(abs(loss(1) - (clean["nll"]?[0] ?? .nan)) < 1e-9)
    #expect(abs(loss(temperature) - (clean["nll_after_temperature"]?[0] ?? .nan)) < 1e-9)
    #expect(loss(temperature) < loss(temperature * 1.01) && loss(temperature) < loss(temperature * 0.99))
    #expect(group.furtherAxes.map(\.name) == ["confidence_bin"])
    #expect(clean["images_by_confidence"]?.reduce(0, +) == 40)
    // The same images under another name have the same figures, but no temperature of theirs.
    let other = try values(archive, "imagenet-a")
    #expect(other["nll_after_temperature"] == clean["nll_after_temperature"] && other["temperature"] == nil)
    let corrupted = try values(archive, "imagenet-c")
    #expect(corrupted["ece_after_temperature"]?.count == 4)
    #expect(corrupted["ece_after_temperature_by_severity"]?.count == 2)
    #expect(try values(archive, "occlusion")["brier_after_temperature"]?.allSatisfy { (0...2).contains($0) } == true)

    let small = try run(scratch, "small", shardImages: 7)
    for benchmark in ["clean", "imagenet-a", "imagenet-c", "occlusion"] {
      let (one, two) = try (values(archive, benchmark), values(small, benchmark))
      #expect(one.mapValues { $0.map(\.bitPattern) } == two.mapValues { $0.map(\.bitPattern) }, "\(benchmark)")
    }
    let page = try String(contentsOfFile: scratch.path + "/large/report.html", encoding: .utf8)
    for title in ["accuracy by confidence, and the diagonal<", "ECE by severity of imagenet-c"] {
      #expect(page.contains("<title>\(title)"), "\(title)")
    }
    let verified = try CommandLineTool.run(["verify", archive.path])
    #expect(verified.status == 0, "\(verified.output)")
  }
}
