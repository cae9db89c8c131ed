import Foundation
import Kernels
import Networks
import Testing

/// Networks without some of their blocks.
@Suite struct NetworkChangeTests {
  private static func images(_ architecture: Architecture) -> [Float] {
    (0..<3 * architecture.inputHeight * architecture.inputWidth * 3).map { Float($0 % 251) / 125 - 1 }
  }

  private static func architecture(_ name: String) throws -> Architecture {
    try #require(FamilyTests.architectures.first { $0.name == name } ?? Fixture.designs[name])
  }

  private func logits(
    _ classifier: Classifier, without blocks: [String], _ session: InferenceSession? = nil
  ) throws -> [Float] {
    let session = session ?? classifier.makeSession(maximumBatch: 3)
    try session.use(NetworkChange(leavingOut: blocks))
    var logits = [Float](repeating: .nan, count: 3 * classifier.classCount)
    let images = Self.images(classifier.architecture)
    try images.withUnsafeBufferPointer { images in
      try logits.withUnsafeMutableBufferPointer { try session.logits(images: images, count: 3, into: $0) }
    }
    return logits
  }

  /// Without a block a network computes what one whose last layer in that block gives nothing computes; and a session comes
  /// back to the whole network, bit for bit.
  @Test(arguments: [
    ("tiny-resnet", "layer2.1", ["layer2.1.bn3.weight", "layer2.1.bn3.bias"]),
    ("tiny-vit", "blocks.1.attn", ["blocks.1.attn.proj.weight", "blocks.1.attn.proj.bias"]),
    ("tiny-vit", "blocks.0.mlp", ["blocks.0.mlp.fc2.weight", "blocks.0.mlp.fc2.bias"]),
    ("tiny-convnext", "stages.2.blocks.1", ["stages.2.blocks.1.gamma"]),
    ("tiny-swin", "layers.1.blocks.0.mlp", ["layers.1.blocks.0.mlp.fc2.weight", "layers.1.blocks.0.mlp.fc2.bias"]),
    ("tiny", "stages.2.blocks.3", ["stages.2.blocks.3.pw2.bn.weight", "stages.2.blocks.3.pw2.bn.bias"]),
  ])
  func leavingOutIsGivingNothing(name: String, block: String, zeroed: [String]) throws {
    let architecture = try Self.architecture(name)
    let classifier = try Classifier(randomly: architecture)
    let silenced = try Classifier(randomly: architecture, zeroing: Set(zeroed))
    let session = classifier.makeSession(maximumBatch: 3)
    let whole = try logits(classifier, without: [], session)
    let without = try logits(classifier, without: [block], session)
    #expect(without != whole)
    #expect(without == (try logits(silenced, without: [])))
    #expect(try logits(classifier, without: [], session).map(\.bitPattern) == whole.map(\.bitPattern))
  }

  /// Units are their halves.
  @Test func allUnitsTogetherLeaveWhatIsBetweenThem() throws {
    let architecture = try Self.architecture("tiny-vit")
    let units = architecture.removableBlocks(halves: false, studied: true)
    let halves = architecture.removableBlocks(halves: true, studied: false)
    #expect(units == ["blocks.0", "blocks.1"])
    #expect(halves == ["blocks.0.attn", "blocks.0.mlp", "blocks.1.attn", "blocks.1.mlp"])
    let classifier = try Classifier(randomly: architecture)
    #expect(try logits(classifier, without: units) == logits(classifier, without: halves))
    #expect(try logits(classifier, without: units).allSatisfy(\.isFinite))
  }

  @Test func candidatesAreTheStudysAndKeepTheirShape() throws {
    func count(_ name: String, halves: Bool = false, studied: Bool) throws -> Int {
      try #require(Architecture.named(name)).removableBlocks(halves: halves, studied: studied).count
    }
    #expect(try count("replknet-31b", studied: true) == 18 && count("replknet-31b", studied: false) == 24)
    #expect(try count("replknet-31b", halves: true, studied: true) == 36)
    #expect(try count("vit_base_patch16_224", studied: true) == 12)
    #expect(try count("resnet50", studied: true) == 12 && count("resnetv2_50x1_bit", studied: true) == 12)
    #expect(try count("convnext_base", halves: true, studied: true) == 0 && count("convnext_base", studied: true) == 36)
  }

  @Test func whatCannotBeLeftOutIsRefused() throws {
    let classifier = try Classifier(randomly: Self.architecture("tiny-resnet"))
    #expect(throws: NetworkChangeError.changesShape("layer2.0")) { try logits(classifier, without: ["layer2.0"]) }
    #expect(throws: NetworkChangeError.noSuchBlock("layer9.0")) { try logits(classifier, without: ["layer9.0"]) }
  }

  /// Attention and perceptron of a model that was exported are halves of a unit, too.
  @Test func unitsAreFoundInModels() throws {
    let architecture = try Architecture.onnx(Fixture.path("onnx-vit.onnx"))
    #expect(architecture.removableBlocks(halves: false, studied: true) == ["unit0", "unit1"])
    #expect(
      architecture.removableBlocks(halves: true, studied: true) == ["block0", "block1", "block2", "block3"])
    let convolutional = try Architecture.onnx(Fixture.path("onnx-convnext.onnx"))
    #expect(convolutional.removableBlocks(halves: true, studied: true).isEmpty)
  }

  /// A model that was exported has the blocks that are found in it.
  @Test func modelsLoseBlocksToo() throws {
    let path = Fixture.path("onnx-resnet.onnx")
    let architecture = try Architecture.onnx(path)
    let native = try Self.architecture("tiny-resnet")
    let blocks = architecture.removableBlocks(halves: false, studied: true)
    #expect(blocks.count == native.removableBlocks(halves: false, studied: true).count && !blocks.isEmpty)
    let classifier = try Classifier(architecture: architecture, checkpoint: path)
    let other = try Classifier(architecture: native, checkpoint: Fixture.path("tiny-resnet.safetensors"))
    let found = try logits(classifier, without: blocks)
    let expected = try logits(other, without: native.removableBlocks(halves: false, studied: true))
    let largest = expected.reduce(0) { max($0, abs($1)) }
    #expect(zip(found, expected).allSatisfy { abs($0 - $1) <= 5e-5 * largest })
  }
}
