import Foundation
import Kernels
import Networks
import TestSupport
import Testing

/// What is seen within networks.
@Suite struct ObserverTests {
  /// What PyTorch sees in float64; made by tools/make_observation_fixtures.py.
  struct Reference: Decodable {
    struct Kernel: Decodable {
      let path: String
      let merged: [Double]
      let merged_sum: [Double]
      let raw: [Double]
      let raw_sum: [Double]
    }
    let variance: [Double]
    let log_amplitude: [[Double]]
    /// Sums over squares of 4x4 pixels.
    let receptive_field: [Double]
    let kernels: [Kernel]?
    let attention_distance: [[Double]]?
    let class_attention: [[Double]]?
  }

  private static func reference(_ name: String) throws -> Reference {
    let data = try Data(contentsOf: URL(fileURLWithPath: Fixture.path("observations.json")))
    return try #require(try JSONDecoder().decode([String: Reference].self, from: data)[name])
  }

  private static func classifier(_ name: String, _ options: ComputeOptions = ComputeOptions()) throws -> Classifier {
    return try Classifier(
      architecture: try #require(Architecture.named(name)), checkpoint: Repository.path + "/models/\(name).safetensors",
      options: options)
  }

  /// The picture of the references, normalised.
  private static var picture: [Float] {
    let (mean, deviation): ([Float], [Float]) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    return (0..<64 * 64 * 3).map { place in
      (Float((place * 7919 + (place / 97) * 104_729) % 251) / 255 - mean[place % 3]) / deviation[place % 3]
    }
  }

  private static func seen(
    _ classifier: Classifier, _ view: NetworkView, _ images: [Float] = picture, count: Int = 1, batch: Int = 1
  ) throws -> [[Float]] {
    let observer = try classifier.makeObserver(view, maximumBatch: batch)
    return try images.withUnsafeBufferPointer { try observer.observe($0, count: count) }
  }

  private func expectNear(_ found: [Float], _ expected: [Double], within tolerance: Double, _ what: String) {
    #expect(found.count == expected.count, "\(what)")
    let scale = expected.reduce(0) { max($0, abs($1)) }
    let error = zip(found, expected).reduce(0.0) { max($0, abs(Double($1.0) - $1.1)) }
    #expect(error <= tolerance * scale, "\(what): \(error) of \(scale)")
  }

  // MARK: - By hand

  @Test func variancesByHand() {
    #expect(abs(FeatureFigures.of([1, 2, 3, 4], height: 2, width: 2, channels: 1).variance - 5 / 3) < 1e-12)
    #expect(FeatureFigures.of([7, 7, 7, 7], height: 2, width: 2, channels: 1).variance == 0)
    // The variance of each channel of its own, then the mean: 4/3 and 0.
    let two = FeatureFigures.of([0, 5, 2, 5, 0, 5, 2, 5], height: 2, width: 2, channels: 2)
    #expect(abs(two.variance - 2 / 3.0) < 1e-12)
  }

  @Test func amplitudesByHand() {
    var impulse = [Float](repeating: 0, count: 64)
    impulse[0] = 1
    #expect(FeatureFigures.of(impulse, height: 8, width: 8, channels: 1).amplitudes.allSatisfy { abs($0) < 1e-9 })
    // i + j: its transform is nothing on the diagonal but at 0, where it is 48.
    let ramp = (0..<16).map { Float($0 / 4 + $0 % 4) }
    let found = FeatureFigures.of(ramp, height: 4, width: 4, channels: 1).amplitudes
    #expect(found.count == 2 && found[0] == 0 && abs(found[1] + 17.68671) < 1e-5, "\(found)")
    // The highest frequency is not shown.
    let board = (0..<16).map { 3 + Float(($0 / 4 + $0 % 4) % 2 == 0 ? 1 : -1) }
    let hidden = FeatureFigures.of(board, height: 4, width: 4, channels: 1).amplitudes
    #expect(hidden[0] == 0 && abs(hidden[1] + 17.68671) < 1e-5, "\(hidden)")
    // 7 rows have frequencies 0 to 3; rows and columns of different lengths go as far as the fewer.
    #expect(FeatureFigures.of([Float](repeating: 1, count: 49), height: 7, width: 7, channels: 1).amplitudes.count == 4)
    #expect(FeatureFigures.of([Float](repeating: 1, count: 24), height: 4, width: 6, channels: 1).amplitudes.count == 2)
  }

  /// exp(-2 pi i (2 row / 4 + 2 column / 6)) has its energy at (2, 2), a wave of frequency (1, 1) at (1, 1).
  @Test func oblongMapsHaveFrequenciesOfBothSides() {
    let wave = (0..<24).map { place in
      Float(cos(2 * Double.pi * (Double(place / 6) / 4 + Double(place % 6) / 6)))
    }
    let found = FeatureFigures.of(wave, height: 4, width: 6, channels: 1).amplitudes
    #expect(abs(found[1] - (log(12 + 1e-6) - log(1e-6))) < 0.2, "\(found)")
  }

  @Test func kernelDistancesByHand() {
    func of(_ taps: [Float], _ side: Int) -> (weighted: Double, summed: Double) {
      let found = KernelDistances.of(taps, channels: 1, rows: side, columns: side)
      return (found.weighted[0], found.summed[0])
    }
    var centre = [Float](repeating: 0, count: 9)
    centre[4] = 2
    #expect(of(centre, 3) == (0, 0))
    var corner = [Float](repeating: 0, count: 9)
    corner[8] = -3
    #expect(of(corner, 3) == (1, 3))
    let even = of([Float](repeating: 1 / 9, count: 9), 3)
    #expect(abs(even.weighted - 0.7587141250) < 1e-7 && abs(even.summed - 0.7587141250) < 1e-7)
    #expect(of([0, 0, 0, 0, 3, 0, 0, 0, -1], 3) == (0.25, 1))
    var edge = [Float](repeating: 0, count: 25)
    edge[2] = 1
    #expect(abs(of(edge, 5).weighted - 0.7071067812) < 1e-9)
    for (side, expected) in [(31, 0.5588762945), (29, 0.5601295836), (27, 0.5615726258), (13, 0.5846727921)] {
      #expect(abs(of([Float](repeating: 1, count: side * side), side).weighted - expected) < 1e-9)
    }
    let nothing = KernelDistances.of([0, 0, 0, 0, 0, 0, 0, 0, 0], channels: 1, rows: 3, columns: 3)
    #expect(nothing.weighted[0].isNaN && nothing.summed[0] == 0)
  }

  // MARK: - Against PyTorch

  @Test(arguments: ["replknet-nano", "resnet-nano", "vit-nano"])
  func featuresArePyTorchs(name: String) throws {
    let (reference, classifier) = (try Self.reference(name), try Self.classifier(name))
    let found = try Self.seen(classifier, .features)
    #expect(found.count == reference.variance.count)
    for (point, figures) in found.enumerated() where point < reference.variance.count {
      let (variance, amplitudes) = (reference.variance[point], reference.log_amplitude[point])
      #expect(
        abs(Double(figures[0]) - variance) <= 1e-4 * variance, "\(name), point \(point): \(figures[0]), \(variance)")
      #expect(figures.count == 1 + amplitudes.count)
      let error = zip(figures.dropFirst(), amplitudes).reduce(0.0) { max($0, abs(Double($1.0) - $1.1)) }
      #expect(error <= 1e-3, "\(name), point \(point): \(error)")
    }
  }

  @Test(arguments: ["replknet-nano", "resnet-nano", "vit-nano"])
  func receptiveFieldsArePyTorchs(name: String) throws {
    let (reference, classifier) = (try Self.reference(name), try Self.classifier(name))
    let gradient = try #require(try Self.seen(classifier, .receptiveField).first)
    var squares = [Float](repeating: 0, count: 256)
    for place in gradient.indices {
      let (row, column) = (place / 3 / 64, place / 3 % 64)
      squares[row / 4 * 16 + column / 4] += max(0, gradient[place])
    }
    expectNear(squares, reference.receptive_field, within: 1e-4, name)
  }

  @Test func attentionIsPyTorchs() throws {
    let (reference, classifier) = (try Self.reference("vit-nano"), try Self.classifier("vit-nano"))
    let distances = try #require(reference.attention_distance)
    let found = try Self.seen(classifier, .attentionDistance)
    #expect(found.count == distances.count)
    for (block, expected) in distances.enumerated() {
      expectNear(found[block], expected, within: 1e-5, "block \(block)")
    }
    let attention = try #require(reference.class_attention)
    expectNear(try Self.seen(classifier, .classAttention)[0], attention.flatMap { $0 }, within: 1e-4, "class token")
  }

  /// Even attention looks as far as patches are apart: 13.65685 pixels with four patches of 16x16.
  @Test func evenAttentionByHand() throws {
    let architecture = Architecture(
      "even", side: 32, classCount: 3, VisionTransformerDesign(patch: 16, width: 8, depth: 1, heads: 2))
    let even = try Classifier(randomly: architecture, zeroing: ["blocks.0.attn.qkv.weight", "blocks.0.attn.qkv.bias"])
    let found = try Self.seen(even, .attentionDistance, [Float](repeating: 0.3, count: 32 * 32 * 3))
    #expect(found.count == 1 && found[0].allSatisfy { abs($0 - 13.65685) < 1e-4 }, "\(found)")
    let attention = try Self.seen(even, .classAttention, [Float](repeating: 0.3, count: 32 * 32 * 3))
    #expect(attention[0].count == 8 && attention[0].allSatisfy { abs($0 - 0.2) < 1e-6 })
  }

  @Test func kernelDistancesAreNumPys() throws {
    let kernels = try #require(try Self.reference("replknet-nano").kernels)
    let found = try Self.classifier("replknet-nano").kernelDistances()
    #expect(found.map(\.path) == kernels.map(\.path))
    for (kernel, expected) in zip(found, kernels) {
      expectNear(kernel.merged.weighted.map { Float($0) }, expected.merged, within: 1e-6, kernel.path)
      expectNear(kernel.merged.summed.map { Float($0) }, expected.merged_sum, within: 1e-6, kernel.path)
      expectNear(kernel.raw.weighted.map { Float($0) }, expected.raw, within: 1e-6, kernel.path)
      expectNear(kernel.raw.summed.map { Float($0) }, expected.raw_sum, within: 1e-6, kernel.path)
    }
  }

  // MARK: - Places and promises

  @Test func pointsAreTheStudys() throws {
    func points(_ name: String) throws -> [(path: String, frequencies: Int)] {
      try #require(Architecture.named(name)).featurePoints
    }
    let replknet = try points("replknet-31b")
    #expect(
      replknet.count == 58
        && replknet.prefix(5).map(\.path) == ["stem.0", "stem.1", "stem.2", "stem.3", "stages.0.blocks.0"])
    #expect(replknet[0].frequencies == 56 && replknet[57].frequencies == 4)
    let vit = try points("vit_base_patch16_224")
    #expect(vit.count == 25 && vit[0].path == "stem" && vit[1].path == "blocks.0.attn" && vit[0].frequencies == 7)
    let resnet = try points("resnet50")
    #expect(
      resnet.count == 17 && resnet[0].path == "stem" && resnet[1].path == "layer1.0" && resnet[0].frequencies == 28)
    #expect(try points("resnetv2_50x1_bit").count == 17)
    // The stem, 36 blocks, three between stages.
    #expect(try points("convnext_base").map(\.path).contains("before stages.1.blocks.0"))
    #expect(try points("convnext_base").count == 40)
    #expect(try points("swin_base_patch4_window7_224").count == 52)
  }

  /// What is seen of an image depends neither on its batch nor on the registers' width.
  @Test(arguments: [
    ("tiny", NetworkView.features), ("tiny-vit", .features), ("tiny-resnet", .features), ("tiny-swin", .features),
    ("tiny-vit", .attentionDistance), ("tiny-vit", .classAttention), ("tiny", .receptiveField),
    ("tiny-vit", .receptiveField), ("tiny-convnext", .receptiveField),
  ])
  func batchesAndInstructionSetsDoNotMatter(name: String, view: NetworkView) throws {
    let architecture = try #require(FamilyTests.architectures.first { $0.name == name } ?? Fixture.designs[name])
    let size = architecture.inputHeight * architecture.inputWidth * 3
    let images = (0..<3 * size).map { Float($0 % 251) / 125 - 1 }
    var found: [[[UInt32]]] = []
    for set in InstructionSet.available {
      let classifier = try Classifier(randomly: architecture, options: ComputeOptions(instructionSet: set))
      let together = try Self.seen(classifier, view, images, count: 3, batch: 3)
      found.append(together.map { $0.map(\.bitPattern) })
      let alone = try (0..<3).map { image in
        try Self.seen(classifier, view, Array(images[(image * size)..<((image + 1) * size)]))
      }
      for output in together.indices {
        #expect(
          together[output].map(\.bitPattern) == alone.flatMap { $0[output] }.map(\.bitPattern), "output \(output)")
      }
    }
    #expect(found.allSatisfy { $0 == found[0] })
    // Maps of one pixel do not vary.
    #expect(found[0].contains { $0.contains { $0 != 0 } })
  }

  @Test func whatIsNotThereIsRefused() throws {
    let resnet = try #require(Architecture.named("resnet50"))
    #expect(throws: NetworkViewError.noAttention) { try resnet.check(.attentionDistance) }
    #expect(throws: NetworkViewError.noAttention) { try resnet.classAttention() }
    #expect(resnet.largeKernels.isEmpty)
    let path = Fixture.path("onnx-bit.onnx")
    if FileManager.default.fileExists(atPath: path) {
      #expect(throws: NetworkViewError.noBlocks) { try Architecture.onnx(path).check(.features) }
    }
    let vit = try #require(Architecture.named("vit_small_patch16_224"))
    let attention = try vit.classAttention()
    #expect(attention.rows == 14 && attention.columns == 14 && attention.heads == 6)
    #expect(try #require(Architecture.named("replknet-31b")).largeKernels.count == 24)
    #expect(throws: InferenceError.self) { try Self.seen(try Self.classifier("vit-nano"), .features, [0], count: 1) }
  }
}
