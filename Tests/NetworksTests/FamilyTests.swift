import Kernels
import Networks
import Testing

/// The families that are computed as graphs, against timm's logits of the same weights.
@Suite struct FamilyTests {
  static let architectures = [
    Architecture(
      "tiny-resnet-basic", side: 32,
      ResNetDesign(blocks: [1, 2, 1, 1], isBottleneck: false, width: 8)),
    Architecture(
      "tiny-resnet", side: 33, ResNetDesign(blocks: [1, 2, 1, 1], isBottleneck: true, width: 8)),
    Architecture("tiny-bit", side: 32, BigTransferDesign(blocks: [1, 2], width: 32)),
    Architecture(
      "tiny-vit", side: 32,
      VisionTransformerDesign(patch: 8, width: 48, depth: 2, heads: 3)),
    Architecture(
      "tiny-convnext", side: 64,
      ConvNeXtDesign(blocks: [1, 1, 2, 1], channels: [8, 16, 24, 32])),
    Architecture(
      "tiny-swin", side: 64,
      SwinDesign(width: 16, blocks: [2, 2, 2], heads: [2, 4, 8], window: 4)),
  ]

  @Test(arguments: architectures, [".pth", ".safetensors"])
  func logitsAreThoseOfTimm(architecture: Architecture, file: String) throws {
    let result = try ReferenceCheck.logits(
      checkpoint: Fixture.path(architecture.name + file), architecture: architecture,
      reference: Fixture.path(architecture.name + "-reference.safetensors"))
    #expect(result.largestDifference <= 5e-5 * result.largest, "\(result)")
    #expect(result.largest > 0.01)
  }

  /// Google's .npz of BiT, stored and packed, with one array in Fortran's order.
  @Test(arguments: ["tiny-bit.npz", "tiny-bit-packed.npz"])
  func weightsOfNumPyAreThoseOfTimm(file: String) throws {
    let architecture = try #require(Self.architectures.first { $0.name == "tiny-bit" })
    let result = try ReferenceCheck.logits(
      checkpoint: Fixture.path(file), architecture: architecture,
      reference: Fixture.path("tiny-bit-half-reference.safetensors"))
    #expect(result.largestDifference <= 5e-5 * result.largest, "\(result)")
  }

  @Test(arguments: ["hostile.safetensors", "hostile.npz"])
  func shapesThatHideAnOverflowBehindAZeroAreRefused(file: String) {
    #expect {
      try CheckpointReader.open(Fixture.path(file))
    } throws: {
      "\($0)".contains("none has an invalid shape")
    }
  }

  /// Positions for 4 x 4 patches, resampled to 6 x 6 and to 3 x 3.
  @Test(arguments: [48, 24])
  func positionsAreResampledAsTimmDoes(side: Int) throws {
    let architecture = try #require(Self.architectures.first { $0.name == "tiny-vit" })
    let resized = try #require(architecture.resized(to: side))
    let result = try ReferenceCheck.logits(
      checkpoint: Fixture.path("tiny-vit.safetensors"), architecture: resized,
      reference: Fixture.path("tiny-vit-\(side)-reference.safetensors"))
    #expect(result.largestDifference <= 5e-5 * result.largest, "\(result)")
  }

  @Test func imagesOfAnotherSizeAreNamedAfterTheArchitecture() throws {
    #expect(Architecture.named("replknet-31b@384")?.inputHeight == 384)
    #expect(Architecture.named("vit_base_patch16_224@384")?.inputWidth == 384)
    for name in [
      "vit_base_patch16_224@230", "swin_base_patch4_window7_224@384", "resnet50@7", "resnet50@", "nothing@64",
    ] {
      #expect(Architecture.named(name) == nil, "\(name)")
    }
    let plain = try #require(Architecture.named("vit_tiny_patch16_384"))
    #expect(plain.inputHeight == 384)
  }

  @Test(arguments: architectures)
  func bitsDependOnNothing(architecture: Architecture) throws {
    let reference = try CheckpointReader.open(Fixture.path(architecture.name + "-reference.safetensors"))
    let pair = try reference.values("images")
    let images = pair + pair.map { $0 * 0.5 } + pair.map { -$0 }
    var expected: [UInt32]?
    for set in InstructionSet.available {
      let classifier = try Classifier(
        architecture: architecture, checkpoint: Fixture.path(architecture.name + ".safetensors"),
        options: ComputeOptions(instructionSet: set))
      for batch in [1, 4, 6] {
        let bits = try Fixture.logits(classifier, images, count: 6, batch: batch).map(\.bitPattern)
        #expect(bits == expected ?? bits, "\(set), batch \(batch)")
        expected = bits
      }
    }
  }

  /// 17 tokens, which three spare rows make five groups of the blockwise product: nothing that an earlier batch left
  /// behind may join them.
  @Test func spareRowsCarryNothingOver() throws {
    let architecture = Architecture(
      "wide-vit", side: 32,
      VisionTransformerDesign(patch: 8, width: 512, depth: 2, heads: 8))
    let images: [Float] = (0..<9216).map { Float($0 % 251) / 125 }
    var expected: [UInt32]?
    for set in InstructionSet.available where set != .scalar {
      let classifier = try Classifier(randomly: architecture, options: ComputeOptions(instructionSet: set))
      for batch in [1, 3] {
        let bits = try Fixture.logits(classifier, images, count: 3, batch: batch).map(\.bitPattern)
        #expect(bits == expected ?? bits, "\(set), batch \(batch)")
        expected = bits
      }
    }
  }

  /// Published files have two names for the long kernels; widths are told by the file.
  @Test(arguments: ["tiny-slak-lora", "tiny-slak-decom"])
  func theDesignOfSLaKIsReadFromItsFile(name: String) throws {
    let path = Fixture.path(name + ".safetensors")
    let checkpoint = try CheckpointReader.open(path)
    let found = try #require(checkpoint.matchingArchitectures().first)
    #expect(checkpoint.matchingArchitectures().count == 1 && found.name == "slak")
    // Both ways to name it: with the design, and without, as a manifest does.
    let resized = try #require(try Architecture.named("slak@64", checkpoint: path))
    let result = try ReferenceCheck.logits(
      checkpoint: path, architecture: resized, reference: Fixture.path(name + "-reference.safetensors"))
    #expect(result.largestDifference <= 5e-5 * result.largest, "\(result)")
    #expect(result.largest > 0.01)
    #expect(throws: CheckpointError.self) {
      try Architecture.named("slak", checkpoint: Fixture.path("tiny-convnext.safetensors"))
    }
  }

  @Test func everyMisfitIsNamedAtOnce() throws {
    let other = Architecture(
      "other", side: 32, VisionTransformerDesign(patch: 4, width: 48, depth: 3, heads: 3))
    let problems = misfits(of: other)
    for start in ["patch_embed.proj.weight is [48, 3, 8, 8]", "pos_embed is", "blocks.2.norm1.weight is missing"] {
      #expect(problems.contains { $0.hasPrefix(start) })
    }
    let shallow = Architecture(
      "shallow", side: 32, VisionTransformerDesign(patch: 8, width: 48, depth: 1, heads: 3))
    #expect(misfits(of: shallow).contains("blocks.1.mlp.fc2.bias is not one of its tensors"))
  }

  private func misfits(of architecture: Architecture) -> [String] {
    do throws(CheckpointError) {
      _ = try Classifier(architecture: architecture, checkpoint: Fixture.path("tiny-vit.safetensors"))
    } catch {
      if case .unfit(_, let problems, _) = error { return problems }
    }
    return []
  }
}

@Suite struct ArchitectureSizeTests {
  /// Parameters and multiply-adds as the papers and timm's tables give them, in millions.
  @Test(arguments: [
    ("replknet-31b", 79.0, 15_300.0), ("resnet50", 25.6, 4_090), ("resnetv2_50x1_bit", 25.5, 4_090),
    ("vit_base_patch16_224", 86.6, 17_500), ("convnext_base", 88.6, 15_400),
    ("swin_base_patch4_window7_224", 87.8, 15_400),
  ])
  func sizesAreThePublishedOnes(name: String, parameters: Double, multiplyAdds: Double) throws {
    let architecture = try #require(Architecture.named(name))
    #expect(abs(Double(architecture.parameterCount) / 1e6 - parameters) < 0.011 * parameters)
    #expect(abs(Double(architecture.multiplyAdds) / 1e6 - multiplyAdds) < 0.03 * multiplyAdds)
  }
}
