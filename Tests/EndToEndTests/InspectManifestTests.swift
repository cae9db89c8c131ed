import Foundation
import TestSupport
import Testing

/// What a run will cost is said before it starts.
@Suite struct InspectManifestTests {
  private let scratch: ScratchFolder

  init() throws {
    scratch = try ScratchFolder()
    try Drawings.copy(images: 20, to: scratch.path + "/data")
    let text = """
      run: costs
      seed: 3
      models:
        - {architecture: replknet-nano, checkpoint: "\(Repository.path)/models/replknet-nano.safetensors"}
        - {architecture: vit-nano, checkpoint: "\(Repository.path)/models/vit-nano.safetensors"}
      benchmarks:
        - {kind: imagenet-c, name: live, from: data/val, corruptions: [fog, contrast], severities: [1, 2, 5]}
        - {kind: attack, name: pgd, method: pgd, root: data/val, budgets: [1/255, 2/255], steps: 3}
        - {kind: attack, name: apgd, method: apgd-t, root: data/val, budgets: [4/255], steps: 3, targets: 2}
        - {kind: lesion, root: data/val, removed: [0, 1], draws: 2, blocks: all}
      sharding: {images: 6}
      output: {compression: none}
      """
    try Data(text.utf8).write(to: URL(fileURLWithPath: scratch.path + "/manifest.yaml"))
  }

  private struct Report: Decodable {
    struct Model: Decodable {
      let name: String
      let forwardPerSecond: Double?
      let gradientsPerSecond: Double?
    }
    struct Cost: Decodable, Equatable {
      var model: String?
      var benchmark: String?
      var images: Int
      var forwardPasses: Int
      var gradientPasses: Int
      var isUpperBound: Bool
      var coreHours: Double?
      var archiveBytes: Int
    }
    let models: [Model]
    let costs: [Cost]
    let total: Cost
  }

  private func report(_ options: [String]) throws -> Report {
    let outcome = try CommandLineTool.run(["inspect", scratch.path + "/manifest.yaml", "--json"] + options)
    try #require(outcome.status == 0, "\(outcome.errors)")
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(Report.self, from: Data(outcome.output.utf8))
  }

  @Test("passes and bytes are those of the manifest, worked out by hand")
  func counts() throws {
    let report = try report(["--no-measure"])
    let ofEach: [(name: String, images: Int, forward: Int, gradients: Int, isUpperBound: Bool)] = [
      // 6 conditions.
      ("live", 120, 120, 0, false),
      // 3 conditions, 2 of them of 3 steps.
      ("pgd", 60, 60, 120, false),
      // 2 conditions, one of 2 targets with a start and 3 steps each, after a look.
      ("apgd", 40, 60, 160, true),
      // Nothing is left out once, one block twice.
      ("lesion", 60, 60, 0, true),
    ]
    var expected: [Report.Cost] = []
    for model in ["replknet-nano", "vit-nano"] {
      expected += ofEach.map { cost in
        Report.Cost(
          model: model, benchmark: cost.name, images: cost.images, forwardPasses: cost.forward,
          gradientPasses: cost.gradients, isUpperBound: cost.isUpperBound, archiveBytes: cost.images * (4 * 10 + 1))
      }
    }
    #expect(report.costs == expected)
    #expect(
      report.total
        == Report.Cost(
          images: 560, forwardPasses: 600, gradientPasses: 560, isUpperBound: true, archiveBytes: 560 * 41))
    #expect(report.models.allSatisfy { $0.forwardPerSecond == nil && $0.gradientsPerSecond == nil })
  }

  @Test("core-hours are passes at the measured speed, and what pictures take; the table says the same")
  func measured() throws {
    let report = try report([])
    for cost in report.costs {
      let model = try #require(report.models.first { $0.name == cost.model })
      let (forward, gradients) = (try #require(model.forwardPerSecond), try #require(model.gradientsPerSecond))
      // There and back is more work than there.
      #expect(gradients < forward && forward < 1e6)
      let network = (Double(cost.forwardPasses) / forward + Double(cost.gradientPasses) / gradients) / 3600
      let hours = try #require(cost.coreHours)
      // A picture of 64x64 takes less than a tenth of a second.
      #expect(hours > network && hours < network + Double(cost.images) * 0.1 / 3600)
    }
    let sum = try report.costs.reduce(0) { $0 + (try #require($1.coreHours)) }
    #expect(abs(try #require(report.total.coreHours) - sum) <= 1e-9 * sum)

    let outcome = try CommandLineTool.run(["inspect", scratch.path + "/manifest.yaml"])
    try #require(outcome.status == 0, "\(outcome.errors)")
    let rows = outcome.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    #expect(rows.contains { $0.starts(with: ["vit-nano", "apgd", "40", "<", "60", "<", "160", "<"]) })
    #expect(rows.contains { $0.starts(with: ["replknet-nano", "live", "120", "120", "-"]) })
    #expect(
      rows.contains { $0.starts(with: ["all", "560", "<", "600", "<", "560", "<"]) && $0.suffix(2) == ["23", "kB"] })
    #expect(outcome.output.contains("at most; attacks stop once the network errs"))
    #expect(outcome.output.contains("with gradients ("))
  }

  @Test("the archive of the run is as large as is said, and what else it holds")
  func archive() throws {
    let run = scratch.path + "/run"
    try #require(try CommandLineTool.run(["run", scratch.path + "/manifest.yaml", "--run", run]).status == 0)
    let attributes = try FileManager.default.attributesOfItem(atPath: run + "/archive.h5")
    let size = try #require((attributes[.size] as? NSNumber)?.intValue)
    let said = try report(["--no-measure"]).total.archiveBytes
    #expect(size > said && size < said + 2_000_000)
  }

  @Test("what is of manifests alone is refused elsewhere")
  func refuses() throws {
    let checkpoint = Repository.path + "/models/vit-nano.safetensors"
    for option in ["--json", "--no-measure"] {
      let refused = try CommandLineTool.run(["inspect", checkpoint, option])
      #expect(refused.status == 2 && refused.errors.contains("\(option) is for manifests"), "\(refused.errors)")
    }
  }
}
