/// What an ONNX model is, and whether it can be computed.
public struct ONNXSummary: Sendable {
  /// Who wrote it, its operator set, and its input.
  public let title: String
  /// Operators by name, with how many nodes have each.
  public let operators: [(name: String, count: Int)]
  /// Why it cannot be computed; empty where it can.
  public let problems: [String]
  /// Multiply-adds an image; 0 where it cannot be computed.
  public let multiplyAdds: Int
  /// Numbers of the largest value of an image; 0 where it cannot be computed.
  public let largestValue: Int
  /// What becomes of its output where that is no plain logits, such as the last softmax that is left out.
  public let outputNote: String?
  /// What it is computed as.
  public let verdict: String

  /// Reads a model.
  ///
  /// - Throws: `CheckpointError` for a file that is no ONNX model.
  public init(_ path: String) throws(CheckpointError) {
    let file = try ONNXFile(CheckpointFile(path))
    var counts: [String: Int] = [:]
    for node in file.model.graph.node { counts[ONNXNode(node).operation, default: 0] += 1 }
    operators = counts.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    let writer = [file.model.producerName, file.model.producerVersion].filter { !$0.isEmpty }
    title =
      "ONNX model of \(writer.isEmpty ? "an unknown exporter" : writer.joined(separator: " ")), operator set "
      + "\(file.operatorSet), \(file.model.graph.node.count) nodes"
    var problems: [String] = []
    var verdict = ""
    var (multiplyAdds, largestValue) = (0, 0)
    var outputNote: String?
    do throws(CheckpointError) {
      let model = try ONNXModel(file)
      try model.weights.checkNumbers()
      outputNote = model.output.note
      multiplyAdds = model.graph.multiplyAdds
      largestValue = model.graph.extents.map(\.count).max() ?? 0
      verdict =
        "images of \(model.inputHeight)x\(model.inputWidth), \(model.classCount) classes, "
        + "\(model.graph.nodes.count) operations, \(Self.thousands(multiplyAdds)) multiply-adds an image"
    } catch {
      if case .unsupported(_, let found) = error { problems = found } else { problems = ["\(error)"] }
    }
    (self.problems, self.verdict) = (problems, verdict)
    (self.multiplyAdds, self.largestValue) = (multiplyAdds, largestValue)
    self.outputNote = outputNote
  }

  private static func thousands(_ number: Int) -> String {
    var text = ""
    for (place, digit) in String(number).reversed().enumerated() {
      if place > 0, place % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return String(text.reversed())
  }
}
