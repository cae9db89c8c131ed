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

  @Test(
    "An estimate of gradients is near what they take",
    arguments: ["resnet50", "vit_base_patch16_224", "replknet-31b", "vit-nano"])
  func gradients(name: String) throws {
    let architecture = try #require(Architecture.named(name))
    let classifier = try Classifier(randomly: architecture)
    let gradients = try classifier.makeGradientSession(maximumBatch: 8).needs
    let (with, without) = (true, false)
    let estimates = [with, without].map {
      architecture.estimatedMemory(maximumBatch: 8, precision: .fp32, withGradients: $0)
    }
    let weights = Double(estimates[0].weights - estimates[1].weights)
    #expect((0.8...1.2).contains(weights / Double(gradients.weights)), "\(weights) of \(gradients)")
    let room = 12 << 20
    let session = Double(estimates[0].session - estimates[1].session + room) / Double(gradients.session + room)
    #expect((0.6...1.1).contains(session), "\(estimates) of \(gradients)")
    // A batch does not go forth and back at once where that takes much.
    #expect(gradients.session < 600 << 20)
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
