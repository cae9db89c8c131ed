import Foundation
import Kernels
import Networks
import Tensors
import Testing

/// Gradients of the networks' inputs, against PyTorch's in float64.
@Suite struct GradientTests {
  static let networks = FamilyTests.architectures.map(\.name) + ["tiny", "tiny-xl"] + ONNXTests.models

  /// A network of the fixtures, and the file of its weights.
  private func network(_ name: String) throws -> (Architecture, String) {
    if name.hasPrefix("onnx-") {
      let path = Fixture.path(name + ".onnx")
      return (try .onnx(path), path)
    }
    let found = FamilyTests.architectures.first { $0.name == name } ?? Fixture.designs[name]
    return (try #require(found), Fixture.path(name + ".safetensors"))
  }

  @Test("errors are at most twice those of PyTorch's own float32", arguments: networks)
  func gradientsAreThoseOfPyTorch(name: String) throws {
    let (architecture, checkpoint) = try network(name)
    let results = try ReferenceCheck.run(
      checkpoint: checkpoint, architecture: architecture,
      reference: Fixture.path(name + "-reference.safetensors"))
    let gradients = results.filter { $0.name.hasSuffix("_gradient") && $0.theirError != nil }
    #expect(gradients.count == 2)
    for result in gradients {
      let theirs = try #require(result.theirError)
      // Of so small networks PyTorch's errors are a few roundings.
      #expect(result.relativeError <= max(2 * theirs, 2e-6), "\(result)")
      #expect(result.largest > 0)
    }
  }

  /// OpenBLAS adds in another order, so the numbers are near.
  @Test(arguments: ["tiny", "tiny-resnet", "tiny-vit", "tiny-swin", "onnx-mixer"])
  func gradientsByOpenBLASAreThoseOfPyTorch(name: String) throws {
    let (architecture, checkpoint) = try network(name)
    let results = try ReferenceCheck.run(
      checkpoint: checkpoint, architecture: architecture,
      reference: Fixture.path(name + "-reference.safetensors"), options: ComputeOptions(gemm: .openblas))
    for result in results where result.theirError != nil { #expect(result.relativeError <= 2e-6, "\(result)") }
    #expect(results.count == 5)
  }

  @Test(
    "the bits are the same for every instruction set, and for each image whatever is beside it", arguments: networks)
  func bitsDependOnNothing(name: String) throws {
    let (architecture, checkpoint) = try network(name)
    let reference = try CheckpointReader.open(Fixture.path(name + "-reference.safetensors"))
    let count = try #require(reference.shape(of: "images")?.first)
    let images = try reference.values("images")
    let losses = (0..<count).map { Loss.crossEntropy(label: $0 % 2) }
    var expected: [UInt32]?
    for set in InstructionSet.available {
      let classifier = try Classifier(
        architecture: architecture, checkpoint: checkpoint, options: ComputeOptions(instructionSet: set))
      for batch in [1, count] {
        let bits = try gradients(classifier, images, losses, batch: batch).map(\.bitPattern)
        #expect(bits == expected ?? bits, "\(set), batch \(batch)")
        expected = bits
      }
    }
  }

  private func gradients(
    _ classifier: Classifier, _ images: [Float], _ losses: [Loss], batch: Int, _ change: NetworkChange = .none
  ) throws -> [Float] {
    let session = try classifier.makeGradientSession(maximumBatch: batch, change: change)
    let size = images.count / losses.count
    var result: [Float] = []
    for start in stride(from: 0, to: losses.count, by: batch) {
      let part = min(batch, losses.count - start)
      var gradients = [Float](repeating: .nan, count: part * size)
      var logits = [Float](repeating: .nan, count: part * classifier.classCount)
      try Array(images[(start * size)..<((start + part) * size)]).withUnsafeBufferPointer { images in
        try logits.withUnsafeMutableBufferPointer { logits in
          try gradients.withUnsafeMutableBufferPointer {
            try session.gradients(
              images: images, losses: Array(losses[start..<(start + part)]), logits: logits, gradients: $0)
          }
        }
      }
      result += gradients
    }
    return result
  }

  /// Without a block the gradient is that of a network whose last layer in that block gives nothing.
  @Test func gradientsAreOfTheChangedNetwork() throws {
    let (architecture, _) = try network("tiny-vit")
    let images: [Float] = (0..<6144).map { Float($0 % 251) / 125 - 1 }
    let losses = [Loss.crossEntropy(label: 1), .logit(of: 4)]
    let silenced = Set(["weight", "bias"].map { "blocks.1.attn.proj." + $0 })
    let expected = try gradients(Classifier(randomly: architecture, zeroing: silenced), images, losses, batch: 2)
    let classifier = try Classifier(randomly: architecture)
    let change = NetworkChange(leavingOut: ["blocks.1.attn"])
    #expect(try gradients(classifier, images, losses, batch: 2, change) == expected)
    #expect(try gradients(classifier, images, losses, batch: 2) != expected)
  }

  /// A batch that goes forth and back in parts: each image has its own loss, in later parts, too.
  @Test func lossesOfLargeBatchesAreThoseOfTheirImages() throws {
    let classifier = try Classifier(randomly: network("tiny-resnet").0)
    let size = classifier.inputHeight * classifier.inputWidth * 3
    let image: [Float] = (0..<size).map { Float($0 % 251) / 125 - 1 }
    let losses = [Loss.logit(of: 1), .logit(of: 4)]
    let expected = try gradients(classifier, image + image, losses, batch: 2)
    let count = 2400
    let images = [Float](unsafeUninitializedCapacity: count * size) { values, filled in
      for index in 0..<count * size { values[index] = image[index % size] }
      filled = count * size
    }
    let found = try gradients(
      classifier, images, (0..<count).map { losses[$0 * 2 / count] }, batch: count)
    for (place, part) in [(0, 0), (count / 2 - 1, 0), (count / 2, 1), (count - 1, 1)] {
      #expect(
        Array(found[(place * size)..<((place + 1) * size)]) == Array(expected[(part * size)..<((part + 1) * size)]),
        "image \(place)")
    }
  }

  /// Each logit is a channel's largest number; all numbers of a channel are equal, so that its first has the gradient.
  @Test func ofEqualNumbersTheFirstHasTheGradient() throws {
    let path = Fixture.path("onnx-largest.onnx")
    let classifier = try Classifier(architecture: .onnx(path), checkpoint: path)
    let images = [Float](repeating: 0.5, count: 8 * 8 * 3)
    var expected = [Float](repeating: 0, count: images.count)
    expected[1] = 1
    #expect(try gradients(classifier, images, [.logit(of: 1)], batch: 1) == expected)
  }

  @Test func aLossOfAClassThatThereIsNotIsRefused() throws {
    let (architecture, checkpoint) = try network("tiny")
    let classifier = try Classifier(architecture: architecture, checkpoint: checkpoint)
    let images = [Float](repeating: 0, count: 32 * 32 * 3)
    #expect(throws: InferenceError.self) {
      try gradients(classifier, images, [.crossEntropy(label: 10)], batch: 1)
    }
    #expect(throws: InferenceError.self) { try gradients(classifier, images, [.logit(of: -1)], batch: 1) }
  }
}

/// Losses of logits and their gradients.
@Suite struct LossTests {
  private func gradient(_ loss: Loss, _ logits: [Float]) -> [Float] {
    var result = [Float](repeating: .nan, count: logits.count)
    logits.withUnsafeBufferPointer { logits in
      result.withUnsafeMutableBufferPointer { loss.writeGradient(of: logits, into: $0) }
    }
    return result
  }

  private func value(_ loss: Loss, _ logits: [Float]) -> Float {
    logits.withUnsafeBufferPointer { loss.value(of: $0) }
  }

  /// Worked by hand: probabilities (.4501660027, .5498339973).
  @Test func crossEntropyOfTwoLogits() {
    let logits: [Float] = [0.25, 0.45]
    #expect(abs(value(.crossEntropy(label: 0), logits) - 0.7981388694) < 1e-7)
    let found = gradient(.crossEntropy(label: 0), logits)
    #expect(abs(found[0] + 0.5498339973) < 1e-7 && abs(found[1] - 0.5498339973) < 1e-7)
  }

  /// Where the label is all but certain, the gradient is still that of the others.
  @Test func crossEntropyKeepsItsDigits() {
    let found = gradient(.crossEntropy(label: 0), [40, 0, 0])
    #expect(abs(found[0] / (-2 * Float(exp(-40.0))) - 1) < 1e-6)
    #expect(abs(found[1] / Float(exp(-40.0)) - 1) < 1e-6)
  }

  @Test(arguments: [
    Loss.crossEntropy(label: 2), .logit(of: 1), .difference(of: 3, less: 0), .logitRatio(label: 1),
    .logitRatio(label: 3), .logitRatio(label: 0), .targetedLogitRatio(label: 1, target: 4),
    .targetedLogitRatio(label: 3, target: 2),
  ])
  func gradientsAreSlopes(loss: Loss) {
    let logits: [Float] = [0.5, 2, -1, 3.5, 1.25, -0.75]
    let found = gradient(loss, logits)
    for index in logits.indices {
      var (up, down) = (logits, logits)
      up[index] += 0x1p-7
      down[index] -= 0x1p-7
      let slope = (value(loss, up) - value(loss, down)) * 0x1p6
      #expect(abs(found[index] - slope) < 2e-4, "\(loss), logit \(index)")
    }
  }

  /// Of equal logits the first is the largest.
  @Test func ratiosTakeTheFirstOfEqualLogits() {
    let found = gradient(.logitRatio(label: 3), [2, 2, 1, 0])
    #expect(found[0] != 0 && found[1] == 0 && found[2] != 0 && found[3] == -1)
  }

  /// -(z_y - z_other) / (z_1 - z_3), and -(z_y - z_t) / (z_1 - (z_3 + z_4) / 2).
  @Test func ratiosAreThoseOfTheirFormulas() {
    let logits: [Float] = [4, 1, 3, 0, 2]
    #expect(value(.logitRatio(label: 0), logits) == -0.5)
    #expect(value(.logitRatio(label: 1), logits) == 1.5)
    #expect(value(.targetedLogitRatio(label: 0, target: 2), logits) == -0.4)
  }
}
