import Foundation
import Kernels
import Networks
import Tensors
import TestSupport
import Testing

/// Promise 1 over time: logits have the bits that they had in version 0.6.0, whatever was rebuilt since.
///
/// A change that is meant to change bits raises the plan's version and takes these digests anew.
@Suite struct GoldenLogitsTests {
  private static let full: [(name: String, precision: Precision, digest: String)] = [
    ("replknet-31b", .fp32, "7495ba5f809c1fb4"),
    ("replknet-31b", .bf16, "ec21c4808a850e92"),
    ("replknet-xl", .fp32, "ebe7d16047e23348"),
    ("resnet50", .fp32, "e261c5202757cd47"),
    ("resnetv2_50x1_bit", .fp32, "62002bc43f6d789f"),
    ("vit_base_patch16_224", .fp32, "a6a3d32c0fc0ac97"),
    ("vit_base_patch16_224", .bf16, "26df47879e35515b"),
    ("convnext_base", .fp32, "7b891785992689ad"),
    ("convnext_base", .bf16, "dc8c055b5daac561"),
    ("swin_base_patch4_window7_224", .fp32, "86bbaa76f3b76115"),
    ("replknet-31b@160", .fp32, "35770cb43666274b"),
  ]

  /// Random weights, the same each time; two images.
  @Test(arguments: full)
  func networksOfFullSizeHaveTheirBits(name: String, precision: Precision, digest: String) throws {
    let architecture = try #require(Architecture.named(name))
    let classifier = try Classifier(randomly: architecture, options: ComputeOptions(precision: precision))
    let found = try Self.digest(classifier, count: 2)
    #expect(found == digest, "\(name), \(precision): \(found)")
  }

  private static let files: [(file: String, digest: String)] = [
    ("tiny-resnet-basic.pth", "f3ea2d5527a76dd5"),
    ("tiny-resnet.pth", "6a5b1baa6b2e8348"),
    ("tiny-bit.pth", "d7b772b47d4fbcd0"),
    ("tiny-vit.pth", "0101999564f476b6"),
    ("tiny-convnext.pth", "826285d316ce5c65"),
    ("tiny-swin.pth", "2cc6d872d4afd9c3"),
    ("tiny-slak-lora.safetensors", "706838fe18a5daff"),
    ("tiny-slak-decom.safetensors", "706838fe18a5daff"),
    ("tiny.pth", "c5ad7899697f40ae"),
    ("tiny-merged.safetensors", "c6ac528e12b589c0"),
    ("tiny-xl.pth", "0aca4c982b321f93"),
    ("tiny-xl-merged.safetensors", "f889451d25d21e62"),
    ("onnx-bit.onnx", "e85e97ae9e0796b2"),
    ("onnx-convnext.onnx", "826285d316ce5c65"),
    ("onnx-efficientnet.onnx", "e28877d786eaec36"),
    ("onnx-medley.onnx", "b0baa46c7f68f391"),
    ("onnx-mixer.onnx", "a9b449ce54856555"),
    ("onnx-mobilenet.onnx", "13ed73b06f92be6d"),
    ("onnx-regnet.onnx", "39e52232b30b883a"),
    ("onnx-resnet-dynamo.onnx", "8f759cd9e26944c0"),
    ("onnx-resnet.onnx", "6ff9894d49327470"),
    ("onnx-swapped.onnx", "216413d6890f35f5"),
    ("onnx-swin.onnx", "872c70d0baef103e"),
    ("onnx-vit-dynamo.onnx", "0101999564f476b6"),
    ("onnx-vit.onnx", "0101999564f476b6"),
  ]

  /// The weights that are committed, merged and not; three images.
  @Test(arguments: files)
  func fixturesHaveTheirBits(file: String, digest: String) throws {
    let path = Fixture.path(file)
    let classifier = try Classifier(architecture: try Self.architecture(of: file), checkpoint: path)
    let found = try Self.digest(classifier, count: 3)
    #expect(found == digest, "\(file): \(found)")
  }

  private static let miniatures: [(name: String, digest: String)] = [
    ("replknet-nano", "223f76ef9341a392"), ("resnet-nano", "8e9a524ee5b9e878"), ("vit-nano", "b98e15491ed2e840"),
  ]

  /// The networks that `make run` evaluates.
  @Test(arguments: miniatures)
  func theMiniaturesHaveTheirBits(name: String, digest: String) throws {
    let architecture = try #require(Architecture.named(name))
    let classifier = try Classifier(
      architecture: architecture, checkpoint: Repository.path + "/models/\(name).safetensors")
    let found = try Self.digest(classifier, count: 8)
    #expect(found == digest, "\(name): \(found)")
  }

  private static func architecture(of file: String) throws -> Architecture {
    let path = Fixture.path(file)
    if file.hasSuffix(".onnx") { return try .onnx(path) }
    let stem = file.split(separator: ".")[0]
    if stem.hasPrefix("tiny-slak") { return try #require(try Architecture.named("slak@64", checkpoint: path)) }
    if let family = FamilyTests.architectures.first(where: { $0.name == stem }) { return family }
    return try #require(Fixture.designs[stem.hasPrefix("tiny-xl") ? "tiny-xl" : "tiny"])
  }

  private static func digest(_ classifier: Classifier, count: Int) throws -> String {
    let size = classifier.inputHeight * classifier.inputWidth * 3
    let images = (0..<count * size).map { Float(($0 &* 2_654_435_761) >> 7 & 1023) / 400 - 1.2 }
    let logits = try Fixture.logits(classifier, images, count: count, batch: count)
    let areFinite = logits.allSatisfy { $0.isFinite }
    #expect(areFinite)
    return String(format: "%016lx", StableHash.of(logits.map { "\($0.bitPattern)" }.joined(separator: " ")))
  }
}
