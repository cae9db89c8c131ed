import Foundation
import Kernels
import Networks
import Tensors
import TestSupport
import Testing

/// ONNX models of both of PyTorch's exporters, against PyTorch's logits.
@Suite struct ONNXTests {
  static let models = [
    "onnx-resnet", "onnx-resnet-dynamo", "onnx-bit", "onnx-vit", "onnx-vit-dynamo", "onnx-convnext", "onnx-swin",
    "onnx-efficientnet", "onnx-mobilenet", "onnx-regnet", "onnx-mixer", "onnx-medley",
    "onnx-forks", "onnx-swapped", "onnx-attention", "onnx-response",
  ]

  @Test(arguments: models)
  func logitsAreThoseOfPyTorch(name: String) throws {
    let path = Fixture.path(name + ".onnx")
    let result = try ReferenceCheck.logits(
      checkpoint: path, architecture: .onnx(path), reference: Fixture.path(name + "-reference.safetensors"))
    #expect(result.largestDifference <= 5e-5 * result.largest, "\(result)")
    #expect(result.largest > 0.01)
  }

  @Test(arguments: models)
  func bitsDependOnNothing(name: String) throws {
    let path = Fixture.path(name + ".onnx")
    let pair = try CheckpointReader.open(Fixture.path(name + "-reference.safetensors")).values("images")
    let images = pair + pair.map { $0 * 0.5 }
    var expected: [UInt32]?
    for set in InstructionSet.available {
      let classifier = try Classifier(
        architecture: .onnx(path), checkpoint: path, options: ComputeOptions(instructionSet: set))
      for batch in [1, 3, 4] {
        let bits = try Fixture.logits(classifier, images, count: 4, batch: batch).map(\.bitPattern)
        #expect(bits == expected ?? bits, "\(set), batch \(batch)")
        expected = bits
      }
    }
  }

  /// What an exporter takes apart is one layer again, so that a model is as fast as its native family.
  @Test(arguments: [
    ("onnx-resnet", "tiny-resnet"), ("onnx-vit", "tiny-vit"), ("onnx-vit-dynamo", "tiny-vit"),
    ("onnx-convnext", "tiny-convnext"),
  ])
  func modelsAreFusedToTheNativeLayers(model: String, native: String) throws {
    let architecture = try #require(FamilyTests.architectures.first { $0.name == native })
    let expected = architecture.of(classes: 10).executionPlan
    let found = try ONNXModel(path: Fixture.path(model + ".onnx")).executionPlan
    #expect(found.operations == expected.operations)
    #expect(found.multiplyAdds == expected.multiplyAdds)
  }

  @Test func windowsOfAttentionAreOneKernel() throws {
    #expect(try ONNXModel(path: Fixture.path("onnx-swin.onnx")).attentionCount == 3)
  }

  @Test func anUnsupportedOperatorIsRefusedByNameWithItsNode() throws {
    let path = Fixture.path("onnx-unsupported.onnx")
    #expect {
      try Architecture.onnx(path)
    } throws: {
      "\($0)".contains("the operator Sinh of node the-odd-one is not supported")
    }
    let summary = try ONNXSummary(path)
    #expect(summary.operators.map(\.name) == ["Flatten", "GlobalAveragePool", "MatMul", "Sinh"])
    #expect(summary.problems.count == 1)
  }

  @Test func theDocumentationListsTheOperators() throws {
    let page = try Repository.text("docs/models.md")
    let list = try #require(
      page.components(separatedBy: "Operators that are known:").last?.components(separatedBy: ".\n").first)
    let names = list.split { $0 == "," || $0.isWhitespace }.map(String.init)
    #expect(names == ONNXModel.operators)
  }

  @Test func aFixedBatchIsRefused() {
    #expect {
      try Architecture.onnx(Fixture.path("onnx-batch.onnx"))
    } throws: {
      "\($0)".contains("its input image is [8, 3, 8, 8]")
    }
  }

  @Test(
    "Numbers lie beside the model: no name and no link leads out of its folder, but Hugging Face's links are followed")
  func externalNumbersOutside() throws {
    let folder = ScratchFolder.freshPath()
    let manager = FileManager.default
    let name = "onnx-external.data"
    let outside = "../\u{301}"
    for place in ["model", "\u{301}", "cache/blobs", "cache/snapshot"] {
      try manager.createDirectory(atPath: folder + "/" + place, withIntermediateDirectories: true)
    }
    for place in ["model", "\u{301}", "", "cache/blobs"] {
      try manager.copyItem(atPath: Fixture.path(name), toPath: folder + "/" + place + "/" + name)
    }
    let bytes = try Data(contentsOf: URL(fileURLWithPath: Fixture.path("onnx-external.onnx")))
    func problems(_ location: String, at place: String = "model/m.onnx") throws -> [String] {
      // A name of as many bytes keeps the message whole.
      #expect(location.utf8.count == name.utf8.count)
      var changed = bytes
      while let range = changed.range(of: Data(name.utf8)), location != name {
        changed.replaceSubrange(range, with: Data(location.utf8))
      }
      let model = folder + "/" + place
      try changed.write(to: URL(fileURLWithPath: model))
      return try ONNXSummary(model).problems
    }
    #expect(try problems(name).isEmpty)
    try manager.moveItem(atPath: folder + "/" + name, toPath: folder + "/onnx-external-d")
    try manager.moveItem(atPath: folder + "/\u{301}/" + name, toPath: folder + "/\u{301}/onnx-externa")
    for location in ["../onnx-external-d", outside + "/onnx-externa", "/" + name.dropLast()] {
      let found = try problems(location)
      #expect(found.contains { $0.contains("must be in a file beside it") }, "\(location): \(found)")
    }
    try manager.removeItem(atPath: folder + "/model/" + name)
    try manager.createSymbolicLink(atPath: folder + "/model/" + name, withDestinationPath: "../onnx-external-d")
    #expect(try problems(name).contains { $0.contains("is a link") })
    // The cache holds contents under their digests, and links to them.
    _ = try problems(name, at: "cache/blobs/0123")
    for (link, blob) in [("m.onnx", "0123"), (name, name)] {
      try manager.createSymbolicLink(
        atPath: folder + "/cache/snapshot/" + link, withDestinationPath: "../blobs/" + blob)
    }
    #expect(try ONNXSummary(folder + "/cache/snapshot/m.onnx").problems.isEmpty)
  }

  @Test func numbersBesideTheModelAreRead() throws {
    let path = Fixture.path("onnx-external.onnx")
    let classifier = try Classifier(architecture: .onnx(path), checkpoint: path)
    let logits = try Fixture.logits(classifier, [Float](repeating: 1, count: 192), count: 1, batch: 1)
    #expect(logits == [12, 15, 18, 21])
    #expect(
      try CheckpointReader.files(of: path).map { ($0 as NSString).lastPathComponent } == [
        "onnx-external.onnx", "onnx-external.data",
      ])
  }

  /// A sentence for what no exporter writes; neither a crash nor memory without bound.
  @Test(arguments: [
    ("onnx-pool-of-many", "MaxPool of node pool: it pools [3, 1, 8, 8]"),
    ("onnx-huge-constant", "its constants are larger than the file they come from"),
    ("onnx-empty-and-huge", "none has an invalid shape"), ("onnx-of-bytes", "is not floating-point"),
    ("onnx-response-of-a-row", "node response: it works on [1, 3]; images have 2 axes"),
  ])
  func hostileModelsAreRefused(name: String, says: String) {
    #expect {
      try Architecture.onnx(Fixture.path(name + ".onnx"))
    } throws: {
      "\($0)".contains(says)
    }
  }

  @Test func constantsAreComputedAsTheirTypesAsk() throws {
    let path = Fixture.path("onnx-arithmetic.onnx")
    let classifier = try Classifier(architecture: .onnx(path), checkpoint: path)
    let logits = try Fixture.logits(classifier, [Float](repeating: 1, count: 192), count: 1, batch: 1)
    #expect(logits == [4.5, 4.5, 4.5])
  }

  @Test(arguments: [
    ("onnx-escaping", "the external data of weight must be in a file beside it"),
    ("onnx-short", "weight extends beyond its end"),
  ])
  func numbersElsewhereAreRefused(name: String, says: String) {
    #expect {
      try Architecture.onnx(Fixture.path(name + ".onnx"))
    } throws: {
      "\($0)".contains(says)
    }
  }
}

/// Views of tensors against copies of them, element by element.
@Suite struct TensorViewTests {
  /// The numbers that a view shows of a value that counts 0, 1, 2, ...
  private func elements(_ view: TensorView) -> [Int] {
    var result: [Int] = []
    let walk = StridedWalk(shape: view.shape, strides: [view.strides], offsets: [view.offset])
    walk.forEachLine { places in
      for index in 0..<walk.inner { result.append(places[0] + index * walk.innerStride(0)) }
    }
    return result
  }

  private func row(_ shape: [Int]) -> TensorView {
    TensorView(value: 0, shape: shape, strides: TensorShape.strides(shape), offset: 0)
  }

  @Test func reshapingShowsTheSameNumbersOrIsRefused() {
    var generator = CounterRandomSequence(CounterRandom(key: 1, stream: 1))
    for _ in 0..<2000 {
      let shape = (0..<Int.random(in: 1...4, using: &generator)).map { _ in
        [1, 2, 3, 4, 6].randomElement(using: &generator) ?? 1
      }
      let order = shape.indices.shuffled(using: &generator)
      let view = row(shape).transposed(order)
      var rest = view.count
      var target: [Int] = []
      while rest > 1 {
        let divisor = (1...rest).filter { rest % $0 == 0 }.randomElement(using: &generator) ?? 1
        target.append(divisor)
        rest /= divisor
      }
      if let reshaped = view.reshaped(target) {
        #expect(elements(reshaped) == elements(view), "\(view) as \(target)")
      } else {
        #expect(!view.isDense(in: Array(shape.indices)), "\(view) as \(target) needs no copy")
      }
    }
  }

  @Test func slicesAndRepetitionsPointToTheRightNumbers() {
    let view = row([2, 3, 4])
    #expect(elements(view.sliced([1, 2, 2], starts: [1, 1, 0], steps: [1, 1, 3])) == [16, 19, 20, 23])
    #expect(elements(row([3, 1]).expanded([2, 3, 2])) == [0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2])
    #expect(view.isDense && view.transposed([2, 0, 1]).isDense && !view.transposed([2, 0, 1]).isDense(in: [0, 1, 2]))
    #expect(!view.sliced([1, 3, 4], starts: [1, 0, 0], steps: [1, 1, 1]).isDense)
  }
}
