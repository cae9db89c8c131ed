extension CheckpointReader {
  /// How many outputs a checkpoint gives an architecture; its own head says so, no numbers are read.
  ///
  /// - Throws: `CheckpointError` for a file that is damaged or has no such head.
  public static func classCount(of path: String, as architecture: Architecture) throws(CheckpointError) -> Int {
    let head: String
    switch architecture.family {
    case .onnx: return architecture.classCount
    case .graph(let design): head = design.head
    case .slak: head = "head"
    }
    guard let count = try open(path).shape(of: head + ".bias")?.first, count > 0 else {
      throw .missing(name: head + ".bias", file: path)
    }
    return count
  }
}
