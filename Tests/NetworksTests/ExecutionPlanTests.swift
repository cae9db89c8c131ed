import Networks
import Testing

/// What the graphs leave out, and that no value is overwritten before it was read last.
@Suite struct ExecutionPlanTests {
  private func plan(_ name: String) throws -> (plan: ExecutionPlan, architecture: Architecture) {
    let architecture = try #require(Architecture.named(name))
    return (try #require(architecture.executionPlan), architecture)
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
}
