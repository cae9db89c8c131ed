import Archives
import Foundation
import Imaging
import TestSupport
import Testing

/// What is seen within networks, and what they say is salient, as runs like any other.
@Suite(.serialized) struct ObservationRunTests {
  private static func manifest(_ scratch: ScratchFolder) throws -> String {
    try Drawings.copy(images: 30, to: scratch.path + "/data")
    let file = scratch.path + "/manifest.yaml"
    try Data(
      """
      run: inside
      seed: 7
      models:
        - {architecture: replknet-nano, checkpoint: "\(Repository.path)/models/replknet-nano.safetensors"}
        - {architecture: vit-nano, checkpoint: "\(Repository.path)/models/vit-nano.safetensors"}
      benchmarks:
        - {kind: imagenet-val, root: data/val}
        - {kind: feature-maps, root: data/val, images: 9}
        - {kind: attention-distance, root: data/val, images: 9, models: [vit-nano]}
        - {kind: kernel-distance, models: [replknet-nano]}
        - {kind: receptive-field, root: data/val, images: 9}
        - {kind: gradient-maps, root: data/val, images: 9, steps: 3}
        - {kind: occlusion, name: salient, root: data/val, saliency: vit-nano, percents: [0, 50, 100]}
        - {kind: occlusion, name: background, root: data/val, drop: non-salient, saliency: gradient, grid: 8, percents: [0, 50, 100]}
        - {kind: attack, name: transfer, method: fgsm, transfer: true, root: data/val, budgets: [2/255]}
      sharding: {images: 3, lease: 60s}
      """.utf8
    ).write(to: URL(fileURLWithPath: file))
    return file
  }

  @Test(
    "a killed worker changes no bit of what is observed, nor do batches; nothing dropped is clean, all dropped is black",
    .hangLimit)
  func killedAndResumed() throws {
    let scratch = try ScratchFolder()
    let run = try StormyRun(Self.manifest(scratch), in: scratch, recorded: 8)
    let archive = try ArchiveReader(path: run.archive)
    let groups = Set(archive.groups.map(\.path))
    #expect(groups.contains("vit-nano/attention-distance") && !groups.contains("replknet-nano/attention-distance"))
    #expect(groups.contains("replknet-nano/kernel-distance") && !groups.contains("vit-nano/kernel-distance"))
    for model in ["replknet-nano", "vit-nano"] {
      func logits(_ benchmark: String, _ condition: Int) throws -> [[UInt32]] {
        let rows = try archive.logits(group: "\(model)/\(benchmark)", conditionIndex: condition, images: 0..<30)
        return stride(from: 0, to: rows.count, by: 10).map { rows[$0..<($0 + 10)].map(\.bitPattern) }
      }
      let clean = try logits("imagenet-val", 0)
      for benchmark in ["salient", "background"] {
        #expect(try logits(benchmark, 0) == clean)
        #expect(try logits(benchmark, 1) != clean)
        #expect(try Set(logits(benchmark, 2)).count == 1, "all images are black")
      }
      // The same images, by whom they were not made for.
      let other = model == "vit-nano" ? "replknet-nano" : "vit-nano"
      func transferred(_ condition: Int) throws -> [UInt32] {
        try archive.values(
          of: "logits_of_\(other)", group: "\(model)/transfer", conditionIndex: condition, images: 0..<30
        ).map(\.bitPattern)
      }
      let others = try archive.logits(group: "\(other)/imagenet-val", conditionIndex: 0, images: 0..<30)
      #expect(try transferred(0) == others.map(\.bitPattern))
      #expect(try transferred(1) != others.map(\.bitPattern))
      let metrics = try archive.metrics(group: "\(model)/transfer")
      #expect(metrics.contains { $0.name == "mean_transfer_top1_\(other)" && $0.values[0].isFinite })
    }
    let page = try String(contentsOfFile: scratch.path + "/stormy/report.html", encoding: .utf8)
    #expect(page.contains("variance of maps by point") && page.contains("receptive field"))
    let verified = try CommandLineTool.run(["verify", run.archive, "--data", scratch.path + "/data/val"])
    #expect(verified.status == 0 && !verified.output.contains("changed:"), "\(verified.output)")
  }

  /// What PyTorch and captum see; made by tools/make_observation_fixtures.py.
  private struct Reference: Decodable {
    let variance: [Double]
    let integrated_gradients: [Double]
    let receptive_field: [Double]
  }

  @Test("a picture's variances, receptive field and integrated gradients are PyTorch's and captum's")
  func picturesArePyTorchs() throws {
    let scratch = try ScratchFolder()
    // Ten classes, of which the fourth has the picture.
    let pixels = (0..<64 * 64 * 3).map { (place: Int) -> UInt8 in UInt8((place * 7919 + place / 97 * 104_729) % 251) }
    let folder = scratch.path + "/data/c3"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Data(PNGEncoder.encode(RGBImage(width: 64, height: 64, pixels: pixels)))
      .write(to: URL(fileURLWithPath: folder + "/picture.png"))
    let models = ["replknet-nano", "resnet-nano", "vit-nano"]
    var manifest = "run: inside\nmodels:\n"
    for model in models {
      manifest += "  - {architecture: \(model), checkpoint: \"\(Repository.path)/models/\(model).safetensors\", "
      manifest += "preprocess: {mean: imagenet, std: imagenet}}\n"
    }
    manifest += "benchmarks:\n"
    for kind in ["feature-maps", "receptive-field", "gradient-maps"] {
      manifest += "  - {kind: \(kind), root: data, classes: [c0, c1, c2, c3, c4, c5, c6, c7, c8, c9]}\n"
    }
    try Data(manifest.utf8).write(to: URL(fileURLWithPath: scratch.path + "/manifest.yaml"))
    let outcome = try CommandLineTool.run(
      ["run", scratch.path + "/manifest.yaml", "--run", scratch.path + "/run"])
    try #require(outcome.status == 0, "\(outcome.errors)")
    let archive = try ArchiveReader(path: scratch.path + "/run/archive.h5")
    let file = Repository.path + "/Tests/NetworksTests/Fixtures/observations.json"
    let references = try JSONDecoder().decode(
      [String: Reference].self, from: Data(contentsOf: URL(fileURLWithPath: file)))
    for model in models {
      let reference = try #require(references[model])
      func values(_ benchmark: String, _ name: String) throws -> [Float] {
        try archive.values(of: name, group: "\(model)/\(benchmark)", conditionIndex: 0, images: 0..<1)
      }
      expectNear(try values("feature-maps", "variance"), reference.variance, model)
      expectNear(Self.squares(try values("receptive-field", "receptive_field"), 1), reference.receptive_field, model)
      expectNear(
        Self.squares(try values("gradient-maps", "integrated_gradients"), 3), reference.integrated_gradients, model)
    }
  }

  /// Sums over squares of 4x4 pixels.
  private static func squares(_ map: [Float], _ channels: Int) -> [Float] {
    var sums = [Float](repeating: 0, count: 256 * channels)
    for place in map.indices {
      let (row, column) = (place / channels / 64, place / channels % 64)
      sums[(row / 4 * 16 + column / 4) * channels + place % channels] += map[place]
    }
    return sums
  }

  private func expectNear(_ found: [Float], _ expected: [Double], _ what: String) {
    #expect(found.count == expected.count)
    let scale = expected.reduce(0) { max($0, abs($1)) }
    let error = zip(found, expected).reduce(0.0) { max($0, abs(Double($1.0) - $1.1)) }
    #expect(error <= 1e-4 * scale, "\(what): \(error) of \(scale)")
  }
}
