import Networks
import Testing

/// What the graphs leave out, and that no value is overwritten before it was read last.
@Suite struct ExecutionPlanTests {
  private func plan(_ name: String) throws -> (plan: ExecutionPlan, architecture: Architecture) {
    let architecture = try #require(Architecture.named(name))
    return (architecture.executionPlan, architecture)
  }

  @Test func resNetHasNoPassOfReLUAlone() throws {
    // 53 convolutions, two poolings, one linear layer; the 16 ReLUs behind a sum are part of a convolution.
    #expect(try plan("resnet50").plan.operations == 53 + 2 + 1)
  }

  /// 24 pairs of blocks, each of three layers and one; the normalisations are gone.
  @Test func repLKNetsNormalisationsAreInTheLayersBehindThem() throws {
    #expect(try plan("replknet-31b").plan.operations == 4 + 24 * (3 + 1) + 3 * 2 + 2)
  }

  @Test func behindTheLastAttentionThereIsTheClassTokenAlone() throws {
    let (plan, architecture) = try plan("vit_base_patch16_224")
    // Of the last block's projection and perceptron, 9 x 768 x 768 a token, one of 197 tokens is left.
    #expect(architecture.multiplyAdds - plan.multiplyAdds == 196 * 9 * 768 * 768)
  }

  @Test(arguments: [("resnet50", true), ("convnext_base", true), ("vit_base_patch16_224", false)])
  func largeMapsRunImageByImage(name: String, expected: Bool) throws {
    let plan = try plan(name).plan
    #expect((plan.operationsImageByImage > 0) == expected)
    #expect((plan.bytesOfOneImage > 0) == expected)
    #expect(plan.operationsImageByImage < plan.operations)
  }

  @Test(arguments: [
    "resnet50", "resnetv2_50x1_bit", "vit_base_patch16_224", "convnext_base", "swin_base_patch4_window7_224",
    "replknet-31b", "replknet-xl",
  ])
  func noValueIsOverwrittenBeforeItsLastUse(name: String) throws {
    let plan = try plan(name).plan
    for (index, earlier) in plan.uses.enumerated() {
      for later in plan.uses[(index + 1)...] where later.buffer == earlier.buffer {
        // A layer may write over an input that it reads for the last time.
        #expect(later.written >= earlier.lastRead)
      }
    }
    // The image by image part's values lie apart from all others, which an image after it would overwrite.
    let first = Set(plan.uses.prefix(max(0, plan.operationsImageByImage - 1)).map(\.buffer))
    let others = Set(plan.uses.dropFirst(max(0, plan.operationsImageByImage - 1)).map(\.buffer))
    #expect(first.isDisjoint(with: others))
  }

  /// Passes against the graph as it is described: a fusion changes no bit; an absorbed normalisation and a product of one
  /// row instead of many round otherwise.
  @Test(arguments: [
    ("tiny-resnet", true), ("tiny-bit", true), ("tiny-convnext", true), ("tiny-swin", true), ("tiny-vit", false),
    ("tiny", false), ("tiny-xl", false),
  ])
  func passesKeepTheLogits(name: String, keepsBits: Bool) throws {
    let architecture = try #require(
      FamilyTests.architectures.first { $0.name == name } ?? Fixture.designs[name])
    let images = (0..<3 * architecture.inputHeight * architecture.inputWidth * 3).map { Float($0 % 251) / 125 - 1 }
    let (fast, plain) = (
      try Fixture.logits(Classifier(randomly: architecture), images, count: 3, batch: 3),
      try Fixture.logits(Classifier(randomly: architecture, isOptimised: false), images, count: 3, batch: 3)
    )
    let largest = plain.reduce(0) { max($0, abs($1)) }
    let difference = zip(fast, plain).reduce(0) { max($0, abs($1.0 - $1.1)) }
    #expect(largest > 0.01 && difference <= 1e-5 * largest, "\(difference) of \(largest)")
    if keepsBits { #expect(fast.map(\.bitPattern) == plain.map(\.bitPattern)) }
  }

  /// What descriptions name are the residual units that would be found without, halves of a block apart; and a model that
  /// was exported has as many as its native family.
  @Test(arguments: [
    ("resnet50", 16, 12), ("resnetv2_50x1_bit", 16, 12), ("replknet-31b", 72, 72), ("convnext_base", 36, 36),
    ("vit_base_patch16_224", 36, 36), ("swin_base_patch4_window7_224", 72, 72),
  ])
  func blocksAreResidualUnits(name: String, named: Int, keepingTheirShape: Int) throws {
    let plan = try plan(name).plan
    #expect(plan.blocks.count == named)
    #expect(Set(plan.blocks.map(\.path)).count == named)
    let whole = plan.blocks.filter(\.keepsItsShape)
    #expect(whole.count == keepingTheirShape)
    for unit in plan.residualUnits {
      #expect(plan.blocks.contains { $0.isSamePlace(as: unit) && $0.isHalf == unit.isHalf }, "\(unit.path)")
    }
    #expect(plan.residualUnits.count == keepingTheirShape)
  }

  @Test(arguments: [("onnx-resnet", "tiny-resnet"), ("onnx-vit", "tiny-vit"), ("onnx-convnext", "tiny-convnext")])
  func blocksOfModelsAreFound(model: String, native: String) throws {
    let architecture = try #require(FamilyTests.architectures.first { $0.name == native })
    let expected = architecture.executionPlan.residualUnits.count
    #expect(expected > 0)
    #expect(try ONNXModel(path: Fixture.path(model + ".onnx")).executionPlan.blocks.count == expected)
  }
}
