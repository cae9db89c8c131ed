import Foundation

/// Why a node cannot be computed.
struct TranslationProblem: Error {
  let reason: String
  init(_ reason: String) { self.reason = reason }
}

/// One node of a model, with its attributes by name.
struct ONNXNode: Sendable {
  let operation: String
  let inputs: [String]
  let outputs: [String]
  /// How errors call it.
  let name: String
  private let attributes: [String: Gauntlet_Onnx_AttributeProto]

  init(_ node: Gauntlet_Onnx_NodeProto) {
    let isStandard = node.domain.isEmpty || node.domain == "ai.onnx"
    operation = isStandard ? node.opType : node.domain + "::" + node.opType
    inputs = node.input
    outputs = node.output
    name = node.name.isEmpty ? node.output.first ?? "" : node.name
    attributes = Dictionary(node.attribute.map { ($0.name, $0) }) { first, _ in first }
  }

  func integer(_ name: String, _ fallback: Int) -> Int {
    attributes[name].map { ConstantTensor.bounded(Int(clamping: $0.i)) } ?? fallback
  }

  func integers(_ name: String) -> [Int]? {
    attributes[name].map { $0.ints.map { ConstantTensor.bounded(Int(clamping: $0)) } }
  }

  func float(_ name: String, _ fallback: Float) -> Float { attributes[name]?.f ?? fallback }

  func floats(_ name: String) -> [Float]? { attributes[name]?.floats }

  func text(_ name: String) -> String? { attributes[name].map { String(decoding: $0.s, as: UTF8.self) } }

  func tensor(_ name: String) -> Gauntlet_Onnx_TensorProto? {
    guard let attribute = attributes[name], attribute.hasT else { return nil }
    return attribute.t
  }

  func has(_ name: String) -> Bool { attributes[name] != nil }
}
