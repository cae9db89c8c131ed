/// A checkpoint that cannot be used, and what to do about it.
public enum CheckpointError: Error, Equatable, CustomStringConvertible {
  /// The file cannot be read.
  case unreadable(file: String, reason: String)
  /// The file is no checkpoint that Gauntlet reads, or a damaged one.
  case malformed(file: String, reason: String)
  /// The file or folder is something else that people take for a checkpoint; what, and what to do.
  case foreign(file: String, what: String, advice: String)
  /// Weights that are no numbers to compute with.
  case notFinite(name: String, what: String, file: String)
  /// The architecture needs a tensor that the file lacks.
  case missing(name: String, file: String)
  /// A tensor's shape is not the architecture's.
  case shape(name: String, expected: [Int], found: [Int], file: String)
  /// An ONNX model computes what Gauntlet does not; each operator with the node that has it.
  case unsupported(file: String, problems: [String])
  /// The checkpoint is not one of the architecture; every tensor that is missing, surplus or of another shape.
  case unfit(architecture: String, problems: [String], file: String)

  /// One sentence of at most 600 characters: what was found, where, and what to do.
  public var description: String {
    let text =
      switch self {
      case .unreadable(let file, let reason): "cannot read the checkpoint \(file): \(reason)"
      case .malformed(let file, let reason) where file.lowercased().hasSuffix(".onnx"):
        "\(file) is not a usable ONNX model: \(reason); see gauntlet inspect \(file), and export it again"
      case .malformed(let file, let reason):
        "\(file) is not a readable checkpoint: \(reason); save its tensors as .safetensors, its state dict with "
          + "torch.save, or the network as ONNX"
      case .foreign(let file, let what, let advice): "\(file) is \(what); \(advice)"
      case .notFinite(let name, let what, let file):
        "\(name) in \(file) holds \(what), so logits would be meaningless: training diverged or a conversion overflowed; "
          + "use an earlier checkpoint, or convert it again in float32"
      case .missing(let name, let file):
        "\(file) has no tensor \(name); the manifest's architecture does not match the checkpoint (see gauntlet inspect "
          + "\(file))"
      case .shape(let name, let expected, let found, let file):
        "\(name) in \(file) has the shape \(Self.text(found)), but the architecture expects \(Self.text(expected))"
      case .unsupported(let file, let problems):
        "\(file) cannot be computed (see gauntlet inspect \(file)): \(Self.some(problems, beside: 2 * file.count))"
      case .unfit(let architecture, let problems, let file):
        "\(file) does not match \(architecture) (gauntlet inspect \(file) --architecture \(architecture) lists all mismatches): "
          + Self.some(problems, beside: 2 * file.count)
      }
    return text.count <= Self.longest ? text : text.prefix(Self.longest - 3) + "..."
  }

  private static let longest = 600

  /// As many problems as there is room for, and how many more there are.
  private static func some(_ problems: [String], beside taken: Int) -> String {
    var shown: [String] = []
    var room = max(160, longest - 100 - taken)
    for problem in problems {
      room -= problem.count + 2
      guard room >= 0 || shown.isEmpty else { break }
      shown.append(problem)
    }
    let left = problems.count - shown.count
    return shown.joined(separator: "; ") + (left > 0 ? "; and \(left) more" : "")
  }

  private static func text(_ shape: [Int]) -> String { "[" + shape.map(String.init).joined(separator: ", ") + "]" }
}
