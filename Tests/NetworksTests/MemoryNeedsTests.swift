import Kernels
import Networks
import Testing

/// What `inspect` says a model takes, beside what it takes.
@Suite struct MemoryNeedsTests {
  @Test(
    "An estimate without weights is near what the model takes",
    arguments: [
      ("replknet-nano", Precision.fp32), ("resnet-nano", .fp32), ("vit-nano", .fp32), ("resnet50", .fp32),
      ("vit_base_patch16_224", .bf16), ("swin_base_patch4_window7_224", .fp32), ("replknet-31b", .fp32),
    ])
  func estimates(name: String, precision: Precision) throws {
    let architecture = try #require(Architecture.named(name))
    let classifier = try Classifier(randomly: architecture, options: ComputeOptions(precision: precision))
    for batch in [1, 8] {
      let needs = classifier.memoryNeeds(maximumBatch: batch)
      let estimate = architecture.estimatedMemory(maximumBatch: batch, precision: precision)
      #expect((0.8...1.2).contains(Double(estimate.weights) / Double(needs.weights)), "\(estimate) of \(needs)")
      // What products work in is not in it, a few megabytes.
      let room = 12 << 20
      let session = Double(estimate.session + room) / Double(needs.session + room)
      #expect((0.6...1.1).contains(session), "\(estimate) of \(needs)")
    }
  }

  @Test("More images at once take more memory, and bfloat16 halves the weights of products")
  func grows() throws {
    let architecture = try #require(Architecture.named("vit_base_patch16_224"))
    func needs(_ batch: Int, _ precision: Precision) -> MemoryNeeds {
      architecture.estimatedMemory(maximumBatch: batch, precision: precision)
    }
    // What layers work in is as large for one image.
    #expect(needs(8, .fp32).session > 3 * needs(1, .fp32).session)
    #expect(needs(1, .bf16).weights < needs(1, .fp32).weights * 6 / 10)
    // 86.6 million parameters.
    #expect((340_000_000...360_000_000).contains(needs(1, .fp32).weights))
  }
}
