/// A checkpoint that cannot be used, and what to do about it.
public enum CheckpointError: Error, Equatable, CustomStringConvertible {
  /// The file cannot be read.
  case unreadable(file: String, reason: String)
  /// The file is no checkpoint that Gauntlet reads, or a damaged one.
  case malformed(file: String, reason: String)
  /// The architecture needs a tensor that the file lacks.
  case missing(name: String, file: String)
  /// A tensor's shape is not the architecture's.
  case shape(name: String, expected: [Int], found: [Int], file: String)
  /// An ONNX model computes what Gauntlet does not; each operator with the node that has it.
  case unsupported(file: String, problems: [String])
  /// The checkpoint is not one of the architecture; every tensor that is missing, surplus or of another shape.
  case unfit(architecture: String, problems: [String], file: String)

  /// One sentence: what was found, where, and what to do.
  public var description: String {
    switch self {
    case .unreadable(let file, let reason): "cannot read the checkpoint \(file): \(reason)"
    case .malformed(let file, let reason):
      "\(file) is no checkpoint that can be read: \(reason); save it again as .safetensors, with torch.save, or as ONNX"
    case .missing(let name, let file):
      "\(file) has no tensor \(name); the manifest's architecture is not the checkpoint's (see gauntlet inspect \(file))"
    case .shape(let name, let expected, let found, let file):
      "\(name) in \(file) has the shape \(Self.text(found)), but the architecture needs \(Self.text(expected))"
    case .unsupported(let file, let problems):
      "\(file) cannot be computed (see gauntlet inspect \(file)): \(problems.joined(separator: "; "))"
    case .unfit(let architecture, let problems, let file):
      "\(file) does not fit \(architecture) (see gauntlet inspect \(file)): \(problems.joined(separator: "; "))"
    }
  }

  private static func text(_ shape: [Int]) -> String { "[" + shape.map(String.init).joined(separator: ", ") + "]" }
}
