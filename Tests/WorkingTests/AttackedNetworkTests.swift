import Benchmarks
import Foundation
import Networks
import Planning
import TestSupport
import Testing
import Working

/// The gradients that attacks are given are those of values in [0, 1], before mean and standard deviation.
@Suite struct AttackedNetworkTests {
  private static let (mean, std): ([Float], [Float]) = ([0.4, 0.5, 0.6], [0.1, 0.5, 1])

  /// One step of l2 goes along the gradient, whose direction depends on the channels' deviations.
  @Test func stepsGoAlongTheGradientOfThePictures() throws {
    let folder = FileManager.default.temporaryDirectory.path + "/attacked-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let checkpoint = Repository.path + "/models/resnet-nano.safetensors"
    let pixels: [UInt8] = (0..<12_288).map { index in
      let level: Int = index * 7919 + index / 192 * 31
      return UInt8(60 + level % 130)
    }
    for name in "abcdefghij" {
      try FileManager.default.createDirectory(atPath: folder + "/val/\(name)", withIntermediateDirectories: true)
      try (Data("P6 64 64 255\n".utf8) + Data(pixels)).write(
        to: URL(fileURLWithPath: folder + "/val/\(name)/picture.ppm"))
    }
    try Data(
      """
      run: attacked
      models:
        - {name: m, architecture: resnet-nano, checkpoint: "\(checkpoint)",
           preprocess: {mean: [0.4, 0.5, 0.6], std: [0.1, 0.5, 1]}}
      benchmarks:
        - {kind: attack, root: val, method: pgd, norm: l2, random_start: false, steps: 1, step: 0.5, budgets: [1]}
      """.utf8
    ).write(to: URL(fileURLWithPath: folder + "/run.yaml"))
    let plan = try Plan.make(manifestPath: folder + "/run.yaml")
    let task = try ShardTask(
      ShardDefinition(id: 0, model: 0, benchmark: 0, condition: 1, firstImage: 0, imageCount: 1), of: plan)
    let output = try ShardOutput(
      decoding: ShardEvaluator(batch: 1, memory: .max, version: "test").compute(task: task.encoded()))
    let label = Int(try #require(task.labels?.first))
    let expected = try logits(of: pixels.map { Float($0) / 255 }, label: label, checkpoint)
    let found = output.observations[0].values
    #expect(found.count == 10)
    #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-3 }, "\(found) and \(expected)")
  }

  /// The logits of an image after the step.
  private func logits(of image: [Float], label: Int, _ checkpoint: String) throws -> [Float] {
    let architecture = try #require(try Architecture.named("resnet-nano", checkpoint: checkpoint))
    let classifier = try Classifier(architecture: architecture, checkpoint: checkpoint)
    let session = try classifier.makeGradientSession(maximumBatch: 1)
    func ask(_ image: [Float]) throws -> (logits: [Float], gradient: [Float]) {
      let values = image.enumerated().map { ($1 - Self.mean[$0 % 3]) / Self.std[$0 % 3] }
      var (logits, gradient) = ([Float](repeating: 0, count: 10), [Float](repeating: 0, count: image.count))
      try values.withUnsafeBufferPointer { values in
        try logits.withUnsafeMutableBufferPointer { logits in
          try gradient.withUnsafeMutableBufferPointer {
            try session.gradients(
              images: values, losses: [.crossEntropy(label: label)], logits: logits, gradients: $0)
          }
        }
      }
      return (logits, gradient.enumerated().map { $1 / Self.std[$0 % 3] })
    }
    let gradient = try ask(image).gradient
    let length = gradient.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
    let stepped = zip(image, gradient).map { min(1, max(0, $0 + Float(0.5 * Double($1) / length))) }
    return try ask(stepped).logits
  }
}
