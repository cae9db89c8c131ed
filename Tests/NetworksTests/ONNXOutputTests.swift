import Foundation
import Networks
import Testing

/// Models that end in a softmax or the like, and newer operator sets; `tools/checkpoint_forms.py` wrote the models, and
/// ONNX's own evaluator their outputs.
@Suite struct ONNXOutputTests {
  private let reference: Checkpoint

  init() throws { reference = try CheckpointReader.open(Fixture.path("outputs/reference.safetensors")) }

  private func logits(_ name: String) throws -> [Float] {
    let path = Fixture.path("outputs/\(name).onnx")
    let classifier = try Classifier(architecture: .onnx(path), checkpoint: path)
    return try Fixture.logits(classifier, try reference.values("images"), count: 2, batch: 2)
  }

  private func expectClose(_ found: [Float], _ expected: [Float], _ name: String) {
    #expect(found.count == expected.count)
    #expect(
      zip(found, expected).allSatisfy { abs($0 - $1) <= 2e-5 * max(1, abs($1)) }, "\(name): \(found), \(expected)")
  }

  private func softmax(_ logits: [Float]) -> [Float] {
    stride(from: 0, to: logits.count, by: 5).flatMap { start in
      let row = logits[start..<start + 5].map { exp(Double($0)) }
      return row.map { Float($0 / row.reduce(0, +)) }
    }
  }

  @Test(arguments: [
    "softmax", "softmax-11", "softmax-identity-reshape", "softmax-of-map", "log-softmax", "log-of-softmax",
    "exp-of-log-softmax", "exp-over-sum",
  ])
  func aLastSoftmaxIsLeftOut(name: String) throws {
    #expect(try logits(name).map(\.bitPattern) == logits("plain").map(\.bitPattern))
    #expect(try Architecture.onnx(Fixture.path("outputs/\(name).onnx")).outputNote?.contains("softmax") == true)
    #expect(try ONNXSummary(Fixture.path("outputs/\(name).onnx")).outputNote != nil)
  }

  @Test(arguments: ["ensemble", "ensemble-of-stack"])
  func ofProbabilitiesTheLogarithmsAreTheLogits(name: String) throws {
    expectClose(softmax(try logits(name)), try reference.values(name), name)
    #expect(try Architecture.onnx(Fixture.path("outputs/\(name).onnx")).outputNote?.contains("logarithms") == true)
  }

  @Test(arguments: ["plain", "softmax-within", "log-softmax-within", "sigmoid", "set-23", "set-24", "set-25"])
  func otherOutputsStayAsTheyAre(name: String) throws {
    expectClose(try logits(name), try reference.values(name), name)
    #expect((try Architecture.onnx(Fixture.path("outputs/\(name).onnx")).outputNote != nil) == (name == "sigmoid"))
  }

  @Test(arguments: [("set-7", "7"), ("set-99", "99")])
  func unknownOperatorSetsAreRefusedWithWhatToDo(name: String, number: String) {
    #expect {
      try Architecture.onnx(Fixture.path("outputs/\(name).onnx"))
    } throws: {
      let text = "\($0)"
      return text.contains("operator set \(number), and only 11 to 25") && text.contains("version_converter")
    }
  }

  @Test func logitsThatAreNoNumbersAreTold() throws {
    #expect(Logits.problem(in: try logits("nan"))?.contains("NaN") == true)
    #expect(Logits.problem(in: [1, .infinity])?.contains("infinite") == true)
    #expect(Logits.problem(in: [-Float.infinity, -.infinity]) != nil)
    #expect(Logits.problem(in: [-Float.infinity, 1]) == nil)
  }
}
